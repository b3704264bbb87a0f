"""Twins of WindowTopologies.java: time windows, sliding windows, sessions."""

from __future__ import annotations

from typing import Any

from ottla.streams import Streams, session, sliding, tumbling, unlimited
from ottla.streams.serdes import LONG, STRING, session_windowed, time_windowed
from streams.topologies.words import (
    SESSION_TEXTS,
    WINDOW_TEXTS,
    Given,
    added,
    by_key,
    grouped,
    kept,
    last,
    nothing,
    outw,
    plus,
    plus_unless_zero,
    row,
    session_counts,
    sessions,
    shown,
    slides,
    stream,
    window_counts,
    windows,
)


def counted(app: Streams, given: Given) -> None:
    outw(grouped(app).windowed_by(windows(given)).count(**window_counts()))


row("window-count", "hopping-count", "window-count-long")(counted)
row("headers-window-count", store_format="headers")(counted)


@row("window-count-final")
def _(app: Streams, given: Given) -> None:
    cut = grouped(app).windowed_by(windows(given)).emit("on_window_close")
    outw(cut.count(**window_counts()))


@row("hopping-aggregate")
def _(app: Streams, given: Given) -> None:
    outw(grouped(app).windowed_by(windows(given)).aggregate(nothing, added, **WINDOW_TEXTS))


@row("hopping-aggregate-final")
def _(app: Streams, given: Given) -> None:
    cut = grouped(app).windowed_by(windows(given)).emit("on_window_close")
    outw(cut.aggregate(nothing, added, **WINDOW_TEXTS))


@row("window-reduce")
def _(app: Streams, given: Given) -> None:
    outw(grouped(app).windowed_by(windows(given)).reduce(plus_unless_zero, **WINDOW_TEXTS))


@row("window-no-grace")
def _(app: Streams, given: Given) -> None:
    outw(grouped(app).windowed_by(tumbling(given["size"])).count(**window_counts()))


@row("window-count-unnamed")
def _(app: Streams, given: Given) -> None:
    outw(grouped(app).windowed_by(windows(given)).count())


@row("window-count-in-memory")
def _(app: Streams, given: Given) -> None:
    outw(grouped(app).windowed_by(windows(given)).count(**window_counts(in_memory=True)))


@row("window-count-retained")
def _(app: Streams, given: Given) -> None:
    more = window_counts(retention=given["retention"])
    outw(grouped(app).windowed_by(windows(given)).count(**more))


@row("rekey-window-count")
def _(app: Streams, given: Given) -> None:
    by_last = stream(app).group_by(last, key=str, value=str, name="rk")
    outw(by_last.windowed_by(windows(given)).count(**window_counts()))


@row("window-count-windowed-keys")
def _(app: Streams, given: Given) -> None:
    counts = grouped(app).windowed_by(windows(given)).count(**window_counts())
    counts.to_stream().to("out", key=time_windowed(STRING, given["size"]), value=LONG)


@row("unlimited-count")
def _(app: Streams, given: Given) -> None:
    outw(grouped(app).windowed_by(unlimited(start=given["start"])).count(**window_counts()))


@row("window-filter-join")
def _(app: Streams, given: Given) -> None:
    one = grouped(app).windowed_by(windows(given)).count(**window_counts())
    other = by_key(app, "b").windowed_by(windows(given)).count(store=kept("agg-b", int))
    joined = one.join(other, lambda x, y: f"{x}/{y}")
    outw(joined.filter(lambda v: not v.startswith("1")))


@row("sliding-count")
def _(app: Streams, given: Given) -> None:
    outw(grouped(app).windowed_by(slides(given)).count(**window_counts()))


@row("sliding-aggregate")
def _(app: Streams, given: Given) -> None:
    outw(grouped(app).windowed_by(slides(given)).aggregate(nothing, added, **WINDOW_TEXTS))


@row("sliding-reduce")
def _(app: Streams, given: Given) -> None:
    outw(grouped(app).windowed_by(slides(given)).reduce(plus, **WINDOW_TEXTS))


@row("sliding-final")
def _(app: Streams, given: Given) -> None:
    cut = grouped(app).windowed_by(slides(given)).emit("on_window_close")
    outw(cut.aggregate(nothing, lambda v, agg: plus(agg, v), **WINDOW_TEXTS))


@row("sliding-in-memory")
def _(app: Streams, given: Given) -> None:
    outw(grouped(app).windowed_by(slides(given)).count(**window_counts(in_memory=True)))


@row("sliding-no-grace")
def _(app: Streams, given: Given) -> None:
    outw(grouped(app).windowed_by(sliding(given["diff"])).count(**window_counts()))


def by_session(app: Streams, given: Given) -> None:
    outw(grouped(app).windowed_by(sessions(given)).count(**session_counts()))


row("session-count", "session-count-long")(by_session)
row("headers-session-count", store_format="headers")(by_session)


@row("session-aggregate")
def _(app: Streams, given: Given) -> None:
    def merged(x: Any, y: Any) -> str:
        return f"{shown(x)}&{shown(y)}"

    cut = grouped(app).windowed_by(sessions(given))
    outw(cut.aggregate(nothing, added, merged, **SESSION_TEXTS))


@row("session-reduce")
def _(app: Streams, given: Given) -> None:
    outw(grouped(app).windowed_by(sessions(given)).reduce(plus, **SESSION_TEXTS))


@row("session-final")
def _(app: Streams, given: Given) -> None:
    cut = grouped(app).windowed_by(sessions(given)).emit("on_window_close")
    outw(cut.count(**session_counts()))


@row("session-in-memory")
def _(app: Streams, given: Given) -> None:
    outw(grouped(app).windowed_by(sessions(given)).count(**session_counts(in_memory=True)))


@row("session-no-grace")
def _(app: Streams, given: Given) -> None:
    outw(grouped(app).windowed_by(session(given["gap"])).count(**session_counts()))


@row("session-windowed-keys")
def _(app: Streams, given: Given) -> None:
    counts = grouped(app).windowed_by(sessions(given)).count(**session_counts())
    counts.to_stream().to("out", key=session_windowed(STRING), value=LONG)
