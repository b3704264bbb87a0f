"""A topology as a text, exactly as Apache Kafka's `Topology.describe()` prints its twin.

Kafka gathers nodes in hash sets, and each node's neighbours in trees that are ordered by how much
stands below a node, which changes while they are filled; what it prints depends on that. So the
order of its hash maps is computed here as Java has it, and neighbours are put into the same trees
at the same moments, with the sizes that they have then (`sorted_set`).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ottla.streams.errors import TopologyError
from ottla.streams.plan.sorted_set import SortedSet
from ottla.streams.plan.topology import Node, Sink, Source, Topology

Row = Source | Node | Sink

#: Java's HashMap: so many texts share a bucket before it mends that, and the room from which on it
#: does not double the table for it.
_CROWDED = 8
_TREES = 64


@dataclass(slots=True)
class Group:
    """A sub-topology: what runs as one task, or a global store with what fills it."""

    number: int
    names: list[str]
    is_global: bool = False


def groups(topology: Topology) -> list[Group]:
    """The sub-topologies, numbered as Kafka numbers them: by their first node.

    Nodes belong together that are linked, or that share a store; a global store links nothing.

    Raises:
        TopologyError: nodes stand in a circle, or one stands before its parents.
    """
    return _groups(topology, parents_of(topology))


def describe(topology: Topology) -> str:
    """The text. Internal topics have their names without the application's id, as in Kafka.

    Raises:
        TopologyError: nodes stand in a circle, or one stands before its parents.
    """
    parents = parents_of(topology)
    parts = ["Topologies:\n "]
    for group in _groups(topology, parents):
        parts.append("  ")
        if group.is_global:
            parts.append(_global_store(topology, group))
        else:
            parts.append(_subtopology(topology, group, parents))
    return "".join(parts)


def parents_of(topology: Topology) -> Mapping[str, tuple[str, ...]]:
    """Each node's parents, every node after its parents: the plan's own, or as the arrows say."""
    if topology.parents:
        seen: set[str] = set()
        for name, parents in topology.parents.items():
            if not seen.issuperset(parents):
                raise TopologyError(
                    f"{name} stands before a parent of its own ({', '.join(parents)})",
                    hint="add every node after its parents, and none in a circle",
                )
            seen.add(name)
        return topology.parents
    links: dict[str, list[str]] = {
        name: [] for name in (*topology.sources, *topology.nodes, *topology.sinks)
    }
    rows: dict[str, Source | Node] = {**topology.sources, **topology.nodes}
    for name, row in rows.items():
        for child in row.children:
            links[child].append(name)
    waiting = {name: len(parents) for name, parents in links.items()}
    ready = [name for name, count in waiting.items() if count == 0]
    for name in ready:  # it grows while it is read
        for child in rows[name].children if name in rows else ():
            waiting[child] -= 1
            if waiting[child] == 0:
                ready.append(child)
    if len(ready) < len(links):
        circle = sorted(links.keys() - set(ready))
        raise TopologyError(
            f"nodes stand in a circle or below one: {', '.join(circle[:10])}",
            hint="a record may never come back to a node; write it to a topic and read that",
        )
    return {name: tuple(links[name]) for name in ready}


def _groups(topology: Topology, parents: Mapping[str, tuple[str, ...]]) -> list[Group]:
    root: dict[str, str] = {}

    def find(name: str) -> str:
        while root[name] != name:
            root[name] = root[root[name]]
            name = root[name]
        return name

    users: dict[str, str] = {}
    for name, above in parents.items():
        root[name] = name
        for parent in above:
            root[find(parent)] = find(name)
    for name, node in topology.nodes.items():
        for store in node.stores:
            if not _is_global(topology, store):
                root[find(users.setdefault(store, name))] = find(name)
    found: dict[str, Group] = {}
    for name in parents:
        group = found.setdefault(find(name), Group(len(found), []))
        group.names.append(name)
        source = topology.sources.get(name)
        group.is_global |= source is not None and source.is_global
    return list(found.values())


def _is_global(topology: Topology, store: str) -> bool:
    found = topology.stores.get(store)
    return found is not None and found.is_global


@dataclass(eq=False, slots=True)
class _Described:
    """A node, its neighbours in Kafka's order, and how much stands below it: nodes times paths."""

    name: str
    row: Row
    stores: tuple[str, ...] = ()
    #: Its place in the order of addition: parents have lower ones.
    added: int = 0
    size: int = 1
    before: SortedSet[_Described] = field(default_factory=lambda: SortedSet(_place))
    after: SortedSet[_Described] = field(default_factory=lambda: SortedSet(_place))

    def grow(self, by: int) -> None:
        """It and all above it get larger, those above once for each path."""
        node = self
        while len(node.before) == 1:  # most nodes have one parent
            node.size += by
            (node,) = node.before
        more, heap, nodes = {node.added: by}, [-node.added], {node.added: node}
        while heap:  # the lowest first, so that all its paths are known
            node = nodes[-heapq.heappop(heap)]
            node.size += more[node.added]
            for parent in node.before:
                if parent.added not in more:
                    more[parent.added], nodes[parent.added] = 0, parent
                    heapq.heappush(heap, -parent.added)
                more[parent.added] += more[node.added]


