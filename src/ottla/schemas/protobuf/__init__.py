"""Protobuf: read in the core, printed, compared and tagged here."""

from ottla.schemas.protobuf.schema import PROTOBUF_LANGUAGE, ProtobufSchema

__all__ = ["PROTOBUF_LANGUAGE", "ProtobufSchema"]
