"""Descriptions of topologies against what Kafka's `Topology.describe()` printed.

The recorded texts are read back into plans (`described.py`). That the builder's own plans print the
same is held where the topologies are built.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cache

import pytest

from ottla.streams import serdes
from ottla.streams.errors import TopologyError
from ottla.streams.plan.description import describe, groups, hash_order
from ottla.streams.plan.operators import PassThrough
from ottla.streams.plan.stores import Store, StoreKind
from ottla.streams.plan.topology import Node, Sink, Source, Topology
from streams import recordings
from streams.plan import described


@cache
def texts() -> dict[str, str]:
    found = {n: row.describe for n, row in recordings.described().items() if row.describe}
    for name in recordings.names():
        for number, each in enumerate(recordings.read(name).sets):
            found[f"{name}[{number}]"] = each.describe
    return found


def topology(
    parents: Mapping[str, tuple[str, ...]], stores: Mapping[str, tuple[str, ...]] | None = None
) -> Topology:
    """Nodes without parents are sources of a topic of their name, those called sink… are sinks."""
    children = {name: tuple(n for n in parents if name in parents[n]) for name in parents}
    sources = {
        n: Source(n, (n,), None, serdes.BYTES, serdes.BYTES, children[n])
        for n, above in parents.items()
        if not above
    }
    sinks = {
        n: Sink(n, n, None, serdes.BYTES, serdes.BYTES) for n in parents if n.startswith("sink")
    }
    nodes = {
        n: Node(n, PassThrough(), children[n], (stores or {}).get(n, ()))
        for n in parents
        if n not in sources and n not in sinks
    }
    kept = {
        store: Store(store, StoreKind.KEY_VALUE, None, None)
        for node in nodes.values()
        for store in node.stores
    }
    return Topology(sources, nodes, sinks, kept, {}, parents)


def test_every_recorded_text_is_printed_again() -> None:
    """If this failed, `describe()` would print another text than Kafka for the same topology."""
    found = texts()
    assert len(found) > 500
    wrong = [
        name
        for name, text in found.items()
        if not any(describe(plan) == text for plan in described.plans(text))
    ]
    assert wrong == []


def test_groups_are_the_sub_topologies_of_the_text() -> None:
    """If this failed, nodes would run in another task than in Kafka, or global ones in a task."""
    for name, text in texts().items():
        lines = described.read(text)
        want: dict[int, tuple[set[str], bool]] = {}
        for line in lines:
            want.setdefault(line.group, (set(), line.is_global))[0].add(line.name)
        got = groups(next(described.plans(text)))
        assert {g.number: (set(g.names), g.is_global) for g in got} == want, name
        assert [g.number for g in got] == list(range(len(got))), name


def test_parents_follow_from_the_arrows_where_they_are_not_said() -> None:
    """If this failed, a plan without the order of its parents would be described as nothing."""
    named = topology({"in": (), "a": ("in",), "b": ("in",), "m": ("a", "b"), "sink": ("m",)})
    bare = dataclasses.replace(named, parents={})
    assert "m (stores: [])" in describe(bare)
    assert describe(bare) == describe(named)
    assert groups(bare) == groups(named)


def test_nodes_that_share_a_store_are_one_group() -> None:
    """If this failed, two tasks would write to one store."""
    parents: dict[str, tuple[str, ...]] = {"x": (), "y": (), "z": (), "a": ("x",), "b": ("y",)}
    got = groups(topology(parents, {"a": ("s",), "b": ("s", "t")}))
    assert [(g.number, g.names) for g in got] == [(0, ["x", "y", "a", "b"]), (1, ["z"])]


def test_a_global_store_links_nothing_and_is_not_shown_by_its_readers() -> None:
    """If this failed, a task would be printed as if it owned a global table."""
    plain = topology({"x": (), "y": (), "a": ("x",), "b": ("y",)}, {"a": ("s",), "b": ("s",)})
    stores = {"s": dataclasses.replace(plain.stores["s"], is_global=True)}
    shared = dataclasses.replace(plain, stores=stores)
    assert [g.names for g in groups(shared)] == [["x", "a"], ["y", "b"]]
    assert "stores: [s]" not in describe(shared)


def test_a_circle_is_refused() -> None:
    """If this failed, the description of a circle would never end."""
    source = Source("in", ("in",), None, serdes.BYTES, serdes.BYTES, ("a",))
    nodes = {"a": Node("a", PassThrough(), ("b",)), "b": Node("b", PassThrough(), ("a",))}
    with pytest.raises(TopologyError, match="circle"):
        describe(Topology({"in": source}, nodes, {}, {}, {}))
    with pytest.raises(TopologyError, match="before a parent"):
        describe(Topology({"in": source}, nodes, {}, {}, {}, {"in": (), "a": ("b",), "b": ("a",)}))


def test_a_long_row_and_many_paths_are_described() -> None:
    """If this failed, a large topology would end in a RecursionError, or not at all."""
    row: dict[str, tuple[str, ...]] = {"n0": ()}
    row |= {f"n{n}": (f"n{n - 1}",) for n in range(1, 2_000)}
    assert describe(topology(row)).count("Processor") == 1_999
    ladder: dict[str, tuple[str, ...]] = {"m0": ()}
    for n in range(1, 60):
        ladder |= {f"l{n}": (f"m{n - 1}",), f"r{n}": (f"m{n - 1}",), f"m{n}": (f"l{n}", f"r{n}")}
    assert describe(topology(ladder)).count("Processor") == 177


def test_texts_come_in_the_order_of_hashes() -> None:
    """If this failed, the topics and stores of a node would come in another order than Java's."""
    assert hash_order(["Aa", "BB", "b", "a"]) == ["Aa", "BB", "a", "b"]
    assert hash_order(["BB", "Aa", "b", "a"]) == ["BB", "Aa", "a", "b"]  # the same hash: as added


def test_a_crowded_bucket_doubles_a_small_table() -> None:
    """If this failed, names of one hash would bring the other names out of Java's order."""
    same = [one + other for one in ("Aa", "BB", "C#") for other in ("Aa", "BB", "C#")]
    assert hash_order(["q", "b", *same[:8]]) == ["q", "b", *same[:8]]
    assert hash_order(["q", "b", *same]) == ["b", "q", *same]


@pytest.mark.parametrize(
    ("parents", "want"),
    [
        # The source was small when it became a parent, and stays behind the one it feeds.
        ({"KSTREAM-X-0000000012": (), "KSTREAM-MAP-0000000036": ("KSTREAM-X-0000000012",),
          "KSTREAM-MAP-0000000074": ("KSTREAM-MAP-0000000036", "KSTREAM-X-0000000012")},
         "      <-- KSTREAM-MAP-0000000036, KSTREAM-X-0000000012"),
        # One given twice is not found again, since it grew after it was put in.
        ({"-aAa": (), "-b": (), "aC#BB-": ("-b", "-aAa", "-aAa")}, "      <-- -aAa, -b, -aAa"),
        # Texts are compared by their units of 16 bits: a surrogate is less than U+FFEE.
        ({"s": (), "n\uffee": ("s",), "n\U0001f600": ("s",)},
         "      --> n\U0001f600, n\uffee"),
    ],
)  # fmt: skip
def test_neighbours_come_as_the_tree_of_that_moment_has_them(
    parents: dict[str, tuple[str, ...]], want: str
) -> None:
    """If this failed, arrows would be printed in order where Kafka 4.3.1 prints them out of it."""
    assert want in describe(topology(parents)).splitlines()
