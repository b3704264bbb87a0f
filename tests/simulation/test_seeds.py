"""Three hundred seeds: a whole node, its disk and its clients, and what befalls them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ottla.sim.campaign import outcomes, together, told
from ottla.sim.rounds import BEGUN, CUT_OFF, ENDED, GIVEN_UP, STEP
from ottla.sim.run import COMPACTION, FAULTS_MIN, STEPS, Run

SEEDS = range(1, 301)
LONG_SEEDS = range(1001, 3501)
FOUND = (1, 3, 8, 348, 787, 1142, 2097)
"""Each found something once: a torn topic id that kept a partition offline, a duplicate that was
acknowledged unsynced, a segment that came back behind what was written in its place, a log end that
went back at the second recovery, a metadata log that was refused though only unsynced bytes were
missing, and faults of the simulation's own.
"""
PROCESSES = 2
CLEANED = (
    BEGUN,
    ENDED,
    GIVEN_UP,
    *(f"{CUT_OFF}: {how}" for how in ("kill", "power cut", "stop")),
    *(f"compacted: {topic}" for topic in ("table", "__consumer_offsets", "__transaction_state")),
    "table read",
    "tombstone gone",
    "superseded gone",
)
"""What compaction did; each is to happen in every third run at least, counted together."""
CUT_INTO = (
    ("kill at work", STEP),
    ("power cut at work", STEP),
    *(
        (fault, "owed: clean log")
        for fault in ("kill", "power cut", "full disk", "failing writes", "failing sync", "stop")
    ),
)
"""Faults that met a round."""


def play(seeds: range) -> None:
    """Every invariant holds under each of these seeds; the table is printed. Rounds of the cleaner
    begin and end, and faults meet them: else that it holds would say nothing of compaction.
    """
    campaign = together(outcomes(seeds, processes=PROCESSES))
    print(campaign.table())
    print(f"{campaign.runs} runs, {campaign.client_steps} steps, {campaign.faults} faults")
    assert not campaign.failed, "\n\n".join(told(outcome) for outcome in campaign.failed[:3])
    assert campaign.runs == len(seeds)
    assert campaign.client_steps >= len(seeds) * STEPS
    assert campaign.faults >= len(seeds) * FAULTS_MIN
    counts = {what: campaign.cells[COMPACTION, what] for what in CLEANED}
    assert min(counts.values()) >= len(seeds) / 3, counts
    met = {cell: campaign.cells[cell] for cell in CUT_INTO}
    assert min(met.values()) >= len(seeds) / 20, met


@pytest.mark.seconds(400)  # 90 on two quiet cores
def test_three_hundred_seeds() -> None:
    """If this failed, some order of steps and faults would break a promise; the failure says which
    one, and how to see it again.
    """
    play(SEEDS)


@pytest.mark.parametrize("seed", FOUND)
def test_a_seed_that_found_something(seed: int) -> None:
    """If this failed, a fault that was mended would be back."""
    outcome = Run(seed).play()
    assert not outcome.violation, told(outcome)


@pytest.mark.long
def test_thousands_of_seeds() -> None:
    """The same, in more worlds than there is time for at each change."""
    play(LONG_SEEDS)


def test_one_seed_is_one_history() -> None:
    """If this failed, a seed that found a fault would not find it again."""
    digests = set()
    for hash_seed in ("1", "2"):
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                "from ottla.sim.run import Run; print([Run(s).play().digest for s in (5, 6)])",
            ],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        digests.add(done.stdout)
    digests.add(f"{[Run(seed).play().digest for seed in (5, 6)]}\n")
    assert len(digests) == 1
    assert Run(7).play().digest != Run(8).play().digest
