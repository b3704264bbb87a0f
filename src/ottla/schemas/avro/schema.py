"""Avro as one of the languages of a registry: texts in, schemas that answer for themselves out.

A schema keeps its own text's types and those of what it refers to in one tree. Nothing of it
changes after it was read, so it may be shared between threads.
"""

from __future__ import annotations

from collections.abc import Sequence

from ottla.schemas.avro import resolution
from ottla.schemas.avro.fault import Fault, pointer, steps
from ottla.schemas.avro.json_text import place, read_json
from ottla.schemas.avro.parser import Parsed, Parser
from ottla.schemas.avro.printer import printed
from ottla.schemas.avro.tagging import tag, tags
from ottla.schemas.avro.tree import Record
from ottla.schemas.language import (
    AVRO,
    BadFormat,
    Dependency,
    Difference,
    InvalidSchema,
    Schema,
    Tagging,
)


class AvroSchema:
    """An Avro schema that was read."""

    def __init__(self, parsed: Parsed, dependencies: tuple[Dependency, ...], known: list[str]):
        self.parsed = parsed
        self._dependencies = dependencies
        self._known = known
        self._text = printed(parsed.root, known)
        self._length = len(self._text) + sum(len(each.text) for each in dependencies)

    @property
    def text(self) -> str:
        """What Java's Avro prints for it, with the names of what it refers to left as names."""
        return self._text

    def normalized(self) -> str:
        """The text, with the properties that Avro gives no meaning to in order."""
        return printed(self.parsed.root, self._known, is_sorted=True)

    def formatted(self, form: str) -> str:
        """The text; or, as "resolved", with all that it refers to written out at its first use.

        Raises:
            BadFormat: another form was asked for.
        """
        if form == "":
            return self._text
        if form == "resolved":
            return printed(self.parsed.root)
        raise BadFormat(
            f"Avro schemas have no format '{form[:80]}'", hint='use "resolved", or none at all'
        )

    def unreadable(self, writer: Schema, *, lenient: bool = False) -> Sequence[Difference]:
        """Why Avro's schema resolution fails, or may fail, for data of the writer.

        `lenient` changes nothing: no public fact tells what it would let pass of an Avro schema.
        """
        if not isinstance(writer, AvroSchema):
            raise TypeError(f"an Avro schema is compared with Avro schemas, not with {writer!r}")
        length = self._length + writer._length
        return resolution.unreadable(self.parsed.root, writer.parsed.root, length)

    def top_fields(self) -> list[str]:
        """The fields of a record; nothing else has any."""
        root = self.parsed.root
        return [field.name for field in root.fields] if isinstance(root, Record) else []

    def tags(self) -> list[Tagging]:
        """The tags in the text, by the full name of a record, or that and a field's name."""
        return tags(self.parsed.own)

    def with_tags(self, add: Sequence[Tagging], remove: Sequence[Tagging]) -> AvroSchema:
        """A schema that differs in its tags alone.

        Raises:
            InvalidSchema: nothing is at a path.
        """
        copy = AVRO_LANGUAGE.read(self._text, self._dependencies)  # its tree is still nobody's
        tag(copy.parsed.own, add, remove)
        return AVRO_LANGUAGE.read(printed(copy.parsed.root, self._known), self._dependencies)


class AvroLanguage:
    """Reads Avro schemas."""

    name = AVRO

    def read(self, text: str, dependencies: Sequence[Dependency] = ()) -> AvroSchema:
        """The schema of a text that may use the names that its dependencies define.

        Raises:
            InvalidSchema: the text, or one that it refers to, is none.
        """
        try:
            parser = Parser()
            for name, each in dependencies:
                _parse_dependency(parser, name, each)
            known = list(parser.known)
            schema = AvroSchema(_parse(parser, text), tuple(dependencies), known)
            if schema.parsed.is_forward:
                _check_again(schema, dependencies)
        except RecursionError:
            raise InvalidSchema("the schema nests too deep for what is left of the stack") from None
        return schema


AVRO_LANGUAGE = AvroLanguage()


def _parse(parser: Parser, text: str) -> Parsed:
    value = read_json(text)
    try:
        return parser.parse(value)
    except Fault as fault:
        way = steps(fault.where)
        line, column = place(text, way)
        raise InvalidSchema(
            fault.text, line=line, column=column, path=pointer(way), hint=fault.hint
        ) from None


def _parse_dependency(parser: Parser, name: str, text: str) -> None:
    try:
        _parse(parser, text)
    except InvalidSchema as e:
        at = f"line {e.line}, column {e.column}"
        raise InvalidSchema(f"in the reference '{name[:80]}', {at}: {e}", hint=e.hint) from None


def _check_again(schema: AvroSchema, dependencies: Sequence[Dependency]) -> None:
    """Refuse a schema whose own text could not be read.

    It happens where a name is used before its type is complete: the text has the type there, and
    so deeper, or in another namespace.
    """
    parser = Parser()
    for name, each in dependencies:
        _parse_dependency(parser, name, each)
    try:
        parser.parse(read_json(schema.text))
    except (Fault, InvalidSchema) as e:
        raise InvalidSchema(
            f"with its types where they are first used, the schema can't be read: {e}",
            hint="define each type before it is used",
        ) from None
