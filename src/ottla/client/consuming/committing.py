"""Positions that a group keeps: read at its coordinator, and written.

A commit is tried again while what stops it passes; that a member's generation is over is told to
whoever asked. Newer nodes go by topic ids, older by names: where an id is not known, the last
version that goes by names is used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple, TypeVar

from ottla.client.arguments import by_place, offset_of
from ottla.client.backoff import Backoff
from ottla.client.errors import BrokerError
from ottla.client.machine import Coordinator, Questions
from ottla.client.membership.events import GroupGeneration
from ottla.client.places import COORDINATOR_ERRORS, Places, TopicPartition
from ottla.errors import OttlaError
from ottla.wire.coordinator_types import GROUP
from ottla.wire.errors import ErrorCode
from ottla.wire.schema import ProtocolError
from ottla.wire.types import ZERO_UUID

T = TypeVar("T")

_PASSES = frozenset(
    {
        *COORDINATOR_ERRORS,
        ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
        ErrorCode.UNSTABLE_OFFSET_COMMIT,
        ErrorCode.REQUEST_TIMED_OUT,
        ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
        ErrorCode.UNKNOWN_TOPIC_ID,
    }
)


class OffsetAndMetadata(NamedTuple):
    """What is committed of a partition: the offset of the next record to read."""

    offset: int
    leader_epoch: int = -1
    metadata: str = ""


def full_offsets(
    positions: Mapping[TopicPartition, int | OffsetAndMetadata],
) -> dict[TopicPartition, OffsetAndMetadata]:
    """The same with all that can be said of each.

    Raises:
        TypeError: something that is no position.
        ValueError: an offset that no record has.
    """
    return {
        place: at._replace(offset=offset_of(at.offset))
        if isinstance(at, OffsetAndMetadata)
        else OffsetAndMetadata(offset_of(at))
        for place, at in by_place(positions, "positions").items()
    }


Offsets = Mapping[TopicPartition, OffsetAndMetadata]
Done = Callable[[OttlaError | None], None]
Found = Callable[[dict[TopicPartition, OffsetAndMetadata] | OttlaError], None]


class _Job(NamedTuple):
    again_ms: int
    put: Callable[[], None]


class Committing:
    """Reads and writes the positions of one group."""

    def __init__(
        self,
        group: str,
        places: Places,
        questions: Questions,
        *,
        timeout_ms: int,
        new_backoff: Callable[[], Backoff],
    ) -> None:
        self._group = group
        self._to = Coordinator(GROUP, group)
        self._places = places
        self._questions = questions
        self._timeout_ms = timeout_ms
        self._new_backoff = new_backoff
        self._commits = 0
        """How many commits were asked for."""
        self._last: dict[TopicPartition, int] = {}
        """The number of each partition's last one."""
        self._jobs: list[_Job] = []
        """What is tried again when its time has come."""

    def act(self, now_ms: int) -> None:
        """Try again what is due."""
        due = [job for job in self._jobs if job.again_ms <= now_ms]
        self._jobs = [job for job in self._jobs if job.again_ms > now_ms]
        for job in due:
            job.put()

    @property
    def deadline_ms(self) -> int | None:
        """When something is due."""
        return min((job.again_ms for job in self._jobs), default=None)

    # ------------------------------------------------------------ writing

    def commit(
        self, offsets: Offsets, who: GroupGeneration | None, until_ms: int, done: Done
    ) -> None:
        """Write these, as that member, or as nobody with None; `done` is told how that went. One
        of the same partitions that was refused before is not tried again: what is newer counts.
        """
        offsets = dict(offsets)
        request = partial(self._commit_request, offsets, who)
        self._commits += 1
        number = self._commits
        read = partial(self._check_commit, offsets)
        self._last.update(dict.fromkeys(offsets, number))

        def is_last() -> bool:
            return all(self._last.get(place) == number for place in offsets)

        self._ask(request, read, until_ms, done, is_last)

    def _check_commit(self, offsets: Offsets, response: Any) -> None:
        """Raise the first refusal; a commit is of all or of none in practice."""
        left = set(offsets)
        for topic in response.topics:
            name = topic.name or self._places.name_of(topic.topic_id) or ""
            for row in topic.partitions:
                if row.error_code:
                    raise BrokerError(row.error_code)
                left.discard((name, row.partition_index))
        _raise_unanswered(left)

    def _commit_request(
        self, offsets: Offsets, who: GroupGeneration | None, connection: Any
    ) -> Any:
        from ottla.wire.messages import offset_commit as m

        ids = {name: self._id(name) for name, _ in offsets}
        topics: dict[str, m.OffsetCommitRequestTopic] = {}
        for (name, number), at in offsets.items():
            topic = topics.setdefault(
                name, m.OffsetCommitRequestTopic(name=name, topic_id=ids[name])
            )
            row = m.OffsetCommitRequestPartition(
                partition_index=number,
                committed_offset=at.offset,
                committed_leader_epoch=at.leader_epoch,
                committed_metadata=at.metadata,
            )
            topic.partitions.append(row)
        request = m.OffsetCommitRequest(
            group_id=self._group,
            generation_id_or_member_epoch=-1 if who is None else who.generation_id,
            member_id="" if who is None else who.member_id,
            group_instance_id=None if who is None else who.instance_id,
            topics=list(topics.values()),
        )
        return request, _version(connection, m.OffsetCommitRequest, ids)

    # ------------------------------------------------------------ reading

    def fetch(self, wanted: list[TopicPartition], until_ms: int, found: Found) -> None:
        """Read these; `found` is given those that the group has."""
        request = partial(self._fetch_request, wanted)
        self._ask(request, partial(self._fetched, wanted), until_ms, found)

    def _fetch_request(self, wanted: list[TopicPartition], connection: Any) -> Any:
        from ottla.wire.messages import offset_fetch as m

        ids = {name: self._id(name) for name, _ in wanted}
        version = _version(connection, m.OffsetFetchRequest, ids)
        numbers: dict[str, list[int]] = {}
        for name, number in wanted:
            numbers.setdefault(name, []).append(number)
        if version < 8:
            old = [
                m.OffsetFetchRequestTopic(name=name, partition_indexes=rows)
                for name, rows in numbers.items()
            ]
            return m.OffsetFetchRequest(
                group_id=self._group, topics=old, require_stable=version >= 7
            ), version
        topics = [
            m.OffsetFetchRequestTopics(name=name, topic_id=ids[name], partition_indexes=rows)
            for name, rows in numbers.items()
        ]
        group = m.OffsetFetchRequestGroup(group_id=self._group, topics=topics)
        return m.OffsetFetchRequest(groups=[group], require_stable=True), version

    def _fetched(
        self, wanted: list[TopicPartition], response: Any
    ) -> dict[TopicPartition, OffsetAndMetadata]:
        answer = response.groups[0] if response.groups else response
        if answer.error_code:
            raise BrokerError(answer.error_code)
        found, left = {}, set(wanted)
        for topic in answer.topics:
            name = topic.name or self._places.name_of(topic.topic_id) or ""
            for row in topic.partitions:
                if row.error_code:
                    raise BrokerError(row.error_code)
                left.discard((name, row.partition_index))
                if row.committed_offset >= 0:
                    at = row.committed_offset, row.committed_leader_epoch, row.metadata or ""
                    found[(name, row.partition_index)] = OffsetAndMetadata(*at)
        _raise_unanswered(left)
        return found

    # ------------------------------------------------------------ both

    def _id(self, name: str) -> bytes:
        topic = self._places.topic(name)
        return ZERO_UUID if topic is None else topic.id

    def _ask(
        self,
        request: Callable[[Any], Any],
        read: Callable[[Any], T],
        until_ms: int,
        done: Callable[[T | OttlaError], None],
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> None:
        """Ask until it is answered or can't be; `read` makes of an answer what `done` is told."""
        backoff = self._new_backoff()

        def told(outcome: Any | OttlaError, now_ms: int) -> None:
            result: T | OttlaError
            try:
                result = outcome if isinstance(outcome, OttlaError) else read(outcome)
            except OttlaError as refused:
                result = refused
            if isinstance(result, OttlaError) and self._passes(result) and is_wanted():
                again_ms = now_ms + backoff.next_ms()
                if again_ms < until_ms:
                    again = partial(self._again, put, is_wanted, partial(done, result))
                    self._jobs.append(_Job(again_ms, again))
                    return
            done(result)

        def put() -> None:
            self._questions.put(self._to, request, self._timeout_ms, told)

        put()

    def _again(
        self, put: Callable[[], None], is_wanted: Callable[[], bool], end: Callable[[], None]
    ) -> None:
        if is_wanted():
            put()
        else:
            end()

    def _passes(self, error: OttlaError) -> bool:
        if not isinstance(error, BrokerError):
            return True
        if error.code in COORDINATOR_ERRORS:
            self._places.doubt_coordinator(GROUP, self._group)
        return error.code in _PASSES


def _version(connection: Any, kind: Any, ids: Mapping[str, bytes]) -> int:
    """The newest version that both sides know, of which only those up to 9 go by names."""
    version: int = connection.version_for(kind)
    return min(version, 9) if ZERO_UUID in ids.values() else version


def _raise_unanswered(left: set[TopicPartition]) -> None:
    if left:
        name, number = min(left)
        raise ProtocolError(f"the coordinator's answer has nothing of {name}-{number}")
