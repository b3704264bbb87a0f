"""Kafka Streams' semantics in Python: a builder, one plan, and two executors that give the same bytes."""
