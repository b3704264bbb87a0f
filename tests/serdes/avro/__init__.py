"""Serializers of Avro."""
