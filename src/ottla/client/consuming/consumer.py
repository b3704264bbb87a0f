"""A consumer: records of partitions, alone or shared with a group.

`poll` hands out records, `batches` whole batches without an object a record. What is fetched, who
has which partition and where reading begins is decided in machines below (`decisions.py`), which
the client's own thread drives: heartbeats go on while the program works. Callbacks run in the
thread that polls. One thread at a time may use a consumer; `wakeup` is for the others.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from ottla.client import arguments, habits
from ottla.client.admin import offsets
from ottla.client.admin.topics import describe as topics_of
from ottla.client.client import Client
from ottla.client.consuming import assembly
from ottla.client.consuming.commits import CommitFailed, Commits
from ottla.client.consuming.committing import OffsetAndMetadata
from ottla.client.consuming.handing import Handing
from ottla.client.consuming.part import EARLIEST, LATEST, NotAssigned, Part
from ottla.client.consuming.serving import Serving, Told
from ottla.client.consuming.unseen import Unseen
from ottla.client.errors import BadSetting, Closed, TimedOut
from ottla.client.membership.events import GroupGeneration
from ottla.client.metrics import Metrics, consumer_metrics
from ottla.client.places import TopicPartition
from ottla.client.settings import Settings, merged
from ottla.errors import OttlaError
from ottla.wire.fetched import ConsumerRecord, RecordBatch

if TYPE_CHECKING:
    from datetime import datetime

T = TypeVar("T")
CLOSE_TIMEOUT_S = 30.0


class Consumer:
    """Reads records.

    Args:
        settings: the addresses of the cluster, or all settings, by Java's or librdkafka's names.
        client: a client to share; without one the consumer has its own, and closes it.
        more: further settings, as `group_id="billing"`.

    Raises:
        BadSetting: a setting that is unknown, wrong or not honoured.
        BadAddress: the addresses make no sense.
    """

    def __init__(
        self,
        settings: Mapping[str, Any] | str | None = None,
        *,
        client: Client | None = None,
        **more: Any,
    ) -> None:
        found = self._settings = Settings("consumer", merged(settings, more, client))
        self._owns_client = client is None
        self._client = client or found.client()
        self.waiting = self._client.waiting
        self._timeout_ms: int = found["default.api.timeout.ms"]
        self._max_poll_records: int = found["max.poll.records"]
        try:
            self._ways, self._machine = assembly.assemble(self._client, found)
        except BaseException:
            if self._owns_client:
                self._client.close()
            raise
        self._fetching = self._machine.fetching
        self._handing = Handing(self._fetching, self.waiting.now_ms, self._client.wake)
        self._unseen = Unseen(self._fetching, self.waiting)
        self._member = self._machine.member
        self._commits: Commits | None = None
        if (committing := self._machine.committing) is not None:
            self._commits = Commits(
                self._client, self._machine, committing, self._unseen, self._timeout_ms
            )
        by_itself = found["group.id"] is not None and found["enable.auto.commit"]
        every_ms: int | None = found["auto.commit.interval.ms"] if by_itself else None
        self._serving = Serving(self._client, self._machine, self._commits, every_ms)
        self._is_woken = self._closed = self._is_assigned = False
        self._client.run(self._machine)

    # ------------------------------------------------------------ what is read

    def subscribe(
        self,
        topics: Iterable[str] | Callable[[str], bool],
        *,
        on_assign: Told | None = None,
        on_revoke: Told | None = None,
        on_lost: Told | None = None,
    ) -> None:
        """Read topics together with the group: those of the names, or those that a function takes.

        The callbacks are called by `poll`: with what was added, what is to be let go of, and what
        may be another member's already (as `on_revoke`, if that is not given).

        Raises:
            BadSetting: there is no group.id.
            BadSubscription: partitions were assigned by hand.
        """
        self._check_open()
        if self._member is None:
            hint = "assign() reads without a group"
            raise BadSetting("group.id", "a subscription needs group.id", hint=hint)
        names = frozenset() if callable(topics) else arguments.topics_of(topics)
        if self._is_assigned and self.assignment:
            raise BadSubscription("assign() and subscribe() exclude each other", _ONE_OF_BOTH)
        self._serving.tell(on_assign, on_revoke, on_lost)
        with self.waiting:
            self._serving.begin_commits()
            if self._commits is not None:
                self._commits.subscribes = True
            self._machine.matches = topics if callable(topics) else None
            if not callable(topics):
                self._member.subscribe(names, self.waiting.now_ms())
            self._is_assigned = False
            self._machine.subscribed()
            self._client.wake()

    def unsubscribe(self) -> None:
        """Let go of everything, and leave the group."""
        self._check_open()
        with self.waiting:
            self._machine.matches = None
            self._machine.subscribed()
            if self._commits is not None:
                self._commits.subscribes = False
            if self._member is not None:
                self._member.subscribe(frozenset(), self.waiting.now_ms())
            else:
                self._fetching.assign([])
            self._is_assigned = False
        self._serve()

    def assign(self, places: Iterable[tuple[str, int] | tuple[str, int, int]]) -> None:
        """Read these partitions, whatever any group says; (topic, partition, offset) begins there.

        Others begin where the group committed, if there is one, else where auto.offset.reset says.

        Raises:
            BadSubscription: topics are subscribed to.
        """
        self._check_open()
        wanted = arguments.beginnings_of(places)
        if self._subscribes:
            raise BadSubscription("subscribe() and assign() exclude each other", _ONE_OF_BOTH)
        with self.waiting:
            self._unseen.is_stale = True
            for part in self._fetching.assign([place for place, _ in wanted]):
                part.seek_committed()
            for place, offset in wanted:
                if offset is not None:
                    self._fetching.parts[place].seek(offset)
            self._is_assigned = True
            self._serving.begin_commits()
            self._client.wake()

    @property
    def assignment(self) -> list[TopicPartition]:
        """What is read now."""
        with self.waiting:
            return sorted(self._fetching.parts)

    @property
    def paused(self) -> list[TopicPartition]:
        """What of it is paused."""
        with self.waiting:
            return sorted(p.place for p in self._fetching.parts.values() if p.is_paused)

    def pause(self, places: Iterable[TopicPartition]) -> None:
        """Hand out nothing of these until `resume`.

        Raises:
            NotAssigned: one is not read.
        """
        self._each(places, lambda part: setattr(part, "is_paused", True))

    def resume(self, places: Iterable[TopicPartition]) -> None:
        """Go on with these.

        Raises:
            NotAssigned: one is not read.
        """
        self._each(places, lambda part: setattr(part, "is_paused", False))

    # ------------------------------------------------------------ records

    def poll(self, timeout: float = 0.0, *, max_records: int | None = None) -> list[ConsumerRecord]:
        """Records that are there, or the first that come within so many seconds; else none.

        Raises:
            OttlaError: reading can't go on; the error says where, and what to do.
        """
        return self._until(timeout, self._records(max_records))

    def batches(self, timeout: float = 0.0) -> list[RecordBatch]:
        """The same by whole batches, of one partition: no object is made of any record.

        Raises:
            What `poll` raises.
        """
        return self._until(timeout, self._handing.batches)

    def __iter__(self) -> Iterator[ConsumerRecord]:
        """All records, for ever. What the loop has not seen when it ends is read again."""
        while not self._closed:
            yield from self._unseen.each(self.poll(3600.0))

    def wakeup(self) -> None:
        """Make a `poll` that waits return at once, or the next one. For other threads."""
        with self.waiting:
            self._is_woken = True
            self.waiting.look()
        self._client.wake()

    def _until(self, timeout: float, take: Callable[[], list[T]]) -> list[T]:
        """Look until there is something, the time is over, or somebody wakes us."""
        until_ms = self._begin_look(timeout)
        while True:
            self._serve()
            found = self._look(take, until_ms)
            if found is not None:
                return found
            self.waiting.wait_for(self._has_work, self._serving.wait_until_ms(until_ms))

    def _records(self, max_records: int | None) -> Callable[[], list[ConsumerRecord]]:
        most = self._max_poll_records
        if max_records is not None:
            most = arguments.count_of(max_records, "max_records")
        return lambda: self._handing.records(most)

    def _begin_look(self, timeout: float) -> int:
        """Until when to look; what of before nobody has seen comes again."""
        until_ms = self.waiting.now_ms() + arguments.milliseconds(timeout)
        self._check_open()
        if not self._subscribes and not self._is_assigned:
            hint = "subscribe(['orders']), or assign([('orders', 0)])"
            raise BadSubscription("nothing is subscribed to, and nothing assigned", hint)
        self._unseen.give_back()
        return until_ms

    def _look(self, take: Callable[[], list[T]], until_ms: int) -> list[T] | None:
        """What is there; None if that is nothing and there is time to wait for more."""
        self._check_open()
        with self.waiting:
            found = take()
            if not found and (failure := self._what_stays()) is not None:
                raise failure
            if found or self._is_woken or self.waiting.now_ms() >= until_ms:
                self._is_woken = False
                return found
            return None

    def _has_work(self) -> bool:
        """Whether it is worth it to look again. Inside the monitor."""
        return (
            self._is_woken
            or self._closed
            or self._machine.broken is not None
            or self._handing.has_some
            or self._serving.has_event()
            or self._what_stays() is not None
        )

    def _what_stays(self) -> OttlaError | None:
        """What does not pass by itself: a topic can't be read, or nobody be reached."""
        return self._machine.topic_error or self._client.network.what_stays()

    def _serve(self) -> None:
        """Do what the group wants of this member, callbacks too, and a commit that is due."""
        self._tend()
        while self._serving.handle_next():
            self._tend()

    def _tend(self) -> None:
        """What of that takes no time: say that somebody polls, and begin a commit that is due."""
        self._check_open()
        self._serving.tend()

    @property
    def _subscribes(self) -> bool:
        return self._commits is not None and self._commits.subscribes

    # ------------------------------------------------------------ commits

    def commit(
        self,
        positions: Mapping[TopicPartition, int | OffsetAndMetadata] | None = None,
        *,
        timeout: float | None = None,
    ) -> None:
        """Say that the group has read up to these positions, or up to what was handed out.

        Raises:
            CommitFailed: the group has gone on without this member.
            BrokerError: the coordinator refuses.
            TimedOut: not in time; default.api.timeout.ms without one.
        """
        self._group().commit(positions, timeout)

    def committed(
        self, places: Iterable[TopicPartition]
    ) -> dict[TopicPartition, OffsetAndMetadata]:
        """What the group has committed of these; those without are left out.

        Raises:
            OttlaError: the coordinator can't say.
        """
        return self._group().committed(arguments.places_of(places))

    def _group(self) -> Commits:
        self._check_open()
        if self._commits is None:
            raise BadSetting("group.id", "positions are committed by a group: group.id names it")
        return self._commits

    def group_metadata(self) -> GroupGeneration:
        """Who this member is to its group: for `Producer.send_offsets_to_transaction`.

        While it is none any more, it tells who it was: what it read then is another's by now, and
        its offsets must be refused.

        Raises:
            BadSetting: there is no group.id.
            CommitFailed: it has subscribed, and is no member yet.
        """
        group = self._settings["group.id"]
        if group is None or self._member is None:
            raise BadSetting("group.id", "there is no group without group.id")
        with self.waiting:
            found = self._member.generation or self._serving.was
        if found is None and self._commits is not None and self._commits.subscribes:
            raise CommitFailed(
                "this consumer is no member of its group yet", hint="poll() joins it"
            )
        return found or GroupGeneration(group, "", None, -1)

    def position(self, place: TopicPartition, *, timeout: float | None = None) -> int:
        """The offset of the next record to be handed out of a partition.

        Raises:
            NotAssigned: it is not read.
            TimedOut: where reading begins is not known in time.
        """
        self._check_open()
        timeout_ms = self._timeout_ms if timeout is None else arguments.milliseconds(timeout)
        with self.waiting:
            part = self._part(place)
            until_ms = self.waiting.now_ms() + timeout_ms
            self.waiting.wait_for(lambda: part.position >= 0 or part.error is not None, until_ms)
            if part.position >= 0:
                unseen = self._unseen.positions().get(part.place)
                return part.position if unseen is None else unseen.offset
            failure = self._client.network.last_failure()
            topic = self._client.places.topic(place[0])
            hint = "does the partition have a leader?"
            if topic is not None and place[1] not in topic.partitions:
                hint = f"the topic has {len(topic.partitions)} partitions"
            raise part.error or TimedOut(
                f"{place[0]}-{place[1]}: its position is not known after {timeout_ms} ms"
                + (f": {failure}" if failure else ""),
                hint=failure.hint if failure else hint,
            )

    def seek(self, place: TopicPartition, offset: int) -> None:
        """Read on from there.

        Raises:
            NotAssigned: the partition is not read.
            ValueError: an offset below 0.
        """
        wanted = arguments.offset_of(offset)
        self._each([place], lambda part: part.seek(wanted))

    def seek_to_beginning(self, places: Iterable[TopicPartition] | None = None) -> None:
        """Read these, or all, from their first record on."""
        self._each(places, lambda part: part.seek_time(EARLIEST))

    def seek_to_end(self, places: Iterable[TopicPartition] | None = None) -> None:
        """Read of these, or all, only what comes from now on."""
        self._each(places, lambda part: part.seek_time(LATEST))

    def seek_to_time(
        self, timestamp_ms: int | datetime, places: Iterable[TopicPartition] | None = None
    ) -> None:
        """Read these, or all, from the first record of that time (ms since 1970, or a datetime) or
        later; the end, if none is.
        """
        time_ms = max(0, arguments.timestamp_of(timestamp_ms))
        self._each(places, lambda part: part.seek_time(time_ms))

    def offsets_for_times(
        self, times: Mapping[TopicPartition, int | datetime]
    ) -> dict[TopicPartition, int | None]:
        """The offset of the first record of a time (ms since 1970, or a datetime) or later, of each
        partition; None if none is.

        Raises:
            BrokerError: there is no such partition.
        """
        asked = arguments.by_place(times, "times")
        return self._ask_offsets({p: arguments.timestamp_of(at) for p, at in asked.items()})

    def beginning_offsets(self, places: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """The offset of the first record that is there of each partition.

        Raises:
            BrokerError: there is no such partition.
        """
        found = self._ask_offsets(dict.fromkeys(arguments.places_of(places), EARLIEST))
        return {place: offset or 0 for place, offset in found.items()}

    def end_offsets(self, places: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """The offset behind the last record of each partition, or, for who reads what is
        committed, behind the last that is stable.

        Raises:
            BrokerError: there is no such partition.
        """
        found = self._ask_offsets(dict.fromkeys(arguments.places_of(places), LATEST))
        return {place: offset or 0 for place, offset in found.items()}

    def _ask_offsets(self, times: Mapping[TopicPartition, int]) -> dict[TopicPartition, int | None]:
        self._check_open()
        committed = self._settings["isolation.level"] == "read_committed"
        return offsets.offsets_or_raise(self._client, times, read_committed=committed)

    def partitions_for(self, topic: str) -> list[int]:
        """The partitions of a topic.

        Raises:
            BrokerError: there is no such topic, or it may not be read.
        """
        self._check_open()
        (found,) = topics_of(self._client, [topic])
        return [partition.number for partition in found.partitions]

    def metrics(self) -> Metrics:
        """What it counted, by the names of Java's consumer."""
        with self.waiting:
            return consumer_metrics(
                self._client.network,
                self._fetching.counted,
                assigned=len(self._fetching.parts),
                rebalances=self._serving.rebalances,
            )

    # ------------------------------------------------------------ ends

    def close(self, *, timeout: float = CLOSE_TIMEOUT_S) -> None:
        """Commit what was handed out, if that is automatic, leave the group, and end.

        Calling it again does nothing.

        Raises:
            OttlaError: in a rebalance callback.
            What a callback raises, when everything else is done.
        """
        if self._closed:
            return
        if self._serving.calls_back:
            hint = "raise, or remember it and close() when poll() has returned"
            raise OttlaError("close() in a rebalance callback would wait for its end", hint=hint)
        until_ms = self.waiting.now_ms() + arguments.milliseconds(timeout)
        try:
            self._serving.leave(until_ms)
        finally:
            self._closed = True
            self._client.drop(self._machine, self._ways)
            with self.waiting:
                self.waiting.look()  # a thread that polls hears of it
            if self._owns_client:
                self._client.close()

    def __del__(self) -> None:
        if not self.__dict__.get("_closed", True) and not sys.is_finalizing():
            import warnings

            text = "a consumer was not closed: its group waits for it"
            warnings.warn(text, ResourceWarning, source=self, stacklevel=2)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # ------------------------------------------------------------ inside

    def _check_open(self) -> None:
        if self._closed:
            raise Closed("the consumer is closed")
        if self._machine.broken is not None:
            raise self._machine.broken
        if self._machine.refused is not None:
            raise self._machine.refused

    def _part(self, place: TopicPartition) -> Part:
        part = self._fetching.parts.get(arguments.place_of(place))
        if part is None:
            raise NotAssigned(place)
        return part

    def _each(
        self, places: Iterable[TopicPartition] | None, change: Callable[[Part], object]
    ) -> None:
        self._check_open()
        named = None if places is None else arguments.places_of(places)
        with self.waiting:
            parts = self._fetching.parts
            if named is None and not parts:
                hint = "after poll() has brought partitions, or in on_assign"
                raise BadSubscription("nothing is assigned yet", hint)
            wanted = list(parts.values()) if named is None else [self._part(p) for p in named]
            self._unseen.is_stale = True
            for part in wanted:
                change(part)
            self._client.wake()


habits.answer(Consumer)


class BadSubscription(OttlaError):
    """Nothing is read, or both by subscription and by hand."""

    def __init__(self, text: str, hint: str) -> None:
        super().__init__(text, hint=hint)


_ONE_OF_BOTH = "unsubscribe() first, or use another consumer"
