"""A node that everything happens to at once keeps every promise that it made."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from attack.chaos import run
from attack.chaos_transactions import transactors


@pytest.mark.parametrize("seed", [1, 2])
def test_half_a_minute_of_chaos(tmp_path: Path, seed: int) -> None:
    """If this failed, some mixture of kills, power cuts, broken disks, clocks, descriptors and
    peers would lose, double or change what was acknowledged.
    """
    assert_busy(tmp_path, seed, 30)


@pytest.mark.long
@pytest.mark.parametrize("part", range(8))
def test_an_hour_of_chaos(tmp_path: Path, part: int) -> None:
    """The same, for an hour in eight parts, each under a seed that nobody has tried."""
    assert_busy(tmp_path, random.SystemRandom().randrange(1 << 32), 450)


def assert_busy(folder: Path, seed: int, seconds: float) -> None:
    """Nothing was broken, and there was something that could have been."""
    counts = run(folder / "data", seed=seed, seconds=seconds, others=transactors)
    for what in ("acknowledged", "committed", "created", "transactions"):
        assert counts[what], f"under the seed {seed} nothing was {what}: {counts}"
