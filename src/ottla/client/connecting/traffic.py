"""What went over a connection, counted; by which names it is told is for `client/metrics.py`."""

from __future__ import annotations


class Traffic:
    """What went over one connection, or over several."""

    __slots__ = ("incoming_bytes", "outgoing_bytes", "requests", "responses")

    def __init__(self) -> None:
        self.requests = self.responses = self.incoming_bytes = self.outgoing_bytes = 0

    def add(self, other: Traffic) -> None:
        """Count also what another has counted."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))
