"""The numbers of the coordinators in this node, under the names of the snapshot.

They are looked at from another thread than decides: each look takes a copy of what it walks over.
A coordinator that nobody has needed yet has nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from ottla.broker.internal_topics import GROUPS, TRANSACTIONS

if TYPE_CHECKING:
    from ottla.coordinators.runtime import Runtime
    from ottla.node.rates import Rates

_CLASSIC_STATES: Final = (
    "PreparingRebalance",
    "CompletingRebalance",
    "Stable",
    "Dead",
    "Empty",
)
_GROUP_COUNTS: Final = ("offset_commits", "offset_deletions", "offset_expirations", "rebalances")


def coordinator_measures(
    runtimes: Mapping[str, Runtime], rates: Rates
) -> Iterator[tuple[str, float]]:
    """All of it."""
    groups = runtimes.get(GROUPS.name)
    transactions = runtimes.get(TRANSACTIONS.name)
    yield from _of_groups(groups, rates)
    yield from _of_transactions(transactions)


def loaded(runtime: Runtime | None) -> list[Any]:
    """What each shard knows that has loaded."""
    if runtime is None:
        return []
    deciders: list[Any] = [decider for decider, loading in runtime.deciders() if not loading]
    return [decider.state for decider in deciders]


def _of_groups(runtime: Runtime | None, rates: Rates) -> Iterator[tuple[str, float]]:
    from ottla.coordinators.group.classic.group import ClassicGroup

    shards = loaded(runtime)
    by_state: Counter[str] = Counter()
    for shard in shards:
        groups = list(shard.groups.values())
        by_state.update(group.state for group in groups if isinstance(group, ClassicGroup))
    yield "group.count", by_state.total()
    for state in _CLASSIC_STATES:
        yield f"group.state_{state.lower()}", by_state[state]
    yield "group.offsets", sum(shard.offsets.count() for shard in shards)
    counts: Mapping[str, int] = Counter() if runtime is None else runtime.counts
    for name in _GROUP_COUNTS:
        yield f"group.{name}", counts[name]
        yield f"group.{name}_rate", rates.of(f"group.{name}", counts[name])
    yield from _of_loads("group", runtime)
    loading = [loads for _, loads in ([] if runtime is None else runtime.deciders())]
    yield "group.flush_rate", rates.of("group.flushes", counts["flushes"])
    yield "group.partitions_failed", 0 if runtime is None else runtime.failed_count()
    yield "group.partitions_loading", sum(loading)
    yield "group.partitions_active", len(loading) - sum(loading)


def _of_loads(prefix: str, runtime: Runtime | None) -> Iterator[tuple[str, float]]:
    times = [] if runtime is None else list(runtime.load_times_ms)
    if times:
        yield f"{prefix}.load_ms_avg", sum(times) / len(times)
        yield f"{prefix}.load_ms_max", max(times)


def _of_transactions(runtime: Runtime | None) -> Iterator[tuple[str, float]]:
    from ottla.coordinators.transaction.transaction import PREPARED, State

    states: Counter[State] = Counter()
    endings = 0
    for shard in loaded(runtime):
        states.update(one.state for one in list(shard.transactions.values()))
        endings += len(shard.endings)
    yield "transaction.ids", states.total()
    yield "transaction.ongoing", states[State.ONGOING]
    yield "transaction.prepared", sum(states[state] for state in PREPARED)
    yield "transaction.endings", endings
    counts: Mapping[str, int] = Counter() if runtime is None else runtime.counts
    for name in ("commits", "aborts", "timeouts"):
        yield f"transaction.{name}", counts[name]
    yield from _of_loads("transaction", runtime)
