"""The Protobuf language of the registry: texts and serialized files in, one `ProtobufSchema` out.

A text is a .proto, or a FileDescriptorProto in base64, which is what many clients register; either
way `text` is a .proto. What imports lead to comes with the schema as dependencies, in either form
too. The path of a schema's own file is nobody's business: it has none but for itself.
"""

from __future__ import annotations

import base64
import binascii
import functools
import re
from collections.abc import Sequence

from ottla._core import SchemaFault, read_protobuf
from ottla.schemas.language import (
    PROTOBUF,
    BadFormat,
    Dependency,
    Difference,
    InvalidSchema,
    Schema,
    Tagging,
)
from ottla.schemas.protobuf.binary import Malformed
from ottla.schemas.protobuf.descriptor import File, file_of
from ottla.schemas.protobuf.differences import unreadable
from ottla.schemas.protobuf.printer import printed
from ottla.schemas.protobuf.scope import Scope, messages_of, prefix_of
from ottla.schemas.protobuf.tags import META_PATH, tagged, tags_of

PATH = "schema.proto"
"""The path of a file that nobody has given one."""

TOLD_MAX = 300
"""How many letters of a fault are told: a name in it may be a megabyte long."""

_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")


class ProtobufSchema:
    """A Protobuf file that was read, with all that it imports."""

    def __init__(
        self,
        written: File,
        linked: Sequence[File],
        serialized: bytes,
        dependencies: Sequence[Dependency],
    ) -> None:
        self.file = linked[-1]
        """The file after it was linked: names in full, options read."""
        self.scope = Scope(linked)
        self._written = written
        self._serialized = serialized
        self._dependencies = tuple(dependencies)

    @functools.cached_property
    def text(self) -> str:
        """The .proto in the canonical layout, names and order as the author had them."""
        return printed(self._written, self.scope)

    def normalized(self) -> str:
        """The .proto with all names in full, and sorted where order means nothing."""
        return printed(self.file, self.scope, normal=True)

    def formatted(self, form: str) -> str:
        """The schema as "serialized", a FileDescriptorProto in base64, as "ignore_extensions",
        without custom options and what extends others, or, for "", as `text`.

        Raises:
            BadFormat: there is no such form.
        """
        if form == "":
            return self.text
        if form == "serialized":
            return base64.b64encode(self._serialized).decode()
        if form == "ignore_extensions":
            return printed(self._written, self.scope, extensions=False)
        raise BadFormat(
            f"Protobuf has no format {form!r}",
            hint="ask for serialized, for ignore_extensions, or for none",
        )

    def unreadable(self, writer: Schema, *, lenient: bool = False) -> Sequence[Difference]:
        """Why a reader with this schema can't read what `writer` wrote; see `differences.py`.

        `lenient` changes nothing: that policy is of JSON Schema alone.
        """
        if not isinstance(writer, ProtobufSchema):
            raise TypeError("schemas of two languages are never compared")
        return unreadable(self.file, self.scope, writer.file, writer.scope)

    def top_fields(self) -> Sequence[str]:
        """The fields of the first message: data is of that one unless it says another."""
        messages = self.file.message_type
        return [field.name for field in messages[0].field] if messages else []

    def tags(self) -> Sequence[Tagging]:
        """The tags that stand in (confluent.message_meta) and (confluent.field_meta), of
        "package.Message" and "package.Message.field".
        """
        return tags_of(self.file)

    def with_tags(self, add: Sequence[Tagging], remove: Sequence[Tagging]) -> ProtobufSchema:
        """The schema with tags added to and removed from its options.

        Raises:
            InvalidSchema: there is no message, or no field, at a path.
        """
        changed = tagged(self._written, self.file, add, remove)
        known = PROTOBUF_LANGUAGE.read(f'import "{META_PATH}";').scope.files
        scope = Scope({**known, **self.scope.files}.values())
        return PROTOBUF_LANGUAGE.read(printed(changed, scope), self._dependencies)

    # ---------------------------------------------------------------- message indexes

    def message_names(self) -> list[str]:
        """The full names of the file's messages, without a dot before them: a message before those
        in it, each list in the order of its descriptor.
        """
        found = messages_of(self.file)
        return [name[1:] for name, message in found if not message.is_map_entry]

    def message_at(self, indexes: Sequence[int]) -> str:
        """The full name of the message that indexes lead to, as the wire format has them.

        Raises:
            LookupError: there is none.
        """
        names = []
        nested = self.file.message_type
        for index in indexes:
            if not 0 <= index < len(nested):
                break
            names.append(nested[index].name)
            nested = nested[index].nested_type
        if not names or len(names) != len(indexes):
            raise LookupError(f"the schema has no message at {list(indexes)}")
        return (prefix_of(self.file) + ".".join(names))[1:]

    def indexes_of(self, name: str) -> tuple[int, ...]:
        """The indexes that lead to a message, by its full name.

        Raises:
            LookupError: the file declares no such message.
        """
        prefix = prefix_of(self.file)[1:]
        indexes: list[int] = []
        nested = self.file.message_type
        for part in name.removeprefix(prefix).split(".") if name.startswith(prefix) else ():
            at = next((n for n, one in enumerate(nested) if one.name == part), None)
            if at is None:
                indexes = []
                break
            indexes.append(at)
            nested = nested[at].nested_type
        if not indexes:
            raise LookupError(f"the schema declares no message {name}")
        return tuple(indexes)


