"""The bytes of a table's change on a repartition topic: Kafka's ChangedSerializer.

    new alone   new's bytes, 1            old alone   old's bytes, 0
    both        varint of new's length, new's bytes, old's bytes, 2

Kafka reads three more kinds (3, 4, 5: a byte before the last says whether the change is the
latest); it does not write them yet.
"""

from __future__ import annotations

from typing import Any

from ottla.streams.serdes.serde import Headers, Serde


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
        late = "" if self.is_latest else ", not the latest"
        return f"Change({self.new!r} <- {self.old!r}{late})"


class ChangedSerde(Serde):
    """Changes of values that `inner` writes."""

    name = "CHANGED"

    def __init__(self, inner: Serde) -> None:
        self.inner = inner
        if inner.native is not None:
            self.native = ("changed", inner.native)

    def prepare(self) -> None:
        self.inner.prepare()

    def __repr__(self) -> str:
        return f"CHANGED({self.inner!r})"

    def serialize(self, value: Any, topic: str = "", headers: Headers = None) -> bytes | None:
        if not isinstance(value, Change):
            raise self._wrong_type(value, topic)
        new = self.inner.serialize(value.new, topic, headers)
        old = self.inner.serialize(value.old, topic, headers)
        if new is not None and old is not None:
            return zigzag(len(new)) + new + old + b"\x02"
        if new is not None:
            return new + b"\x01"
        if old is not None:
            return old + b"\x00"
        raise self._unwritable("a change of nothing to nothing", topic)

    def deserialize(self, data: bytes | None, topic: str = "", headers: Headers = None) -> Any:
        if not data:
            raise self._unreadable(data or b"", topic, "a change has at least its kind")
        kind, end, latest = data[-1], len(data) - 1, True
        if kind > 5:
            raise self._unreadable(data, topic, f"there is no kind {kind}")
        if kind > 2:
            end -= 1
            if end < 0 or data[end] > 1:
                raise self._unreadable(data, topic, "whether it is the latest is 0 or 1")
            latest, kind = data[end] == 1, kind - 3
        new = old = None
        if kind == 0:
            old = data[:end]
        elif kind == 1:
            new = data[:end]
        else:
            size, start = read_zigzag(data)
            if size < 0 or start + size > end:
                raise self._unreadable(data, topic, "the new value's length is past the end")
            new, old = data[start : start + size], data[start + size : end]
        read = self.inner.deserialize
        return Change(read(new, topic, headers), read(old, topic, headers), latest)


def zigzag(number: int) -> bytes:
    """A number as Kafka's varints: zigzag, seven bits a byte, the lowest first."""
    rest = (number << 1) ^ (number >> 31)
    out = bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def read_zigzag(data: bytes, start: int = 0) -> tuple[int, int]:
    """The number at `start`, and where it ends; -1 where it has no end within five bytes."""
    number = 0
    for place, byte in enumerate(data[start : start + 5]):
        number |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return (number >> 1) ^ -(number & 1), start + place + 1
    return -1, start
