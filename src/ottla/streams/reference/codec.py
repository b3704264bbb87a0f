"""Serdes as the reference executor calls them: one function to bytes, one from bytes, made at build.

None is no value on both sides, and no serde is asked about it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ottla.streams.serdes import Serde

Writer = Callable[[Any], bytes | None]
Reader = Callable[[bytes | None], Any]


def writer(serde: Serde | None, topic: str, *, is_key: bool = False) -> Writer:
    """Values of a topic to bytes; without a serde, bytes as they are."""
    if serde is None:
        return as_it_is
    raise NotImplementedError


def reader(serde: Serde | None, topic: str, *, is_key: bool = False) -> Reader:
    """Values of a topic from bytes; without a serde, bytes as they are."""
    if serde is None:
        return as_it_is
    raise NotImplementedError


def as_it_is(value: Any) -> Any:
    return value
