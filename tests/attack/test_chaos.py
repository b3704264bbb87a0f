"""A node that everything happens to at once keeps every promise that it made."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from attack.chaos import run


def test_a_minute_of_chaos(tmp_path: Path) -> None:
    """If this failed, some mixture of kills, power cuts, broken disks, clocks, descriptors and
    peers would lose, double or change what was acknowledged.
    """
    counts = run(tmp_path / "data", seed=random.SystemRandom().randrange(1 << 32), seconds=60)
    assert counts["acknowledged"] > 100
    assert counts["committed"] > 50
    assert counts["created"] > 5


@pytest.mark.long
@pytest.mark.parametrize("part", range(8))
def test_an_hour_of_chaos(tmp_path: Path, part: int) -> None:
    """The same, for an hour in eight parts, each under a seed that nobody has tried."""
    counts = run(tmp_path / "data", seed=random.SystemRandom().randrange(1 << 32), seconds=450)
    assert counts["acknowledged"] > 1000, f"part {part}: {counts}"
