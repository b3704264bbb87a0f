"""Where a broker listens and what it grants to each connection.

Columns: see `ottla.config.row`.
"""

ROWS = """
advertised.listeners                             LIST    - list+null high static yes
connections.max.idle.ms                          LONG    600000 - medium static yes
controller.listener.names                        LIST    REQUIRED list high static yes
delete.records.purgatory.purge.interval.requests INT     1 - medium static no-buffer
early.start.listeners                            LIST    - list+empty+null high static later
fetch.max.bytes                                  INT     57671680 [1024,...] medium static yes
fetch.purgatory.purge.interval.requests          INT     1000 - medium static no-buffer
inter.broker.listener.name                       STRING  - - medium static yes
listener.security.protocol.map                   STRING  SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT - low broker yes
listeners                                        LIST    PLAINTEXT://:9092 list high broker yes
max.connection.creation.rate                     INT     2147483647 [0,...] medium cluster yes
max.connections                                  INT     2147483647 [0,...] medium cluster yes
max.connections.per.ip                           INT     2147483647 [0,...] medium cluster yes
max.connections.per.ip.overrides                 STRING  '' - medium cluster yes
max.incremental.fetch.session.cache.slots        INT     1000 [0,...] medium static yes
max.request.partition.size.limit                 INT     2000 [1,...] medium static yes
num.io.threads                                   INT     8 [1,...] high cluster threads
num.network.threads                              INT     3 [1,...] high cluster yes
producer.purgatory.purge.interval.requests       INT     1000 - medium static no-buffer
queued.max.request.bytes                         LONG    -1 - medium static yes
queued.max.requests                              INT     500 [1,...] high static later
request.timeout.ms                               INT     30000 - high static yes
socket.connection.setup.timeout.max.ms           LONG    30000 - medium static later
socket.connection.setup.timeout.ms               LONG    10000 - medium static later
socket.listen.backlog.size                       INT     50 [1,...] medium static later
socket.receive.buffer.bytes                      INT     102400 - high static yes
socket.request.max.bytes                         INT     104857600 [1,...] high static yes
socket.send.buffer.bytes                         INT     102400 - high static yes
"""  # noqa: E501
