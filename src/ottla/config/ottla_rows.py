"""Our own keys. Apache Kafka 4.3.1 starts with them in its file and says nothing about them.

Columns: see `ottla.config.row`.
"""

ROWS = """
ottla.http.listen STRING '' http-listen low static yes
ottla.log.file    STRING - - low static yes
ottla.log.format  STRING text in:text|json low static yes
ottla.log.level   STRING INFO in:TRACE|DEBUG|INFO|WARN|ERROR|FATAL low static yes
"""
