"""A consumer: records of partitions, alone or shared with a group.

`poll` hands out records, `batches` whole batches without an object a record. What is fetched, who
has which partition and where reading begins is decided in machines below (`decisions.py`), which
the client's own thread drives: heartbeats go on while the program works. Callbacks run in the
thread that polls. One thread at a time may use a consumer; `wakeup` is for the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

from ottla.client.admin import offsets
from ottla.client.client import Client
from ottla.client.consuming import assembly
from ottla.client.consuming.commits import CommitFailed, Commits
from ottla.client.consuming.committing import OffsetAndMetadata
from ottla.client.consuming.handing import Handing
from ottla.client.consuming.part import EARLIEST, LATEST, NotAssigned, Part
from ottla.client.consuming.unseen import Unseen
from ottla.client.errors import BadSetting, Closed, TimedOut
from ottla.client.membership.events import (
    Assigned,
    ConsumerMembership,
    Event,
    Failed,
    GroupGeneration,
    Lost,
    Revoke,
)
from ottla.client.metrics import Metrics, consumer_metrics
from ottla.client.places import TopicPartition
from ottla.client.settings import Settings, merged
from ottla.errors import OttlaError
from ottla.wire.fetched import ConsumerRecord, RecordBatch

T = TypeVar("T")
Told = Callable[[list[TopicPartition]], object]
"""What is called with partitions that were given or taken."""

CLOSE_TIMEOUT_S = 30.0


def _nothing(_: list[TopicPartition]) -> None:
    return None


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
        settings: Mapping[str, Any] | str = "",
        *,
        client: Client | None = None,
        **more: Any,
    ) -> None:
        found = self._settings = Settings("consumer", merged(settings, more, client))
        self._owns_client = client is None
        self._client = client or found.client()
        self.waiting = self._client.waiting
        self._timeout_ms: int = found["default.api.timeout.ms"]
        self.max_poll_records: int = found["max.poll.records"]
        self._ways, self._machine = assembly.assemble(self._client, found)
        self._fetching = self._machine.fetching
        self.handing = Handing(self._fetching, self.waiting.now_ms, self._client.wake)
        self.unseen = Unseen(self._fetching, self.waiting)
        self._member = self._machine.member
        self._commits: Commits | None = None
        if (committing := self._machine.committing) is not None:
            self._commits = Commits(
                self._client, self._machine, committing, self.unseen, self._timeout_ms
            )
        self._on_assign: Told = _nothing
        self._on_revoke: Told = _nothing
        self._on_lost: Told = _nothing
        self._commit_every_ms: int | None = None
        if found["group.id"] is not None and found["enable.auto.commit"]:
            self._commit_every_ms = found["auto.commit.interval.ms"]
        self._commit_at_ms = 0
        self._event: Event | None = None
        """The membership's next one, if it was taken from it."""
        self._was: GroupGeneration | None = None
        """The membership in which partitions were assigned last."""
        self._rebalances = 0
        self._close_until_ms: int | None = None
        """When close() must be done."""
        self._is_woken = self._closed = False
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
        """
        self._check_open()
        if self._member is None:
            hint = "assign() reads without a group"
            raise BadSetting("group.id", "a subscription needs group.id", hint=hint)
        self._on_assign = on_assign or _nothing
        self._on_revoke = on_revoke or _nothing
        self._on_lost = on_lost or self._on_revoke
        if isinstance(topics, str):
            topics = [topics]
        with self.waiting:
            now_ms = self.waiting.now_ms()
            self._commit_at_ms = now_ms + (self._commit_every_ms or 0)
            if self._commits is not None:
                self._commits.subscribes = True
            if callable(topics):
                self._machine.matches = topics
            else:
                self._machine.matches = None
                self._member.subscribe(frozenset(topics), now_ms)
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
        self.serve()

    def assign(self, places: Iterable[tuple[str, int] | tuple[str, int, int]]) -> None:
        """Read these partitions, whatever any group says; (topic, partition, offset) begins there.

        Others begin where the group committed, if there is one, else where auto.offset.reset says.
        """
        self._check_open()
        wanted = list(places)
        with self.waiting:
            self.unseen.is_stale = True
            for part in self._fetching.assign([(one[0], one[1]) for one in wanted]):
                part.seek_committed()
            for one in wanted:
                if len(one) == 3:
                    self._fetching.parts[(one[0], one[1])].seek(one[2])
            self._commit_at_ms = self.waiting.now_ms() + (self._commit_every_ms or 0)
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
        most = self.max_poll_records if max_records is None else max_records
        return self._until(timeout, lambda: self.handing.records(most))

    def batches(self, timeout: float = 0.0) -> list[RecordBatch]:
        """The same by whole batches, of one partition: no object is made of any record.

        Raises:
            What `poll` raises.
        """
        return self._until(timeout, self.handing.batches)

    def __iter__(self) -> Iterator[ConsumerRecord]:
        """All records, for ever. What the loop has not seen when it ends is read again."""
        while not self._closed:
            yield from self.unseen.each(self.poll(3600.0))

    def wakeup(self) -> None:
        """Make a `poll` that waits return at once, or the next one. For other threads."""
        with self.waiting:
            self._is_woken = True
            self.waiting.look()
        self._client.wake()

    def _until(self, timeout: float, take: Callable[[], list[T]]) -> list[T]:
        """Look until there is something, the time is over, or somebody wakes us."""
        self.unseen.give_back()
        until_ms = self.waiting.now_ms() + int(timeout * 1000)
        while True:
            self.serve()
            found = self.look(take, until_ms)
            if found is not None:
                return found
            self.waiting.wait_for((), self.has_work, self.wait_until_ms(until_ms))

    def look(self, take: Callable[[], list[T]], until_ms: int) -> list[T] | None:
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

    def wait_until_ms(self, until_ms: int) -> int:
        """How long to wait at most: until then, or until a commit is due."""
        if self._commit_every_ms is None:
            return until_ms
        return min(until_ms, max(self.waiting.now_ms() + 1, self._commit_at_ms))

    def has_work(self) -> bool:
        """Whether it is worth it to look again. Inside the monitor."""
        return (
            self._is_woken
            or self._closed
            or self._machine.broken is not None
            or self.handing.has_some
            or self._has_event()
            or self._what_stays() is not None
        )

    def _what_stays(self) -> OttlaError | None:
        """What does not pass by itself: a topic can't be read, or nobody be reached."""
        return self._machine.topic_error or self._client.network.what_stays()

    @property
    def has_duties(self) -> bool:
        """Whether `serve` has something to do beyond `tend`."""
        with self.waiting:
            return self._has_event()

    def _has_event(self) -> bool:
        if self._event is None and self._member is not None and self._member.has_event:
            self._event = self._member.event(self.waiting.now_ms())
            # It may go on by itself after that.
            self._client.wake()
        return self._event is not None

    # ------------------------------------------------------------ the group

    def serve(self) -> None:
        """Do what the group wants of this member, callbacks too, and a commit that is due."""
        while True:
            self.tend()
            with self.waiting:
                event = self._event if self._has_event() else None
            if event is None:
                break
            self._handle(event)

    def tend(self) -> None:
        """What of that takes no time: say that somebody polls, and begin a commit that is due."""
        self._check_open()
        if self._member is not None:
            with self.waiting:
                self._tell_polled(self._member)
        if self._commit_every_ms is None:
            return
        now_ms = self.waiting.now_ms()
        if now_ms >= self._commit_at_ms:
            self._commit_at_ms = now_ms + self._commit_every_ms
            if self._commits is not None:
                with self.waiting:
                    self._commits.commit_in_background()

    def _tell_polled(self, member: ConsumerMembership) -> None:
        before_ms = member.deadline_ms
        member.polled(self.waiting.now_ms())
        after_ms = member.deadline_ms
        if after_ms is not None and (before_ms is None or after_ms < before_ms):
            self._client.wake()  # it has something to say that nobody knew of

    def _handle(self, event: Event) -> None:
        assert self._member is not None
        self._event = None
        parts = self._fetching.parts
        match event:
            case Failed(error=error):
                raise error
            case Revoke(partitions=gone):
                if self._commits is not None and self._commit_every_ms is not None:
                    ours = [place for place in gone if place in parts]
                    self._commits.commit_quietly(ours, self._close_until_ms)
                if gone:
                    self._on_revoke(list(gone))
                self._let_go(gone)
            case Lost(partitions=gone):
                if gone:
                    self._on_lost(list(gone))
                self._let_go(gone)
            case Assigned(added=added, partitions=now):
                self._rebalances += 1
                with self.waiting:
                    self._was = self._member.generation
                    for part in self._fetching.assign(list(now)):
                        part.seek_committed()
                self._on_assign(list(added))  # also when there is nothing new, as in Java
        with self.waiting:
            self._member.confirmed(self.waiting.now_ms())
            self._client.wake()

    def _let_go(self, places: tuple[TopicPartition, ...]) -> None:
        with self.waiting:
            gone = set(places)
            self._fetching.assign([p for p in self._fetching.parts if p not in gone])
            for place in places:
                if self._commits is not None:
                    self._commits.forget(place)

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
        return self._group().committed(list(places))

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
            found = self._member.generation or self._was
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
        timeout_ms = self._timeout_ms if timeout is None else int(timeout * 1000)
        with self.waiting:
            part = self._part(place)
            until_ms = self.waiting.now_ms() + timeout_ms
            self.waiting.wait_for(
                (), lambda: part.position >= 0 or part.error is not None, until_ms
            )
            if part.position >= 0:
                unseen = self.unseen.positions().get(part.place)
                return part.position if unseen is None else unseen.offset
            failure = self._client.network.last_failure()
            raise part.error or TimedOut(
                f"{place[0]}-{place[1]}: its position is not known after {timeout_ms} ms"
                + (f": {failure}" if failure else ""),
                hint=failure.hint if failure else "does the partition have a leader?",
            )

    def seek(self, place: TopicPartition, offset: int) -> None:
        """Read on from there.

        Raises:
            NotAssigned: the partition is not read.
            BadSetting: an offset below 0.
        """
        if offset < 0:
            raise BadSetting("offset", f"no record has offset {offset}")
        self._each([place], lambda part: part.seek(offset))

    def seek_to_beginning(self, places: Iterable[TopicPartition] | None = None) -> None:
        """Read these, or all, from their first record on."""
        self._each(places, lambda part: part.seek_time(EARLIEST))

    def seek_to_end(self, places: Iterable[TopicPartition] | None = None) -> None:
        """Read of these, or all, only what comes from now on."""
        self._each(places, lambda part: part.seek_time(LATEST))

    def seek_to_time(
        self, timestamp_ms: int, places: Iterable[TopicPartition] | None = None
    ) -> None:
        """Read these, or all, from the first record of that time or later; the end, if none is."""
        self._each(places, lambda part: part.seek_time(max(0, timestamp_ms)))

    def offsets_for_times(
        self, times: Mapping[TopicPartition, int]
    ) -> dict[TopicPartition, int | None]:
        """The offset of the first record of a time or later, of each partition; None if none is.

        Raises:
            BrokerError: there is no such partition.
        """
        return self._ask_offsets(times)

    def beginning_offsets(self, places: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """The offset of the first record that is there of each partition.

        Raises:
            BrokerError: there is no such partition.
        """
        found = self._ask_offsets(dict.fromkeys(places, EARLIEST))
        return {place: offset or 0 for place, offset in found.items()}

    def end_offsets(self, places: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """The offset behind the last record of each partition, or, for who reads what is
        committed, behind the last that is stable.

        Raises:
            BrokerError: there is no such partition.
        """
        found = self._ask_offsets(dict.fromkeys(places, LATEST))
        return {place: offset or 0 for place, offset in found.items()}

    def _ask_offsets(self, times: Mapping[TopicPartition, int]) -> dict[TopicPartition, int | None]:
        self._check_open()
        committed = self._settings["isolation.level"] == "read_committed"
        return offsets.offsets_or_raise(self._client, times, read_committed=committed)

    def metrics(self) -> Metrics:
        """What it counted, by the names of Java's consumer."""
        with self.waiting:
            return consumer_metrics(
                self._client.network,
                self._fetching.counted,
                assigned=len(self._fetching.parts),
                rebalances=self._rebalances,
            )

    # ------------------------------------------------------------ ends

    def close(self, *, timeout: float = CLOSE_TIMEOUT_S) -> None:
        """Commit what was handed out, if that is automatic, leave the group, and end.

        Calling it again does nothing.
        """
        if self._closed:
            return
        until_ms = self._close_until_ms = self.waiting.now_ms() + int(timeout * 1000)
        try:
            commits = self._commits if self._commit_every_ms is not None else None
            if commits is not None and not commits.is_outside:
                commits.commit_quietly(self.assignment, until_ms)
            self._leave(until_ms)
        finally:
            self._closed = True
            self._client.drop(self._machine, self._ways)
            with self.waiting:
                self.waiting.look()  # a thread that polls hears of it
            if self._owns_client:
                self._client.close()

    def _leave(self, until_ms: int) -> None:
        member = self._member
        if member is None:
            return
        with self.waiting:
            member.close(self.waiting.now_ms())
            self._client.wake()
        while not self._is_left(member) and self.waiting.now_ms() < until_ms:
            with self.waiting:
                self.waiting.wait_for(
                    (), lambda: self._is_left(member) or self._has_event(), until_ms
                )
                event = self._event
            if event is None:
                break
            if isinstance(event, Failed):
                return
            self._handle(event)

    def _is_left(self, member: ConsumerMembership) -> bool:
        """Whether the group needs to hear no more; who is no member yet does not wait for a cluster
        that is away.
        """
        is_away = self._client.network.last_failure() is not None
        is_over = member.is_over or self._machine.broken is not None
        return is_over or (member.generation is None and is_away)

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
        part = self._fetching.parts.get((place[0], place[1]))
        if part is None:
            raise NotAssigned(place)
        return part

    def _each(
        self, places: Iterable[TopicPartition] | None, change: Callable[[Part], object]
    ) -> None:
        self._check_open()
        with self.waiting:
            parts = self._fetching.parts
            wanted = list(parts.values()) if places is None else [self._part(p) for p in places]
            self.unseen.is_stale = True
            for part in wanted:
                change(part)
            self._client.wake()
