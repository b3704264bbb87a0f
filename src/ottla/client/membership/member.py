"""A member of a classic group of any kind (`sr`, `connect`, ...), for programs that share work out.

The membership is the machine of `membership/classic.py`; the client's own thread keeps it, with its
heartbeats. Whoever has a member takes its events and answers them: what has to be let go of before
a round, who gets what, and what this member was given. What members tell each other is bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from ottla.client.client import Client
from ottla.client.machine import Ask, Destination
from ottla.client.membership.classic import ClassicMember
from ottla.client.membership.classic_events import (
    ClassicEvent,
    ClassicProtocol,
    ClassicSettings,
)
from ottla.client.membership.events import GroupGeneration
from ottla.client.membership.own_way import by_own_way
from ottla.errors import OttlaError

CLOSE_TIMEOUT_S = 5.0


class GroupMember:
    """One member. One thread takes its events; the first is a `Prepare`, and then it joins.

    Args:
        protocol: what this member tells the others, asked before every round.
    """

    def __init__(
        self, client: Client, settings: ClassicSettings, protocol: ClassicProtocol
    ) -> None:
        self._client = client
        self._waiting = client.waiting
        self._way = client.network.new_way()
        settings = settings._replace(poll_interval_ms_max=None)
        self._classic = ClassicMember(settings, protocol, client.chance)
        self._machine = _Machine(self._classic, self._way)
        client.run(self._machine)
        self.join("it is new")

    @property
    def generation(self) -> GroupGeneration | None:
        """The round that it is in; None while there is none."""
        with self._waiting:
            return self._classic.generation

    def event(self, timeout: float = 0.0) -> ClassicEvent | None:
        """What happens next, if it does within so many seconds.

        - `Prepare`: let go of what must be, then `ready_to_join`.
        - `NeedsAssignment`: this member leads: `assigned` says who gets what.
        - `Joined`: the round is over; `assignment` is this member's share.
        - `Failed`: there will be no more; its error says why.

        Raises:
            OttlaError: `protocol` has failed, or its client.
        """
        with self._waiting:
            until_ms = self._waiting.now_ms() + int(timeout * 1000)
            self._waiting.wait_for(
                lambda: self._classic.has_event or self._machine.broken is not None, until_ms
            )
            if self._machine.broken is not None:
                raise self._machine.broken
            return self._classic.event()

    def ready_to_join(self) -> None:
        """All that `Prepare` asked for was let go of."""
        with self._waiting:
            self._classic.ready_to_join(self._waiting.now_ms())
            self._client.wake()

    def assigned(self, generation_id: int, shares: Mapping[str, bytes]) -> None:
        """Who gets what in that generation, by member id."""
        with self._waiting:
            self._classic.assigned(generation_id, shares, self._waiting.now_ms())
            self._client.wake()

    def join(self, reason: str) -> None:
        """Want a round: something has changed that the others must hear of."""
        with self._waiting:
            self._classic.join(reason)
            self._client.wake()
            self._waiting.look()

    def close(self) -> None:
        """Leave the group. Calling it again does nothing."""
        with self._waiting:
            self._classic.leave("it is closed", self._waiting.now_ms())
            self._client.wake()
            until_ms = self._waiting.now_ms() + int(CLOSE_TIMEOUT_S * 1000)
            self._waiting.wait_for(self._is_gone, until_ms)
        self._client.drop(self._machine, [self._way])

    def _is_gone(self) -> bool:
        away = self._client.network.last_failure() is not None
        return self._classic.is_over or away or self._machine.broken is not None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class _Machine:
    """The membership as the client's thread sees it."""

    topics = ()
    topic_ids = ()
    topics_to_make = ()
    wants_all_topics = False

    def __init__(self, classic: ClassicMember, way: int) -> None:
        self.broken: OttlaError | None = None
        self._classic = classic
        self._way = way

    def asks(self, now_ms: int) -> list[Ask]:
        """What the membership asks now."""
        if self.broken is not None:
            return []
        try:
            return by_own_way(self._classic.asks(now_ms), self._way)
        except Exception as error:  # the owner's protocol is asked there; it ends this member alone
            self.broken = OttlaError(f"what the member is to tell its group failed: {error!r}")
            return []

    def answered(self, token: int, outcome: Any | OttlaError, now_ms: int) -> None:
        """A request has ended."""
        self._classic.answered(token, outcome, now_ms)

    def doubts(self) -> list[Destination]:
        """The coordinator, if it is to be looked for again."""
        return self._classic.doubts()

    def break_off(self, error: OttlaError) -> None:
        """Nobody drives it any more."""
        self.broken = error

    def calls(self) -> list[Callable[[], object]]:
        """None."""
        return []

    @property
    def deadline_ms(self) -> int | None:
        """When to look again."""
        return None if self.broken is not None else self._classic.deadline_ms
