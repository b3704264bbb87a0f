"""Which metrics a client is asked for, and the id of that question, as Apache Kafka computes it.

A client is asked for what all subscriptions want that it matches, at the shortest of their
intervals. The id is a checksum of that list, so its order counts, and that is the order of a Java
hash set: two brokers of either kind give a client the same id, and it need not ask anew where it
goes to another one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from ottla.config.client_metrics import ALL, Wanted
from ottla.wire.java import java_hash

INTERVAL_MS: Final = 300_000
"""How often a client pushes, or asks again, where no subscription says so."""

_TABLE_MIN: Final = 16
_POLYNOMIAL: Final = 0x82F63B78


class Question(NamedTuple):
    """What a client is asked for."""

    subscription_id: int
    metrics: tuple[str, ...]
    interval_ms: int


def question(
    instance_id: bytes, client: Mapping[str, str | None], subscriptions: Mapping[str, Wanted]
) -> Question:
    """What the client of that id is asked for, of which this is known by selector."""
    metrics: dict[str, None] = {}
    interval_ms = INTERVAL_MS
    for name in in_java_order(subscriptions):
        wanted = subscriptions[name]
        if wanted.is_for(client):
            metrics |= dict.fromkeys(in_java_order(wanted.metrics))
            interval_ms = min(interval_ms, wanted.interval_ms)
    asked = (ALL,) if ALL in metrics else tuple(in_java_order(metrics))
    text = f"[{', '.join(asked)}]{interval_ms}"
    subscription_id = _signed(crc32c(text.encode()) ^ _uuid_hash(instance_id))
    return Question(subscription_id, asked, interval_ms)


def in_java_order(texts: Iterable[str]) -> list[str]:
    """The texts as a hash set of Java gives them that they were put into in this order."""
    found = list(dict.fromkeys(texts))
    size = _TABLE_MIN
    while len(found) > size * 3 // 4:
        size *= 2
    return sorted(found, key=lambda text: _spread(java_hash(text)) & (size - 1))


def _spread(code: int) -> int:
    unsigned = code & 0xFFFFFFFF
    return unsigned ^ unsigned >> 16


def _uuid_hash(uuid: bytes) -> int:
    both = int.from_bytes(uuid[:8], "big") ^ int.from_bytes(uuid[8:], "big")
    return (both >> 32) ^ (both & 0xFFFFFFFF)


def _signed(number: int) -> int:
    return number - (1 << 32) if number >> 31 else number


@lru_cache(maxsize=64)
def crc32c(data: bytes) -> int:
    """The checksum of Castagnoli, of a text that many clients are asked."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (_POLYNOMIAL if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF
