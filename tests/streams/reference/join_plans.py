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
from streams.reference.plans import SETTINGS, Plan, function, store

#: Names of both window stores and of the store of what has not joined, by kind.
NAMES: dict[str, tuple[str, str, str | None]] = {
    "inner": ("j-this-join-store", "j-other-join-store", None),
    "left": ("j-this-join-store", "j-outer-other-join-store", "j-left-shared-join-store"),
    "outer": ("j-outer-this-join-store", "j-outer-other-join-store", "j-outer-shared-join-store"),
}


def both(left: str | None, right: str | None) -> str:
    return f"{left or 'null'}|{right or 'null'}"


def joiner(call: Callable[..., Any] = both) -> Function:
    return function(call, "key", "left", "right")


def window_store(name: str, windows: JoinWindows) -> Store:
    size = windows.before_ms + windows.after_ms
    return store(
        name, kind=StoreKind.WINDOW, timestamped=False, retention_ms=size + windows.grace_ms,
        window_size_ms=size, retain_duplicates=True,
    )  # fmt: skip


def stream_join(kind: rows.JoinKind, windows: JoinWindows) -> Topology:
    """Topics a and b to out."""
    plan = Plan()
    this, other, outer = NAMES[kind]
    stores = window_store(this, windows), window_store(other, windows)
    waiting: tuple[Store, ...] = ()
    if outer is not None:
        key, value = JoinSideKeySerde(STRING), JoinSideValueSerde(STRING, STRING)
        waiting = (Store(outer, StoreKind.OUTER_JOIN, key, value),)
    kept = [
        plan.node(f"keep-{topic}", rows.JoinWindow(each.name), plan.source(topic), each)
        for topic, each in zip("ab", stores, strict=True)
    ]
    left = rows.StreamStreamJoin("left", kind, windows, joiner(), other, outer, "j")
    right = rows.StreamStreamJoin("right", kind, windows, joiner(), this, outer, "j")
    joins = (
        plan.node("join-a", left, kept[0], stores[1], *waiting),
        plan.node("join-b", right, kept[1], stores[0], *waiting),
    )
    plan.sink("out", plan.node("merge", rows.PassThrough(), *joins))
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
    stores = window_store("j", windows), window_store("k", windows)
    sides = zip(("left", "right"), stores, reversed(stores), strict=True)
    joins = []
    for side, mine, other in sides:
        keep = plan.node(f"keep-{side}", rows.JoinWindow(mine.name), source, mine)
        row = rows.StreamStreamJoin(
            "left" if side == "left" else "right", "inner", windows, joiner(), other.name, None, "j"
        )
        joins.append(plan.node(f"join-{side}", row, keep, other))
    plan.sink("out", plan.node("merge", rows.PassThrough(), *joins))
    return plan.topology()


def table(plan: Plan, topic: str, *, history_ms: int | None = None) -> tuple[str, View]:
    """A table of a topic, which sends old values; its node and how it is read."""
    kept = store(f"store-{topic}")
    if history_ms is not None:
        kept = store(f"store-{topic}", kind=StoreKind.VERSIONED, history_retention_ms=history_ms)
    row = rows.TableSource(kept.name, send_old=True)
    return plan.node(f"table-{topic}", row, plan.source(topic), kept), Stored(kept.name)


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
    into: str | None = None,
) -> tuple[str, View]:
    """Two tables joined: the merger, and how it is read."""
    call = joiner()
    sides = (
        plan.node(f"{name}-left", rows.TableTableJoin("left", kind, call, right[1], True), left[0]),
        plan.node(
            f"{name}-right", rows.TableTableJoin("right", kind, call, left[1], True), right[0]
        ),
    )
    kept = () if into is None else (store(into),)
    node = plan.node(f"{name}-merge", rows.TableTableMerge(into, True), *sides, *kept)
    return node, Stored(into) if into else JoinedView(kind, left[1], right[1], call)


def changes(plan: Plan, above: str) -> Topology:
    """A table's changes to out."""
    plan.sink("out", plan.node("to-stream", rows.TableToStream(), above))
    return plan.topology()


def foreign_key_join(kind: rows.JoinKind, extractor: Callable[..., Any]) -> Topology:
    """The table a with the table b over what the function finds in a's values, to out."""
    plan = Plan()
    left, left_view = table(plan, "a")
    right, right_view = table(plan, "b")
    subscriptions = Store(
        "fk-subscription-store", StoreKind.SUBSCRIPTION, BYTES, SubscriptionSerde(STRING),
        timestamped=True,
    )  # fmt: skip
    send = plan.node("send", rows.SubscriptionSend(function(extractor), STRING, STRING, kind), left)
    registered = plan.repartition(
        "fk-subscription-registration-topic", send, STRING, SubscriptionSerde(STRING)
    )
    receive = plan.node(
        "receive", rows.SubscriptionReceive(subscriptions.name, STRING, STRING), registered,
        subscriptions,
    )  # fmt: skip
    answers = (
        plan.node("subscription", rows.SubscriptionJoin(right_view), receive),
        plan.node(
            "foreign", rows.ForeignTableJoin(subscriptions.name, STRING, STRING), right,
            subscriptions,
        ),
    )  # fmt: skip
    answered = plan.repartition(
        "fk-subscription-response-topic", plan.node("answers", rows.PassThrough(), *answers),
        STRING, SubscriptionAnswerSerde(STRING),
    )  # fmt: skip
    response = plan.node("response", rows.ResponseJoin(left_view, STRING, joiner(), kind), answered)
    result = plan.node("result", rows.TableSource("agg"), response, store("agg"))
    return changes(plan, result)


def suppressed(
    plan: Plan, above: tuple[str, View], wait_ms: int, *, key: Any = STRING, value: Any = STRING,
    final: bool = False, records_max: int | None = None, bytes_max: int | None = None,
    when_full: rows.BufferFull = rows.BufferFull.EMIT,
) -> tuple[str, View]:  # fmt: skip
    """A suppression, and how it is read."""
    kept = Store("sup-store", StoreKind.SUPPRESS_BUFFER, key, value)
    row = rows.Suppress("sup-store", wait_ms, final, records_max, bytes_max, when_full, final)
    return plan.node("sup", row, above[0], kept), Buffered(above[1], "sup-store")


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
