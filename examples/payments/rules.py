"""The rules: what is remembered of a card, and why a payment is declined.

Nothing here knows of Kafka. A rule looks at a payment and at what was tried with the same card in
the half hour before; never at what was decided. So whoever reads the same payments, at whatever
time and from half an hour before, decides the same.
"""

from __future__ import annotations

import json
from collections import deque
from typing import NamedTuple

WINDOW_MS = 30 * 60_000
MINUTE_MS = 60_000


class Payment(NamedTuple):
    """What a shop sends; the card is the record's key, the time its timestamp."""

    id: str
    card: str
    cents: int
    country: str
    at_ms: int

    def to_json(self) -> str:
        """The record's value."""
        return json.dumps({"id": self.id, "cents": self.cents, "country": self.country})


class Card:
    """What was tried with one card in the last half hour."""

    def __init__(self) -> None:
        self._tried: deque[Payment] = deque()

    def judge(self, payment: Payment) -> str | None:
        """Why it is declined, or None; it is remembered either way."""
        while self._tried and self._tried[0].at_ms <= payment.at_ms - WINDOW_MS:
            self._tried.popleft()
        reason = None
        if payment.cents > 200_000:
            reason = "more than 2,000 EUR"
        elif self._since(payment.at_ms - MINUTE_MS) >= 3:
            reason = "the fourth within a minute"
        elif self._tried and self._tried[-1].country != payment.country:
            reason = "in two countries within half an hour"
        self._tried.append(payment)
        return reason

    def _since(self, at_ms: int) -> int:
        return sum(one.at_ms > at_ms for one in self._tried)
