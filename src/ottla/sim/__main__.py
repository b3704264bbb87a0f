"""`.venv/bin/python -m ottla.sim --seeds 1-300`: play seeds, print what did not hold and what was
met; of one seed alone, print its steps whether all held or not, if --trace is given.

With --crashes: under each seed two transactions of one producer, and a crash after each single step
of theirs, and at each single change of the disk, in turn.
"""

from __future__ import annotations

import argparse
import sys
import time

from ottla.sim import crashes, run
from ottla.sim.campaign import outcomes, together, told
from ottla.sim.plants import PLANTS

LINES = 40


def main(arguments: list[str] | None = None) -> int:
    """The command; 1 if anything did not hold."""
    parser = argparse.ArgumentParser(prog="python -m ottla.sim", description=__doc__)
    parser.add_argument("--seeds", default="1", help="one, or the first and the last: 1-300")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--steps", type=int, default=run.STEPS, help="of clients, at least")
    parser.add_argument("--plant", default="", choices=("", *PLANTS), help="a fault to be found")
    parser.add_argument(
        "--trace",
        type=int,
        help=f"so many of a run's last lines: of those that failed ({LINES}), and of a seed "
        "that is played alone in any case",
    )
    parser.add_argument("--crashes", action="store_true", help="crash between every two steps")
    given = parser.parse_args(arguments)
    first, _, last = given.seeds.partition("-")
    seeds = range(int(first), int(last or first) + 1)
    lines = LINES if given.trace is None else given.trace
    began = time.monotonic()
    if given.crashes:
        return _crash(seeds, given, lines)
    found = outcomes(
        seeds,
        processes=given.processes,
        steps=given.steps,
        plant=given.plant,
        trace_lines=max(lines, 0),
    )
    # Of many runs those that held are forgotten at once.
    alone = list(found) if len(seeds) == 1 and given.trace is not None else []
    campaign = together(alone or found)
    for outcome in alone or campaign.failed:
        print(told(outcome, lines, options=_others(given)), end="\n\n")
    print(campaign.table())
    print(
        f"{campaign.runs} runs, {campaign.client_steps} steps of clients, "
        f"{campaign.faults} faults, {len(campaign.failed)} failed, {time.monotonic() - began:.0f} s"
    )
    return 1 if campaign.failed else 0


def _crash(seeds: range, given: argparse.Namespace, lines: int) -> int:
    """Crash everywhere, and say where something did not hold."""
    points = failed = 0
    for one in crashes.found(seeds, crashes.CASES, processes=given.processes, plant=given.plant):
        points += one.points
        failed += len(one.failed)
        print(f"seed {one.seed}, {one.case}: {one.points} crash points, {len(one.failed)} failed")
        for at, outcome in one.failed:
            last = outcome.trace[max(0, len(outcome.trace) - lines) :]
            print("\n".join([f"at {at}: {outcome.violation}", *last]), end="\n\n")
    print(f"{points} crash points, {failed} failed")
    return 1 if failed else 0


def _others(given: argparse.Namespace) -> str:
    """The options that make a seed's run what it is."""
    steps = f" --steps {given.steps}" if given.steps != run.STEPS else ""
    return f"{steps} --plant {given.plant}" if given.plant else steps


if __name__ == "__main__":
    sys.exit(main())
