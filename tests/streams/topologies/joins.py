"""Twins of JoinTopologies.java: streams with streams, tables and global tables."""

from __future__ import annotations

from typing import Any

from ottla.streams import Streams, tumbling
from streams.topologies.words import (
    ALL_TEXT,
    COUNTS,
    JOINED,
    Given,
    bare,
    both,
    first,
    last,
    near,
    out,
    outw,
    quoted,
    row,
    shown,
    stream,
    table,
    versions,
    window_counts,
)


def keyed(key: Any, left: Any, right: Any) -> str:
    return f"{shown(key)}:{both(left, right)}"


@row("stream-stream-join", "stream-stream-asymmetric-join")
def _(app: Streams, given: Given) -> None:
    out(stream(app).join(stream(app, "b"), both, within=near(given), **JOINED))


@row("stream-stream-left-join", "stream-stream-no-grace")
def _(app: Streams, given: Given) -> None:
    out(stream(app).left_join(stream(app, "b"), both, within=near(given), **JOINED))


def outer(app: Streams, given: Given) -> None:
    out(stream(app).outer_join(stream(app, "b"), both, within=near(given), **JOINED))


row(
    "stream-stream-outer-join", "stream-stream-asymmetric-outer-join",
    "stream-stream-outer-join-long",
)(outer)  # fmt: skip
row("stream-stream-in-memory", in_memory=True)(outer)
row("headers-stream-join", store_format="headers")(outer)


@row("stream-stream-key-join")
def _(app: Streams, given: Given) -> None:
    serdes: dict[str, Any] = {"key": str, "this_value": str, "other_value": str}
    out(stream(app).left_join(stream(app, "b"), keyed, within=near(given), **serdes))


@row("stream-stream-unlogged")
def _(app: Streams, given: Given) -> None:
    out(stream(app).left_join(stream(app, "b"), both, within=near(given), logged=False, **JOINED))


def with_itself(app: Streams, given: Given) -> None:
    records = stream(app)
    out(records.join(records, both, within=near(given), **JOINED))


row("self-join")(with_itself)
row("self-join-optimised", optimization="single.store.self.join")(with_itself)


@row("rekey-stream-join")
def _(app: Streams, given: Given) -> None:
    one = stream(app).select_key(first)
    other = stream(app, "b").select_key(last)
    out(one.join(other, both, within=near(given), **JOINED))


@row("two-stream-joins")
def _(app: Streams, given: Given) -> None:
    two = stream(app).join(stream(app, "b"), both, within=near(given), **JOINED)
    names = {**JOINED, "store": "k", "name": "k"}
    out(two.left_join(stream(app, "c"), both, within=near(given), **names))


@row("window-join-count")
def _(app: Streams, given: Given) -> None:
    joined = stream(app).outer_join(stream(app, "b"), both, within=near(given), **JOINED)
    cut = joined.group_by_key(**ALL_TEXT).windowed_by(tumbling(1000, grace=1000))
    outw(cut.count(**window_counts()))


# ---------------------------------------------------------------- with tables
SERDES: dict[str, Any] = {"key": str, "this_value": str}


def with_table(app: Streams, given: Given) -> None:
    out(stream(app).join(table(app, "t"), both, **SERDES))


row("stream-table-join")(with_table)
row("headers-stream-table-join", store_format="headers")(with_table)


@row("stream-table-left-join")
def _(app: Streams, given: Given) -> None:
    out(stream(app).left_join(table(app, "t"), both, **SERDES))


@row("rekey-stream-table-join")
def _(app: Streams, given: Given) -> None:
    out(stream(app).select_key(first).join(table(app, "t"), keyed, name="rj", **SERDES))


@row("stream-versioned-join")
def _(app: Streams, given: Given) -> None:
    out(stream(app).join(versions(app, "t", given), both, **SERDES))


@row("stream-versioned-left-join")
def _(app: Streams, given: Given) -> None:
    out(stream(app).left_join(versions(app, "t", given), both, **SERDES))


@row("stream-grace-join")
def _(app: Streams, given: Given) -> None:
    waits: dict[str, Any] = {"grace": given["grace"], "name": "g", **SERDES}
    out(stream(app).join(versions(app, "t", given), both, **waits))


@row("stream-grace-left-join")
def _(app: Streams, given: Given) -> None:
    waits: dict[str, Any] = {"grace": given["grace"], "name": "g", **SERDES}
    out(stream(app).left_join(versions(app, "t", given), both, **waits))


@row("stream-derived-table-join")
def _(app: Streams, given: Given) -> None:
    records = stream(app)
    rows = bare(app, "t").filter(lambda v: not v.endswith("3")).map_values(quoted)
    out(records.left_join(rows, both, **SERDES))


@row("stream-aggregate-join")
def _(app: Streams, given: Given) -> None:
    records = stream(app)
    counts = records.group_by_key(**ALL_TEXT).count(**COUNTS)
    out(records.join(counts, both, key=str, this_value=str))


def everywhere(app: Streams, **more: Any) -> Any:
    return app.global_table("t", key=str, value=str, **more)


@row("stream-global-join")
def _(app: Streams, given: Given) -> None:
    out(stream(app).join(everywhere(app, store="store-t"), both, on=lambda k, v: v[:1]))


@row("stream-global-left-join")
def _(app: Streams, given: Given) -> None:
    def selected(key: Any, value: str | None) -> str | None:
        return None if value is None or value.endswith("4") else first(value)

    out(stream(app).left_join(everywhere(app, store="store-t"), both, on=selected))


@row("stream-global-key-join")
def _(app: Streams, given: Given) -> None:
    out(stream(app).join(everywhere(app), keyed, on=lambda k, v: v[-1:]))
