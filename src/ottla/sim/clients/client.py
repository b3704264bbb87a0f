"""What all scripted clients share: one connection, requests on their way, and their loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ottla.sim.invariants import Invariants
from ottla.sim.line import Line, Sent

if TYPE_CHECKING:
    from random import Random

    from ottla.sim.machine import Machine
    from ottla.sim.model import Model
    from ottla.sim.plants import Sound
    from ottla.wire.schema import Request


ANSWER_CHARS = 200
"""So much of an answer is in the trace."""


class Surroundings:
    """What a client finds around itself."""

    __slots__ = ("invariants", "machine", "model", "planted", "random", "say")

    def __init__(
        self, machine: Machine, model: Model, planted: Sound, random: Random, say: Any
    ) -> None:
        self.machine, self.model, self.planted = machine, model, planted
        self.invariants = Invariants(machine, model)
        self.random, self.say = random, say

    @property
    def at(self) -> int:
        """How many steps the run has taken."""
        return self.model.at


class Client:
    """A script that is called when it is its turn."""

    kind = "client"
    in_flight_max = 1
    zeal = 1
    """How often it is its turn, beside others."""

    def __init__(self, name: str, around: Surroundings) -> None:
        self.name = name
        self.around = around
        self.line: Line | None = None

    # ------------------------------------------------------------------ what a script says
    def act(self) -> None:
        """Do the next thing; called while fewer than `in_flight_max` requests wait."""

    def answered(self, sent: Sent, response: Any) -> None:
        """An answer came."""

    def unanswered(self, sent: Sent) -> None:
        """No answer will come: what was asked for may have been done or not."""

    # ------------------------------------------------------------------ what the run calls
    @property
    def may_act(self) -> bool:
        """Whether it has something to do beside waiting."""
        return self.line is None or len(self.line.waiting) < self.in_flight_max

    def turn(self) -> None:
        """One step of this client's."""
        machine = self.around.machine
        if self.line is None:
            if not machine.runs or machine.core is None:
                return
            self.line = Line(machine.core, machine.port)
        self.line.complete()
        self.act()

    def hear(self) -> int:
        """Take what has come; how many answers that were."""
        if self.line is None:
            return 0
        found, there = self.line.answers()
        for sent, response in found:
            self.around.planted.answered(sent, response)
            self.around.say(f"  {self.name} hears {repr(response)[:ANSWER_CHARS]}")
            self.answered(sent, response)
        if not there:
            self.gone()
        return len(found)

    def cut(self, *, reset: bool) -> None:
        """The connection breaks, as this client sees it."""
        if self.line is not None:
            self.line.close(reset=reset)
            self.gone()

    def gone(self) -> None:
        """The connection is no more."""
        line, self.line = self.line, None
        if line is not None:
            while line.waiting:
                self.unanswered(line.waiting.popleft())

    def send(
        self, request: Request, version: int, note: Any = None, *, answered: bool = True
    ) -> None:
        """Send a request; now and then only half of it arrives before the next turn."""
        if self.line is not None:
            whole = self.around.random.random() > 0.04
            self.line.send(request, version, note, self.around.at, whole=whole, answered=answered)
