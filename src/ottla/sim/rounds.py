"""How often a log was cleaned, and what came of it: counted at the steps that clean, of which one
is a look at the log, or a piece of work on the disk.

A run whose rounds never end, or are never cut off by what befalls a node, would prove nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla._core import CoreError
from ottla.sim.violation import held

if TYPE_CHECKING:
    from ottla.sim.machine import Machine
    from ottla.sim.model import Model

PASS = "work: clean"
STEP = "work: clean log"
UNCLEANABLE = "cleaner.uncleanable_partitions."

BEGUN = "round begun"
ENDED = "round ended"
GIVEN_UP = "round given up"
CUT_OFF = "round cut off"


class Rounds:
    """Of one run; `met` counts them."""

    def __init__(self, machine: Machine, model: Model) -> None:
        self._machine, self._model = machine, model
        self._owed = 0
        self._ended = 0

    def before(self, kind: str) -> None:
        """A step is about to be taken."""
        if kind in (PASS, STEP):
            self._owed, self._ended = self._under_way(), self._over()

    def after(self, kind: str) -> None:
        """It was taken."""
        if kind not in (PASS, STEP) or self._machine.died:
            return
        met, owed, is_step = self._model.met, self._under_way(), kind == STEP
        ended = self._over() - self._ended if is_step else 0
        if is_step and not ended and owed < self._owed:
            met[GIVEN_UP] += 1
            return
        for what, count in ((ENDED, ended), (BEGUN, owed - self._owed + ended)):
            if count:
                met[what] += count

    def ends(self, how: str, kinds: list[str]) -> None:
        """The node ends; a round whose step it died in is not owed any more."""
        if count := self._under_way() + (self._machine.died and STEP in kinds):
            self._model.met[f"{CUT_OFF}: {how}"] += count

    def _under_way(self) -> int:
        core = self._machine.core
        count, place = 0, 0
        while core is not None and (name := core.work_at(place)):
            count += name == "clean log"
            place += 1
        return count

    def _over(self) -> int:
        """How many rounds of this node are over; and no log is given up for good."""
        try:
            rows = self._machine.half.metrics()
        except CoreError:  # it has failed, or died
            return self._ended
        given_up = [name for name, value in rows.items() if name.startswith(UNCLEANABLE) and value]
        held(not given_up, "a log can't be compacted any more, though nothing is wrong with it")
        return int(rows["cleaner.rounds"])
