"""A consumer in a classic group: what it subscribes to, what it owns, and who shares that out.

It is the half above `classic`, as Java's ConsumerCoordinator is above its AbstractCoordinator. Its
owner sees `events.ConsumerMembership`; patterns are resolved by the owner, which subscribes to the
topics that they match.

With the EAGER protocol everything is let go of before a round. With COOPERATIVE (all assignors must
know it, KIP-429) only what is no longer subscribed to; what the round takes away is let go of after
it, and the member joins again at once so that somebody else can have it. What was lost, because the
group has gone on without this member, is told as lost, before it joins anew.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ottla.client.machine import Ask, Destination
from ottla.client.membership import consumer_protocol
from ottla.client.membership.assignors.assignor import (
    COOPERATIVE,
    EAGER,
    Assignor,
    Share,
    Subscription,
)
from ottla.client.membership.classic import ClassicMember
from ottla.client.membership.classic_events import (
    ClassicSettings,
    Joined,
    Left,
    NeedsAssignment,
    Prepare,
)
from ottla.client.membership.events import (
    Assigned,
    Event,
    Failed,
    GroupGeneration,
    KnownTopics,
    Lost,
    Revoke,
)
from ottla.client.places import TopicPartition
from ottla.errors import OttlaError
from ottla.wire.errors import ErrorCode

Then = Callable[[int], None]
UNSEEN = object()
"""A leader that assigned nothing itself does not know yet what there is."""


class ConsumerMember:
    """One consumer; it joins once it has subscribed and its owner polls.

    Args:
        assignors: by preference. Members of one group must have one in common.
        chance: numbers from 0 to 1, for retries not to come all at once.

    Raises:
        OttlaError: no rebalance protocol is known to all the assignors.
    """

    def __init__(
        self,
        settings: ClassicSettings,
        assignors: Sequence[Assignor],
        *,
        rack_id: str | None = None,
        chance: Callable[[], float] | None = None,
    ) -> None:
        self._settings = settings
        self._assignors = {one.name: one for one in assignors}
        self._protocol = rebalance_protocol(assignors)
        self._rack_id = rack_id
        self.classic = ClassicMember(settings, self, chance)
        self._topics: frozenset[str] = frozenset()
        self._joined_topics: frozenset[str] | None = None
        """What was subscribed to when the member joined last."""
        self._owned: frozenset[TopicPartition] = frozenset()
        self._events: deque[tuple[Event, Then]] = deque()
        self._out: Then | None = None
        """What follows when the owner confirms the event that it has."""
        self._group_topics: frozenset[str] = frozenset()
        """What all members subscribe to, while this one leads."""
        self._assigning: NeedsAssignment | None = None
        """What waits for the metadata of those topics."""
        self._members: dict[str, Subscription] = {}
        self._snapshot: object = None
        """What the leader knew of those topics when it assigned."""
        self._known = KnownTopics({})
        self._letting_go = False
        """Whether it is to let go of everything and leave."""
        self._closed = False

    # ------------------------------------------------------------ the owner's side

    @property
    def generation(self) -> GroupGeneration | None:
        """What to commit with."""
        return self.classic.generation

    @property
    def topics(self) -> frozenset[str]:
        """What is subscribed to."""
        return self._topics

    @property
    def owned(self) -> frozenset[TopicPartition]:
        """What the member has now."""
        return self._owned

    @property
    def wanted_topics(self) -> frozenset[str]:
        """What to keep metadata of: a leader watches what any member subscribes to."""
        return self._topics | self._group_topics

    @property
    def awaited_topics(self) -> frozenset[str]:
        """Topics without whose metadata a leader can't assign: to be looked up at once."""
        if self._assigning is None:
            return frozenset()
        return self._group_topics - self._known.counts.keys()

    @property
    def awaited_topic_ids(self) -> frozenset[bytes]:
        """None: classic groups go by names."""
        return frozenset()

    @property
    def has_event(self) -> bool:
        """Whether `event` is worth a call."""
        waits = bool(self._events) or self._letting_go or self.classic.has_event
        return self._out is None and waits

    @property
    def is_over(self) -> bool:
        """Whether there is nothing more to do."""
        told = not self._events and self._out is None and not self._letting_go
        return self._closed and told and self.classic.is_over

    def subscribe(self, topics: frozenset[str], now_ms: int) -> None:
        """Want these topics from now on; none means to leave the group."""
        self._topics = topics
        if self._closed:
            return
        if not topics:
            self._let_go()
            return
        self._letting_go = False
        if self._joined_topics is None:
            self.classic.join("it subscribes")
        elif topics != self._joined_topics:
            self.classic.join("its subscription has changed")

    def metadata_changed(self, known: KnownTopics, now_ms: int) -> None:
        """All that is known of `wanted_topics`."""
        self._known = known
        if self._assigning is not None:
            self._assign(now_ms)
        elif self._snapshot is UNSEEN:
            self._watch()
        elif self._snapshot is not None and self._snapshot != self._view():
            self._snapshot = None
            self.classic.join("the partitions of the group's topics have changed")

    def polled(self, now_ms: int) -> None:
        """The user's thread is alive."""
        self.classic.polled(now_ms)

    def event(self, now_ms: int) -> Event | None:
        """The next event; none while one is not confirmed."""
        if self._out is not None:
            return None
        while not self._events:
            if self._letting_go:
                self._let_all_go(now_ms)
            elif not self._hears(now_ms):
                return None
        event, self._out = self._events.popleft()
        if isinstance(event, Assigned):
            self._owned = frozenset(event.partitions)
        return event

    def confirmed(self, now_ms: int) -> None:
        """The owner is done with the last event."""
        then, self._out = self._out, None
        if then is not None:
            then(now_ms)

    def commit_refused(self, code: ErrorCode, by: GroupGeneration, now_ms: int) -> None:
        """A commit was refused."""
        self.classic.commit_refused(code, by, now_ms)

    def close(self, now_ms: int) -> None:
        """Let go of everything and leave."""
        if not self._closed:
            self._closed = True
            self._let_go()

    # ------------------------------------------------------------ the driver's side

    def asks(self, now_ms: int) -> list[Ask]:
        """What is to be sent now."""
        try:
            return self.classic.asks(now_ms)
        except _AssignorFailed as failed:
            self._fail(failed.error, now_ms)
            return self.classic.asks(now_ms)

    def doubts(self) -> list[Destination]:
        """The coordinator, if it is to be looked for again."""
        return self.classic.doubts()

    def answered(self, token: int, outcome: Any | OttlaError, now_ms: int) -> None:
        """A request has ended."""
        self.classic.answered(token, outcome, now_ms)
        # A leader assigns without waiting for its owner, if it knows all that it needs.
        needed = self.classic.needed_assignment()
        if needed is not None:
            self._lead(needed, now_ms)

    @property
    def deadline_ms(self) -> int | None:
        """When to look again."""
        return self.classic.deadline_ms

    # ------------------------------------------------------------ what classic tells

    def protocols(self) -> list[tuple[str, bytes]]:
        """What the member says of itself, for each of its assignors."""
        self._joined_topics = self._topics
        self._group_topics = frozenset()
        self._assigning = self._snapshot = None
        return [(one.name, self._said(one)) for one in self._assignors.values()]

    def _said(self, assignor: Assignor) -> bytes:
        """What the member says of itself to one of its assignors.

        Raises:
            _AssignorFailed: what that adds.
        """
        try:
            return consumer_protocol.subscription_bytes(
                Subscription(
                    tuple(self._topics),
                    assignor.user_data(),
                    tuple(self._owned),
                    self.classic.generation_id,
                    self._rack_id,
                )
            )
        except Exception as error:
            raise _AssignorFailed(_broken_assignor(assignor, error)) from None

    def _hears(self, now_ms: int) -> bool:
        """Take one event of the lower half; whether there was one."""
        heard = self.classic.event()
        match heard:
            case Prepare():
                self._prepare(heard.lost, now_ms)
            case Joined():
                self._take(heard, now_ms)
            case Failed():
                self._end(heard)
            case Left() | NeedsAssignment() | None:
                pass
        return heard is not None

    def _prepare(self, is_lost: bool, now_ms: int) -> None:
        """Let go of what must be before a round."""
        if not self._topics:
            self._let_go()
            return
        leaving = self._owned
        if not is_lost and self._protocol == COOPERATIVE:
            leaving = frozenset(one for one in self._owned if one[0] not in self._topics)
        if leaving:
            self._drop(leaving, is_lost, self.classic.ready_to_join)
        else:
            self.classic.ready_to_join(now_ms)

    def _take(self, joined: Joined, now_ms: int) -> None:
        """Take the share of a round that is over."""
        assignor = self._assignors.get(joined.protocol_name)
        try:
            share = consumer_protocol.read_assignment(joined.assignment)
        except OttlaError as error:
            self._fail(error, now_ms)
            return
        if assignor is None:
            self._fail(_unknown_assignor(joined.protocol_name), now_ms)
            return
        partitions = frozenset(share.partitions)
        if any(topic not in self._topics for topic, _ in partitions):
            self.classic.join("what it was given does not match its subscription any more")
            return
        try:
            assignor.assigned(share, joined.generation.generation_id)
        except Exception as error:
            self._fail(_broken_assignor(assignor, error), now_ms)
            return
        taken = self._owned - partitions
        if self._protocol == COOPERATIVE and taken:
            # Whoever is to have these gets them in the round that follows.
            self._drop(taken, False, self._join_without)
        added = _in_order(partitions - self._owned)
        self._events.append((Assigned(added, _in_order(partitions)), _nothing))

    def _join_without(self, now_ms: int) -> None:
        self.classic.join("it has let go of partitions that others are to have")

    def _drop(
        self, partitions: frozenset[TopicPartition], lost: bool, then: Then | None = None
    ) -> None:
        """Tell the owner to let go of these; they are the member's until that is confirmed."""

        def gone(now_ms: int) -> None:
            self._owned -= partitions
            if then is not None:
                then(now_ms)

        if partitions:
            kind = Lost if lost else Revoke
            self._events.append((kind(_in_order(partitions)), gone))

    # ------------------------------------------------------------ leading

    def _lead(self, needed: NeedsAssignment, now_ms: int) -> None:
        """The group looks to this member for its assignment."""
        try:
            members = {
                one.member_id: consumer_protocol.read_subscription(one.metadata, one.instance_id)
                for one in needed.members
            }
        except OttlaError as error:
            self._fail(error, now_ms)
            return
        self._members = members
        self._group_topics = frozenset(topic for one in members.values() for topic in one.topics)
        if needed.skip:
            self._watch()
            return
        self._assigning = needed
        self._assign(now_ms)

    def _assign(self, now_ms: int) -> None:
        """Share out, if all is known that it takes."""
        needed = self._assigning
        if needed is None or self.awaited_topics:
            return
        self._assigning = None
        assignor = self._assignors.get(needed.protocol_name)
        if assignor is None:
            self._fail(_unknown_assignor(needed.protocol_name), now_ms)
            return
        try:
            shares = assignor.assign(self._known, self._members)
            found = {member: _share_bytes(shares.get(member, ())) for member in self._members}
            if strangers := shares.keys() - found.keys():
                raise LookupError(f"no member of the group: {', '.join(sorted(strangers))}")
        except Exception as error:
            # Whatever a user's assignor raises: it must not end the thread that drives all members.
            self._fail(_broken_assignor(assignor, error), now_ms)
            return
        self._snapshot = self._view()
        self.classic.assigned(needed.generation.generation_id, found, now_ms)

    def _watch(self) -> None:
        """Notice what changes from now on, or from when all of the group's topics are known."""
        is_known = self._group_topics <= self._known.counts.keys()
        self._snapshot = self._view() if is_known else UNSEEN

    def _view(self) -> object:
        """What the assignment depends on, of what is known of the group's topics."""
        return {
            topic: (self._known.counts.get(topic, 0), self._known.racks.get(topic, ()))
            for topic in self._group_topics
        }

    # ------------------------------------------------------------ ends

    def _let_go(self) -> None:
        """Drop everything, once the owner takes events."""
        self._letting_go = True
        self._forget_untold()

    def _forget_untold(self) -> None:
        """What was given and not yet told is not told any more."""
        self._events = deque(one for one in self._events if not isinstance(one[0], Assigned))

    def _let_all_go(self, now_ms: int) -> None:
        self._letting_go = False
        if self._owned:
            self._drop(self._owned, self.classic.is_lost, self._leave)
        else:
            self._leave(now_ms)

    def _leave(self, now_ms: int) -> None:
        if self._topics and not self._closed:
            self.classic.join("it subscribes again, and has nothing any more")
            return
        self._joined_topics = None
        self._group_topics = frozenset()
        self._assigning = self._snapshot = None
        self.classic.leave("the consumer is closed" if self._closed else "unsubscribed", now_ms)

    def _fail(self, error: OttlaError, now_ms: int) -> None:
        """End with an error of our own finding; the group is told."""
        self.classic.leave(str(error), now_ms)
        self._end(Failed(error))

    def _end(self, failed: Failed) -> None:
        self._forget_untold()
        self._letting_go = False
        self._drop(self._owned, lost=True)
        self._events.append((failed, _nothing))
        self._closed = True


