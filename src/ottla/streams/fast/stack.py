"""What a topology takes of a thread's stack on the core, which nothing there can catch.

An operator calls the ones below it, so a chain of them is as many calls inside one another. A
thread may have as little as 512 KiB: what would not fit there is refused when the plan is compiled,
so that no record ends the process.
"""

from __future__ import annotations

from ottla.streams.errors import TopologyError
from ottla.streams.plan import operators
from ottla.streams.plan.depth import depth
from ottla.streams.plan.topology import Node, Topology

#: Of 512 KiB some are left for who calls the task, and for what the last operator calls.
STACK_BYTES_MAX = 448 << 10
#: Operators that keep nothing; measured: below 1,050 bytes of a flat map.
SHALLOW = (
    operators.Branch, operators.Filter, operators.FlatMap, operators.FlatMapValues, operators.Map,
    operators.MapValues, operators.PassThrough, operators.Peek, operators.SelectKey,
)  # fmt: skip
SHALLOW_BYTES = 1_400
#: All others; measured: below 3.2 KB of processors.
DEEP_BYTES = 3_600
#: Measured: below 4.8 KB, where the core is linked as in wheels.
SUPPRESS_BYTES = 5_500


def check_stack(topology: Topology) -> None:
    """Refuse what would run out of a thread's stack.

    Raises:
        TopologyError: too many operators stand below one another.
    """
    if depth(topology, _bytes) > STACK_BYTES_MAX:
        deepest = depth(topology, lambda node: 1)
        none, deep, held = (
            STACK_BYTES_MAX // each for each in (SHALLOW_BYTES, DEEP_BYTES, SUPPRESS_BYTES)
        )
        raise TopologyError(
            f"the topology is {deepest} operators deep, which a thread's stack may not hold:"
            f" {none} fit that keep nothing, {held} that suppress, {deep} of all others",
            hint="put several functions into one, or repartition between",
        )


def _bytes(node: Node) -> int:
    if isinstance(node.operator, operators.Suppress):
        return SUPPRESS_BYTES
    return SHALLOW_BYTES if isinstance(node.operator, SHALLOW) else DEEP_BYTES
