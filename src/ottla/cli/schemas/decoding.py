"""Records that name a schema, with their keys and values as JSON text.

What names no schema stays as it is, byte for byte. That is usual for a key; of a value it is told,
once, as it may be that another registry is meant.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any

from ottla.schemas.language import AVRO, JSON, PROTOBUF
from ottla.serdes import framing
from ottla.serdes.errors import BadData, MissingExtra, RegistryError, RuleFailed
from ottla.wire.fetched import ConsumerRecord

if TYPE_CHECKING:
    from ottla.serdes.deserializer import Deserializer
    from ottla.serdes.registry_client import SchemaRegistry

NOT_FOUND = 404
MISSING_MAX = 1000
"""How many ids that a registry has not are remembered, and asked for only once."""


class Decoder:
    """Reads keys and values by the schemas of a registry; `warn` is told why something stays as
    it is.
    """

    def __init__(
        self, registry: SchemaRegistry, warn: Callable[[str], None], *, keys: bool
    ) -> None:
        self._registry, self._warn, self._keys = registry, warn, keys
        self._has_warned = False
        self._missing: set[int | str] = set()
        self._readers: dict[str, Deserializer] = {}

    def decoded(self, record: ConsumerRecord) -> ConsumerRecord:
        """The record, with JSON where data of a schema was.

        Raises:
            MissingExtra: a package that reads such data is not installed.
            RegistryError, RegistryUnreachable: the registry refuses, or does not answer.
        """
        return ConsumerRecord(
            record.topic,
            record.partition,
            record.offset,
            timestamp_ms=record.timestamp_ms,
            is_log_append_time=record.is_log_append_time,
            leader_epoch=record.leader_epoch,
            key=self._text(record, record.key, is_key=True) if self._keys else record.key,
            value=self._text(record, record.value, is_key=False),
            headers=record.headers,
        )

    def _text(self, record: ConsumerRecord, data: bytes | None, *, is_key: bool) -> bytes | None:
        if data is None:
            return None
        try:
            schema = framing.read(data, record.headers, is_key=is_key).schema
        except framing.Cut as error:
            if not is_key:
                self._tell(record, str(error))
            return data
        try:
            reader = self._reader(schema)
            if reader is None:
                self._tell(record, f"the registry has no schema {schema}")
                return data
            value = reader.deserialize(record.topic, data, record.headers, is_key)
        except MissingExtra as error:
            if error.hint and "registry" in error.hint:
                raise
            self._tell(record, str(error))
            return data
        except (BadData, RuleFailed) as error:
            self._tell(record, str(error))
            return data
        return json.dumps(value, ensure_ascii=False, default=_plain).encode()

    def _reader(self, schema: int | str) -> Deserializer | None:
        """What reads data of a schema; None: there is no such schema."""
        if schema in self._missing:
            return None
        try:
            if isinstance(schema, int):
                found = self._registry.by_id(schema)
            else:
                found = self._registry.by_guid(schema)
        except RegistryError as error:
            if error.status != NOT_FOUND or error.code == NOT_FOUND:
                raise
            if len(self._missing) < MISSING_MAX:
                self._missing.add(schema)
            return None
        kind = found.contract.type
        if kind not in self._readers:
            self._readers[kind] = _reader_of(kind, self._registry)
        return self._readers[kind]

    def _tell(self, record: ConsumerRecord, why: str) -> None:
        if self._has_warned:
            return
        self._has_warned = True
        place = f"{record.topic}-{record.partition} offset {record.offset}"
        self._warn(f"{place} is printed as it is, and so are others like it: {why}")


def _reader_of(kind: str, registry: SchemaRegistry) -> Deserializer:
    from ottla import serdes

    if kind == AVRO:
        return serdes.AvroDeserializer(registry)
    if kind == PROTOBUF:
        return serdes.ProtobufDeserializer(registry, as_dict=True)
    if kind == JSON:
        return serdes.JsonDeserializer(registry)
    raise BadData(f"nothing here reads data of {kind}")


def _plain(value: Any) -> Any:
    """What JSON has no form for: bytes as Avro writes them, times as ISO 8601, others as text."""
    if isinstance(value, bytes | bytearray):
        return value.decode("latin-1")
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return str(value)
