"""A consumer's decisions, put together: membership, where reading begins, what is fetched.

It is one machine to the driver. The consumer's own thread takes what has arrived and the events of
the membership, inside the client's monitor; nothing here waits for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ottla.client.consuming.committing import Committing, OffsetAndMetadata
from ottla.client.consuming.fetching import Fetching
from ottla.client.consuming.locating import Locating
from ottla.client.consuming.part import Part
from ottla.client.consuming.reset import OffsetReset
from ottla.client.consuming.validating import Validating
from ottla.client.errors import BrokerError
from ottla.client.machine import Ask, Destination, Questions
from ottla.client.membership.events import ConsumerMembership, KnownTopics
from ottla.client.membership.own_way import by_own_way
from ottla.client.places import Places, Topic, TopicPartition
from ottla.errors import OttlaError
from ottla.wire.errors import ErrorCode

_FETCH_COMMITTED_MS = 60_000


class Consuming:
    """The machine of one consumer.

    Args:
        questions: of what is asked here, and by the machines that it is made of.
        way: the connection of the membership; fetching has its own.
        rack_of: the rack of a node.
    """

    def __init__(
        self,
        places: Places,
        fetching: Fetching,
        locating: Locating,
        validating: Validating,
        questions: Questions,
        *,
        committing: Committing | None,
        member: ConsumerMembership | None,
        way: int,
        reset: OffsetReset,
        creates_topics: bool,
        rack_of: Callable[[int], str | None],
    ) -> None:
        self.fetching = fetching
        self.committing = committing
        self.member = member
        self._creates_topics = creates_topics
        self.matches: Callable[[str], bool] | None = None
        """What topics are subscribed to, if not by name."""
        self.extra_topics: set[str] = set()
        """Those that somebody asked about."""
        self._places = places
        self._locating = locating
        self._validating = validating
        self._questions = questions
        self._way = way
        self._reset = reset
        self._rack_of = rack_of
        self._asked_committed: dict[TopicPartition, int] = {}
        self._learned: tuple[int, frozenset[str]] = (-1, frozenset())
        self.refused: OttlaError | None = None
        """What of the user's has failed, and is to be told by every poll."""
        self.topic_error: OttlaError | None = None
        """Why one of the topics that are subscribed to can't be read, as long as that is so."""
        self.broken: OttlaError | None = None
        """Why nobody drives this any more, if so."""

    # ------------------------------------------------------------ the machine

    @property
    def topics(self) -> Iterable[str]:
        """Those that are read, and that the group reads."""
        return self._own_topics() | self.extra_topics

    @property
    def topics_to_make(self) -> Iterable[str]:
        """Those that are read; not what somebody only asked about."""
        return self._own_topics() if self._creates_topics else ()

    def _own_topics(self) -> frozenset[str]:
        found = self.fetching.topics
        return found if self.member is None else found | self.member.wanted_topics

    @property
    def topic_ids(self) -> Iterable[bytes]:
        """Those whose names the membership waits for."""
        return () if self.member is None else self.member.awaited_topic_ids

    @property
    def wants_all_topics(self) -> bool:
        """Whether it is to know of all topics that there are."""
        return self.matches is not None

    def asks(self, now_ms: int) -> list[Ask]:
        """What of all this is to be sent now."""
        # What is wanted only now may be known already, told to somebody else.
        wanted = frozenset() if self.member is None else frozenset(self.member.wanted_topics)
        if self._learned != (seen := (self._places.changes, wanted)):
            self._learned = seen
            self._learn(now_ms)
        parts = self.fetching.parts
        self._refuse(parts, now_ms)
        self._find_committed(parts, now_ms)
        self._locating.act(parts, now_ms)
        self._validating.act(parts, now_ms)
        self.fetching.act(now_ms)
        if self.committing is not None:
            self.committing.act(now_ms)
        # Even tokens are of what is asked here, odd ones the membership's.
        asks = [ask._replace(token=2 * ask.token) for ask in self._questions.take()]
        if self.member is not None:
            its = by_own_way(self.member.asks(now_ms), self._way)
            asks += [ask._replace(token=2 * ask.token + 1) for ask in its]
        return asks

    def answered(self, token: int, outcome: Any | OttlaError, now_ms: int) -> None:
        """A request ended."""
        number, is_members = divmod(token, 2)
        if not is_members:
            self._questions.answered(number, outcome, now_ms)
        elif self.member is not None:
            self.member.answered(number, outcome, now_ms)

    def doubts(self) -> list[Destination]:
        """The coordinator, if the membership says so."""
        return [] if self.member is None else self.member.doubts()

    def break_off(self, error: OttlaError) -> None:
        """Nothing arrives any more."""
        self.broken = error

    def calls(self) -> list[Callable[[], object]]:
        """None: callbacks run in the thread that polls."""
        return []

    @property
    def deadline_ms(self) -> int | None:
        """When something is due."""
        found = [which.deadline_ms for which in (self.fetching, self._locating, self._validating)]
        if self.committing is not None:
            found.append(self.committing.deadline_ms)
        if self.member is not None:
            found.append(self.member.deadline_ms)
        return min((at for at in found if at is not None), default=None)

    def subscribed(self) -> None:
        """The topics are others: what was said of those before does not count."""
        self.topic_error = None
        self._learned = (-1, frozenset())

    # ------------------------------------------------------------ inside

    def _learn(self, now_ms: int) -> None:
        if self.member is None:
            return
        if self.matches is not None:
            self._match(self.member, self.matches, now_ms)
        found = [t for name in self.member.wanted_topics if (t := self._places.topic(name))]
        own = self.member.topics
        errors = [(t.name, ErrorCode(t.error)) for t in found if t.error and t.name in own]
        stay = [
            BrokerError(code, f"{name}: {code.text}") for name, code in errors if not code.retriable
        ]
        self.topic_error = stay[0] if stay else None
        counts = {topic.name: 0 if topic.error else len(topic.partitions) for topic in found}
        names = {topic.id: topic.name for topic in found if not topic.error}
        racks = {topic.name: self._racks(topic) for topic in found if not topic.error}
        self.member.metadata_changed(KnownTopics(counts, racks, names), now_ms)

    def _match(
        self, member: ConsumerMembership, matches: Callable[[str], bool], now_ms: int
    ) -> None:
        try:
            found = frozenset(filter(matches, self._places.names()))
        except Exception as error:  # it is the user's, and must not end everybody's thread
            self.matches = None
            self.refused = OttlaError(
                f"the function that topics are subscribed by failed: {error!r}"
            )
            return
        member.subscribe(found, now_ms)

    def _racks(self, topic: Topic) -> tuple[frozenset[str], ...]:
        """The racks that hold replicas of each partition, as far as they have any."""
        return tuple(
            frozenset(rack for node in topic.replicas[number] if (rack := self._rack_of(node)))
            for number in sorted(topic.replicas)
        )

    def _refuse(self, parts: dict[TopicPartition, Part], now_ms: int) -> None:
        """What of a topic that nobody may read, or that can't be one, is told."""
        told = {name: self._places.topic(name) for name in self.fetching.topics}
        codes = {name: ErrorCode(t.error) for name, t in told.items() if t is not None and t.error}
        stay = {name: code for name, code in codes.items() if not code.retriable}
        if not stay:
            return
        for (name, number), part in parts.items():
            if name in stay and part.error is None and part.muted_until_ms <= now_ms:
                code = stay[name]
                self.fetching.stop(part, BrokerError(code, f"{name}-{number}: {code.text}"))

    def _find_committed(self, parts: dict[TopicPartition, Part], now_ms: int) -> None:
        """Ask where the group has been, of partitions that begin there."""
        wanted = [
            part
            for part in parts.values()
            if part.wants_commit
            and part.error is None
            and part.muted_until_ms <= now_ms
            and self._asked_committed.get(part.place) != part.age
        ]
        if not wanted:
            return
        if self.committing is None:
            for part in wanted:
                self._begin(part)
            return
        ages = [(part, part.age) for part in wanted]
        self._asked_committed.update((part.place, part.age) for part in wanted)

        def found(rows: dict[TopicPartition, OffsetAndMetadata] | OttlaError) -> None:
            for part, age in ages:
                if self._asked_committed.get(part.place) == age:
                    del self._asked_committed[part.place]
                if part.age != age:
                    continue
                if isinstance(rows, OttlaError):
                    self.fetching.stop(part, rows)
                elif part.place in rows:
                    part.seek(rows[part.place].offset, rows[part.place].leader_epoch)
                else:
                    self._begin(part)

        places = [part.place for part in wanted]
        self.committing.fetch(places, now_ms + _FETCH_COMMITTED_MS, found)

    def _begin(self, part: Part) -> None:
        """Read from where `auto.offset.reset` says."""
        if (error := self._reset.begin(part)) is not None:
            self.fetching.stop(part, error)
