"""Figures beside the real Apache Kafka 4.3.1: one module a claim. `make bench` runs them all."""
