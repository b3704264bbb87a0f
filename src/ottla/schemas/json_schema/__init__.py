"""JSON Schema for the registry: drafts 4, 6, 7, 2019-09 and 2020-12."""

from ottla.schemas.json_schema.schema import JSON_LANGUAGE, JsonSchema, validator

__all__ = ["JSON_LANGUAGE", "JsonSchema", "validator"]
