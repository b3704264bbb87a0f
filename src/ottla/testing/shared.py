"""The brokers that the tests of one run of pytest share: one for each configuration.

A test may leave faults, a clock that it moved, or a broker that it ended. What can be undone is
undone before the next test; a clock can't go back, so such a broker is spent, and the next test
gets another. Records and topics stay: `topic` keeps tests apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ottla.errors import OttlaError
from ottla.testing.broker import Broker

if TYPE_CHECKING:
    from ottla.testing.clock import Clock
    from ottla.testing.faults import Faults

AHEAD_SECONDS_MAX = 0.01


class SharedBroker(Broker):
    """A broker that notices which of its parts a test has used; mending the others is free."""

    used_clock = used_faults = spent = False

    @property
    def clock(self) -> Clock:
        """The node's clock, which a test may move."""
        self.used_clock = True
        return super().clock

    @property
    def faults(self) -> Faults:
        """What goes wrong because a test says so."""
        self.used_faults = True
        return super().faults

    def mend(self) -> bool:
        """Undo what a test did to it; whether the test had ended it."""
        ended = False
        try:
            ended = not self._runs()
            if ended:
                self.start()
            if self.used_faults:
                super().faults.clear()
                self.used_faults = False
            if self.used_clock:
                self._mend_clock(super().clock)
        except OttlaError:
            self.spent = True
        return ended

    def _runs(self) -> bool:
        try:
            return bool(self.cluster_id)
        except OttlaError:
            return False

    def _mend_clock(self, clock: Clock) -> None:
        from datetime import UTC, datetime

        clock.resume()
        ahead = (clock.now() - datetime.now(UTC)).total_seconds()
        if ahead < 0:
            clock.advance(seconds=-ahead)
        self.spent = self.spent or ahead > AHEAD_SECONDS_MAX
        self.used_clock = False


class SharedBrokers:
    """The brokers of a run, by what they are configured with."""

    def __init__(self) -> None:
        self._brokers: dict[tuple[tuple[str, str], ...], SharedBroker] = {}

    def of(self, config: dict[str, Any]) -> SharedBroker:
        """The running broker that has this configuration."""
        key = tuple(sorted((name, str(value)) for name, value in config.items()))
        broker = self._brokers.get(key)
        if broker is None or broker.spent:
            if broker is not None:
                broker.close()
            broker = SharedBroker(config=config)
            self._brokers[key] = broker
            broker.start()
        return broker

    def mend(self) -> bool:
        """Undo what a test did to them; whether it had ended one."""
        ended = [broker.mend() for broker in self._brokers.values()]
        return any(ended)

    def any_spent(self) -> bool:
        """Whether one of them has to be replaced."""
        return any(broker.spent for broker in self._brokers.values())

    def close(self) -> None:
        """End them all."""
        from contextlib import ExitStack

        with ExitStack() as ends:
            for broker in self._brokers.values():
                ends.callback(broker.close)
