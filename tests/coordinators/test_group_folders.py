"""Groups and offsets live on when Apache Kafka and Ottla take turns on one folder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from coordinators.remote import Remote
from coordinators.world import Asker
from oracle import Oracle, dump_log
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.create_topics import CreatableTopic, CreateTopicsRequest
from ottla.wire.messages.describe_groups import DescribeGroupsRequest
from ottla.wire.messages.find_coordinator import FindCoordinatorRequest
from ottla.wire.messages.heartbeat import HeartbeatRequest
from ottla.wire.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
from ottla.wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from ottla.wire.messages.offset_fetch import OffsetFetchRequestGroup
from ottla.wire.messages.sync_group import SyncGroupRequest, SyncGroupRequestAssignment
from servers import OttlaServer, eventually

pytestmark = [pytest.mark.jvm, pytest.mark.long]


class Node:
    """A node that is asked until it is ready to answer."""

    def __init__(self, port: int) -> None:
        self._remote = Remote(port)
        self.close = self._remote.close

    def ask(self, request: Any, version: int) -> Any:
        """The response, once the coordinator is there and loaded."""
        busy = (
            ErrorCode.COORDINATOR_NOT_AVAILABLE,
            ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
            ErrorCode.NOT_COORDINATOR,
        )

        def answered() -> Any:
            told: list[Any] = []
            self._remote.ask(request, Asker(version, "c", ""), told.append)
            self._remote.hear(1)
            errors = re.findall(r"error_code=(-?\d+)", repr(told[0]))
            return None if any(str(int(error)) in errors for error in busy) else told[0]

        return eventually(answered, "a coordinator that is loaded", timeout_s=30)

    def commit(self, group_id: str, offset: int, version: int = 9) -> None:
        partition = OffsetCommitRequestPartition(
            partition_index=0, committed_offset=offset, committed_metadata="note"
        )
        topic = OffsetCommitRequestTopic(name="t", partitions=[partition])
        response = self.ask(OffsetCommitRequest(group_id=group_id, topics=[topic]), version)
        assert response.topics[0].partitions[0].error_code == ErrorCode.NONE

    def told(self, *group_ids: str) -> list[Any]:
        """All that the node says of these groups."""
        said = [self.ask(DescribeGroupsRequest(groups=[one]), 6) for one in group_ids]
        for one in group_ids:
            told: list[Any] = []
            self._remote.offset_fetch(
                [OffsetFetchRequestGroup(group_id=one, topics=None)],
                Asker(9, "c", ""),
                told.extend,
                require_stable=True,
            )
            self._remote.hear(1)
            said += told
        return said

    def join(self, group_id: str) -> str:
        """A group of one member with half an hour of patience; its id."""
        request = JoinGroupRequest(
            group_id=group_id,
            session_timeout_ms=1800000,
            rebalance_timeout_ms=60000,
            protocol_type="consumer",
            protocols=[JoinGroupRequestProtocol(name="range", metadata=b"\0\0" + bytes(8))],
        )
        member_id: str = self.ask(request, 3).member_id
        given = SyncGroupRequestAssignment(member_id=member_id, assignment=b"everything")
        self.ask(
            SyncGroupRequest(
                group_id=group_id, member_id=member_id, generation_id=1, assignments=[given]
            ),
            3,
        )
        return member_id

    def beats(self, group_id: str, member_id: str) -> bool:
        """Whether the member is still one."""
        request = HeartbeatRequest(group_id=group_id, member_id=member_id, generation_id=1)
        return bool(self.ask(request, 4).error_code == ErrorCode.NONE)


def test_taking_turns_on_one_folder(tmp_path: Path) -> None:
    """Whoever moves between Apache Kafka and Ottla would lose groups, members or offsets."""
    apache = Oracle(tmp_path / "apache")
    apache.start()
    node = Node(apache.port)
    topic = CreatableTopic(name="t", num_partitions=1, replication_factor=1)
    node.ask(CreateTopicsRequest(topics=[topic]), 7)
    node.ask(FindCoordinatorRequest(coordinator_keys=["simple"]), 6)
    node.commit("simple", 5)
    node.commit("old", 6, version=2)
    theirs = node.join("live")
    groups = ("simple", "old", "live")
    said = node.told(*groups)
    node.close()
    apache.stop()

    voters = {"controller.quorum.voters": f"1@127.0.0.1:{apache.controller_port}"}
    ottla = OttlaServer(apache.log_dir, voters)
    ottla.start()
    node = Node(ottla.port)
    assert node.told(*groups) == said
    assert node.beats("live", theirs)
    node.commit("simple", 7)
    node.commit("ours", 8)
    ours = node.join("lively")
    groups = (*groups, "ours", "lively")
    said = node.told(*groups)
    node.close()
    ottla.stop()

    files = sorted(apache.log_dir.glob("__consumer_offsets-*/*.log"))
    dumped = dump_log(*files, args=("--offsets-decoder",))
    assert '"group":"lively"' in dumped
    assert "exception" not in dumped.lower()
    apache.start()
    node = Node(apache.port)
    assert node.told(*groups) == said
    assert node.beats("live", theirs)
    assert node.beats("lively", ours)
    node.close()
    apache.stop()