class _AssignorFailed(Exception):
    """An assignor of the program's has, while a request was made."""

    def __init__(self, error: OttlaError) -> None:
        self.error = error


def rebalance_protocol(assignors: Sequence[Assignor]) -> int:
    """The most that all these assignors know.

    Raises:
        OttlaError: they have none in common.
    """
    shared = set(assignors[0].protocols).intersection(*(one.protocols for one in assignors))
    if not shared:
        names = ", ".join(one.name for one in assignors)
        raise OttlaError(
            f"the assignors {names} can't be used together",
            hint="set partition.assignment.strategy to assignors of one kind",
        )
    return max(shared, default=EAGER)


def _unknown_assignor(name: str) -> OttlaError:
    return OttlaError(
        f"the group goes by the assignor {name!r}, which this member did not offer",
        hint="set partition.assignment.strategy to one that all members of the group have",
    )


def _broken_assignor(assignor: Assignor, error: Exception) -> OttlaError:
    return OttlaError(
        f"the assignor {type(assignor).__name__} failed: {error!r}",
        hint="mend it, or set partition.assignment.strategy to another",
    )


def _share_bytes(share: Share | tuple[TopicPartition, ...]) -> bytes:
    whole = share if isinstance(share, Share) else Share(tuple(share))
    return consumer_protocol.assignment_bytes(whole)


def _in_order(partitions: Iterable[TopicPartition]) -> tuple[TopicPartition, ...]:
    return tuple(sorted(partitions))


def _nothing(now_ms: int) -> None:
    """Nothing follows."""
