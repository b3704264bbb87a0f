"""An instance's membership of the group, as its client's thread drives it.

It is `ClassicMember` with two things seen in passing: when what keeps the session was sent and how
that ended, which is the lease, and what last went wrong between here and the coordinator. It has no
thread; whoever takes its events is `elector`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ottla.client.machine import Ask, Destination
from ottla.client.membership.classic import ClassicMember
from ottla.client.membership.classic_events import LEAVE_GROUP, ClassicProtocol, ClassicSettings
from ottla.client.membership.own_way import by_own_way
from ottla.client.membership.refusals import code_of, failure_of
from ottla.errors import OttlaError
from ottla.registry.election.lease import Lease
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.heartbeat import HeartbeatRequest

HEARTBEAT = HeartbeatRequest.api_key
OF_A_ROUND = (
    ErrorCode.NONE,
    ErrorCode.REBALANCE_IN_PROGRESS,
    ErrorCode.MEMBER_ID_REQUIRED,
    ErrorCode.ILLEGAL_GENERATION,
    ErrorCode.UNKNOWN_MEMBER_ID,
)
"""What is answered while all is well, or to a member that has to join: no trouble, for it does."""


class RegistryMember:
    """A machine of the client (`ottla.client.machine.Driven`).

    Args:
        way: the number of its connections of its own.
    """

    topics = ()
    topic_ids = ()
    topics_to_make = ()
    wants_all_topics = False

    def __init__(
        self,
        settings: ClassicSettings,
        protocol: ClassicProtocol,
        way: int,
        chance: Callable[[], float] | None = None,
    ) -> None:
        settings = settings._replace(poll_interval_ms_max=None)
        self.classic = ClassicMember(settings, protocol, chance)
        self.lease = Lease(settings.session_timeout_ms)
        self.trouble: str | None = None
        """What the last request has failed with; None if it went well."""
        self.broken: OttlaError | None = None
        self._way = way
        self._beats: set[int] = set()

    def asks(self, now_ms: int) -> list[Ask]:
        """What the membership asks now."""
        if self.broken is not None:
            return []
        found = by_own_way(self.classic.asks(now_ms), self._way)
        for ask in found:
            if ask.message.api_key != LEAVE_GROUP:
                self.lease.sent(ask.token, now_ms)
            if ask.message.api_key == HEARTBEAT:
                self._beats.add(ask.token)
        return found

    def answered(self, token: int, outcome: Any | OttlaError, now_ms: int) -> None:
        """A request has ended."""
        code = code_of(outcome)
        is_beat = token in self._beats
        self._beats.discard(token)
        # A heartbeat keeps the session also while the group rebalances; a SyncGroup does not then.
        keeps = is_beat and code == ErrorCode.REBALANCE_IN_PROGRESS
        self.lease.ended(token, well=keeps or code == ErrorCode.NONE)
        self.trouble = None if code in OF_A_ROUND else told(failure_of(outcome))
        self.classic.answered(token, outcome, now_ms)
        if self.classic.is_lost:
            self.lease.lost()

    def doubts(self) -> list[Destination]:
        """The coordinator, if it is to be looked for again."""
        return self.classic.doubts()

    def break_off(self, error: OttlaError) -> None:
        """Nobody drives it any more."""
        self.broken = error
        self.lease.lost()

    def calls(self) -> list[Callable[[], object]]:
        """None."""
        return []

    @property
    def deadline_ms(self) -> int | None:
        """When to look again."""
        return None if self.broken is not None else self.classic.deadline_ms


def told(error: OttlaError) -> str:
    """An error in a line, with what to do."""
    return f"{error} ({error.hint})" if error.hint else str(error)
