"""Two transactions, and a crash between every two steps of theirs, or two changes of the disk."""

from __future__ import annotations

import pytest

from ottla.sim.crashes import CASES, Case, Found, crash_everywhere, found

PROCESSES = 2
SOME = (
    Case(new=True, ends=(True, False), how="kill", goes=False, within=False),
    Case(new=True, ends=(False, True), how="power cut", goes=True, within=False),
    Case(new=False, ends=(True, False), how="power cut", goes=True, within=True),
    Case(new=False, ends=(False, True), how="kill", goes=False, within=True),
)
"""Each way to crash once, and both kinds of producers."""


def told(one: Found) -> str:
    """What did not hold, and where."""
    return "\n".join(
        f"{one.case}, seed {one.seed}, at {at}: {outcome.violation}" for at, outcome in one.failed
    )


def play(seeds: range, cases: tuple[Case, ...]) -> None:
    """Every invariant holds wherever the node ends; how often that was is printed."""
    every = list(found(seeds, cases, processes=PROCESSES))
    for one in every:
        print(f"{one.case}: {one.points} crash points")
    print(f"{sum(one.points for one in every)} crash points in all")
    failed = [told(one) for one in every if one.failed]
    assert not failed, "\n".join(failed)
    assert min(one.points for one in every) > 50


def test_a_crash_between_every_two_steps() -> None:
    """If this failed, there would be a moment at which a crash leaves a transaction open for ever,
    or ended in one partition and not in another.
    """
    play(range(1, 2), SOME)


@pytest.mark.long
def test_a_crash_everywhere() -> None:
    """The same in all cases, under other seeds."""
    play(range(2, 5), CASES)


def test_markers_before_the_decision_are_found() -> None:
    """If this failed, a coordinator could have markers written of a decision that a power cut takes
    back, and no crash would show it.
    """
    case = Case(new=True, ends=(True, False), how="power cut", goes=True, within=False)
    for seed in range(6, 11):
        one = crash_everywhere(seed, case, plant="early-markers", failures_max=1)
        if one.failed:
            said = one.failed[0][1].violation
            assert " counts" in said or "is committed" in said or "and committed" in said, said
            return
    pytest.fail("no seed finds it")
