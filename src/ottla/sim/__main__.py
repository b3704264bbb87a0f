"""`python -m ottla.sim --seeds 1-300`: play seeds, print what did not hold and what was met."""

from __future__ import annotations

import argparse
import sys
import time

from ottla.sim import run
from ottla.sim.campaign import outcomes, together, told
from ottla.sim.plants import PLANTS


def main(arguments: list[str] | None = None) -> int:
    """The command; 1 if anything did not hold."""
    parser = argparse.ArgumentParser(prog="python -m ottla.sim", description=__doc__)
    parser.add_argument("--seeds", default="1", help="one, or the first and the last: 1-300")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--steps", type=int, default=run.STEPS, help="of clients, at least")
    parser.add_argument("--plant", default="", choices=("", *PLANTS), help="a fault to be found")
    parser.add_argument("--trace", type=int, default=40, help="lines of each run that failed")
    given = parser.parse_args(arguments)
    first, _, last = given.seeds.partition("-")
    seeds = range(int(first), int(last or first) + 1)
    run.TRACE_LINES = max(given.trace, run.TRACE_LINES)
    began = time.monotonic()
    campaign = together(
        outcomes(seeds, processes=given.processes, steps=given.steps, plant=given.plant)
    )
    for outcome in campaign.failed:
        print(told(outcome, given.trace), end="\n\n")
    print(campaign.table())
    print(
        f"{campaign.runs} runs, {campaign.client_steps} steps of clients, "
        f"{campaign.faults} faults, {len(campaign.failed)} failed, {time.monotonic() - began:.0f} s"
    )
    return 1 if campaign.failed else 0


if __name__ == "__main__":
    sys.exit(main())
