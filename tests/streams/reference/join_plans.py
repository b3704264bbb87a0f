"""Plans of joins, foreign keys and suppressions, as the tests of the reference executor run them.

Names of stores and topics are those of Kafka's where a join is named `j`, a foreign-key join `fk`
and a suppression `sup`. Values are texts; joiners put `|` between both, and `null` for what is not
there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from ottla.streams.execution import Headers, Input, Produced, Settings
from ottla.streams.plan import operators as rows
from ottla.streams.plan.functions import Function
from ottla.streams.plan.stores import Store, StoreKind
from ottla.streams.plan.topology import Topology
from ottla.streams.plan.views import Buffered, JoinedView, Stored, View
from ottla.streams.plan.windows import JoinWindows
from ottla.streams.reference.task import ReferenceTask
from ottla.streams.serdes import BYTES, STRING
from ottla.streams.serdes.join_sides import JoinSideKeySerde, JoinSideValueSerde
from ottla.streams.serdes.subscriptions import SubscriptionAnswerSerde, SubscriptionSerde
from streams.plans import SETTINGS, Plan, function, store
from streams.topologies.words import both

#: Names of both window stores and of the store of what has not joined, by kind.
NAMES: dict[str, tuple[str, str, str | None]] = {
    "inner": ("j-this-join-store", "j-other-join-store", None),
    "left": ("j-this-join-store", "j-outer-other-join-store", "j-left-shared-join-store"),
    "outer": ("j-outer-this-join-store", "j-outer-other-join-store", "j-outer-shared-join-store"),
}


def joiner(call: Callable[..., Any] = both) -> Function:
    return function(call, "key", "left", "right")


def window_store(name: str, windows: JoinWindows, **more: Any) -> Store:
    size = windows.before_ms + windows.after_ms
    shape = {"timestamped": False, "retention_ms": size + windows.grace_ms, **more}
    return store(name, kind=StoreKind.WINDOW, window_size_ms=size, retain_duplicates=True, **shape)


def join_streams(
    plan: Plan,
    kind: rows.JoinKind,
    windows: JoinWindows,
    sources: tuple[str, str],
    names: tuple[str, str, str | None],
    call: Function | None = None,
    name: str = "j",
    **more: Any,
) -> str:
    """Two streams joined; `more` is said of the stores."""
    this, other, outer = names
    stores = window_store(this, windows, **more), window_store(other, windows, **more)
    waiting: tuple[Store, ...] = ()
    if outer is not None:
        key, value = JoinSideKeySerde(STRING), JoinSideValueSerde(STRING, STRING)
        logged = more.get("logged", True)
        waiting = (Store(outer, StoreKind.OUTER_JOIN, key, value, logged=logged),)
    call = call or joiner()
    keep = [
        plan.node(f"{name}-keep-{side}", rows.JoinWindow(each.name), source, each)
        for side, each, source in zip(("this", "other"), stores, sources, strict=True)
    ]
    left = rows.StreamStreamJoin("left", kind, windows, call, other, outer, name)
    right = rows.StreamStreamJoin("right", kind, windows, call, this, outer, name)
    joins = (
        plan.node(f"{name}-this", left, keep[0], stores[1], *waiting),
        plan.node(f"{name}-other", right, keep[1], stores[0], *waiting),
    )
    return plan.node(f"{name}-merge", rows.PassThrough(), *joins)


def stream_join(kind: rows.JoinKind, windows: JoinWindows) -> Topology:
    """Topics a and b to out."""
    plan = Plan()
    sources = plan.source("a"), plan.source("b")
    plan.sink("out", join_streams(plan, kind, windows, sources, NAMES[kind]))
    return plan.topology()


def self_join(windows: JoinWindows, *, on_one_store: bool) -> Topology:
    """Topic a with itself to out."""
    plan = Plan()
    source = plan.source("a")
    if on_one_store:
        kept = window_store("j", windows)
        keep = plan.node("keep", rows.JoinWindow("j"), source, kept)
        join = rows.StreamSelfJoin(windows, joiner(), "j")
        plan.sink("out", plan.node("join", join, keep, kept))
        return plan.topology()
    plan.sink("out", join_streams(plan, "inner", windows, (source, source), ("j", "k", None)))
    return plan.topology()


def table(
    plan: Plan, topic: str, *, history_ms: int | None = None, name: str | None = None, **more: Any
) -> tuple[str, View]:
    """A table of a topic, which sends old values; its node and how it is read."""
    name = name or f"store-{topic}"
    if history_ms is not None:
        more = {"kind": StoreKind.VERSIONED, "history_retention_ms": history_ms, **more}
    row = rows.TableSource(name, send_old=True)
    return plan.node(f"table-{topic}", row, plan.source(topic), store(name, **more)), Stored(name)


def lookup(
    kind: rows.JoinKind, *, history_ms: int | None = None, grace_ms: int | None = None
) -> Topology:
    """The stream a with the table t to out; with a history as of the record's time."""
    plan = Plan()
    source = plan.source("a")
    _, view = table(plan, "t", history_ms=history_ms)
    buffer: tuple[Store, ...] = ()
    if grace_ms is not None:
        buffer = (Store("g-Buffer", StoreKind.GRACE_BUFFER, STRING, STRING, grace_ms=grace_ms),)
    row = rows.StreamTableJoin(
        kind, joiner(), view, history_ms is not None, "g-Buffer" if buffer else None, grace_ms
    )
    plan.sink("out", plan.node("join", row, source, *buffer))
    return plan.topology()


