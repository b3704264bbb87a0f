"""A plant in a node's turns."""

from __future__ import annotations

from ottla.sim.plants.sound import Sound

STEPS = 100


class BrokenTurns(Sound):
    """Once it has taken some steps, a node meets what nobody foresaw."""

    _steps = 0

    def stepped(self) -> None:
        """Count them."""
        self._steps += 1
        if self._steps == STEPS:
            self.machine.breaks(RuntimeError("nobody foresaw this"))
