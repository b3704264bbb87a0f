"""From values to bytes: the schema is found or registered, rules are run, the id put before it.

    serializer = AvroSerializer(registry, schema)
    producer.send("orders", serializer("orders", {"what": "bicycle"}))

A serializer works for any number of topics and threads. What the registry said of a topic's schema
is kept: for ever, or with `use_latest` as long as the client believes which version is the latest.
Rules that the registered schema carries are always run: one that must encrypt a field is never
left out because nobody asked for it.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from ottla.errors import OttlaError
from ottla.schemas.language import PROTOBUF, InvalidSchema
from ottla.serdes import framing
from ottla.serdes.codec import Codec, Misfit
from ottla.serdes.contract import Contract, Registered, text_of
from ottla.serdes.errors import BadData, BadRegistrySetting, RegistryError
from ottla.serdes.framing import FIRST, Indexes
from ottla.serdes.memory import Memory
from ottla.serdes.references import dependencies
from ottla.serdes.registry_client import ENTRIES_MAX, SchemaRegistry, context_of
from ottla.serdes.rules.place import Place
from ottla.serdes.rules.rules import DOMAIN, ENCODING, WRITE, RuleRunner, Rules
from ottla.serdes.subject_names import Strategy, strategy_of

Text = str | os.PathLike[str] | Contract | Mapping[str, Any] | Sequence[Any]
PREFIX, HEADER = "prefix", "header"


class Prepared(NamedTuple):
    """What a topic's keys or values are written with."""

    subject: str
    registered: Registered
    parsed: Any
    indexes: Indexes


