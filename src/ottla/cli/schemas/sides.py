"""Two schemas beside each other: what can't be read in either direction, and what was written
otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ottla.cli.schemas import reasons
from ottla.errors import OttlaError
from ottla.schemas.language import PROTOBUF, Schema

Row = dict[str, Any]


class Side(NamedTuple):
    """One of the two: what it is called, and the schema."""

    name: str
    type: str
    schema: Schema


class Compared(NamedTuple):
    """The outcome: reasons for each direction, and the lines of a text diff."""

    old: str
    new: str
    new_reads_old: list[Row]
    old_reads_new: list[Row]
    text: list[str]

    @property
    def level(self) -> str:
        """The strictest level that the new one could come under."""
        if not self.new_reads_old:
            return "BACKWARD" if self.old_reads_new else "FULL"
        return "NONE" if self.old_reads_new else "FORWARD"


def compare(old: Side, new: Side) -> Compared:
    """Look at both.

    Raises:
        OttlaError: they are of different languages.
    """
    from difflib import unified_diff

    if old.type != new.type:
        raise OttlaError(
            f"{old.name} is {old.type}, and {new.name} is {new.type}",
            hint="only schemas of one language can be compared",
        )
    return Compared(
        old.name,
        new.name,
        reasons.rows_of_differences(new.schema.unreadable(old.schema)),
        reasons.rows_of_differences(old.schema.unreadable(new.schema)),
        list(
            unified_diff(
                _lines(old),
                _lines(new),
                old.name,
                new.name,
                lineterm="",
            )
        ),
    )


def pretty(text: str, schema_type: str) -> str:
    """A text with a line for each thing, in the order that it is told in."""
    import json

    if schema_type == PROTOBUF:
        return text.rstrip("\n")
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def _lines(side: Side) -> Sequence[str]:
    return pretty(side.schema.text, side.type).splitlines()