def _place(node: _Described) -> tuple[int, bytes]:
    """Large ones first; then by name, as Java compares texts: by UTF-16 units."""
    return -node.size, node.name.encode("utf-16-be", "surrogatepass")


def _subtopology(topology: Topology, group: Group, parents: Mapping[str, tuple[str, ...]]) -> str:
    rows: Mapping[str, Row] = {**topology.sources, **topology.nodes, **topology.sinks}
    nodes: dict[str, _Described] = {}
    for added, name in enumerate(group.names):
        row = rows[name]
        stores = row.stores if isinstance(row, Node) else ()
        own = tuple(store for store in stores if not _is_global(topology, store))
        nodes[name] = _Described(name, row, own, added)
    for name in hash_order(hash_order(group.names)):
        node = nodes[name]
        for parent in parents[name]:
            above = nodes[parent]
            node.before.add(above)
            above.after.add(node)
            above.grow(node.size)
    lines = [f"    {_text(node)}\n" for node in sorted(nodes.values(), key=_place)]
    return "".join([f"Sub-topology: {group.number}\n", *lines, "\n"])


def _global_store(topology: Topology, group: Group) -> str:
    source = next(topology.sources[name] for name in group.names if name in topology.sources)
    name = next(name for name in group.names if name != source.name)
    above = _Described(source.name, source)
    below = _Described(name, topology.nodes[name], topology.nodes[name].stores)
    below.before.add(above)
    above.after.add(below)
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
    stores = ", ".join(hash_order(hash_order(node.stores), sized=True))
    return f"Processor: {row.name} (stores: [{stores}])\n      --> {after}\n      <-- {before}"


def _names(nodes: Iterable[_Described]) -> str:
    return ", ".join(node.name for node in nodes) or "none"


def hash_order(names: Iterable[str], *, sized: bool = False) -> list[str]:
    """Texts in the order in which a HashSet of Java gives them, put in one by one in this order.

    `sized`: the set was made from a collection, and begins with room for all of it. A table doubles
    where it is three quarters full and, while it is small, where a bucket gets its ninth text.
    """
    given = list(dict.fromkeys(names))
    room = 16
    while sized and room < int(len(given) / 0.75) + 1:
        room *= 2
    buckets: dict[int, list[str]] = {}
    for count, name in enumerate(given, 1):
        bucket = buckets.setdefault(_bucket(name, room), [])
        bucket.append(name)
        if len(bucket) > _CROWDED and room < _TREES:
            room *= 2
            buckets = _spread(buckets, room)
        if count > room * 3 // 4:
            room *= 2
            buckets = _spread(buckets, room)
    return [name for _, bucket in sorted(buckets.items()) for name in bucket]


def _spread(buckets: Mapping[int, list[str]], room: int) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for bucket in buckets.values():
        for name in bucket:
            found.setdefault(_bucket(name, room), []).append(name)
    return found


def _bucket(name: str, room: int) -> int:
    code = 0
    units = name.encode("utf-16-be", "surrogatepass")
    for place in range(0, len(units), 2):
        code = (31 * code + int.from_bytes(units[place : place + 2])) & 0xFFFFFFFF
    return (code ^ (code >> 16)) & (room - 1)
