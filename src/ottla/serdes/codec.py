"""What a serializer asks of a language of schemas: reads one, and writes and reads data with it.

A codec knows no registry, no topic and no framing. Its errors say what is wrong and in which field;
who calls it says where that was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from ottla.schemas.language import Dependency
from ottla.serdes.contract import Contract
from ottla.serdes.framing import Indexes


class Misfit(Exception):
    """A value that does not fit its schema, or bytes that are no data of theirs."""

    def __init__(self, text: str, *, field: str | None = None, hint: str | None = None) -> None:
        super().__init__(text)
        self.text, self.field, self.hint = text, field, hint


class Field(NamedTuple):
    """A field that rules may look at and change."""

    container: Any
    """The record, message or object that has it."""
    full_name: str
    name: str
    kind: str
    """RECORD, ENUM, ARRAY, MAP, COMBINED, FIXED, STRING, BYTES, INT, LONG, FLOAT, DOUBLE, BOOLEAN
    or NULL.
    """
    tags: frozenset[str]
    """Those that stand in the schema's text."""


Change = Callable[[Field, Any], Any]
"""Gives a field's value anew; for a list or a map it is called for each of its values."""


class Codec(Protocol):
    """A language."""

    type: str
    has_indexes: bool
    """Whether a frame says which of the schema's messages is meant."""

    def read(self, contract: Contract, dependencies: Sequence[Dependency]) -> Any:
        """A schema in the codec's own form.

        Raises:
            InvalidSchema: it is none.
        """

    def name(self, parsed: Any, indexes: Indexes) -> str | None:
        """The full name of the record that it describes."""

    def encode(self, parsed: Any, value: Any) -> bytes:
        """A value as bytes.

        Raises:
            Misfit: the schema does not allow it.
        """

    def decode(self, writer: Any, payload: bytes, reader: Any | None, indexes: Indexes) -> Any:
        """The value of bytes, as a reader's schema wants it, where there is one.

        Raises:
            Misfit: they are no data of the writer's schema, or the reader can't read such.
        """

    def check(self, parsed: Any, value: Any) -> None:
        """Judge a value that was read, when rules have run.

        Raises:
            Misfit: it is not what its schema says.
        """

    def to_plain(self, writer: Any, payload: bytes, indexes: Indexes) -> Any:
        """The value of bytes as dicts and lists, for rules that migrate it.

        Raises:
            Misfit: as `decode`.
        """

    def from_plain(self, writer: Any, reader: Any, value: Any, indexes: Indexes) -> Any:
        """A value of the reader's schema out of what migrations made.

        Raises:
            Misfit: it does not fit.
        """

    def change_fields(self, parsed: Any, value: Any, change: Change, indexes: Indexes) -> Any:
        """Have every field that holds no other changed; the value, which may be the same object."""