class Serializer:
    """Writes values by a schema; a language's own class says how it is used.

    Args:
        registry: the client, or the URL of one that is made for it.
        codec: the language.
        schema: a text, a file, JSON's own values, or a contract with references; None: what the
            registry has.
        auto_register: register a schema that is not there; else it must be.
        use_latest: write with the latest version of the subject, whatever `schema` says; a mapping
            means the latest version whose metadata has these properties.
        normalize: have the registry compare schemas in their normal form.
        subject: "topic", "record", "topic-record", "associated", or a function.
        schema_in: "prefix", an id before the data; or "header", the GUID in a header of the record.
        rules: how rules are run, where they need more than the schema says.

    Raises:
        BadRegistrySetting: something of that can't be meant.
    """

    def __init__(
        self,
        registry: SchemaRegistry | str,
        codec: Codec,
        schema: Text | None,
        *,
        auto_register: bool = True,
        use_latest: bool | Mapping[str, str] = False,
        normalize: bool = False,
        subject: str | Strategy = "topic",
        schema_in: str = PREFIX,
        rules: Rules | None = None,
    ) -> None:
        if schema_in not in (PREFIX, HEADER):
            raise BadRegistrySetting(f"schema_in={schema_in!r}: it is 'prefix' or 'header'")
        registry = self._registry = registry_for(self, registry)
        self._codec = codec
        self._own = None if schema is None else contract_of(schema, codec.type)
        self._auto_register = auto_register
        self._latest = use_latest
        self._normalize = normalize
        self._strategy = strategy_of(subject, registry)
        self._schema_in = schema_in
        self._rules = RuleRunner(registry, rules)
        self._prepared_of = Memory(ENTRIES_MAX)
        self._schemas = Schemas(registry, codec)

    def __call__(self, topic: str, value: Any, headers: Any = None) -> bytes | None:
        """The bytes of a record's value; None stays None.

        Headers are those that the record is sent with; the serializer may add one.

        Raises:
            BadData: the schema does not allow the value.
            RuleFailed: a rule of the schema says no, or can't be run.
            RegistryError: the registry has no such schema, or takes it for incompatible.
            RegistryUnreachable: nobody answers.
        """
        return self.serialize(topic, value, headers)

    def key(self, topic: str, key: Any, headers: Any = None) -> bytes | None:
        """The bytes of a record's key; as of its value."""
        return self.serialize(topic, key, headers, is_key=True)

    def serialize(
        self, topic: str, value: Any, headers: Any = None, is_key: bool = False
    ) -> bytes | None:
        """The bytes of a value or a key."""
        if value is None:
            return None
        value = self._plain(value)
        prepared = self._prepared(topic, is_key, value)
        subject, registered, parsed, indexes = prepared
        try:
            if registered.contract.rule_set:
                place = Place(topic, is_key, subject, headers, value)
                value = self._rules.run(
                    DOMAIN,
                    WRITE,
                    place,
                    registered.contract,
                    value,
                    lambda of, change: self._codec.change_fields(parsed, of, change, indexes),
                )
                payload = self._codec.encode(parsed, value)
                payload = self._rules.run(ENCODING, WRITE, place, registered.contract, payload)
            else:
                payload = self._codec.encode(parsed, value)
        except Misfit as misfit:
            schema_id = registered.id or registered.guid
            raise placed(misfit, topic, subject, schema_id) from misfit.__cause__
        return self._framed(payload, headers, is_key, prepared)

    # ------------------------------------------------------------ for languages to say anew

    def _plain(self, value: Any) -> Any:
        """The value as the codec takes it."""
        return value

    def _kind(self, value: Any) -> Any:
        """What distinguishes values that have different schemas; to be hashed."""
        return None

    def _contract(self, topic: str, is_key: bool, value: Any) -> Contract | None:
        """The schema to register or to look for."""
        return self._own

    def _indexes(self, parsed: Any, value: Any) -> Indexes:
        """Which message of the schema the value is."""
        return FIRST

    # ------------------------------------------------------------ finding the schema

    def _prepared(self, topic: str, is_key: bool, value: Any) -> Prepared:
        key = (topic, is_key, self._kind(value))
        is_fixed = self._own is not None or key[2] is not None
        if is_fixed and not self._latest:
            return self._prepared_of.get(key, lambda: self._prepare(topic, is_key, value))
        return self._prepare(topic, is_key, value)

    def _prepare(self, topic: str, is_key: bool, value: Any) -> Prepared:
        contract = self._contract(topic, is_key, value)
        subject = self._subject(topic, is_key, contract, value)
        try:
            registered = self._registered(subject, contract)
        except RegistryError as error:
            raise _explained(error, topic, subject) from error
        if registered.contract.type != self._codec.type:
            raise BadData(
                f"the subject's schema is of {registered.contract.type}, "
                f"and this writes {self._codec.type}",
                topic=topic,
                subject=subject,
            )
        parsed = self._schemas.parsed(registered, subject)
        with told(topic, subject, registered.id):
            return Prepared(subject, registered, parsed, self._indexes(parsed, value))

    def _registered(self, subject: str, contract: Contract | None) -> Registered:
        if isinstance(self._latest, Mapping):
            return self._registry.latest_with(subject, self._latest)
        if self._latest or contract is None:
            return self._registry.latest(subject)
        if self._auto_register:
            return self._registry.register(subject, contract, normalize=self._normalize)
        return self._registry.look_up(subject, contract, normalize=self._normalize)

    def _subject(self, topic: str, is_key: bool, contract: Contract | None, value: Any) -> str:
        record = self._record_name(contract, value)
        subject = self._strategy(topic, is_key, record)
        if not subject:
            raise BadRegistrySetting(
                f"no subject for topic {topic!r}: its name needs the record's, and there is none",
                hint="give a schema that has a name, or name subjects by the topic",
            )
        return subject

    def _record_name(self, contract: Contract | None, value: Any) -> str | None:
        if contract is None:
            return None
        parsed = self._schemas.own(contract)
        return self._codec.name(parsed, self._indexes(parsed, value))

    def _framed(self, payload: bytes, headers: Any, is_key: bool, prepared: Prepared) -> bytes:
        registered = prepared.registered
        indexes = prepared.indexes if self._codec.has_indexes else None
        if self._schema_in == HEADER:
            if registered.guid is None:
                raise BadRegistrySetting(
                    "the registry tells no GUIDs of its schemas",
                    hint="write ids instead: schema_in='prefix'",
                )
            prefix = framing.prefix_of_guid(registered.guid, indexes)
            framing.put_header(headers, is_key, prefix)
            return payload
        if registered.id is None:
            raise BadRegistrySetting("the registry tells no id of the schema")
        framing.drop_header(headers, is_key)
        return framing.prefix_of_id(registered.id, indexes) + payload


