"""Random topologies on Java's test driver and on both executors, until the time is over.

    PYTHONPATH=src:tests python -m streams.fuzzing --seconds 120
    PYTHONPATH=src:tests python -m streams.fuzzing --seed 390

Each difference is printed small, with the command that finds it again; the exit code is 1 if there
was one. `--keep NAME` puts the case of a seed into the corpus, with Java's answer.
"""

from __future__ import annotations

import argparse
import itertools
import json
import logging
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from streams.fuzzing.comparing import EXECUTORS, javas, ours
from streams.fuzzing.corpus import keep
from streams.fuzzing.search import Covered, Difference, search
from streams.record import StreamsOracle


def seeds(first: int, seconds: float) -> Iterator[int]:
    """Seeds from this one on, as long as there is time since the first was asked for."""
    end = time.monotonic() + seconds
    yield from itertools.takewhile(lambda seed: time.monotonic() < end, itertools.count(first))


def told(found: Difference) -> str:
    """A difference in words, its case in JSON, and how to see it again."""
    rows = "\n".join(
        [
            f"config {json.dumps(found.case['config'])}",
            *(f"node   {json.dumps(node)}" for node in found.case["nodes"]),
            *(f"input  {json.dumps(line)}" for line in found.case["input"]),
        ]
    )
    texts = "\n".join(found.texts)
    again = f"PYTHONPATH=src:tests python -m streams.fuzzing --seed {found.seed}"
    head = f"seed {found.seed}, {found.engine} at batch {found.batch}; again: {again}"
    return f"{head}\n{texts}\n{rows}\n"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--first", type=int, default=0, help="the seed to begin with")
    parser.add_argument("--seed", type=int, help="this seed alone")
    parser.add_argument("--executor", choices=EXECUTORS, action="append")
    parser.add_argument("--jars", help="a class path, instead of the fetched jars")
    parser.add_argument("--keep", metavar="NAME", help="a name in the corpus, for --seed")
    parser.add_argument("--about", default="", help="what the kept case shows")
    asked = parser.parse_args(arguments)
    logging.disable(logging.CRITICAL)
    one = seeds(asked.first, asked.seconds) if asked.seed is None else iter([asked.seed])
    engines = {name: partial(ours, name) for name in asked.executor or EXECUTORS}
    covered, count = Covered(), 0
    with tempfile.TemporaryDirectory() as scratch, StreamsOracle(Path(scratch), asked.jars) as java:
        for found in search(partial(javas, java), engines, one, covered):
            count += 1
            print(told(found), flush=True)
            if asked.keep:
                want = javas(java, found.case, ours(found.engine, found.case, found.batch))
                keep(asked.keep, asked.about, found.case, want)
    print(covered.report())
    print(f"{count} differences")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
