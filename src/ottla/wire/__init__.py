"""Kafka's binary language, declared as data: no I/O and no policy."""