class Schemas:
    """Schemas as a codec has read them, kept."""

    def __init__(self, registry: SchemaRegistry, codec: Codec) -> None:
        self._registry = registry
        self._codec = codec
        self._kept = Memory(ENTRIES_MAX)

    def parsed(self, registered: Registered, subject: str | None = None) -> Any:
        """A registered schema.

        Raises:
            BadData: it can't be read.
        """
        key = registered.guid or (context_of(subject), registered.id)
        return self._kept.get(key, lambda: self._read(registered.contract, subject, registered.id))

    def own(self, contract: Contract) -> Any:
        """A schema that was handed in."""
        return self._kept.get(contract.identity(), lambda: self._read(contract, None, None))

    def _read(self, contract: Contract, subject: str | None, schema_id: int | None) -> Any:
        needed = dependencies(self._registry, contract, subject)
        try:
            return self._codec.read(contract, needed)
        except InvalidSchema as error:
            where = f" at {error.path}" if error.path else ""
            if error.line and f"line {error.line}, column" not in str(error):
                where += f" (line {error.line}, column {error.column})"
            raise BadData(
                f"the {contract.type} schema can't be read{where}: {error}",
                subject=subject,
                schema_id=schema_id,
                hint=error.hint,
            ) from error


def contract_of(schema: Text, schema_type: str) -> Contract:
    """The contract that a serializer is given.

    Raises:
        BadRegistrySetting: a file that can't be read, or a contract of another language.
    """
    if isinstance(schema, Contract):
        if schema.type != schema_type:
            raise BadRegistrySetting(f"a schema of {schema.type} is given for {schema_type}")
        return schema
    if schema_type == PROTOBUF and not isinstance(schema, str | os.PathLike):
        raise BadRegistrySetting(
            f"a schema of Protobuf is a text, and a {type(schema).__name__} is given",
            hint="such as 'syntax = \"proto3\"; message Order { string what = 1; }'",
        )
    return Contract(text_of(schema), schema_type)


def registry_for(owner: object, registry: SchemaRegistry | str) -> SchemaRegistry:
    """The client of a registry; one that is made for a URL is closed when its owner goes.

    Raises:
        BadRegistrySetting: it is neither a client nor a URL.
    """
    if isinstance(registry, str):
        made = SchemaRegistry(registry)
        weakref.finalize(owner, made.close)
        return made
    if isinstance(registry, SchemaRegistry):
        return registry
    raise BadRegistrySetting(
        f"a registry is given as SchemaRegistry(url), and {type(registry).__name__} is no such",
        hint="its URL does, too: 'http://localhost:8081'",
    )


@contextmanager
def told(
    topic: str, subject: str | None, schema_id: int | str | None, data: bytes | None = None
) -> Iterator[None]:
    """Tell of a misfit where it was.

    Raises:
        BadData: instead of Misfit.
    """
    try:
        yield
    except Misfit as misfit:
        raise placed(misfit, topic, subject, schema_id, data) from misfit.__cause__


def placed(
    misfit: Misfit,
    topic: str,
    subject: str | None,
    schema_id: int | str | None,
    data: bytes | None = None,
) -> BadData:
    """A misfit as the error of where it was."""
    return BadData(
        misfit.text,
        topic=topic,
        subject=subject,
        schema_id=schema_id,
        field=misfit.field,
        data=data,
        hint=misfit.hint,
    )


def _explained(error: RegistryError, topic: str, subject: str) -> OttlaError:
    """The registry's refusal with a hint that fits what a serializer wanted."""
    hint = error.hint
    match error.code:
        case 40401 | 40403:
            hint = (
                f"register the schema under {subject!r} first (`ottla schemas register`), "
                "or let the serializer do it: auto_register=True"
            )
        case 40901:
            hint = (
                "change the schema so that readers of what is there can go on, "
                "or use another topic; `ottla schemas check` tells before"
            )
    return RegistryError(
        error.status, error.code, f"topic {topic}, subject {subject}: {error.text}", hint=hint
    )
