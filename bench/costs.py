"""What an entry of a list costs the decision thread, for every list of every API that it answers.

With n, 4n and 16n entries, all equal and all different, decoding and encoding included; what each
costs is printed as it is measured, the table shows the worst. Only Ottla: it is asked in this
process, without a socket.
"""

from __future__ import annotations

import sys

from bench.figure import Figure
from bench.rig import OTTLA, Rig

FIGURES = (
    Figure("costs-entry", "an entry of the costliest list of 8,000", "CPU-µs", digits=1),
    Figure("costs-growth", "the same entry among 8,000 over among 500", "times", must_most=3),
)
CREATE_TOPICS, CREATE_PARTITIONS = 19, 37
"""Their entries open logs, which costs what the disk costs: fewer are asked for, none is judged."""


def measure(rig: Rig, kind: str, wanted: set[str]) -> dict[str, float]:
    """Every list once."""
    if kind != OTTLA:
        return {}
    from attack.costs import Handlers, lists, seconds

    handlers = Handlers()
    worst = growth = 0.0
    try:
        for which in lists():
            opens = which.key in (CREATE_TOPICS, CREATE_PARTITIONS)
            few = max(rig.size(20 if opens else 500), 2)
            seconds(handlers, which, few)  # what is imported or made at first use
            each = []
            for count in (few, 4 * few, 16 * few):
                cost = seconds(handlers, which, count)
                each.append((cost.decode + cost.handle + cost.encode) / count * 1e6)
            shown = " ".join(f"{microseconds:8.2f}" for microseconds in each)
            print(f"{shown} CPU-µs an entry: {which}", file=sys.stderr)
            if not opens:
                worst = max(worst, each[2])
                # Below a microsecond the clock's own grain would be compared.
                growth = max(growth, each[2] / max(each[0], 1.0))
    finally:
        handlers.close()
    return {"costs-entry": worst, "costs-growth": growth}
