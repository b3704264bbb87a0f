"""Twins of ProcessorTopologies.java: the Processor API inside the builder, and alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ottla.streams import (
    StoreSpec,
    Streams,
    Topology,
    key_value,
    lru,
    session_store,
    versioned,
    window_store,
)
from streams.topologies import steps
from streams.topologies.words import (
    ALL_TEXT,
    COUNTS,
    Given,
    out,
    quoted,
    row,
    stream,
)

NUMBERS = key_value("side", key=str, value=int)
WORDS = key_value("side", key=str, value=str, in_memory=True)


def stepped(records: Any, supplier: Callable[[], Any], *stores: str) -> None:
    records.process(supplier, *stores).to("out", key=str, value=str)


# ---------------------------------------------------------------- inside the builder
@row("process-values")
def _(app: Streams, given: Given) -> None:
    app.add_store(NUMBERS)
    numbered = stream(app).process_values(steps.Numbered, "side", name="pv")
    out(numbered.group_by_key(**ALL_TEXT).count(**COUNTS))


@row("process-then-count")
def _(app: Streams, given: Given) -> None:
    swapped = stream(app).process(steps.Swap, name="swap")
    out(swapped.group_by_key(**ALL_TEXT).count(**COUNTS))


@row("process-shared-store")
def _(app: Streams, given: Given) -> None:
    app.add_store(WORDS)
    stepped(stream(app), lambda: steps.Remember("a"), "side")
    stepped(stream(app, "b"), lambda: steps.Remember("b"), "side")


class WithStores:
    """A supplier that names its stores itself."""

    def __call__(self) -> steps.Counts:
        return steps.Counts()

    def stores(self) -> list[StoreSpec]:
        return [NUMBERS]


@row("process-own-stores")
def _(app: Streams, given: Given) -> None:
    stepped(stream(app), WithStores())


@row("process-aggregate-store")
def _(app: Streams, given: Given) -> None:
    records = stream(app)
    records.group_by_key(**ALL_TEXT).count(**COUNTS)
    stepped(records, steps.ReadsCounts, "agg")


@row("process-headers")
def _(app: Streams, given: Given) -> None:
    stepped(stream(app), steps.HeaderChanges)


@row("process-context")
def _(app: Streams, given: Given) -> None:
    stepped(stream(app), steps.Told)


@row("process-children")
def _(app: Streams, given: Given) -> None:
    records = stream(app).process(steps.ToChildren)
    records.to("left", key=str, value=str, name="left-sink")
    records.map_values(quoted, name="right-map").to("right", key=str, value=str)


@row("processor-punctuate")
def _(app: Streams, given: Given) -> None:
    app.add_store(key_value("agg", key=str, value=int))
    stepped(stream(app), lambda: steps.Flusher(given["every"]), "agg")


@row("punctuate-cancel")
def _(app: Streams, given: Given) -> None:
    stepped(stream(app), lambda: steps.Cancels(given["every"], given["turns"]))


@row("punctuate-later")
def _(app: Streams, given: Given) -> None:
    stepped(stream(app), lambda: steps.Later(given["every"]))


@row("punctuate-anchored")
def _(app: Streams, given: Given) -> None:
    stepped(stream(app), lambda: steps.Anchored(given["every"], given["start"]))


@row("process-global-store")
def _(app: Streams, given: Given) -> None:
    glob = key_value("glob", key=str, value=str, in_memory=True, logged=False)
    app.add_global_store(glob, "t", steps.GlobalWriter, key=str, value=str)
    stepped(stream(app), steps.GlobalReader)


# ---------------------------------------------------------------- every operation of a store
def asked(name: str, processor: type, spec: Callable[[Given], StoreSpec]) -> None:
    """A topology of one processor and the store `side`."""

    @row(name)
    def _(app: Streams, given: Given) -> None:
        app.add_store(spec(given))
        stepped(stream(app), processor, "side")


def pairs(**more: Any) -> Callable[[Given], StoreSpec]:
    return lambda given: key_value("side", key=str, value=str, **more)


def windows(**more: Any) -> Callable[[Given], StoreSpec]:
    return lambda given: window_store(
        "side", key=str, value=str, retention=given["retention"], size=given["size"], **more
    )


def sessions(**more: Any) -> Callable[[Given], StoreSpec]:
    return lambda given: session_store(
        "side", key=str, value=str, retention=given["retention"], **more
    )


def history(given: Given) -> StoreSpec:
    return versioned("side", key=str, value=str, history=given["history"])


HEADED: dict[str, Any] = {"timestamped": True, "with_headers": True}

asked("process-key-value", steps.KeyValues, pairs())
asked("process-key-value-in-memory", steps.KeyValues, pairs(in_memory=True))
asked("process-lru", steps.Touches, lambda given: lru("side", given["most"], key=str, value=str))
asked("process-timestamped", steps.Timestamped, pairs(timestamped=True))
asked("process-with-headers", steps.WithHeaders, pairs(**HEADED))
asked("process-versioned", steps.Versions, history)
asked("process-versioned-long", steps.Versions, history)
asked("process-window", steps.Windows, windows())
asked("process-window-long", steps.Windows, windows())
asked("process-window-in-memory", steps.Windows, windows(in_memory=True))
asked("process-window-duplicates", steps.Windows, windows(duplicates=True))
asked("process-window-timestamped", steps.TimestampedWindows, windows(timestamped=True))
asked("process-window-with-headers", steps.Kept, windows(**HEADED))
asked("process-session", steps.Sessions, sessions())
asked("process-session-in-memory", steps.Sessions, sessions(in_memory=True))
asked("process-session-with-headers", steps.KeptSessions, sessions(with_headers=True))


# ---------------------------------------------------------------- processors alone
@row("topology-alone", kind=Topology, key=str, value=str)
def _(app: Topology, given: Given) -> None:
    app.add_source("src", "a", "b")
    app.add_processor("swap", steps.Swap, "src")
    app.add_processor("remember", lambda: steps.Remember("n"), "swap", "src")
    app.add_store(WORDS, "remember")
    app.add_sink("out", "out", "remember")
    app.add_sink("raw", "raw", "swap")


@row("topology-read-only", kind=Topology, key=str, value=str)
def _(app: Topology, given: Given) -> None:
    glob = key_value("glob", key=str, value=str, in_memory=True)
    app.add_source("src", "a")
    app.add_read_only_store(glob, "tsrc", "t", "fill", steps.GlobalWriter)
    app.add_processor("look", steps.GlobalReader, "src")
    app.connect("glob", "look")
    app.add_sink("out", "out", "look")