def global_lookup(kind: rows.JoinKind, selector: Callable[..., Any]) -> Topology:
    """The stream a with the global table t to out."""
    plan = Plan()
    source = plan.source("a")
    kept = store("store-t", logged=False, is_global=True)
    above = plan.source("t", is_global=True)
    plan.node("table", rows.TableSource("store-t"), above, kept)
    row = rows.StreamGlobalJoin(kind, function(selector), joiner(), Stored("store-t"))
    plan.sink("out", plan.node("join", row, source))
    return plan.topology()


def table_join(
    plan: Plan,
    kind: rows.JoinKind,
    left: tuple[str, View],
    right: tuple[str, View],
    name: str = "j",
    into: Store | None = None,
    call: Callable[..., Any] = both,
    *,
    send_old: bool = True,
) -> tuple[str, View]:
    """Two tables joined: the merger, and how it is read."""
    function_ = joiner(call)
    left_row = rows.TableTableJoin("left", kind, function_, right[1], send_old)
    right_row = rows.TableTableJoin("right", kind, function_, left[1], send_old)
    sides = (
        plan.node(f"{name}-left", left_row, left[0]),
        plan.node(f"{name}-right", right_row, right[0]),
    )
    kept = () if into is None else (into,)
    merge = rows.TableTableMerge(into.name if into else None, send_old)
    node = plan.node(f"{name}-merge", merge, *sides, *kept)
    return node, Stored(into.name) if into else JoinedView(kind, left[1], right[1], function_)


def changes(plan: Plan, above: str) -> Topology:
    """A table's changes to out."""
    plan.sink("out", plan.node("to-stream", rows.TableToStream(), above))
    return plan.topology()


