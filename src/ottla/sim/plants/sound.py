"""What a plant may do, and when: `Sound` does nothing."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ottla.sim.line import Sent
    from ottla.sim.machine import Machine
    from ottla.sim.model import Model


class Sound:
    """No plant: nothing is put back."""

    def __init__(self, machine: Machine, model: Model) -> None:
        self.machine, self.model = machine, model

    def in_place(self) -> AbstractContextManager[None]:
        """As long as this lasts, whatever of it is no step and no answer."""
        return nullcontext()

    def stepped(self) -> None:
        """The core took a step."""

    def ends(self) -> None:
        """A node is about to end."""

    def answered(self, sent: Sent, response: Any) -> None:
        """An answer has come; what is changed of it here is what its client hears."""
