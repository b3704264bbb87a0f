"""Avro schemas: read, printed and compared as Java's Avro does."""

from ottla.schemas.avro.schema import AVRO_LANGUAGE, AvroLanguage, AvroSchema

__all__ = ["AVRO_LANGUAGE", "AvroLanguage", "AvroSchema"]
