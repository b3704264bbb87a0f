"""What flows between operators beside plain values: a table's change; and what a store answers.

A record is passed as four arguments `(key, value, timestamp, headers)`, never as an object: an operator
hands on what it was given and changes what it must. Headers are a tuple, shared and never changed.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ottla.streams.execution import Headers


class Change:
    """A table's record: the new value, the old one where the operator below asked for it.

    `is_latest` is False where a versioned store already holds a later version of the key.
    """

    __slots__ = ("is_latest", "new", "old")

    def __init__(self, new: Any, old: Any, is_latest: bool = True) -> None:
        self.new = new
        self.old = old
        self.is_latest = is_latest

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Change):
            return NotImplemented
        return (self.new, self.old, self.is_latest) == (other.new, other.old, other.is_latest)

    __hash__ = None  # type: ignore[assignment]  # a change holds values that may change

    def __repr__(self) -> str:
        return f"Change({self.new!r} <- {self.old!r}{'' if self.is_latest else ', not the latest'})"


class Stamped(NamedTuple):
    """What a store or a table's view holds for a key: never with a value of None."""

    value: Any
    timestamp: int
    headers: Headers = ()
