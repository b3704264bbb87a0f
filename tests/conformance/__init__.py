"""Conversations in raw requests, held with Ottla and with Apache Kafka 4.3.1."""
