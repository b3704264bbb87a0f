"""What the registry, the serializers and the commands ask of a schema language.

A language reads a text into a `Schema`, which prints itself and says how it differs from an older
one. Nothing here knows of subjects, versions or ids: what a schema refers to is handed in as text.
What stays true: a language never raises anything but `InvalidSchema` for a text, however long,
deep or odd it is, and needs time that is bounded by the text's size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from ottla.errors import OttlaError

AVRO, PROTOBUF, JSON = "AVRO", "PROTOBUF", "JSON"

DEPTH_MAX = 100
"""How deep a schema may nest, in each language; protoc's own limit."""


class InvalidSchema(OttlaError):
    """A text that is no schema of its language.

    Attributes:
        line, column: where, from 1; 0 where no place in the text is at fault.
        path: where in the schema, as "/fields/2/type"; empty for the whole.
    """

    def __init__(
        self,
        text: str,
        *,
        line: int = 0,
        column: int = 0,
        path: str = "",
        hint: str | None = None,
    ) -> None:
        super().__init__(text, hint=hint)
        self.line = line
        self.column = column
        self.path = path


class BadFormat(OttlaError):
    """A `format` that the language does not print."""


class Dependency(NamedTuple):
    """A schema that another refers to, under the name that it is referred to by.

    Dependencies come in an order in which each needs only those before it.
    """

    name: str
    """Avro: a full name; Protobuf: the path of an import; JSON Schema: the URI of a $ref."""
    text: str


class Difference(NamedTuple):
    """One reason why a reader with one schema can't read what another has written.

    `kind` is a word of the field, in capitals (as READER_FIELD_MISSING_DEFAULT_VALUE is of Avro),
    `path` the place in the reader's schema (or the writer's, where only it has the place), and
    `message` one sentence that names both and what to change.
    """

    kind: str
    path: str
    message: str


UNDECIDED = "COMPATIBILITY_UNDECIDED"
"""The kind of the one difference where comparing would take more than a comparison may cost."""


class Schema(Protocol):
    """A schema that was read, with all that it refers to."""

    @property
    def text(self) -> str:
        """The text as a registry keeps it: printed anew, meaning and order of things kept."""

    def normalized(self) -> str:
        """The text in a form that is equal for schemas that differ only in how they are told."""

    def formatted(self, form: str) -> str:
        """The text in one of the language's forms; "" is `text`.

        Raises:
            BadFormat: the language has no such form.
        """

    def unreadable(self, writer: Schema, *, lenient: bool = False) -> Sequence[Difference]:
        """Why a reader with this schema can't read what `writer` wrote; empty when it can.

        `lenient` is the compatibilityPolicy LENIENT of a registry, which tells of fewer changes;
        `writer` is of the same language.
        """

    def top_fields(self) -> Sequence[str]:
        """The names of the fields or properties of the schema itself, not of those within."""

    def tags(self) -> Sequence[Tagging]:
        """The tags that stand in the text itself, those of one entity together."""

    def with_tags(self, add: Sequence[Tagging], remove: Sequence[Tagging]) -> Schema:
        """The schema with tags added to and removed from its text.

        Raises:
            InvalidSchema: nothing is at a path.
        """


class Tagging(NamedTuple):
    """Tags of one entity: its kind ("sr_record" or "sr_field") and its dotted path."""

    kind: str
    path: str
    tags: tuple[str, ...]


class Language(Protocol):
    """One of the three languages; the modules `avro`, `protobuf` and `json_schema` export one."""

    name: str

    def read(self, text: str, dependencies: Sequence[Dependency] = ()) -> Schema:
        """Read a text.

        Raises:
            InvalidSchema: with the place, where one is at fault.
        """
