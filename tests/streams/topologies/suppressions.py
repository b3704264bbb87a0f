"""Twins of SuppressTopologies.java."""

from __future__ import annotations

from typing import Any

from ottla.streams import Streams
from streams.topologies.words import (
    TEXTS,
    Given,
    both,
    first,
    grouped,
    less,
    more,
    nothing,
    out,
    outw,
    row,
    session_counts,
    sessions,
    slides,
    table,
    window_counts,
    windows,
)

FINAL: dict[str, Any] = {"until": "window_closes"}


def counted(app: Streams, given: Given) -> Any:
    return grouped(app).windowed_by(windows(given)).count(**window_counts())


def final(app: Streams, given: Given) -> None:
    outw(counted(app, given).suppress(name="sup", **FINAL))


row("suppress-window")(final)
row("headers-suppress", store_format="headers")(final)


@row("suppress-window-unnamed")
def _(app: Streams, given: Given) -> None:
    outw(counted(app, given).suppress(**FINAL))


@row("suppress-window-unlogged")
def _(app: Streams, given: Given) -> None:
    outw(counted(app, given).suppress(name="sup", logged=False, **FINAL))


@row("suppress-window-full")
def _(app: Streams, given: Given) -> None:
    outw(counted(app, given).suppress(name="sup", records_max=given["most"], **FINAL))


@row("suppress-window-limit")
def _(app: Streams, given: Given) -> None:
    outw(counted(app, given).suppress(wait=given["wait"], name="sup"))


@row("suppress-sliding")
def _(app: Streams, given: Given) -> None:
    counts = grouped(app).windowed_by(slides(given)).count(**window_counts())
    outw(counts.suppress(name="sup", **FINAL))


@row("suppress-session")
def _(app: Streams, given: Given) -> None:
    counts = grouped(app).windowed_by(sessions(given)).count(**session_counts())
    outw(counts.suppress(name="sup", **FINAL))


def limited(app: Streams, wait: int, **bounds: Any) -> Any:
    return table(app, "a").suppress(wait=wait, name="sup", **bounds)


@row("suppress-limit")
def _(app: Streams, given: Given) -> None:
    out(limited(app, given["wait"]))


@row("suppress-limit-zero")
def _(app: Streams, given: Given) -> None:
    out(limited(app, 0))


@row("suppress-early-records")
def _(app: Streams, given: Given) -> None:
    out(limited(app, given["wait"], records_max=given["most"]))


@row("suppress-early-bytes")
def _(app: Streams, given: Given) -> None:
    out(limited(app, given["wait"], bytes_max=given["bytes"]))


@row("suppress-full-bytes")
def _(app: Streams, given: Given) -> None:
    out(limited(app, given["wait"], bytes_max=given["bytes"], when_full="shut_down"))


@row("suppress-join")
def _(app: Streams, given: Given) -> None:
    out(limited(app, given["wait"]).outer_join(table(app, "b"), both))


@row("suppress-aggregate")
def _(app: Streams, given: Given) -> None:
    rows = limited(app, given["wait"]).group_by(
        lambda v: (first(v), v), key=str, value=str, name="rk"
    )
    out(rows.aggregate(nothing, more, less, **TEXTS))
