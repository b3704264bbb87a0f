"""Messages as plain JSON in which identifiers are numbered, so that two runs can be compared."""

from __future__ import annotations

from typing import Any

from ottla.wire.schema import Struct


class Plain:
    """One run's identifiers: the first that is seen is `<id 1>`."""

    def __init__(self) -> None:
        self._ids: dict[bytes, str] = {}

    def of(self, value: Any) -> Any:
        """Any value of a message."""
        if isinstance(value, Struct):
            return {name: self.of(getattr(value, name)) for name in value.__fields__}
        if isinstance(value, list | tuple):
            return [self.of(item) for item in value]
        if isinstance(value, bytes):
            if not any(value):
                return "<no id>"
            return self._ids.setdefault(value, f"<id {len(self._ids) + 1}>")
        if isinstance(value, int) and not isinstance(value, bool):
            return int(value)
        return value

    def record(self, record: Any, version: int) -> list[Any]:
        """A metadata record: kind, version, fields."""
        return [type(record).__name__, version, self.of(record)]
