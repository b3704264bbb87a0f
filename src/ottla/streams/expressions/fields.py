"""Which parts of a record's value an expression reads."""

from __future__ import annotations

from ottla.streams.expressions.display import Rows

#: Paths of names and places; None for the whole value.
Fields = frozenset[tuple[str | int, ...]] | None


def fields_of(rows: Rows) -> Fields:
    """The paths that it reads; None where it reads the value as a whole."""
    if rows[0] == "col":
        return frozenset((rows[1],)) if rows[1] else None
    found: frozenset[tuple[str | int, ...]] = frozenset()
    for child in children(rows):
        below = fields_of(child)
        if below is None:
            return None
        found |= below
    return found


def children(rows: Rows) -> list[Rows]:
    """The rows inside rows."""
    name, *rest = rows
    if name == "when":
        return [part for case in rest[0] for part in case] + [rest[1]]
    if name == "record":
        return [row for _, row in rest[0]]
    if name in ("col", "lit", "is_in"):
        return [rest[0]] if name == "is_in" else []
    return [part for part in rest if isinstance(part, tuple)]
