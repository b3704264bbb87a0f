"""Serdes as the reference executor calls them: one function to bytes, one from bytes, made at
build.

Serdes may add to a record's headers; those with a twin in Rust do not, so they are spared the list.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ottla.streams.serdes import Serde
from ottla.streams.serdes.serde import not_bytes

Writer = Callable[[Any], bytes | None]
Reader = Callable[[bytes | None], Any]


def writer(serde: Serde | None, topic: str, *, is_key: bool = False) -> Writer:
    """Values of a topic to bytes; without a serde, bytes as they are."""
    if serde is None:
        return as_it_is
    serialize = (serde.as_key() if is_key else serde).serialize

    def write(value: Any) -> bytes | None:
        return serialize(value, topic)

    if serde.native is None:
        return lambda value: checked(serde, serialize(value, topic), topic)
    return write


def checked(serde: Serde, data: Any, topic: str) -> bytes | None:
    """What a serde of the user's wrote.

    Raises:
        SerdeError: it is neither bytes nor None.
    """
    if data is None or isinstance(data, bytes):
        return data
    raise not_bytes(serde, data, topic)


def reader(serde: Serde | None, topic: str, *, is_key: bool = False) -> Reader:
    """Values of a topic from bytes; without a serde, bytes as they are."""
    if serde is None:
        return as_it_is
    deserialize = (serde.as_key() if is_key else serde).deserialize

    def read(data: bytes | None) -> Any:
        return deserialize(data, topic)

    return read


def reads_headers(serde: Serde) -> bool:
    """Whether a serde may look at a record's headers or add to them."""
    return serde.native is None


def as_it_is(value: Any) -> Any:
    return value
