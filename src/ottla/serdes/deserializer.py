"""From bytes to values: the writer's schema is fetched, data read, migrated, and rules run.

    deserializer = AvroDeserializer(registry)
    for record in consumer:
        order = deserializer(record)

The frame says which schema wrote the data: by id or by GUID, before it or in a header. A reader's
own schema, or the latest version, says how the value is wanted; without either it is as written.
Rules of the schema that it is read as are run; where a reader brings a schema of its own, those of
the writer's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from ottla.serdes import framing
from ottla.serdes.codec import Codec, Misfit
from ottla.serdes.contract import Registered
from ottla.serdes.errors import BadData, RegistryError
from ottla.serdes.framing import Frame, Headers, Indexes
from ottla.serdes.memory import Memory
from ottla.serdes.registry_client import ENTRIES_MAX, SchemaRegistry, context_of
from ottla.serdes.rules.migrations import migrations
from ottla.serdes.rules.place import Place
from ottla.serdes.rules.rules import DOMAIN, ENCODING, MIGRATION, READ, RuleRunner, Rules
from ottla.serdes.serializer import Schemas, Text, contract_of, placed, registry_for, told
from ottla.serdes.subject_names import Strategy, needs_name, strategy_of


class Record(Protocol):
    """What a consumer gives, as far as it matters here."""

    @property
    def topic(self) -> str:
        """Where it was."""

    @property
    def key(self) -> bytes | None:
        """Its key."""

    @property
    def value(self) -> bytes | None:
        """Its value."""

    @property
    def headers(self) -> Any:
        """Pairs of a name and bytes."""


class Deserializer:
    """Reads data of any schema of a registry; a language's own class says how it is used.

    Args:
        registry: the client, or the URL of one that is made for it.
        codec: the language.
        schema: how values are wanted; None: as they were written.
        use_latest: as the latest version of the subject has them, migrated by its rules; a mapping
            means the latest version whose metadata has these properties.
        subject: "topic", "record", "topic-record", "associated", or a function.
        rules: how rules are run, where they need more than the schema says.

    Raises:
        BadRegistrySetting: something of that can't be meant.
    """

    def __init__(
        self,
        registry: SchemaRegistry | str,
        codec: Codec,
        schema: Text | None = None,
        *,
        use_latest: bool | Mapping[str, str] = False,
        subject: str | Strategy = "topic",
        rules: Rules | None = None,
    ) -> None:
        registry = self._registry = registry_for(self, registry)
        self._codec = codec
        self._own = None if schema is None else contract_of(schema, codec.type)
        self._latest = use_latest
        self._strategy = strategy_of(subject, registry)
        self._needs_name = needs_name(self._strategy)
        self._rules = RuleRunner(registry, rules)
        self._schemas = Schemas(registry, codec)
        self._steps = Memory(ENTRIES_MAX)

    def __call__(self, record: Record) -> Any:
        """The value of a record; None for a tombstone.

        Raises:
            BadData: the bytes are no data of their schema, or name none that the registry has.
            RuleFailed: a rule of the schema says no, or can't be run.
            RegistryError: the registry refuses.
            RegistryUnreachable: nobody answers.
        """
        return self._deserialize(record.topic, record.value, record.headers, False, record.key)

    def key(self, record: Record) -> Any:
        """The key of a record; as its value."""
        return self.deserialize(record.topic, record.key, record.headers, is_key=True)

    def deserialize(
        self, topic: str, data: bytes | None, headers: Headers = None, is_key: bool = False
    ) -> Any:
        """The value of bytes."""
        return self._deserialize(topic, data, headers, is_key, None)

    def _deserialize(
        self, topic: str, data: bytes | None, headers: Headers, is_key: bool, key: bytes | None
    ) -> Any:
        if data is None:
            return None
        frame = self._frame(topic, data, headers, is_key)
        subject = self._strategy(topic, is_key, None)
        if self._needs_name and subject is not None:
            # Only its context counts yet: in that the id is looked for.
            context = context_of(subject)
            subject = f":{context}:" if context else None
        writer = self._writer(topic, subject, frame, data)
        parsed = self._schemas.parsed(writer, subject)
        if self._needs_name:
            with told(topic, None, frame.schema, data):
                name = self._codec.name(parsed, frame.indexes)
            subject = self._strategy(topic, is_key, name)
        place = Place(topic, is_key, subject or "", headers, data, key)
        try:
            value = self._value(place, writer, parsed, frame)
        except Misfit as misfit:
            raise placed(misfit, topic, subject, frame.schema, data) from misfit.__cause__
        return self._made(value)

    # ------------------------------------------------------------ for languages to say anew

    def _made(self, value: Any) -> Any:
        """The value as the program wants it."""
        return value

    # ------------------------------------------------------------ steps

    def _frame(self, topic: str, data: bytes, headers: Headers, is_key: bool) -> Frame:
        try:
            return framing.read(data, headers, is_key=is_key, has_indexes=self._codec.has_indexes)
        except framing.Cut as error:
            what = "key" if is_key else "value"
            raise BadData(
                f"the {what} of a record was not written by a serializer: {error}",
                topic=topic,
                data=data,
                hint="read the bytes as they are, or step over the record",
            ) from None

    def _writer(self, topic: str, subject: str | None, frame: Frame, data: bytes) -> Registered:
        try:
            if isinstance(frame.schema, int):
                writer = self._registry.by_id(frame.schema, subject)
            else:
                writer = self._registry.by_guid(frame.schema)
        except RegistryError as error:
            if error.status != 404 or error.code == 404:
                raise
            raise BadData(
                "the registry does not have the schema that a record names",
                topic=topic,
                subject=subject,
                schema_id=frame.schema,
                data=data,
                hint="another registry, or another context of it, may be meant",
            ) from error
        if writer.contract.type != self._codec.type:
            raise BadData(
                f"a record was written by {writer.contract.type}, "
                f"and this reads {self._codec.type}",
                topic=topic,
                subject=subject,
                schema_id=frame.schema,
                data=data,
            )
        return writer

    def _value(self, place: Place, writer: Registered, parsed: Any, frame: Frame) -> Any:
        payload, indexes = frame.payload, frame.indexes
        if writer.contract.rule_set:
            payload = self._rules.run(ENCODING, READ, place, writer.contract, payload)
        reader, rules, wanted = None, writer.contract, self._wanted(place)
        if wanted is not None:
            reader = self._schemas.parsed(wanted, place.subject)
            rules = wanted.contract
            value = self._migrated(place, writer, parsed, wanted, reader, payload, indexes)
        else:
            reader = None if self._own is None else self._schemas.own(self._own)
            value = self._codec.decode(parsed, payload, reader, indexes)
        shape = parsed if reader is None else reader
        if rules.rule_set:
            value = self._rules.run(
                DOMAIN,
                READ,
                place,
                rules,
                value,
                lambda of, change: self._codec.change_fields(shape, of, change, indexes),
            )
        self._codec.check(shape, value)
        return value

    def _wanted(self, place: Place) -> Registered | None:
        if not self._latest or not place.subject:
            return None
        if isinstance(self._latest, Mapping):
            return self._registry.latest_with(place.subject, self._latest, deleted=True)
        return self._registry.latest(place.subject)

    def _migrated(
        self,
        place: Place,
        writer: Registered,
        parsed: Any,
        wanted: Registered,
        reader: Any,
        payload: bytes,
        indexes: Indexes,
    ) -> Any:
        key = (place.subject, writer.guid or writer.id, wanted.guid or wanted.id)
        steps = self._steps.get(
            key, lambda: migrations(self._registry, place.subject, writer, wanted)
        )
        if not steps:
            return self._codec.decode(parsed, payload, reader, indexes)
        value = self._codec.to_plain(parsed, payload, indexes)
        for step in steps:
            value = self._rules.run(
                MIGRATION, step.mode, place, step.target, value, source=step.source
            )
        return self._codec.from_plain(parsed, reader, value, indexes)
