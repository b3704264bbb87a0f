"""Many runs, in several processes, and what they say together: what did not hold, and which faults
met which steps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import NamedTuple

from ottla.sim.run import STEPS, TRACE_LINES, Outcome, Run

AT_ONCE = 8
"""How many runs a process takes at a time."""


class Campaign(NamedTuple):
    """What came of many runs."""

    runs: int
    client_steps: int
    faults: int
    cells: Counter[tuple[str, str]]
    failed: list[Outcome]
    """Those in which something did not hold."""

    def table(self) -> str:
        """Faults by kinds of step, with how often they met."""
        if not self.cells:
            return "no fault met a step"
        faults = sorted({fault for fault, _ in self.cells})
        kinds = sorted({kind for _, kind in self.cells})
        width = max(len(kind) for kind in kinds)
        numbered = "  ".join(f"{number}: {fault}" for number, fault in enumerate(faults, 1))
        head = " " * width + "".join(f"{number:>6}" for number in range(1, len(faults) + 1))
        rows = [
            kind.ljust(width) + "".join(f"{self.cells[fault, kind] or '.':>6}" for fault in faults)
            for kind in kinds
        ]
        return "\n".join([numbered, head, *rows])


def outcomes(
    seeds: Iterable[int],
    *,
    processes: int = 1,
    steps: int = STEPS,
    plant: str = "",
    trace_lines: int = TRACE_LINES,
) -> Iterator[Outcome]:
    """Play each seed; in the order of the seeds."""
    play = partial(_play, steps=steps, plant=plant, trace_lines=trace_lines)
    if processes == 1:
        yield from map(play, seeds)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield from pool.map(play, seeds, chunksize=AT_ONCE)


def _play(seed: int, *, steps: int, plant: str, trace_lines: int) -> Outcome:
    return Run(seed, steps=steps, plant=plant, trace_lines=trace_lines).play()


def together(found: Iterable[Outcome]) -> Campaign:
    """All of it in one."""
    runs = client_steps = faults = 0
    cells: Counter[tuple[str, str]] = Counter()
    failed = []
    for outcome in found:
        runs += 1
        client_steps += outcome.client_steps
        faults += outcome.faults
        cells.update(outcome.cells)
        if outcome.violation:
            failed.append(outcome)
    return Campaign(runs, client_steps, faults, cells, failed)


def told(outcome: Outcome, lines: int = 40, *, options: str = "") -> str:
    """What did not hold, how to see it again, and the last steps before it; options: what else the
    run was begun with.
    """
    again = f".venv/bin/python -m ottla.sim --seeds {outcome.seed}{options} --trace 500"
    verdict = outcome.violation or "everything held"
    last = outcome.trace[max(0, len(outcome.trace) - lines) :]
    return "\n".join([f"seed {outcome.seed}: {verdict}", f"again: {again}", *last])
