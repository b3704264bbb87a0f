"""How deep a topology is: how many operators run inside one another when a record goes through.

Records go depth first, so each operator below another takes its share of the thread's stack until
the record is through. What goes over a topic of the topology's own begins anew.
"""

from __future__ import annotations

from collections.abc import Callable

from ottla.streams.plan.topology import Node, Topology


def depth(topology: Topology, counts: Callable[[Node], int]) -> int:
    """The largest sum of what the nodes of one way from a source downwards count."""
    depths: dict[str, int] = {}
    for name in reversed(list(topology.nodes)):
        node = topology.nodes[name]
        below = (depths.get(child, 0) for child in node.children)
        depths[name] = counts(node) + max(below, default=0)
    return max(depths.values(), default=0)
