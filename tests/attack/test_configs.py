"""Every number of the configuration at its extremes: a node serves and rests, or names the key.

A period of a millisecond must not make it turn for nothing, a size of 2^63 - 1 must not make it
allocate, and what it can't do it must say with the key's name.
"""

from __future__ import annotations

import json
import random
import select
import subprocess
import sys
from pathlib import Path

import pytest

from attack import extreme_configs
from attack.extreme_configs import Case, cases

SEED = 20261125
SAMPLE = 14
SECONDS_MAX = 30
"""For one case: a node that needs longer hangs."""


def faults(of: list[Case]) -> list[str]:
    """What went wrong with each, in a process that is replaced when it hangs or dies."""
    found: list[str] = []
    left = list(of)
    while left:
        done = run(left, found)
        left = left[done:]
    return found


def run(left: list[Case], found: list[str]) -> int:
    """Hand cases to one process until it hangs, dies or is through; how many were dealt with."""
    program = [sys.executable, str(Path(extreme_configs.__file__))]
    with subprocess.Popen(
        program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stderr is not None
        for done, case in enumerate(left):
            child.stdin.write(json.dumps(case).encode() + b"\n")
            child.stdin.flush()
            begun = answer(child)
            ended = answer(child) if begun else ""
            if not ended:
                child.kill()
                why = child.stderr.read().decode(errors="replace")[-1000:]
                found.append(f"{case}: hung or died: {why}")
                return done + 1
            if trouble := json.loads(ended)[1]:
                found.append(f"{case}: {trouble}")
        child.stdin.close()
    return len(left)


def answer(child: subprocess.Popen[bytes]) -> str:
    """The next line; "" if there is none in time."""
    assert child.stdout is not None
    ready = select.select([child.stdout], [], [], SECONDS_MAX)[0]
    return child.stdout.readline().decode() if ready else ""


def test_some_extreme_configs() -> None:
    """If this failed, a number in a file could make a node spin, hang or die."""
    found = faults(random.Random(SEED).sample(cases(), SAMPLE))
    assert not found, "\n".join(found)


@pytest.mark.long
@pytest.mark.parametrize("part", range(4))
def test_all_extreme_configs(part: int) -> None:
    """As above, every number."""
    found = faults(cases()[part::4])
    assert not found, "\n".join(found)
