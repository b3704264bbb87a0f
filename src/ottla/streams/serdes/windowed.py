"""Keys of windows, and their bytes: a key, then the times of its window.

A time window's bytes tell its start alone, so who reads them knows how long windows are. A
session's tell its end, then its start. Ends are exclusive for time windows and inclusive for
sessions.
"""

from __future__ import annotations

import struct
from abc import abstractmethod
from typing import Any, Generic, NamedTuple

from ottla.streams.serdes.choice import serde_for
from ottla.streams.serdes.serde import INT_MAX, Headers, Serde
from ottla.streams.variables import K

_TIME = struct.Struct(">q")
_TIMES = struct.Struct(">qq")


class Windowed(NamedTuple, Generic[K]):
    """A key in a window from `start` to `end`, in ms since the epoch."""

    key: K
    start: int
    end: int


class WindowedSerde(Serde):
    """What both kinds of windowed keys have."""

    def __init__(self, key: Serde) -> None:
        self.key = key

    def as_key(self) -> Serde:
        return self._of(self.key.as_key())

    def prepare(self) -> None:
        self.key.prepare()

    def __repr__(self) -> str:
        return f"{self.name}({self.key!r})"

    @abstractmethod
    def _of(self, key: Serde) -> Serde:
        """The same with another serde for the key."""

    def _key(self, value: Any, topic: str, headers: Headers) -> bytes:
        if not isinstance(value, Windowed):
            raise self._wrong_type(value, topic)
        data = self.key.serialize(value.key, topic, headers)
        if data is None:
            raise self.key._wrong_type(None, topic)
        return data

    def _window(
        self, data: bytes, times: int, start: int, end: int, topic: str, headers: Headers
    ) -> Windowed:
        key = self.key.deserialize(data[:-times], topic, headers)
        if start < 0 or end < start:
            raise self._unreadable(data, topic, "its window has no such times")
        return Windowed(key, start, end)


class TimeWindowedSerde(WindowedSerde):
    """Keys of windows of `size_ms`."""

    name = "TIME_WINDOWED"

    def __init__(self, key: Serde, size_ms: int) -> None:
        super().__init__(key)
        self.size_ms = size_ms
        if key.native is not None:
            self.native = ("time_windowed", key.native, size_ms)

    def _of(self, key: Serde) -> Serde:
        return self if key is self.key else TimeWindowedSerde(key, self.size_ms)

    def serialize(self, value: Any, topic: str = "", headers: Headers = None) -> bytes | None:
        if value is None:
            return None
        return self._key(value, topic, headers) + _TIME.pack(value.start)

    def deserialize(self, data: bytes | None, topic: str = "", headers: Headers = None) -> Any:
        if not data:
            return None
        if len(data) < _TIME.size:
            raise self._unreadable(data, topic, "it ends with 8 bytes of times")
        (start,) = _TIME.unpack_from(data, len(data) - _TIME.size)
        end = min(start + self.size_ms, INT_MAX)
        return self._window(data, _TIME.size, start, end, topic, headers)


class SessionWindowedSerde(WindowedSerde):
    """Keys of sessions."""

    name = "SESSION_WINDOWED"

    def __init__(self, key: Serde) -> None:
        super().__init__(key)
        if key.native is not None:
            self.native = ("session_windowed", key.native)

    def _of(self, key: Serde) -> Serde:
        return self if key is self.key else SessionWindowedSerde(key)

    def serialize(self, value: Any, topic: str = "", headers: Headers = None) -> bytes | None:
        if value is None:
            return None
        return self._key(value, topic, headers) + _TIMES.pack(value.end, value.start)

    def deserialize(self, data: bytes | None, topic: str = "", headers: Headers = None) -> Any:
        if not data:
            return None
        if len(data) < _TIMES.size:
            raise self._unreadable(data, topic, "it ends with 16 bytes of times")
        end, start = _TIMES.unpack_from(data, len(data) - _TIMES.size)
        return self._window(data, _TIMES.size, start, end, topic, headers)


def time_windowed(key: type[K] | Serde[K], size_ms: int) -> Serde[Windowed[K]]:
    """Keys of windows of `size_ms` ms: Kafka's TimeWindowedSerializer and its reader.

    Raises:
        SerdeError: nothing is known that `key` says.
    """
    return TimeWindowedSerde(serde_for(key), size_ms)


def session_windowed(key: type[K] | Serde[K]) -> Serde[Windowed[K]]:
    """The serde of keys of sessions: Kafka's SessionWindowedSerializer and its reader.

    Raises:
        SerdeError: nothing is known that `key` says.
    """
    return SessionWindowedSerde(serde_for(key))
