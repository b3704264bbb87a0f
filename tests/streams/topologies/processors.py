"""Twins of ProcessorTopologies.java: the Processor API inside the builder, and alone.

The processors are those of the plans that the reference executor is tested with; here they come to
it through the builder.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ottla.streams import (
    StoreSpec,
    Streams,
    key_value,
    lru,
    session_store,
    versioned,
    window_store,
)
from ottla.streams.plan.operators import Process
from ottla.streams.plan.topology import Topology
from streams.reference import plans
from streams.reference import recorded_processors as made
from streams.reference.recorded_more import Kept, KeptSessions, ReadsCounts, Swap
from streams.reference.recorded_tables import Versions
from streams.topologies.words import (
    ALL_TEXT,
    COUNTS,
    Given,
    alone,
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
    numbered = stream(app).process_values(made.Numbered, "side", name="pv")
    out(numbered.group_by_key(**ALL_TEXT).count(**COUNTS))


@row("process-then-count")
def _(app: Streams, given: Given) -> None:
    swapped = stream(app).process(Swap, name="swap")
    out(swapped.group_by_key(**ALL_TEXT).count(**COUNTS))


@row("process-shared-store")
def _(app: Streams, given: Given) -> None:
    app.add_store(WORDS)
    stepped(stream(app), lambda: made.Remember("a"), "side")
    stepped(stream(app, "b"), lambda: made.Remember("b"), "side")


class WithStores:
    """A supplier that names its stores itself."""

    def __call__(self) -> made.Counts:
        return made.Counts()

    def stores(self) -> list[StoreSpec]:
        return [NUMBERS]


@row("process-own-stores")
def _(app: Streams, given: Given) -> None:
    stepped(stream(app), WithStores())


@row("process-aggregate-store")
def _(app: Streams, given: Given) -> None:
    records = stream(app)
    records.group_by_key(**ALL_TEXT).count(**COUNTS)
    stepped(records, ReadsCounts, "agg")


@row("process-headers")
def _(app: Streams, given: Given) -> None:
    stepped(stream(app), made.HeaderChanges)


@row("process-context")
def _(app: Streams, given: Given) -> None:
    stepped(stream(app), made.Told)


@row("process-children")
def _(app: Streams, given: Given) -> None:
    records = stream(app).process(made.ToChildren)
    records.to("left", key=str, value=str, name="left-sink")
    records.map_values(quoted, name="right-map").to("right", key=str, value=str)


@row("processor-punctuate")
def _(app: Streams, given: Given) -> None:
    app.add_store(key_value("agg", key=str, value=int))
    stepped(stream(app), lambda: made.Flusher(given["every"]), "agg")


@row("punctuate-cancel")
def _(app: Streams, given: Given) -> None:
    stepped(stream(app), lambda: made.Cancels(given["every"], given["turns"]))


@row("punctuate-later")
def _(app: Streams, given: Given) -> None:
    stepped(stream(app), lambda: made.Later(given["every"]))


@row("punctuate-anchored")
def _(app: Streams, given: Given) -> None:
    stepped(stream(app), lambda: made.Anchored(given["every"], given["start"]))


@row("process-global-store")
def _(app: Streams, given: Given) -> None:
    glob = key_value("glob", key=str, value=str, in_memory=True, logged=False)
    app.add_global_store(glob, "t", made.GlobalWriter, key=str, value=str)
    stepped(stream(app), made.GlobalReader)


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

asked("process-key-value", made.KeyValues, pairs())
asked("process-key-value-in-memory", made.KeyValues, pairs(in_memory=True))
asked("process-lru", made.Touches, lambda given: lru("side", given["most"], key=str, value=str))
asked("process-timestamped", made.Timestamped, pairs(timestamped=True))
asked("process-with-headers", made.WithHeaders, pairs(**HEADED))
asked("process-versioned", Versions, history)
asked("process-versioned-long", Versions, history)
asked("process-window", made.Windows, windows())
asked("process-window-long", made.Windows, windows())
asked("process-window-in-memory", made.Windows, windows(in_memory=True))
asked("process-window-duplicates", made.Windows, windows(duplicates=True))
asked("process-window-timestamped", made.TimestampedWindows, windows(timestamped=True))
asked("process-window-with-headers", Kept, windows(**HEADED))
asked("process-session", made.Sessions, sessions())
asked("process-session-in-memory", made.Sessions, sessions(in_memory=True))
asked("process-session-with-headers", KeptSessions, sessions(with_headers=True))


# ---------------------------------------------------------------- without the builder's streams
@alone("topology-alone")
def _(given: Given) -> Topology:
    plan = plans.Plan()
    source = plan.source("a", "b", name="src")
    swap = plan.node("swap", Process(Swap), source)
    kept = plans.store("side", timestamped=False, persistent=False)
    remember = Process(lambda: made.Remember("n"))
    both = plan.node("remember", remember, swap, source, kept)
    plan.sink("out", both, name="out")
    plan.sink("raw", swap, name="raw")
    above = {"swap": (source,), "remember": (swap, source), "out": (both,), "raw": (swap,)}
    return replace(plan.topology(), parents={source: (), **above})


@alone("topology-read-only")
def _(given: Given) -> Topology:
    plan = plans.Plan()
    shape: dict[str, Any] = {"timestamped": False, "persistent": False, "logged": False}
    kept = plans.store("glob", changelog_topic="t", **shape)
    filling = plan.source("t", name="tsrc")
    plan.node("fill", Process(made.GlobalWriter), filling, kept)
    look = plan.node("look", Process(made.GlobalReader), plan.source("a", name="src"), kept)
    plan.sink("out", look, name="out")
    return plan.topology()
