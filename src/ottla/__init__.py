"""Ottla: the Apache Kafka platform in one Python package."""
