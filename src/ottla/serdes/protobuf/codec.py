"""Protobuf's data, by the package protobuf: a value is a message, of a class or made from a schema.

Schemas are read in the core, each into a pool of descriptors of its own: so two versions that have
the same names never meet, and no `protoc` is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from ottla.schemas.language import PROTOBUF, Dependency, InvalidSchema
from ottla.schemas.protobuf import PROTOBUF_LANGUAGE
from ottla.schemas.protobuf.linked import linked_files
from ottla.serdes.codec import Change, Misfit
from ottla.serdes.contract import Contract
from ottla.serdes.errors import MissingExtra
from ottla.serdes.framing import FIRST, Indexes
from ottla.serdes.protobuf.fields import changed

PATH = "ottla-the-schema-itself.proto"


class ProtobufRead:
    """A schema that was read, with all that it imports."""

    def __init__(self, text: str, dependencies: Sequence[Dependency]) -> None:
        schema = PROTOBUF_LANGUAGE.read(text, dependencies)  # says what is wrong, and where
        self.tags = {tagging.path: frozenset(tagging.tags) for tagging in schema.tags()}
        pools, _, _ = protobuf()
        self.pool = pools.DescriptorPool()
        for _, data in linked_files(PATH, text, dependencies):
            self.pool.AddSerializedFile(data)
        self.file = self.pool.FindFileByName(PATH)

    def message_at(self, indexes: Indexes) -> Any:
        """The descriptor of a message.

        Raises:
            Misfit: there is none.
        """
        found = None
        here = list(self.file.message_types_by_name.values())
        for index in indexes:
            if index >= len(here):
                raise Misfit(f"the schema has no message at {list(indexes)}")
            found = here[index]
            here = list(found.nested_types)
        if found is None:
            raise Misfit("the schema has no message")
        return found

    def message_named(self, name: str) -> Any:
        """The descriptor of a message of the file, by its full name, or by its own name.

        Raises:
            Misfit: there is none.
        """
        package = self.file.package
        for full_name in (name, f"{package}.{name}") if package else (name,):
            try:
                found = self.pool.FindMessageTypeByName(full_name)
            except KeyError:
                continue
            if found.file.name == PATH:
                return found
        names = ", ".join(self.file.message_types_by_name)
        raise Misfit(f"the schema has no message {name}; it has {names}")


class ProtobufCodec:
    """Protobuf.

    Args:
        message: the class that data is read into; None: one made from the schema.
    """

    type = PROTOBUF
    has_indexes = True

    def __init__(self, message: Any = None) -> None:
        _, self._factory, self._json = protobuf()
        self._message = message

    def read(self, contract: Contract, dependencies: Sequence[Dependency]) -> ProtobufRead:
        """A schema, with all that it imports.

        Raises:
            InvalidSchema: it is none.
        """
        try:
            return ProtobufRead(contract.text, dependencies)
        except (TypeError, ValueError) as error:  # the pool takes less than the core
            raise InvalidSchema(f"protobuf does not take the schema: {error}") from error

    def name(self, parsed: ProtobufRead, indexes: Indexes = FIRST) -> str | None:
        """The full name of a message."""
        return str(parsed.message_at(indexes).full_name)

    def encode(self, parsed: ProtobufRead, value: Any) -> bytes:
        """A message as bytes.

        Raises:
            Misfit: it lacks fields that are required.
        """
        try:
            return bytes(value.SerializeToString())
        except Exception as error:
            raise Misfit(f"the message can't be written: {error}") from error

    def decode(
        self,
        writer: ProtobufRead,
        payload: bytes,
        reader: ProtobufRead | None,
        indexes: Indexes = FIRST,
    ) -> Any:
        """The message of bytes.

        Raises:
            Misfit: they are none, or the schema has no such message.
        """
        written = writer.message_at(indexes)
        if self._message is not None:
            return self._parsed(self._message, payload)
        wanted = written if reader is None else _same(reader, written)
        return self._parsed(self._factory.GetMessageClass(wanted), payload)

    def check(self, parsed: ProtobufRead, value: Any) -> None:
        """Nothing: what was read by a schema fits it."""

    def change_fields(
        self, parsed: ProtobufRead, value: Any, change: Change, indexes: Indexes = FIRST
    ) -> Any:
        """Have the fields changed, of a copy."""
        return changed(_same_or_at(parsed, value, indexes), value, parsed.tags, change)

    def to_plain(self, writer: ProtobufRead, payload: bytes, indexes: Indexes) -> Any:
        """The message of bytes as JSON, with the names of the schema."""
        message = self._parsed(self._factory.GetMessageClass(writer.message_at(indexes)), payload)
        return self.as_dict(message)

    def from_plain(
        self, writer: ProtobufRead, reader: ProtobufRead, value: Any, indexes: Indexes
    ) -> Any:
        """The message of JSON, as the reader's schema has it."""
        wanted = _same(reader, writer.message_at(indexes))
        message = self.from_dict(value, self._factory.GetMessageClass(wanted))
        if self._message is None:
            return message
        return self._parsed(self._message, message.SerializeToString())

    def as_dict(self, message: Any) -> Any:
        """A message as JSON, with the names of the schema."""
        try:
            return self._json.MessageToDict(message, preserving_proto_field_name=True)
        except Exception as error:
            raise Misfit(f"the message can't be told as JSON: {error}") from error

    def from_dict(self, value: Any, message: Any) -> Any:
        """A message of a class out of JSON.

        Raises:
            Misfit: the message has no such fields, or not of such values.
        """
        try:
            return self._json.ParseDict(value, message())
        except Exception as error:
            raise Misfit(f"the value does not fit its message: {str(error)[:300]}") from error

    def dynamic(self, parsed: ProtobufRead, name: str | None) -> Any:
        """A class for a message of a schema: the first, or one by its name."""
        found = parsed.message_at(FIRST) if name is None else parsed.message_named(name)
        return self._factory.GetMessageClass(found)

    def _parsed(self, message: Any, payload: bytes) -> Any:
        try:
            return message.FromString(payload)
        except Exception as error:
            raise Misfit(f"the bytes are no {message.DESCRIPTOR.full_name}: {error}") from error


def indexes_of(parsed: ProtobufRead, descriptor: Any) -> Indexes:
    """Where a message stands in a schema, found by its name.

    Raises:
        Misfit: the schema does not have it.
    """
    found = parsed.message_named(descriptor.full_name)
    indexes: list[int] = []
    while found.containing_type is not None:
        indexes.append([one.name for one in found.containing_type.nested_types].index(found.name))
        found = found.containing_type
    indexes.append(list(parsed.file.message_types_by_name).index(found.name))
    return tuple(reversed(indexes))


def _same(reader: ProtobufRead, written: Any) -> Any:
    """What a message is called in the reader's schema; its first message, where it is not there."""
    try:
        return reader.message_named(written.full_name)
    except Misfit:
        return reader.message_at(FIRST)


def _same_or_at(parsed: ProtobufRead, value: Any, indexes: Indexes) -> Any:
    try:
        return parsed.message_named(value.DESCRIPTOR.full_name)
    except Misfit:
        return parsed.message_at(indexes)


def protobuf() -> tuple[Any, Any, Any]:
    """The parts of the package: pools, the factory of classes, JSON.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        pools, factory, as_json = (
            import_module(f"google.protobuf.{name}")
            for name in ("descriptor_pool", "message_factory", "json_format")
        )
    except ImportError:
        raise MissingExtra("protobuf", "registry") from None
    return pools, factory, as_json
