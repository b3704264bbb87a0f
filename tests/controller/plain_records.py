"""Messages as plain JSON in which identifiers are numbered, so that two runs can be compared."""

from __future__ import annotations

from typing import Any

from ottla.wire.schema import Struct

STRANGER = bytes(range(16))
"""An id that nothing has."""

NOT_RESERVED = 1 << 100
"""Kafka keeps the lowest identifiers for itself."""


class Plain:
    """One run's identifiers: the first that is seen is `<id 1>`.

    With `numbered`, identifiers are the numbers themselves, as `identifier` makes them.
    """

    def __init__(self, *, numbered: bool = False) -> None:
        self._ids: dict[bytes, str] = {}
        self._numbered = numbered

    def of(self, value: Any) -> Any:
        """Any value of a message."""
        if isinstance(value, Struct):
            return {name: self.of(getattr(value, name)) for name in value.__fields__}
        if isinstance(value, list | tuple):
            return [self.of(item) for item in value]
        if isinstance(value, bytes):
            return self._identifier(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return int(value)
        return value

    def record(self, record: Any, version: int) -> list[Any]:
        """A metadata record: kind, version, fields."""
        return [type(record).__name__, version, self.of(record)]

    def _identifier(self, value: bytes) -> str:
        if not any(value):
            return "<no id>"
        if value == STRANGER:
            return "<strange id>"
        if self._numbered:
            return f"<id {int.from_bytes(value, 'big') - NOT_RESERVED}>"
        return self._ids.setdefault(value, f"<id {len(self._ids) + 1}>")


def identifier(text: str) -> bytes:
    """The identifier that stands for `<id n>`."""
    return bytes(16) if text == "<no id>" else (int(text[4:-1]) + NOT_RESERVED).to_bytes(16, "big")
