"""What is done to the logical graph before it is written: merged sources, optimisations.

`reuse.ktable.source.topics` makes a table's topic its changelog; `merge.repartition.topics` puts
one repartition behind a change of keys in place of several; `single.store.self.join` keeps one
store for a stream that is joined with itself. The rest is always done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ottla.streams.builder.graph import (
    Graph,
    GraphNode,
    JoinWindowNode,
    ProcessorNode,
    RepartitionNode,
    SourceNode,
    StreamJoinNode,
    TableSourceNode,
    nearest,
)
from ottla.streams.errors import TopologyError

REUSE = "reuse.ktable.source.topics"
MERGE = "merge.repartition.topics"
SELF_JOIN = "single.store.self.join"
ALL = frozenset((REUSE, MERGE, SELF_JOIN))

#: Makes a repartition node for a topic with the serdes of the given ones, under generated names.
NewRepartition = Callable[[str, Iterable[RepartitionNode]], RepartitionNode]
#: A source node was replaced by another in what must be copartitioned.
Replaced = Callable[[str, str], None]


def switches(given: object) -> frozenset[str]:
    """The switches that `optimization=` names: None, "none", "all", one, or several.

    Raises:
        TopologyError: there is no such switch.
    """
    if given is None or given == "none":
        return frozenset()
    if given == "all":
        return ALL
    names = [given] if isinstance(given, str) else given
    if isinstance(names, Iterable):
        found = [n.strip() for name in names if isinstance(name, str) for n in name.split(",")]
        if found and all(name in ALL for name in found):
            return frozenset(found)
    raise TopologyError(
        f"there is no topology optimisation {given!r}",
        hint=f'take "all", "none", or some of {", ".join(sorted(ALL))}',
    )


def optimise(
    graph: Graph, on: frozenset[str], new_repartition: NewRepartition, replaced: Replaced
) -> None:
    merge_sources(graph)
    if REUSE in on:
        for node in graph.nodes:
            if isinstance(node, TableSourceNode):
                node.reuses_topic = True
    if MERGE in on:
        merge_repartitions(graph, new_repartition, replaced)
    if SELF_JOIN in on:
        self_joins(graph)
    drop_null_keys(graph)
    use_versions(graph)


# ---------------------------------------------------------------- sources
def merge_sources(graph: Graph) -> None:
    """Two streams of the same topics are one source with the children of both."""
    by_topic: dict[str, SourceNode] = {}
    by_pattern: dict[tuple[str, int], SourceNode] = {}
    for node in list(graph.root.children):
        if not isinstance(node, SourceNode):
            continue
        if node.pattern is not None:
            first = by_pattern.setdefault((node.pattern.pattern, node.pattern.flags), node)
            if first is not node:
                _merge(graph, first, node)
            continue
        for topic in node.topics:
            first = by_topic.setdefault(topic, node)
            if first is node:
                continue
            if first.topics != node.topics:
                raise TopologyError(
                    f"{first.name} reads {', '.join(first.topics)} and {node.name} reads "
                    f"{', '.join(node.topics)}: the same topics in part",
                    hint="read each topic by one stream, or the same topics by all",
                )
            _merge(graph, first, node)
            break


def _merge(graph: Graph, first: SourceNode, other: SourceNode) -> None:
    if first.reset != other.reset:
        raise TopologyError(
            f"{first.name} and {other.name} read the same topics with different reset= policies",
            hint="give both the same",
        )
    for child in list(other.children):
        other.remove_child(child)
        first.add_child(child)
    graph.root.remove_child(other)


# ---------------------------------------------------------------- repartitions
def merge_repartitions(graph: Graph, new: NewRepartition, replaced: Replaced) -> None:
    _through_merges(graph)
    for changer, nodes in list(graph.key_changers.items()):
        if not nodes:
            continue
        one = new(next(iter(nodes)).topic, nodes)
        one.priority = changer.priority
        for node in nodes:
            below = nearest(node, lambda n, above=changer: above in n.parents)  # type: ignore[misc]
            if below is None:
                raise TopologyError(
                    f"{MERGE} cannot put one repartition below {changer.name}, since "
                    f"{node.name} is below another merge of streams",
                    hint="leave this optimisation out, as Kafka refuses it too, or merge once",
                )
            one.add_child(below)
            changer.remove_child(below)
            parents = list(node.parents)
            for child in list(node.children):
                for parent in parents:
                    parent.add_child(child)
            for parent in parents:
                parent.remove_child(node)
            for child in list(node.children):
                node.remove_child(child)
            replaced(node.name, one.name)
        changer.add_child(one)
        del graph.key_changers[changer]


def _through_merges(graph: Graph) -> None:
    """A merge below several changes of keys stands for them."""
    changers = graph.key_changers
    of_merges: dict[GraphNode, list[GraphNode]] = {}
    for merge in graph.merges:
        of_merges[merge] = [
            changer
            for changer, nodes in changers.items()
            if all(nearest(n, lambda g, m=merge: m in g.parents) is not None for n in nodes)  # type: ignore[misc]
            and nearest(merge, lambda g, c=changer: c in g.parents) is not None  # type: ignore[misc]
        ]
    gone: dict[GraphNode, None] = {}
    for merge, above in of_merges.items():
        nodes: dict[RepartitionNode, None] = {}
        for changer in above:
            nodes.update(changers[changer])
            gone[changer] = None
        changers[merge] = nodes
    for changer in gone:
        changers.pop(changer, None)


def drop_null_keys(graph: Graph) -> None:
    """A repartition drops records without a key, unless a join below it keeps them."""
    nodes = ordered(graph)
    keeps = {node for node in nodes if node.keeps_null_keys}
    above: set[GraphNode] = set()
    for node in reversed(nodes):
        if any(child in keeps or child in above for child in node.children):
            above.add(node)
        if isinstance(node, RepartitionNode):
            node.drops_null_keys = node not in above


def ordered(graph: Graph) -> list[GraphNode]:
    """All nodes below the root, each after its parents."""
    waiting = {node: len(node.parents) for node in graph.nodes}
    ready, found = [graph.root], []
    while ready:
        node = ready.pop()
        found.append(node)
        for child in node.children:
            waiting[child] = waiting.get(child, len(child.parents)) - 1
            if waiting[child] == 0:
                ready.append(child)
    return found


# ---------------------------------------------------------------- self-joins and versions
def self_joins(graph: Graph) -> None:
    """A stream joined with itself keeps one store: the other side's is taken away."""
    for node in ordered(graph):
        if isinstance(node, StreamJoinNode) and len(node.parents) == 1:
            (parent,) = node.parents
            for child in list(parent.children):
                is_right = child.name == node.right_windowed
                if isinstance(child, JoinWindowNode) and is_right:
                    parent.remove_child(child)
                    node.is_self_join = True


def use_versions(graph: Graph) -> None:
    """Operators below versioned tables heed versions; suppress refuses them."""
    versioned: set[GraphNode] = set()
    for node in ordered(graph):
        above = bool(node.parents) and all(parent in versioned for parent in node.parents)
        if above if node.versioned is None else node.versioned:
            versioned.add(node)
        for parent in node.parents:
            if parent in versioned:
                node.use_versions(parent.name)
        if above and isinstance(node, ProcessorNode) and node.refuses_versions:
            raise TopologyError(
                f"{node.name} suppresses a versioned table, which Kafka does not do",
                hint="materialize the table in a store that is not versioned first",
            )
