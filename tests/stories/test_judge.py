"""The judge finds what is wrong, in a run that was recorded and in what becomes of it if spoilt."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import pytest

from stories.exactly_once.judge import ABORT, Output, Run, judge, output

RUNS = "exactly_once"


@pytest.fixture
def good(data_dir: Path) -> Run:
    """What three rounds of kills left behind on a 4.3.1."""
    return Run.load(data_dir / RUNS / "good.json")


def test_a_good_run_has_no_fault(good: Run) -> None:
    """If this failed, the judge would find fault with a server that did nothing wrong."""
    verdict = judge(good)
    assert verdict.faults == []
    assert verdict.aborted > 0, "this record proves nothing about aborted transactions"
    assert verdict.cut > 0, "this record proves nothing about transactions that a kill ended"


def test_offsets_outside_of_the_transaction_are_found(data_dir: Path) -> None:
    """If this failed, a job that commits its offsets beside its transaction, and so loses what it
    aborts, would pass: the story could not fail.
    """
    run = Run.load(data_dir / RUNS / "commits_outside.json")
    faults = judge(run).faults
    assert faults
    assert all(fault.startswith("lost: ") for fault in faults), faults[:3]


def _lose(run: Run) -> None:
    del run.committed[0][10]


def _double(run: Run) -> None:
    run.committed[1].append(run.committed[1][5])


def _reorder(run: Run) -> None:
    lane = run.committed[0]
    first = output(lane[0]).partition
    second = next(i for i, v in enumerate(lane[1:], 1) if output(v).partition == first)
    lane[0], lane[second] = lane[second], lane[0]


def _show_aborted(run: Run) -> None:
    value = next(v for v in run.uncommitted[0] if output(v).fate == ABORT)
    run.committed[0].append(value)


def _invent(run: Run) -> None:
    run.committed[0].append(Output(0, len(run.fed[0]) + 1, "x", "commit").value().decode())


def _misplace(run: Run) -> None:
    run.committed[1].append(run.committed[0].pop())


def _fall_behind(run: Run) -> None:
    run.offsets[2] -= 1


def _forget_group(run: Run) -> None:
    del run.offsets[0]


def _hide(run: Run) -> None:
    run.uncommitted[0].remove(run.committed[0][3])


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (_lose, "lost: input"),
        (_double, "doubled: input"),
        (_reorder, "out of order: input"),
        (_show_aborted, "aborted but seen: input"),
        (_invent, "never fed: input"),
        (_misplace, "in a wrong partition: input"),
        (_fall_behind, "offset: the group is at"),
        (_forget_group, "offset: the group is at None"),
        (_hide, "what read_uncommitted does not"),
    ],
)
def test_each_kind_of_fault_is_found(good: Run, spoil: Callable[[Run], None], word: str) -> None:
    """If this failed, the judge would be blind for one kind of fault."""
    spoilt = copy.deepcopy(good)
    spoil(spoilt)
    faults = judge(spoilt).faults
    assert any(word in fault for fault in faults), faults
