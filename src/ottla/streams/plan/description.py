"""A topology as a text, exactly as Apache Kafka's `Topology.describe()` prints its twin.

Kafka gathers nodes in hash sets and in trees whose order changes while they are filled; what it prints
depends on that. So the order of its hash maps is computed here, as Java has it, and nodes are put into
their places at the same moments, with the sizes that they have then.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ottla.streams.plan.topology import Node, Sink, Source, Topology

Row = Source | Node | Sink


@dataclass(slots=True)
class Group:
    """A sub-topology: what runs as one task, or a global store with what fills it."""

    number: int
    names: list[str]
    is_global: bool = False


def groups(topology: Topology) -> list[Group]:
    """The sub-topologies, numbered as Kafka numbers them: by their first node.

    Nodes belong together that are linked, or that share a store.
    """
    root: dict[str, str] = {}

    def find(name: str) -> str:
        while root[name] != name:
            root[name] = root[root[name]]
            name = root[name]
        return name

    users: dict[str, str] = {}
    for name, parents in topology.parents.items():
        root[name] = name
        for parent in parents:
            root[find(parent)] = find(name)
    for name, node in topology.nodes.items():
        for store in node.stores:
            if topology.stores[store].is_global:
                continue
            root[find(users.setdefault(store, name))] = find(name)
    found: dict[str, Group] = {}
    for name in topology.parents:
        group = found.setdefault(find(name), Group(len(found), []))
        group.names.append(name)
        source = topology.sources.get(name)
        group.is_global |= source is not None and source.is_global
    return list(found.values())


def describe(topology: Topology) -> str:
    """The text. Internal topics have their names without the application's id, as in Kafka."""
    parts = ["Topologies:\n "]
    for group in groups(topology):
        parts.append("  ")
        if group.is_global:
            parts.append(_global_store(topology, group))
        else:
            parts.append(_subtopology(topology, group))
    return "".join(parts)


@dataclass(eq=False, slots=True)
class _Described:
    """A node with its neighbours in Kafka's order, and how many nodes stand below it, paths counted."""

    name: str
    row: Row
    size: int = 1
    before: list[_Described] = field(default_factory=list)
    after: list[_Described] = field(default_factory=list)

    @property
    def place(self) -> tuple[int, str]:
        return (-self.size, self.name)

    def grow(self, by: int) -> None:
        self.size += by
        for parent in self.before:
            parent.grow(by)


def _insert(into: list[_Described], node: _Described) -> None:
    """Into a sorted set, by the sizes of this moment."""
    if node not in into:
        into.insert(bisect_left(into, node.place, key=lambda known: known.place), node)


def _subtopology(topology: Topology, group: Group) -> str:
    rows: Mapping[str, Row] = {**topology.sources, **topology.nodes, **topology.sinks}
    nodes = {name: _Described(name, rows[name]) for name in group.names}
    for name in hash_order(hash_order(group.names)):
        node = nodes[name]
        for parent in topology.parents[name]:
            above = nodes[parent]
            _insert(node.before, above)
            _insert(above.after, node)
            above.grow(node.size)
    lines = [f"Sub-topology: {group.number}\n"]
    for node in sorted(nodes.values(), key=lambda node: node.place):
        lines.append(f"    {_text(node)}\n")
    return "".join([*lines, "\n"])


def _global_store(topology: Topology, group: Group) -> str:
    source = next(topology.sources[name] for name in group.names if name in topology.sources)
    name = next(name for name in group.names if name != source.name)
    above = _Described(source.name, source)
    below = _Described(name, topology.nodes[name], before=[above])
    above.after = [below]
    head = f"Sub-topology: {group.number} for global store (will not generate tasks)\n"
    return f"{head}    {_text(above)}\n    {_text(below)}\n"


def _text(node: _Described) -> str:
    row, after, before = node.row, _names(node.after), _names(node.before)
    if isinstance(row, Source):
        if row.pattern is not None:
            topics = row.pattern.pattern
        else:
            topics = f"[{', '.join(hash_order(row.topics, sized=True))}]"
        return f"Source: {row.name} (topics: {topics})\n      --> {after}"
    if isinstance(row, Sink):
        target = f"topic: {row.topic}"
        if row.topic is None:
            target = f"extractor class: {row.extractor.name if row.extractor else ''}"
        return f"Sink: {row.name} ({target})\n      <-- {before}"
    stores = ", ".join(hash_order(hash_order(row.stores), sized=True))
    return f"Processor: {row.name} (stores: [{stores}])\n      --> {after}\n      <-- {before}"


def _names(nodes: list[_Described]) -> str:
    return ", ".join(node.name for node in nodes) or "none"


def hash_order(names: Iterable[str], *, sized: bool = False) -> list[str]:
    """Texts in the order in which a HashSet of Java gives them, put in one by one in this order.

    `sized`: the set was made from a collection, and begins with room for all of it.
    """
    given = list(dict.fromkeys(names))
    room = 16
    least = int(len(given) / 0.75) + 1 if sized else 16
    while room < least or len(given) > room * 3 // 4:
        room *= 2
    return sorted(given, key=lambda name: _bucket(name, room))


def _bucket(name: str, room: int) -> int:
    code = 0
    units = name.encode("utf-16-be", "surrogatepass")
    for place in range(0, len(units), 2):
        code = (31 * code + int.from_bytes(units[place : place + 2])) & 0xFFFFFFFF
    return (code ^ (code >> 16)) & (room - 1)
