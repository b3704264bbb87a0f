"""Every number of the configuration at its extremes: a node serves and rests, or names the key.

A period of a millisecond must not make it turn for nothing, a size of 2^63 - 1 must not make it
allocate, and what it can't do it must say with the key's name.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from attack import extreme_configs
from attack.children import results
from attack.extreme_configs import Case, cases

SEED = 20261125
SAMPLE = 14


def faults(of: list[Case]) -> list[str]:
    """What went wrong with each."""
    program = str(Path(extreme_configs.__file__))
    return [f"{case}: {trouble}" for case, trouble in results(program, of) if trouble]


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
