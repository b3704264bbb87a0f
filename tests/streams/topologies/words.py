"""What all twins say: a topic as a stream or a table, how results leave, the trivial functions.

Each is the twin of what `tests/java/streams/Words.java` has by nearly the same name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ottla.streams import (
    Streams,
    Windowed,
    hopping,
    join_within,
    key_value,
    session,
    session_store,
    sliding,
    tumbling,
    versioned,
    window_store,
)
from ottla.streams.builder.application import Application

Given = Mapping[str, int]
Build = Callable[[Any, Given], None]


@dataclass(frozen=True)
class Row:
    """What builds a topology, on which kind of application, with which arguments of it."""

    build: Build
    kind: type[Application] = Streams
    config: Mapping[str, Any] = field(default_factory=dict)


ROWS: dict[str, Row] = {}


def row(*names: str, kind: type[Application] = Streams, **config: Any) -> Callable[[Build], Build]:
    """The twin of the topologies of these names."""

    def noted(build: Build) -> Build:
        for name in names:
            assert name not in ROWS, name
            ROWS[name] = Row(build, kind, config)
        return build

    return noted


# ---------------------------------------------------------------- in and out
def stream(app: Streams, topic: str = "a") -> Any:
    return app.stream(topic, key=str, value=str)


def table(app: Streams, topic: str) -> Any:
    """A table of a topic, in a store named after it."""
    return app.table(topic, key=str, value=str, store=f"store-{topic}")


def bare(app: Streams, topic: str) -> Any:
    """A table of a topic that nobody asked to have a store."""
    return app.table(topic, key=str, value=str)


def versions(app: Streams, topic: str, given: Given) -> Any:
    store = versioned(f"store-{topic}", history=given["history"])
    return app.table(topic, key=str, value=str, store=store)


def grouped(app: Streams) -> Any:
    return stream(app).group_by_key(key=str, value=str)


def by_key(app: Streams, topic: str) -> Any:
    return stream(app, topic).group_by_key(key=str, value=str)


def out(given: Any) -> None:
    """A stream's or a table's values as texts, to the topic `out`."""
    records = given.to_stream() if hasattr(given, "to_stream") else given
    records.map_values(text).to("out", key=str, value=str)


def outw(given: Any) -> None:
    """A windowed table's changes, each under "key@start/end"."""
    out(given.to_stream(lambda key, value: window_text(key)))


def window_text(window: Windowed) -> str:
    return f"{window.key}@{window.start}/{window.end}"


# ---------------------------------------------------------------- stores and windows
COUNTS: dict[str, Any] = {"store": key_value("agg", key=str, value=int)}
TEXTS: dict[str, Any] = {"store": key_value("agg", key=str, value=str)}
ALL_TEXT: dict[str, Any] = {"key": str, "value": str}
SIDES: dict[str, Any] = {"key": str, "this_value": str, "other_value": str}
JOINED: dict[str, Any] = {"store": "j", "name": "j", **SIDES}


def texts(name: str) -> dict[str, Any]:
    return {"store": key_value(name, key=str, value=str)}


def window_counts(**more: Any) -> dict[str, Any]:
    return {"store": kept("agg", int, **more)}


def session_counts(**more: Any) -> dict[str, Any]:
    return {"store": session_store("agg", key=str, value=int, **more)}


def kept(name: str, value: type, **more: Any) -> Any:
    """A store of windows by its name; only what is said here is special."""
    return window_store(name, key=str, value=value, **more)


WINDOW_TEXTS: dict[str, Any] = {"store": kept("agg", str)}
SESSION_TEXTS: dict[str, Any] = {"store": session_store("agg", key=str, value=str)}


def windows(given: Given) -> Any:
    size, grace = given["size"], given["grace"]
    if "advance" in given:
        return hopping(size, every=given["advance"], grace=grace)
    return tumbling(size, grace=grace)


def slides(given: Given) -> Any:
    return sliding(given["diff"], grace=given["grace"])


def sessions(given: Given) -> Any:
    return session(given["gap"], grace=given["grace"])


def near(given: Given) -> Any:
    diff = given["diff"]
    before, after = given.get("before", diff), given.get("after", diff)
    return join_within(diff, before=before, after=after, grace=given.get("grace", 0))


# ---------------------------------------------------------------- functions
def text(value: Any) -> str | None:
    return None if value is None else str(value)


def shown(value: Any) -> str:
    """As Java puts a value into a text."""
    return "null" if value is None else str(value)


def both(left: Any, right: Any) -> str:
    return f"{shown(left)}|{shown(right)}"


def plus(left: Any, right: Any) -> str:
    return f"{shown(left)}+{shown(right)}"


def plus_unless_zero(left: Any, right: Any) -> str | None:
    """What `plus` gives, or nothing for a value that ends in 0: an aggregation that forgets."""
    return None if right is not None and right.endswith("0") else plus(left, right)


def added(value: Any, aggregate: Any) -> str | None:
    return plus_unless_zero(aggregate, value)


def first(value: str | None) -> str | None:
    return None if value is None else value[:1]


def last(value: str | None) -> str | None:
    return None if value is None else value[-1:]


def nothing() -> str:
    return ""


def more(value: str, aggregate: str) -> str:
    return f"{aggregate}+{value}"


def less(value: str, aggregate: str) -> str:
    return f"{aggregate}-{value}"


def quoted(value: Any) -> str:
    return f"{shown(value)}'"
