"""A topology's text, as Kafka prints it, read back into a plan.

The text does not say in which order the nodes were added, nor in which order a node's parents
were given, and Kafka's print depends on both. `plans` gives the plans of orders that the text
allows, most likely first: nodes by the number in their name, but none before its parents.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ottla.streams import serdes
from ottla.streams.plan.functions import Function
from ottla.streams.plan.operators import PassThrough
from ottla.streams.plan.stores import Store, StoreKind
from ottla.streams.plan.topology import Node, Sink, Source, Topology

HEAD = re.compile(r" {2,}Sub-topology: (\d+)( for global store \(will not generate tasks\))?")
NODE = re.compile(
    r"    (Source|Processor|Sink): (\S+) \((topics|stores|topic|extractor class): (.*)\)"
)
ARROW = re.compile(r"      (-->|<--) (.+)")


@dataclass
class Line:
    """One node of the text."""

    kind: str
    name: str
    what: str
    given: str
    group: int
    is_global: bool
    after: list[str] = field(default_factory=list)
    before: list[str] = field(default_factory=list)

    @property
    def listed(self) -> list[str]:
        inner = self.given.removeprefix("[").removesuffix("]")
        return inner.split(", ") if inner else []


def read(text: str) -> list[Line]:
    """The nodes in the text's order. Every line is understood, or the test fails."""
    found: list[Line] = []
    group, is_global = -1, False
    lines = text.removeprefix("Topologies:\n ").split("\n")
    for line in lines:
        if head := HEAD.fullmatch(line):
            group, is_global = int(head[1]), head[2] is not None
        elif node := NODE.fullmatch(line):
            found.append(Line(node[1], node[2], node[3], node[4], group, is_global))
        elif arrow := ARROW.fullmatch(line):
            names = [] if arrow[2] == "none" else arrow[2].split(", ")
            into = found[-1].after if arrow[1] == "-->" else found[-1].before
            into.extend(names)
        else:
            assert not line.strip(), line
    return found


def added(lines: list[Line]) -> list[Line]:
    """The nodes in an order in which they may have been added."""
    waiting = {line.name: line for line in lines}
    order: list[Line] = []
    while waiting:
        ready = [n for n in waiting.values() if not any(b in waiting for b in n.before)]
        # A sub-topology has the number of its first node: its first nodes wait for lower numbers.
        seen = {line.group for line in order}
        allowed = [n for n in ready if n.group in seen or n.group == len(seen)]
        known = {line.name: place for place, line in enumerate(order)}
        first = min(allowed, key=lambda n: (_number(n, lines, known), lines.index(n)))
        order.append(waiting.pop(first.name))
    return order


def _number(line: Line, lines: list[Line], known: Mapping[str, int]) -> int:
    """The number in the name; a node that was named stands where its parents' numbers put it."""
    found = re.search(r"(\d{10})", line.name)
    if found:
        return int(found[1])
    above = [other for other in lines if other.name in line.before]
    return max((_number(other, lines, known) for other in above), default=-1)


def plans(text: str) -> Iterator[Topology]:
    """Plans that the text allows; they differ in the order of parents."""
    lines = added(read(text))
    orders = [list(itertools.permutations(line.before)) for line in lines]
    for chosen in itertools.islice(itertools.product(*orders), 100):
        yield plan(lines, {n.name: tuple(one) for n, one in zip(lines, chosen, strict=True)})


def plan(lines: list[Line], parents: Mapping[str, tuple[str, ...]]) -> Topology:
    """The plan of these nodes, added in this order."""
    sources, nodes, sinks, stores = {}, {}, {}, {}
    for line in lines:
        children = tuple(other.name for other in lines if line.name in other.before)
        if line.kind == "Source":
            fixed = line.given.startswith("[") or line.is_global
            pattern = None if fixed else re.compile(line.given)
            topics = tuple(line.listed) if fixed else ()
            sources[line.name] = Source(
                line.name, topics, pattern, serdes.BYTES, serdes.BYTES, children,
                is_global=line.is_global,
            )  # fmt: skip
        elif line.kind == "Processor":
            names = tuple(line.listed)
            nodes[line.name] = Node(line.name, PassThrough(), children, names)
            for name in names:
                stores[name] = Store(
                    name, StoreKind.KEY_VALUE, None, None, is_global=line.is_global
                )
        else:
            topic, extractor = line.given, None
            if line.what != "topic":
                topic, extractor = None, Function(lambda value: value, ("value",), None, line.given)
            sinks[line.name] = Sink(line.name, topic, extractor, serdes.BYTES, serdes.BYTES)
    return Topology(sources, nodes, sinks, stores, {}, parents)
