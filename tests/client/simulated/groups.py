"""The model with a group coordinator: our node's own, over a log in memory. It moves with the
leader of the last partition, and then starts over with nothing but what it had written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from client.peers import HOST, Asked, versions
from client.simulated.cluster import TOPIC, Cluster, Said
from coordinators import world
from ottla.coordinators.group.config import GroupConfig
from ottla.wire.errors import ErrorCode
from ottla.wire.messages import (
    api_versions,
    find_coordinator,
    heartbeat,
    join_group,
    leave_group,
    offset_commit,
    offset_fetch,
    sync_group,
)

CALLS: dict[type[Any], str] = {
    join_group.JoinGroupRequest: "join_group",
    sync_group.SyncGroupRequest: "sync_group",
    heartbeat.HeartbeatRequest: "heartbeat",
    leave_group.LeaveGroupRequest: "leave_group",
    offset_commit.OffsetCommitRequest: "offset_commit",
    offset_fetch.OffsetFetchRequest: "offset_fetch",
}
REFUSED = (
    ErrorCode.NOT_COORDINATOR,
    ErrorCode.COORDINATOR_NOT_AVAILABLE,
    ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
)


class Groups(Cluster):
    """One topic, and the groups that read it."""

    def __init__(self, partitions: int, nodes: Sequence[int], began_ms: int) -> None:
        super().__init__(partitions, nodes)
        self.coordinating = world.World(
            GroupConfig(initial_rebalance_delay_ms=0), partitions=1, topics=TOPIC
        )
        self.coordinating.know(TOPIC, TOPIC.encode() * 16)
        self.cut: Callable[[int], object] = lambda node: None
        """Called with a node that coordinates no more: whoever waits there is cut off."""
        self._now_ms = began_ms
        self._turn = 0

    @property
    def coordinator(self) -> int:
        """The node that has the groups."""
        return self.logs[-1].leader

    @property
    def next_ms(self) -> int | None:  # type: ignore[override]
        """When one of the coordinator's timers runs out."""
        timers = [at for at, _, _ in self.coordinating._timers.values()]
        left_ms = min(timers, default=None)
        return None if left_ms is None else self._now_ms + left_ms - self.coordinating.now_ms

    def time(self, now_ms: int) -> None:
        """The coordinator's clocks go on."""
        by_ms, self._now_ms = now_ms - self._now_ms, now_ms
        self.coordinating.advance(by_ms)
        self.coordinating.wait(by_ms)
        self.coordinating.settle()

    def move(self, partition: int, node: int) -> None:
        """Another node leads, and coordinates."""
        before = self.coordinator
        super().move(partition, node)
        if self.coordinator != before:
            self.cut(before)
            self.coordinating.boot()

    def answer(self, node: int, asked: Asked, refusal: int) -> Said:
        """What a node says."""
        match asked.message:
            case api_versions.ApiVersionsRequest():
                return Said(versions(asked))
            case find_coordinator.FindCoordinatorRequest() as request:
                rows = [
                    find_coordinator.Coordinator(
                        key=key, node_id=self.coordinator, host=HOST, port=self.coordinator
                    )
                    for key in request.coordinator_keys
                ]
                return Said(find_coordinator.FindCoordinatorResponse(coordinators=rows))
        return super().answer(node, asked, refusal)

    def is_asked_of_group(self, message: Any) -> bool:
        """Whether the coordinator answers that."""
        return type(message) in CALLS

    def ask_group(
        self, node: int, asked: Asked, refused: bool, done: Callable[[Any], None]
    ) -> None:
        """Have it answer."""
        message = asked.message
        if node != self.coordinator or refused:
            self._turn += 1
            code = ErrorCode.NOT_COORDINATOR if not refused else REFUSED[self._turn % len(REFUSED)]
            done(_refusal(message, code))
            return
        asker = self.coordinating.asker(asked.version, "c")
        if isinstance(message, offset_fetch.OffsetFetchRequest):

            def fetched(groups: list[Any]) -> None:
                done(offset_fetch.OffsetFetchResponse(groups=groups))

            self.coordinating.groups.offset_fetch(
                message.groups, asker, fetched, require_stable=message.require_stable
            )
        else:
            call: Callable[..., None] = getattr(self.coordinating.groups, CALLS[type(message)])
            call(message, asker, done)
        self.coordinating.settle()

    def committed(self, group: str) -> dict[int, int]:
        """What a group has committed, by partition."""
        found: list[Any] = []
        request = offset_fetch.OffsetFetchRequestGroup(group_id=group, topics=None)
        asker = self.coordinating.asker(9, "test")
        self.coordinating.groups.offset_fetch([request], asker, found.extend, require_stable=False)
        self.coordinating.settle()
        return {
            row.partition_index: row.committed_offset
            for topic in found[0].topics
            for row in topic.partitions
        }


def _refusal(message: Any, code: int) -> Any:
    match message:
        case join_group.JoinGroupRequest():
            return join_group.JoinGroupResponse(error_code=code)
        case sync_group.SyncGroupRequest():
            return sync_group.SyncGroupResponse(error_code=code)
        case heartbeat.HeartbeatRequest():
            return heartbeat.HeartbeatResponse(error_code=code)
        case leave_group.LeaveGroupRequest():
            return leave_group.LeaveGroupResponse(error_code=code)
        case offset_fetch.OffsetFetchRequest() as request:
            m = offset_fetch
            rows = [
                m.OffsetFetchResponseGroup(group_id=group.group_id, error_code=code)
                for group in request.groups
            ]
            return m.OffsetFetchResponse(groups=rows)
        case offset_commit.OffsetCommitRequest() as request:
            c = offset_commit
            topics = [
                c.OffsetCommitResponseTopic(
                    name=topic.name,
                    topic_id=topic.topic_id,
                    partitions=[
                        c.OffsetCommitResponsePartition(
                            partition_index=row.partition_index, error_code=code
                        )
                        for row in topic.partitions
                    ],
                )
                for topic in request.topics
            ]
            return c.OffsetCommitResponse(topics=topics)
    raise AssertionError(message)