class ProtobufLanguage:
    """Protobuf, as the registry asks for it."""

    name = PROTOBUF

    def read(self, text: str, dependencies: Sequence[Dependency] = ()) -> ProtobufSchema:
        """Read a .proto, or a FileDescriptorProto in base64.

        Raises:
            InvalidSchema: with line and column, where a place in the text is at fault.
        """
        try:
            source = _source(text)
            schema = _linked(source, dependencies)
            if isinstance(source, str):
                return schema
            told = schema.text
        except (Malformed, UnicodeEncodeError) as error:
            raise InvalidSchema(
                f"the schema cannot be read: {error}", hint="send a .proto in UTF-8"
            ) from error
        try:
            # A file in base64 is what its text says: so it stays what it is when it is kept.
            return _linked(told, dependencies)
        except InvalidSchema as error:
            raise InvalidSchema(
                f"the file in base64 is what no .proto can say: {error}", hint="send the .proto"
            ) from error


def _linked(source: str | bytes, dependencies: Sequence[Dependency]) -> ProtobufSchema:
    """A file read with what it imports.

    Raises:
        InvalidSchema, Malformed, UnicodeEncodeError: it is none.
    """
    path = PATH
    while any(path == one.name for one in dependencies):
        path = f"_{path}"
    imports = [(_encodable(one.name), _source(one.text)) for one in dependencies]
    read = read_protobuf(path, source, imports)
    if isinstance(read, SchemaFault):
        raise _refused(read, path)
    linked = [file_of(data) for _, data in read.linked]
    return ProtobufSchema(file_of(read.written), linked, read.linked[-1][1], dependencies)


def _source(text: str) -> str | bytes:
    """A text as it is to be read: bytes where it is base64. No .proto is base64, for each has an
    `=`, a `;` or a brace, but the empty one.
    """
    if ";" in text or "{" in text:
        return _encodable(text)
    packed = "".join(text.split())
    if not _BASE64.fullmatch(packed):
        return _encodable(text)
    try:
        return base64.b64decode(packed, validate=True)
    except binascii.Error:
        return text


def _encodable(text: str) -> str:
    """The text, if it is one: half of a character's pair is none.

    Raises:
        UnicodeEncodeError: it is not.
    """
    text.encode()
    return text


def _refused(fault: SchemaFault, path: str) -> InvalidSchema:
    if fault.file in ("", path):
        where, line, column = "", fault.line, fault.column
    else:
        where, line, column = f" in the imported {fault.file}", 0, 0
    place = f" (line {line}, column {column})" if line else ""
    told = fault.text if len(fault.text) <= TOLD_MAX else f"{fault.text[:TOLD_MAX]}…"
    return InvalidSchema(
        f"the Protobuf schema is not valid{where}: {told}{place}",
        line=line,
        column=column,
        hint=_hint(fault.text),
    )


def _hint(text: str) -> str:
    if "is not given" in text:
        return "name a registered schema for that path in the references"
    if "'edition'" in text or "unknown syntax" in text:
        return 'write syntax = "proto2" or "proto3": editions are not read yet'
    return "correct the text at that place; protoc would refuse it too"


PROTOBUF_LANGUAGE = ProtobufLanguage()
