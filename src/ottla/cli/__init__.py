"""Commands, one file each: `kafka_topics.py` is `kafka-topics.sh`; `ottla.py` is the friendly verb.

Flags, lines that scripts parse and exit codes are those of Apache Kafka's tools; sentences are our
own.
"""
