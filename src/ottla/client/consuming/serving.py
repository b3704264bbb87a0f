"""What a group wants of the thread that polls: callbacks, commits that are due, and a farewell.

The membership itself lives in the client's own thread. What it has to say to the program is handled
here, by whichever thread calls `poll`: so callbacks may take as long as they like.
"""

from __future__ import annotations

from collections.abc import Callable

from ottla.client.client import Client
from ottla.client.consuming.commits import Commits
from ottla.client.consuming.decisions import Consuming
from ottla.client.membership.events import (
    Assigned,
    Event,
    Failed,
    GroupGeneration,
    Lost,
    Revoke,
)
from ottla.client.places import TopicPartition
from ottla.errors import OttlaError

Told = Callable[[list[TopicPartition]], object]
"""What is called with partitions that were given or taken."""

AWAY_MS = 2_000
"""How long a farewell waits for a cluster of which no node can be reached."""


def _nothing(_: list[TopicPartition]) -> None:
    return None


class Serving:
    """One consumer's duties to its group; there is nothing to do without one."""

    def __init__(
        self,
        client: Client,
        machine: Consuming,
        commits: Commits | None,
        commit_every_ms: int | None,
    ) -> None:
        self._client = client
        self._waiting = client.waiting
        self._machine = machine
        self._member = machine.member
        self._commits = commits
        self._commit_every_ms = commit_every_ms
        self._commit_at_ms = 0
        self._on_assign: Told = _nothing
        self._on_revoke: Told = _nothing
        self._on_lost: Told = _nothing
        self._event: Event | None = None
        """The membership's next one, if it was taken from it."""
        self._failure: OttlaError | None = None
        """Why the membership has ended for good."""
        self.was: GroupGeneration | None = None
        """The membership in which partitions were assigned last."""
        self.rebalances = 0
        self.calls_back = False
        """Whether a callback is under way."""
        self._close_until_ms: int | None = None

    def tell(self, on_assign: Told | None, on_revoke: Told | None, on_lost: Told | None) -> None:
        """Call these from now on."""
        self._on_assign = on_assign or _nothing
        self._on_revoke = on_revoke or _nothing
        self._on_lost = on_lost or self._on_revoke

    def begin_commits(self) -> None:
        """The first is due an interval from now."""
        self._commit_at_ms = self._waiting.now_ms() + (self._commit_every_ms or 0)

    # ------------------------------------------------------------ while it polls

    def tend(self) -> None:
        """What takes no time: say that somebody polls, and begin a commit that is due."""
        if self._member is not None:
            with self._waiting:
                before_ms = self._member.deadline_ms
                self._member.polled(self._waiting.now_ms())
                after_ms = self._member.deadline_ms
                if after_ms is not None and (before_ms is None or after_ms < before_ms):
                    self._client.wake()  # it has something to say that nobody knew of
        if self._commit_every_ms is None:
            return
        now_ms = self._waiting.now_ms()
        if now_ms >= self._commit_at_ms:
            self._commit_at_ms = now_ms + self._commit_every_ms
            if self._commits is not None:
                with self._waiting:
                    self._commits.commit_in_background()

    def wait_until_ms(self, until_ms: int) -> int:
        """How long to wait at most: until then, or until a commit is due."""
        if self._commit_every_ms is None:
            return until_ms
        return min(until_ms, max(self._waiting.now_ms() + 1, self._commit_at_ms))

    def has_event(self) -> bool:
        """Whether the membership has something to say. Inside the monitor."""
        if self._event is None and self._member is not None and self._member.has_event:
            self._event = self._member.event(self._waiting.now_ms())
            # It may go on by itself after that.
            self._client.wake()
        return self._event is not None

    @property
    def has_duties(self) -> bool:
        """Whether `handle_next` has something to do."""
        with self._waiting:
            return self.has_event()

    def handle_next(self) -> bool:
        """Handle what the membership says next, and whether there was something.

        Raises:
            OttlaError: the membership has ended, and why.
            What a callback raises.
        """
        with self._waiting:
            event = self._event if self.has_event() else None
        if event is not None:
            self._handle(event)
        return event is not None

    def _handle(self, event: Event) -> None:
        assert self._member is not None
        self._event = None
        if isinstance(event, Failed):
            self._failure = event.error
            raise event.error
        self.calls_back = True
        try:
            self._tell_of(event)
        finally:  # whatever a callback raises, the group goes on as if it had not
            self.calls_back = False
            if isinstance(event, Revoke | Lost):
                self._let_go(event.partitions)
            with self._waiting:
                self._member.confirmed(self._waiting.now_ms())
                self._client.wake()

    def _tell_of(self, event: Event) -> None:
        assert self._member is not None
        parts = self._machine.fetching.parts
        match event:
            case Revoke(partitions=gone):
                if self._commits is not None and self._commit_every_ms is not None:
                    ours = [place for place in gone if place in parts]
                    self._commits.commit_quietly(ours, self._close_until_ms)
                if gone:
                    self._on_revoke(list(gone))
            case Lost(partitions=gone):
                if gone:
                    self._on_lost(list(gone))
            case Assigned(added=added, partitions=now):
                self.rebalances += 1
                with self._waiting:
                    self.was = self._member.generation
                    for part in self._machine.fetching.assign(list(now)):
                        part.seek_committed()
                    self._client.wake()  # the callback may ask where that is
                self._on_assign(list(added))  # also when there is nothing new, as in Java

    def _let_go(self, places: tuple[TopicPartition, ...]) -> None:
        with self._waiting:
            gone = set(places)
            fetching = self._machine.fetching
            fetching.assign([place for place in fetching.parts if place not in gone])
            for place in places:
                if self._commits is not None:
                    self._commits.forget(place)

    # ------------------------------------------------------------ the farewell

    def leave(self, until_ms: int) -> None:
        """Commit what was handed out, if that is automatic, and leave the group."""
        self._close_until_ms = until_ms
        if self._failure is not None or self._machine.broken is not None:
            return  # nobody is a member any more
        if not self._client.network.is_reached:
            until_ms = self._close_until_ms = min(until_ms, self._waiting.now_ms() + AWAY_MS)
        commits = self._commits if self._commit_every_ms is not None else None
        if commits is not None and not commits.is_outside:
            with self._waiting:
                places = sorted(self._machine.fetching.parts)
            commits.commit_quietly(places, until_ms)
        self._say_farewell(until_ms)

    def _say_farewell(self, until_ms: int) -> None:
        member = self._member
        if member is None:
            return
        with self._waiting:
            member.close(self._waiting.now_ms())
            self._client.wake()
        raised: Exception | None = None
        while not self._is_left() and self._waiting.now_ms() < until_ms:
            with self._waiting:
                self._waiting.wait_for(lambda: self._is_left() or self.has_event(), until_ms)
                event = self._event
            if event is None:
                break
            if isinstance(event, Failed):
                return
            try:
                self._handle(event)
            except Exception as error:  # a callback's; the group hears the farewell all the same
                raised = raised or error
        if raised is not None:
            raise raised

    def _is_left(self) -> bool:
        """Whether the group needs to hear no more; who is no member yet does not wait for a cluster
        that is away.
        """
        assert self._member is not None
        is_away = self._client.network.last_failure() is not None
        is_over = self._member.is_over or self._machine.broken is not None
        return is_over or (self._member.generation is None and is_away)
