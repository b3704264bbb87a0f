"""Two transactions of one producer, and a crash after each single step of theirs in turn.

A case is played once without a crash, which says how many steps there are. Then it is played again
for each of them: up to the step all is the same, the node ends, another one starts, and the
producer goes on, or is gone too. The same for each single change of the disk, in the middle of a
step. Every invariant must hold to the end, at which nothing may be open any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import count, product
from multiprocessing import get_context
from typing import NamedTuple

from ottla.sim.clients.admin import Admin
from ottla.sim.clients.client import Client, Surroundings
from ottla.sim.clients.consumer import Consumer
from ottla.sim.clients.member import TOPIC
from ottla.sim.clients.transactor import Plan, Transactor
from ottla.sim.run import TRACE_LINES, Outcome, Run
from ottla.sim.violation import Violation

STEPS_MAX = 3000
TIMEOUT_MS = 20_000
NEVER = -1


class Case(NamedTuple):
    """What is crashed, and how."""

    new: bool
    """The producer speaks version 2 of transactions."""
    ends: tuple[bool, ...]
    """Which of its transactions it commits."""
    how: str
    """"kill" or "power cut"; for the latter internal topics and the producer's are synced."""
    goes: bool
    """The producer is gone with the node."""
    within: bool
    """In the middle of a step, between two changes of the disk."""

    def __str__(self) -> str:
        kind = "version 2" if self.new else "version 1"
        ends = " then ".join("commit" if one else "abort" for one in self.ends)
        return f"{kind}, {ends}, {self.how}{' at work' * self.within}{', gone' * self.goes}"


CASES = tuple(
    Case(*one)
    for one in product(
        (True, False),
        ((True, False), (False, True)),
        ("kill", "power cut"),
        (False, True),
        (False, True),
    )
)
"""All of them."""


class Founder(Admin):
    """Makes the one topic that there is."""

    kind = "founder"

    @property
    def may_act(self) -> bool:
        """Until it is there."""
        return not self.around.model.living() and super().may_act

    def act(self) -> None:
        """Ask for it, as often as it takes."""
        model = self.around.model
        if model.topics:
            self._ask_again(model.topics[0])
        else:
            self.create(TOPIC, flushes=model.durable)


class Auditor(Consumer):
    """Reads what is committed, when all is over."""

    _begins = False

    @property
    def may_act(self) -> bool:
        """Not before."""
        return self._begins and super().may_act

    def begin_anew(self) -> None:
        """Now."""
        super().begin_anew()
        self._begins = True


class Crashed(Run):
    """A case under a seed; `at` is the step, or the change, after which the node ends."""

    def __init__(self, seed: int, case: Case, at: int, *, plant: str = "") -> None:
        self._case, self._at = case, at
        super().__init__(seed, plant=plant, trace_lines=TRACE_LINES)
        self.steps = 0
        """How many were taken since the topic was there."""
        self.crashed = False

    def _is_durable(self) -> bool:
        return self._case.how == "power cut"

    def _cast(self, around: Surroundings) -> list[Client]:
        case = self._case
        plan = Plan(
            offsets=1.0,
            silence=0.0,
            rebirth=0.0,
            change_of_mind=0.0,
            timeouts_ms=(TIMEOUT_MS,),
            ends=case.ends,
        )
        self._producer = Transactor("producer", around, "id", new=case.new, plan=plan)
        auditor = Auditor("auditor", around, session=False, committed=True)
        return [Founder("founder", around), self._producer, auditor]

    def _live(self) -> None:
        self._start()
        while not self.model.living():
            self._complete()
            self._step()
        disk, lives = self.machine.disk, self.machine.lives
        if self._case.within and self._at != NEVER:
            disk.die_after(self._at)
            self.dies = self._case.how
        while not self._producer.is_through or self._hidden():
            self._complete()
            self._step()
            self.steps += 1
            if not self.crashed and (self.machine.lives > lives or self.machine.node is None):
                self._crash_is_there()
            elif not self._case.within and self.steps == self._at:
                self.end(self._case.how)
                self._crash_is_there()
            if self.steps > STEPS_MAX:
                raise Violation(f"it does not end: {self._hidden() or 'nothing is open'}")

    def _crash_is_there(self) -> None:
        self.crashed = True
        if self._case.goes:
            self._producer.go()


class Found(NamedTuple):
    """What came of one case under one seed."""

    seed: int
    case: Case
    points: int
    """After how many steps, or changes of the disk, the node was ended."""
    failed: list[tuple[int, Outcome]]
    """Those at which something did not hold."""


def crash_everywhere(seed: int, case: Case, *, plant: str = "", failures_max: int = 3) -> Found:
    """Play a case with a crash at each of its points, until so many did not hold."""
    failed: list[tuple[int, Outcome]] = []
    whole = Crashed(seed, case, NEVER, plant=plant)
    outcome = whole.play()
    if outcome.violation:
        return Found(seed, case, 0, [(NEVER, outcome)])
    for at in count(0) if case.within else range(1, whole.steps + 1):
        run = Crashed(seed, case, at, plant=plant)
        outcome = run.play()
        if outcome.violation:
            failed.append((at, outcome))
        if not run.crashed or len(failed) >= failures_max:
            return Found(seed, case, at + 1 if failed else at, failed)
    return Found(seed, case, whole.steps, failed)


def found(
    seeds: Iterable[int], cases: Iterable[Case], *, processes: int = 1, plant: str = ""
) -> Iterator[Found]:
    """Every case under each seed."""
    todo = list(product(seeds, cases))
    if processes == 1:
        yield from (crash_everywhere(seed, case, plant=plant) for seed, case in todo)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield from pool.map(
            _crash_everywhere, [(seed, case, plant) for seed, case in todo], chunksize=1
        )


def _crash_everywhere(given: tuple[int, Case, str]) -> Found:
    """The same for another process."""
    seed, case, plant = given
    return crash_everywhere(seed, case, plant=plant)
