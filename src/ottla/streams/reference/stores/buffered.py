"""What buffers keep of a record that waits: its values' bytes and where it came from, as one text
of bytes.

    place   timestamp: 8, offset: 8, topic, partition: 4, headers: 4, then name and value of each
    value   place, prior value, old value, new value; each after its length: 4, -1 is null

The prior value is what stood there when the key was first buffered. Where the old value is the
same, its length is -2 and nothing follows. A record goes on in its own place, so what it causes has
its topic, offset and headers.
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

from ottla.streams.errors import ProcessingError
from ottla.streams.execution import Headers

_INT = struct.Struct(">i")
_TIMES = struct.Struct(">qq")
NULL, AS_PRIOR = -1, -2
#: What a place counts for in memory, without its topic and headers: two times and the partition.
PLACE_SIZE = 20

#: (timestamp, headers, topic, partition, offset, raw key, raw value), as a context has it.
Place = tuple[Any, ...]


class Buffered(NamedTuple):
    """A buffered record; `old` is `prior` itself where both are equal."""

    prior: bytes | None
    old: bytes | None
    new: bytes | None
    place: Place

    def size(self) -> int:
        """Bytes as Kafka counts them against a buffer's bound."""
        _, headers, topic, *_ = self.place
        old = 0 if self.old == self.prior else len(self.old or b"")
        of_headers = sum(java_length(name) + len(value or b"") for name, value in headers)
        of_values = len(self.prior or b"") + old + len(self.new or b"")
        return of_values + PLACE_SIZE + java_length(topic or "") + of_headers

    def written(self) -> bytes:
        old = _sized(self.old)
        if self.old is not None and self.old == self.prior:
            old = _INT.pack(AS_PRIOR)
        return write_place(self.place) + _sized(self.prior) + old + _sized(self.new)


def write_place(place: Place) -> bytes:
    """Where a record came from, as bytes.

    Raises:
        ProcessingError: it came of no topic: a punctuation made it.
    """
    timestamp, headers, topic, partition, offset, *_ = place
    if topic is None:
        raise ProcessingError(
            "a record that a punctuation made cannot wait in a buffer",
            hint="write it to a topic first, and read that one",
        )
    parts = [_TIMES.pack(timestamp, offset), _sized(topic.encode()), _INT.pack(partition)]
    parts.append(_INT.pack(len(headers)))
    for name, value in headers:
        parts += (_sized(name.encode()), _sized(value))
    return b"".join(parts)


def read_buffered(data: bytes) -> Buffered:
    """The record of bytes that `Buffered.written` made."""
    cursor = _Cursor(data)
    timestamp, offset = cursor.number(), cursor.number()
    topic = (cursor.sized() or b"").decode()
    partition = cursor.count()
    headers: Headers = tuple(
        ((cursor.sized() or b"").decode(), cursor.sized()) for _ in range(cursor.count())
    )
    prior = cursor.sized()
    size = cursor.count()
    old = prior if size == AS_PRIOR else cursor.cut(size)
    place = (timestamp, headers, topic, partition, offset, None, None)
    return Buffered(prior, old, cursor.sized(), place)


class _Cursor:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def number(self) -> int:
        self.at += 8
        return int.from_bytes(self.data[self.at - 8 : self.at], signed=True)

    def count(self) -> int:
        self.at += 4
        return int.from_bytes(self.data[self.at - 4 : self.at], signed=True)

    def sized(self) -> bytes | None:
        return self.cut(self.count())

    def cut(self, size: int) -> bytes | None:
        if size < 0:
            return None
        self.at += size
        return self.data[self.at - size : self.at]


def _sized(value: bytes | None) -> bytes:
    return _INT.pack(NULL) if value is None else _INT.pack(len(value)) + value


def java_length(text: str) -> int:
    """How many chars Java has for a text: two where one is beyond 16 bits."""
    return len(text) + sum(char > "\uffff" for char in text)
