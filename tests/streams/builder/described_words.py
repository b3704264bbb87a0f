"""The words of the topologies that are built and described alone, and the list of them.

Each is the twin of the row of `tests/java/streams/DescribedTopologies.java` of the same name. What
a function gives does not matter here. Operators stand in the order in which Java evaluates them,
since that is the order of the names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ottla.streams import Streams, join_within, key_value, tumbling, window_store
from ottla.streams.plan.description import hash_order

Build = Callable[[Streams], object]

#: A name without "describe-" to what builds it.
ROWS: dict[str, Build] = {}

TUMBLING = tumbling(1000, grace=500)
NEAR = join_within(300, grace=200)
COUNTS = key_value("agg", key=str, value=int)
SERDES = key_value(key=str, value=str)


def row(name: str) -> Callable[[Build], Build]:
    def noted(build: Build) -> Build:
        assert name not in ROWS, name
        ROWS[name] = build
        return build

    return noted


def row_of(name: str, build: Build) -> None:
    row(name)(build)


def window_texts(name: str = "agg") -> Any:
    return window_store(name, key=str, value=str)


def texts(name: str = "agg") -> Any:
    return key_value(name, key=str, value=str)


# ---------------------------------------------------------------- topics
def a(app: Streams) -> Any:
    return app.stream("a")


def rekeyed(app: Streams, topic: str) -> Any:
    return app.stream(topic).select_key(same)


def table(app: Streams, topic: str) -> Any:
    return app.table(topic, store=f"store-{topic}")


def out(stream: Any, topic: str = "out") -> None:
    stream.to(topic)


def all_out(branches: dict[str, Any]) -> None:
    """Java gives the branches as a HashMap, so in the order of their names' hashes."""
    for name in hash_order(branches):
        out(branches[name])


# ---------------------------------------------------------------- functions
def yes(value: Any) -> bool:
    return True


def same(value: Any) -> Any:
    return value


def pair(key: Any, value: Any) -> tuple[Any, Any]:
    return key, value


def pairs(key: Any, value: Any) -> Iterable[tuple[Any, Any]]:
    return [(key, value)]


def listed(value: Any) -> Iterable[Any]:
    return [value]


def first(left: Any, right: Any) -> Any:
    return left


def empty() -> str:
    return ""


def latest(value: Any, aggregate: Any) -> Any:
    return value


def both(left: Any, right: Any) -> str:
    return f"{left}|{right}"