def join_by_foreign_key(
    plan: Plan,
    kind: rows.JoinKind,
    extractor: Callable[..., Any],
    left: tuple[str, View],
    right: tuple[str, View],
    into: Store | None,
    *,
    name: str = "fk",
    names: tuple[str, str, str] | None = None,
    versioned: bool = False,
    with_headers: bool = False,
) -> tuple[str, View]:
    """Two tables joined over what the function finds in the left one's values.

    `names` are those of the two topics and of the store between, where they are not made of `name`.
    """
    sent_by, answered_by, kept_in = names or (
        f"{name}-subscription-registration-topic",
        f"{name}-subscription-response-topic",
        f"{name}-subscription-store",
    )
    subscription, answer = SubscriptionSerde(STRING), SubscriptionAnswerSerde(STRING)
    kept = Store(
        kept_in,
        StoreKind.SUBSCRIPTION,
        BYTES,
        subscription,
        timestamped=True,
        with_headers=with_headers,
    )
    find = function(extractor)
    send_row = rows.SubscriptionSend(find, STRING, STRING, kind, versioned)
    send = plan.node(f"{name}-send", send_row, left[0])
    registered = plan.repartition(sent_by, send, STRING, subscription)
    receive_row = rows.SubscriptionReceive(kept.name, STRING, STRING)
    receive = plan.node(f"{name}-receive", receive_row, registered, kept)
    foreign_row = rows.ForeignTableJoin(kept.name, STRING, STRING, versioned=versioned)
    answers = plan.node(
        f"{name}-answers",
        rows.PassThrough(),
        plan.node(f"{name}-subscription", rows.SubscriptionJoin(right[1]), receive),
        plan.node(f"{name}-foreign", foreign_row, right[0], kept),
    )
    answered = plan.repartition(answered_by, answers, STRING, answer)
    response_row = rows.ResponseJoin(left[1], STRING, joiner(), kind)
    response = plan.node(f"{name}-response", response_row, answered)
    result = into.name if into else None
    row = rows.TableSource(result, send_old=into is not None)
    below = plan.node(f"{name}-result", row, response, *([into] if into else []))
    return below, Stored(result or "not kept")


def foreign_key_join(kind: rows.JoinKind, extractor: Callable[..., Any]) -> Topology:
    """The table a with the table b over what the function finds in a's values, to out."""
    plan = Plan()
    sides = table(plan, "a"), table(plan, "b")
    return changes(plan, join_by_foreign_key(plan, kind, extractor, *sides, store("agg"))[0])


def suppressed(
    plan: Plan, above: tuple[str, View], wait_ms: int, *, key: Any = STRING, value: Any = STRING,
    final: bool = False, records_max: int | None = None, bytes_max: int | None = None,
    when_full: rows.BufferFull = rows.BufferFull.EMIT,
    logged: bool = True,
    name: str = "sup-store",
) -> tuple[str, View]:  # fmt: skip
    """A suppression, and how it is read."""
    kept = Store(name, StoreKind.SUPPRESS_BUFFER, key, value, logged=logged)
    row = rows.Suppress(name, wait_ms, final, records_max, bytes_max, when_full, final)
    return plan.node("sup", row, above[0], kept), Buffered(above[1], name)


class Run:
    """A topology that is given records one by one."""

    def __init__(self, topology: Topology, settings: Settings = SETTINGS) -> None:
        self.task = ReferenceTask(topology, settings)
        self.now = 0

    def give(
        self, topic: str, key: str | None, value: str | None, timestamp: int, headers: Headers = ()
    ) -> list[Produced]:
        """All that the record causes."""
        record = Input(topic, encoded(key), encoded(value), timestamp, headers)
        return list(self.task.process([record], self.now))

    def out(self, topic: str, key: str | None, value: str | None, timestamp: int) -> list[Any]:
        """What the record causes in the topic out: (key, value, timestamp)."""
        return shown(self.give(topic, key, value, timestamp))

    def skipped(self) -> dict[str, int]:
        """How many records were left out, by reason."""
        found: Counter[str] = Counter()
        for row, count in self.task.skipped().items():
            found[row.reason] += count
        return dict(found)


def encoded(text: str | None) -> bytes | None:
    return None if text is None else text.encode()


def shown(produced: Sequence[Produced], topic: str = "out") -> list[Any]:
    """(key, value, timestamp) of a topic's records."""
    return [
        (each.key and each.key.decode(), each.value and each.value.decode(), each.timestamp)
        for each in produced
        if each.topic == topic
    ]


def changelog(produced: Sequence[Produced], store_name: str) -> list[tuple[Any, Any, int]]:
    """(key, value, timestamp) of a store's changelog, as bytes."""
    topic = f"app-{store_name}-changelog"
    return [(each.key, each.value, each.timestamp) for each in produced if each.topic == topic]
