"""Values that end in 7 are refused: by functions, and by serdes where they read or write."""

from __future__ import annotations

from typing import Any

from ottla.streams.serdes import STRING, Serde
from ottla.streams.serdes.serde import Headers


class Poison(Exception):
    """What every value that ends in 7 raises."""


def checked(value: Any) -> Any:
    if value is not None and value.endswith("7"):
        raise Poison(f"poison {value}")
    return value


class Picky(Serde):
    """Texts, of which it refuses some: where it reads, or where it writes."""

    def __init__(self, *, reads: bool) -> None:
        self.reads = reads

    def serialize(self, value: Any, topic: str = "", headers: Headers = None) -> bytes | None:
        return STRING.serialize(value if self.reads else checked(value))

    def deserialize(self, data: bytes | None, topic: str = "", headers: Headers = None) -> Any:
        read = STRING.deserialize(data)
        return checked(read) if self.reads else read
