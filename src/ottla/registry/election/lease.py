"""For how long a member may be sure that the group still counts it in, whoever is slow.

The coordinator puts a member out when nothing was heard of it for a session, and others may elect a
new leader at once; the member itself may be the last to hear of it, or hear nothing at all. So it
counts by its own clock, from when it sent the last thing that was answered well: the coordinator
can't have heard that earlier. What stays true: the lease is over before the session is, by a tenth,
which is for what a leader has begun and not finished.

It trusts the coordinator. A member that somebody else takes out of the group (by an operator's
command) hears of it by its next heartbeat only, and a broker that is the coordinator no more and
has not heard of it yet still answers well. Who must be safe from these too fences its writes.
"""

from __future__ import annotations

MARGIN = 10
"""Of a session's length, the part that the lease is shorter by: a tenth."""


class Lease:
    """One member's; times are of a clock that only goes forward."""

    def __init__(self, session_timeout_ms: int) -> None:
        self._length_ms = session_timeout_ms - session_timeout_ms // MARGIN
        self._sent_ms: dict[int, int] = {}
        self.until_ms: int | None = None
        """When it is over; None while there is none. It is read from any thread."""

    def sent(self, token: int, now_ms: int) -> None:
        """Something goes out that would keep the session."""
        self._sent_ms[token] = now_ms

    def ended(self, token: int, *, well: bool) -> None:
        """It was answered (`well`: the coordinator has heard a member), or failed."""
        sent_ms = self._sent_ms.pop(token, None)
        if sent_ms is not None and well:
            until_ms = self.until_ms
            self.until_ms = max(sent_ms + self._length_ms, until_ms or 0)

    def lost(self) -> None:
        """The group counts the member in no more. What is under way speaks of one that was."""
        self._sent_ms.clear()
        self.until_ms = None

    def holds(self, now_ms: int) -> bool:
        """Whether nobody else can lead by now."""
        until_ms = self.until_ms
        return until_ms is not None and now_ms < until_ms
