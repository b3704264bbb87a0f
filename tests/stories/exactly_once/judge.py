"""What is wrong with what a story left behind: lost, doubled, out of order, aborted but seen.

It asks nobody and knows no time: inputs, outputs and offsets come in, sentences go out. So it is
tested on recorded runs. An input is one record, known by its partition and its number there; the
job writes one output for each, and says in it whether it will abort the transaction on purpose.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

COMMIT, ABORT = "commit", "abort"


class Output(NamedTuple):
    """One record that a job wrote."""

    partition: int
    """Of the input."""
    number: int
    """Of the input in its partition, from 0; in this story also its offset."""
    run: str
    """Which process wrote it, and in which round that was started."""
    fate: str
    """What the job was about to do with its transaction."""

    def value(self) -> bytes:
        """As it stands in the log."""
        return f"{self.partition} {self.number} {self.run} {self.fate}".encode()

    def input(self) -> str:
        """Its input, for a sentence."""
        return f"input {self.partition}:{self.number}"


def output(value: str) -> Output:
    """Read one back."""
    partition, number, run, fate = value.split(" ")
    return Output(int(partition), int(number), run, fate)


def where_to(partition: int, number: int, outputs: int) -> int:
    """The output partition of an input: each input partition goes to all of them."""
    return (partition + number) % outputs


class Run(NamedTuple):
    """All that is known of one run when it is over."""

    fed: dict[int, list[int]]
    """Of each input partition, the round in which each record was fed."""
    committed: dict[int, list[str]]
    """Of each output partition, what read_committed sees, in the order of the log."""
    uncommitted: dict[int, list[str]]
    """The same for read_uncommitted."""
    offsets: dict[int, int]
    """The group's, of each input partition."""

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(json.dumps(self._asdict(), separators=(",", ":")) + "\n")

    @classmethod
    def load(cls, path: Path) -> Run:
        """Read it back; JSON has no integers for keys."""
        rows = json.loads(path.read_text())
        return cls(*({int(k): v for k, v in rows[field].items()} for field in cls._fields))


class Judge:
    """Takes what a read_committed reader sees as it comes, and keeps what is wrong with it."""

    def __init__(self, fed: dict[int, list[int]], outputs: int) -> None:
        self._fed = fed
        self._outputs = outputs
        self._seen: dict[tuple[int, int], str] = {}
        self._last: dict[tuple[int, int], int] = {}
        self.next = dict.fromkeys(fed, 0)
        """Of each input partition, one more than the last number that was seen."""
        self.faults: list[str] = []

    @property
    def count(self) -> int:
        """How many inputs have their output."""
        return len(self._seen)

    def take(self, at: int, value: str) -> None:
        """The next record of output partition `at`."""
        one = output(value)
        here = f"in out-{at} by {one.run}"
        key = (one.partition, one.number)
        if one.fate != COMMIT:
            self.faults.append(f"aborted but seen: {one.input()} {here}")
            return
        if one.number >= len(self._fed.get(one.partition, ())):
            self.faults.append(f"never fed: {one.input()} {here}")
            return
        if at != where_to(*key, self._outputs):
            self.faults.append(f"in a wrong partition: {one.input()} {here}")
        if key in self._seen:
            self.faults.append(f"doubled: {one.input()} {here}, before that {self._seen[key]}")
            return
        self._seen[key] = here
        lane = (one.partition, at)
        if one.number < self._last.get(lane, -1):
            self.faults.append(
                f"out of order: {one.input()} {here}, after number {self._last[lane]}"
            )
        self._last[lane] = max(one.number, self._last.get(lane, -1))
        self.next[one.partition] = max(self.next[one.partition], one.number + 1)

    def missing(self, ends: dict[int, int]) -> list[str]:
        """The inputs below these numbers that have no output."""
        return [
            f"lost: input {p}:{n} (fed in round {self._fed[p][n]}) has no output"
            for p, end in ends.items()
            for n in range(min(end, len(self._fed[p])))
            if (p, n) not in self._seen
        ]


def _hidden(committed: list[str], uncommitted: list[str]) -> list[str] | None:
    """What only read_uncommitted sees; None if it does not see all of the rest in that order."""
    hidden = []
    wanted = iter(committed)
    expected = next(wanted, None)
    for value in uncommitted:
        if value == expected:
            expected = next(wanted, None)
        else:
            hidden.append(value)
    return hidden if expected is None else None


class Verdict(NamedTuple):
    """What a whole run comes to."""

    faults: list[str]
    aborted: int
    """Records of transactions that were aborted on purpose and that lie in the log."""
    cut: int
    """Records of transactions that would have been committed, but for a kill or an error."""


def judge(run: Run) -> Verdict:
    """Judge a run that is over: all inputs have had their time."""
    outputs = len(run.committed)
    watch = Judge(run.fed, outputs)
    for at, values in run.committed.items():
        for value in values:
            watch.take(at, value)
    faults = watch.faults + watch.missing({p: len(rounds) for p, rounds in run.fed.items()})
    hidden: list[str] = []
    for at, values in run.committed.items():
        found = _hidden(values, run.uncommitted[at])
        if found is None:
            faults.append(f"read_committed sees in out-{at} what read_uncommitted does not")
        hidden += found or []
    faults += [
        f"offset: the group is at {run.offsets.get(p)} of input partition {p}, "
        f"which has {len(rounds)} records"
        for p, rounds in run.fed.items()
        if run.offsets.get(p) != len(rounds)
    ]
    aborted = sum(output(value).fate == ABORT for value in hidden)
    return Verdict(faults, aborted, len(hidden) - aborted)


def told(faults: Iterable[str], count_max: int = 12) -> str:
    """The first few of them, one a line, and how many there are."""
    rows = list(faults)
    more = [f"... {len(rows) - count_max} more"] if len(rows) > count_max else []
    return "\n".join([f"{len(rows)} faults", *rows[:count_max], *more])
