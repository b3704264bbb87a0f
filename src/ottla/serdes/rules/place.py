"""Where a rule runs: of which topic and subject, with what the record has beside the value."""

from __future__ import annotations

from typing import Any, NamedTuple


class Place(NamedTuple):
    """The record that is written or read."""

    topic: str
    is_key: bool
    subject: str
    headers: Any
    original: Any
    """The value before any rule: the program's own at a write, the record's bytes at a read."""
    key: bytes | None = None
    """The record's key, where its value is read."""
