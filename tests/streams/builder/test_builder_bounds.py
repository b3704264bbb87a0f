"""Topologies of thousands of operators, and of many ways to one, are built or refused in time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ottla.streams import Streams, TopologyError, tumbling
from streams.builder.described_words import both, same, yes

#: More than Python's stack is deep.
LONG = 1500
#: Each doubles the ways from the last operator to the first.
DOUBLINGS = 40


def app_of(**more: Any) -> Streams:
    return Streams("app", key=str, value=str, **more)


def chained(given: Any, step: Callable[[Any], Any], times: int = LONG) -> Any:
    for _ in range(times):
        given = step(given)
    return given


@pytest.mark.parametrize("optimization", ["none", "all"])
def test_long_streams(optimization: str) -> None:
    """A chain longer than Python's stack is deep would end in a RecursionError."""
    app = app_of(optimization=optimization)
    stream = chained(app.stream("a").select_key(same), lambda s: s.filter(yes))
    stream.group_by_key().count()
    topology = app.build()
    assert len(topology.nodes) == LONG + 3  # the new key, the repartition's filter, the count


def test_long_tables() -> None:
    """Old values are asked for through the whole chain, which would be deeper than the stack."""
    app = app_of()
    chained(app.table("a"), lambda t: t.filter(yes)).group_by(lambda k, v: (k, v)).count()
    assert app.build().stores["a-STATE-STORE-0000000000"].logged


def test_final_results_far_below_their_windows() -> None:
    """The windows' grace is looked for through the whole chain."""
    app = app_of()
    counts = app.stream("a").group_by_key().windowed_by(tumbling(10, grace=7)).count()
    suppressed = chained(counts, lambda t: t.filter(yes)).suppress(until="window_closes", name="s")
    suppressed.to_stream()
    operator: Any = app.build().nodes["s"].operator
    assert operator.wait_ms == 7


def test_many_ways_through_merges() -> None:
    """Each merge doubles the ways up: to look at all of them would never end."""
    app = app_of()
    stream = app.stream("a").select_key(same)
    chained(stream, lambda s: s.filter(yes).merge(s.filter(yes)), DOUBLINGS).group_by_key().count()
    assert len(app.build().internal_topics) == 1


def test_merges_that_kafka_refuses_too() -> None:
    """Kafka's optimisation gives up here as well; without a hint nobody would know what to do."""
    app = app_of(optimization="all")
    stream = app.stream("a").select_key(same)
    chained(stream, lambda s: s.filter(yes).merge(s.filter(yes)), 2).group_by_key().count()
    with pytest.raises(TopologyError, match=r"merge\.repartition\.topics cannot") as caught:
        app.build()
    assert "leave this optimisation out" in (caught.value.hint or "")


@pytest.mark.parametrize("times", [LONG, DOUBLINGS])
def test_tables_that_nobody_keeps(times: int) -> None:
    """Each value of the join would be asked through thousands of operators, or through 2**40."""
    app = app_of()

    def longer(table: Any) -> Any:
        if times == LONG:
            return table.map_values(same, value=str)
        return table.filter(yes).join(table.filter(yes), both, value=str)

    with pytest.raises(TopologyError, match="none of which keeps it") as caught:
        chained(app.table("a"), longer, times).join(app.table("b"), both)
    assert "store=" in (caught.value.hint or "")


def test_tables_that_are_kept_between() -> None:
    """The way out that the error names would be none."""
    app = app_of()
    table = app.table("a")
    for number in range(DOUBLINGS):
        left, right = table.filter(yes), table.filter(yes)
        table = left.join(right, both, store=f"s{number}", value=str)
    table.to_stream().to("out")
    assert len(app.build().stores) == DOUBLINGS + 1


def test_many_topics() -> None:
    """Time would grow with the square of the topics."""
    app = app_of()
    for number in range(LONG):
        app.stream(f"in-{number}").to(f"out-{number}")
    assert len(app.build().sources) == LONG
