"""What one decision gathers on its way: records, replies, timers and questions, in order.

The rules of coordinators are functions that get a Turn, most of them one that knows the shard's
state; the Turn becomes the Decision. Deadlines are reckoned on the steady clock, what
is written down is dated by the wall's.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from ottla.decide import NOTHING, Decision, Now, Record, Reply, Send, Timer

FIRED_DELAY_MS_MIN = 1
"""What a timer sets when it fires comes later than itself: else two of them, or one, could go on
within one moment for ever.
"""


class Turn:
    """One decision in the making; `fired` if it was a timer that asked for it."""

    __slots__ = ("_delay_ms_min", "counts", "notes", "now", "records", "replies", "sends", "timers")

    def __init__(self, now: Now, *, fired: bool = False) -> None:
        self.now = now
        self._delay_ms_min = FIRED_DELAY_MS_MIN if fired else 0
        self.records: list[Record] = []
        self.replies: list[Reply] = []
        self.timers: list[Timer] = []
        self.notes: list[str] = []
        self.sends: list[Send] = []
        self.counts: list[str] = []

    def write(self, record: Record) -> None:
        """Have this record appended, and applied at once."""
        self.records.append(record)

    def reply(self, token: int, message: Any) -> None:
        """Answer one request, as soon as all records so far are safe."""
        self.replies.append(Reply(token, message))

    def wake_in(self, delay_ms: int, key: Hashable, *, real: bool = False) -> int:
        """Fire `key` once after this delay, instead of any timer that it has; when that is."""
        from_ms = self.now.real_ms if real else self.now.steady_ms
        at_ms = from_ms + max(delay_ms, self._delay_ms_min)
        self.timers.append(Timer(key, at_ms, real))
        return at_ms

    def wake_at(self, at_ms: int, key: Hashable) -> int:
        """The same at a time of the steady clock."""
        return self.wake_in(at_ms - self.now.steady_ms, key)

    def cancel(self, key: Hashable) -> None:
        """Forget the timer of `key`."""
        self.timers.append(Timer(key, None))

    def note(self, line: str) -> None:
        """Tell the operator."""
        self.notes.append(line)

    def send(self, key: Hashable, body: Any) -> None:
        """Ask somebody else, as soon as all records so far are safe; the answer comes by `key`."""
        self.sends.append(Send(key, body))

    def count(self, what: str) -> None:
        """It happened once more."""
        self.counts.append(what)

    def decision(self) -> Decision:
        """All of it."""
        parts = (self.records, self.replies, self.timers, self.notes, self.sends, self.counts)
        return Decision(*parts) if any(parts) else NOTHING
