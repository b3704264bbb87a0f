"""What a drawing of a topology has: sub-topologies with their nodes and stores, and topics between.

Sources and sinks are drawn as the topics that they read and write. A topic that one sub-topology
writes and another reads stands between the two; one that a sub-topology writes and that leads back
to it is drawn twice, since a drawing has no way up.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from ottla.streams.drawing import words
from ottla.streams.drawing.layers import Edge, depths
from ottla.streams.plan import description
from ottla.streams.plan.topology import Topology

CELLS = 72
"""So many cells of a line are shown of a name; a longer one loses its middle."""


@dataclass(frozen=True, slots=True)
class Box:
    """One shape: its word, the names below it, what is said where a mouse rests on it."""

    key: str
    kind: str
    """How it is coloured: a kind of `words`, "topic", "internal" or "store"."""
    lines: tuple[str, ...]
    told: str


@dataclass
class Group:
    """A sub-topology."""

    key: str
    title: str
    boxes: dict[str, Box] = field(default_factory=dict)
    edges: list[tuple[str, str]] = field(default_factory=list)
    stores: list[tuple[str, str]] = field(default_factory=list)
    """Which node reaches which store."""
    reads: list[tuple[str, str]] = field(default_factory=list)
    """Topics and the nodes that get their records."""
    writes: list[tuple[str, str]] = field(default_factory=list)
    """Nodes and the topics that they write."""


@dataclass
class Parts:
    """All of a drawing."""

    groups: list[Group]
    topics: dict[str, Box]


def parts_of(topology: Topology) -> Parts:
    """The parts of a topology's drawing, in the order of its plan."""
    topics: dict[str, Box] = {}
    groups: list[Group] = []
    for found in _subtopologies(topology):
        title = f"sub-topology {found.number}" + (", global" if found.is_global else "")
        group = Group(f"group {found.number}", title)
        _fill(topology, group, found.names, topics)
        groups.append(group)
    _untie(groups, topics)
    return Parts(groups, topics)


def _subtopologies(topology: Topology) -> list[description.Group]:
    """As `describe()` counts them; a plan that says no parents has them from its children.

    Raises:
        TopologyError: the plan has a cycle.
    """
    children = {name: row.children for name, row in topology.sources.items()}
    children.update({name: row.children for name, row in topology.nodes.items()})
    names = [*sorted(topology.sources), *topology.nodes, *topology.sinks]
    edges = [Edge(name, child) for name in children for child in children[name]]
    depth = depths(names, edges)
    if topology.parents:
        return description.groups(topology)
    parents: dict[str, tuple[str, ...]] = dict.fromkeys(sorted(names, key=depth.__getitem__), ())
    for edge in edges:
        parents[edge.end] = (*parents[edge.end], edge.start)
    return description.groups(replace(topology, parents=parents))


def _fill(topology: Topology, group: Group, members: list[str], topics: dict[str, Box]) -> None:
    read: dict[str, list[str]] = {}
    for name in members:
        if name in topology.sources:
            source = topology.sources[name]
            said = [(topic, "") for topic in source.topics]
            if source.pattern is not None:
                said.append((source.pattern.pattern, "pattern"))
            for topic, kind in said:
                key = _topic(topology, topics, topic, kind, f"read by {name}")
                read.setdefault(name, []).append(key)
            _children(topology, group, source.children, read[name], topics)
        elif name in topology.nodes:
            node = topology.nodes[name]
            kind, word = words.of_node(node)
            group.boxes[name] = Box(name, kind, (word, shown(name)), f"{word}: {name}")
            _children(topology, group, node.children, [name], topics)
            for store in node.stores:
                if store in topology.stores:
                    group.stores.append((name, _store(topology, group, store)))


def _children(
    topology: Topology,
    group: Group,
    children: Iterable[str],
    parents: list[str],
    topics: dict[str, Box],
) -> None:
    """A way from each parent, a node or a topic, to each child, a node or a sink."""
    for child in children:
        sink = topology.sinks.get(child)
        if sink is not None:
            kind = "" if sink.topic is not None else "by record"
            key = _topic(topology, topics, sink.topic or child, kind, f"written by {child}")
        for parent in parents:
            if sink is not None:
                group.writes.append((parent, key))
            elif parent in topics:
                group.reads.append((parent, child))
            else:
                group.edges.append((parent, child))


_KINDS = {"pattern": "all topics of this pattern", "by record": "the topic that each record names"}


def _topic(topology: Topology, topics: dict[str, Box], name: str, kind: str, told: str) -> str:
    internal = name in topology.internal_topics
    word = _KINDS.get(kind, "repartition topic" if internal else "topic")
    key = f"{kind or 'topic'} {name}"
    before = topics.get(key)
    lines = (shown(name), word) if before is None else before.lines
    told = f"{word} {name}, {told}" if before is None else f"{before.told}, {told}"
    topics[key] = Box(key, "internal" if internal else "topic", lines, told)
    return key


def _store(topology: Topology, group: Group, name: str) -> str:
    key = f"store {name}"
    if key not in group.boxes:
        store = topology.stores[name]
        word = words.of_store(store)
        changelog = store.changelog_topic or (f"{name}-changelog" if store.logged else None)
        if store.is_global:
            below = "filled from its topic"
        elif changelog is None:
            below = "no changelog"
        else:
            below = f"→ {shown(changelog)}"
        group.boxes[key] = Box(key, "store", (word, shown(name), below), f"{word} {name}, {below}")
    return key


def _untie(groups: list[Group], topics: dict[str, Box]) -> None:
    """Draw a second time each topic that would lead from a group back to itself."""
    leads: dict[str, set[str]] = {}
    for group in groups:
        for topic, _ in group.reads:
            leads.setdefault(topic, set()).add(group.key)
        direct = [topic for topic, _ in group.writes if topic in topics]  # a source's own sink
        for topic in direct:
            leads.setdefault(topic, set()).add(group.key)
    for group in groups:
        again: dict[str, str] = {}
        for _, topic in group.writes:
            if topic in again:
                continue
            if _reaches(leads, topic, group.key):
                again[topic] = f"{topic} again"
                topics[again[topic]] = topics[topic]
            else:
                leads.setdefault(group.key, set()).add(topic)
        group.writes = [(node, again.get(topic, topic)) for node, topic in group.writes]


def _reaches(leads: dict[str, set[str]], start: str, end: str) -> bool:
    seen, waiting = {start}, [start]
    while waiting:
        one = waiting.pop()
        if one == end:
            return True
        fresh = leads.get(one, set()) - seen
        seen |= fresh
        waiting += fresh
    return False


def cells(text: str) -> int:
    """How wide a text is in characters of a fixed width; Chinese and its like take two."""
    return sum(2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text)


def shown(name: str) -> str:
    """A name as it is drawn: on one line, without its middle where it is too long."""
    if len(name) > CELLS:
        half = CELLS // 2
        name = f"{name[: half - 1]}…{name[-half:]}"
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in name)
