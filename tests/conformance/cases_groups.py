"""Conversations about groups: one member is enough to see nearly every rule."""

from __future__ import annotations

from typing import Any

from conformance.cases_basic import create
from conformance.talk import Talk
from ottla.wire.messages.delete_groups import DeleteGroupsRequest
from ottla.wire.messages.describe_groups import DescribeGroupsRequest
from ottla.wire.messages.find_coordinator import FindCoordinatorRequest
from ottla.wire.messages.heartbeat import HeartbeatRequest
from ottla.wire.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
from ottla.wire.messages.leave_group import LeaveGroupRequest, MemberIdentity
from ottla.wire.messages.list_groups import ListGroupsRequest
from ottla.wire.messages.offset_commit import (
    OffsetCommitRequest,
    OffsetCommitRequestPartition,
    OffsetCommitRequestTopic,
)
from ottla.wire.messages.offset_delete import (
    OffsetDeleteRequest,
    OffsetDeleteRequestPartition,
    OffsetDeleteRequestTopic,
)
from ottla.wire.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopic,
    OffsetFetchRequestTopics,
)
from ottla.wire.messages.sync_group import SyncGroupRequest, SyncGroupRequestAssignment

STILL_LOADING = {14, 15, 16}


def ready(talk: Talk, group: str) -> None:
    """Ask until the group's coordinator has loaded its partition."""
    while True:
        found = talk.ask(FindCoordinatorRequest(coordinator_keys=[group]), 4, note=False)
        beat = HeartbeatRequest(group_id=group, generation_id=0, member_id="x")
        if found.coordinators[0].error_code == 0:
            answer = talk.ask(beat, 3, note=False)
            if answer.error_code not in STILL_LOADING:
                return


def join(talk: Talk, group: str, member: str = "", version: int = 5, **more: Any) -> Any:
    """Join a group and note the answer."""
    protocols = [JoinGroupRequestProtocol(name="range", metadata=b"\0\1")]
    defaults: dict[str, Any] = {
        "session_timeout_ms": 10000,
        "rebalance_timeout_ms": 10000,
        "protocol_type": "consumer",
        "protocols": protocols,
    }
    request = JoinGroupRequest(group_id=group, member_id=member, **{**defaults, **more})
    return talk.ask(request, version)


def settle(talk: Talk, group: str, **more: Any) -> tuple[str, int]:
    """Become the only member; its id and generation."""
    member = join(talk, group, "", **more).member_id
    joined = join(talk, group, member, **more)
    if joined.generation_id < 1:
        joined = join(talk, group, member, **more)
    assigned = [SyncGroupRequestAssignment(member_id=member, assignment=b"mine")]
    sync = SyncGroupRequest(
        group_id=group,
        generation_id=joined.generation_id,
        member_id=member,
        assignments=assigned,
    )
    talk.ask(sync, 3)
    return member, joined.generation_id


def case_find_coordinator(talk: Talk) -> None:
    """Groups in every version; unknown kinds of keys; no key at all."""
    group = talk.topic("g")
    ready(talk, group)
    for version in range(4):
        talk.ask(FindCoordinatorRequest(key=group), version)
    for version in range(4, 7):
        talk.ask(FindCoordinatorRequest(coordinator_keys=[group, group + "2"]), version)
    talk.ask(FindCoordinatorRequest(key=group, key_type=9), 2)
    talk.ask(FindCoordinatorRequest(coordinator_keys=[group], key_type=9), 4)
    talk.ask(FindCoordinatorRequest(coordinator_keys=[]), 4)
    talk.ask(FindCoordinatorRequest(coordinator_keys=[""]), 4)


def case_join_group_errors(talk: Talk) -> None:
    """Each way in which JoinGroup refuses."""
    group = talk.topic("g")
    ready(talk, group)
    join(talk, "")
    join(talk, group, "nobody")
    join(talk, group, session_timeout_ms=1)
    join(talk, group, session_timeout_ms=99_999_999)
    join(talk, group, protocols=[])
    join(talk, group, protocol_type="")
    join(talk, group, group_instance_id="i", member="nobody")
    for version in range(10):
        join(talk, talk.topic(f"v{version}"), version=version)
    settle(talk, group)
    join(talk, group, protocol_type="connect")
    other = [JoinGroupRequestProtocol(name="other", metadata=b"")]
    join(talk, group, protocols=other)


def case_group_life(talk: Talk) -> None:
    """Join, sync, heartbeat with right and wrong names, describe, list, leave."""
    group = talk.topic("g")
    ready(talk, group)
    member, generation = settle(talk, group)
    for who, when in ((member, generation), (member, generation + 1), ("nobody", generation)):
        for version in (0, 4):
            beat = HeartbeatRequest(group_id=group, generation_id=when, member_id=who)
            talk.ask(beat, version)
        sync = SyncGroupRequest(group_id=group, generation_id=when, member_id=who)
        talk.ask(sync, 3)
    for protocol in ("range", "other"):
        sync = SyncGroupRequest(
            group_id=group,
            generation_id=generation,
            member_id=member,
            protocol_type="consumer",
            protocol_name=protocol,
        )
        talk.ask(sync, 5)
    for version in (0, 3, 5, 6):
        missing = talk.topic("missing")
        answer = talk.ask(DescribeGroupsRequest(groups=[group, missing]), version)
        assert answer.groups[0].group_id == group
    listed = talk.ask(ListGroupsRequest(), 5, note=False).groups
    talk.note([g for g in listed if g.group_id == group])
    for states, types in ((["Stable"], []), (["Empty"], []), ([], ["classic"]), ([], ["consumer"])):
        listed = talk.ask(
            ListGroupsRequest(states_filter=states, types_filter=types), 5, note=False
        )
        talk.note([g for g in listed.groups if g.group_id == group])
        talk.note(listed.error_code)
    names = [group, talk.topic("missing"), ""]
    deleted = talk.ask(DeleteGroupsRequest(groups_names=names), 2, note=False).results
    talk.note(sorted((d.group_id, d.error_code) for d in deleted))
    leave = LeaveGroupRequest(group_id=group, members=[MemberIdentity(member_id="nobody")])
    talk.ask(leave, 3)
    talk.ask(LeaveGroupRequest(group_id=group, members=[MemberIdentity(member_id=member)]), 5)
    talk.ask(LeaveGroupRequest(group_id=group, member_id=member), 1)
    talk.ask(DescribeGroupsRequest(groups=[group]), 5)
    talk.ask(DeleteGroupsRequest(groups_names=[group]), 2)
    talk.ask(DescribeGroupsRequest(groups=[group]), 5)


def case_static_member(talk: Talk) -> None:
    """A static member comes back under a new id; the old id is fenced."""
    group = talk.topic("g")
    ready(talk, group)
    member, generation = settle(talk, group, group_instance_id="one")
    again = join(talk, group, "", group_instance_id="one")
    join(talk, group, member, group_instance_id="one")
    for who in (member, again.member_id):
        beat = HeartbeatRequest(
            group_id=group, generation_id=generation, member_id=who, group_instance_id="one"
        )
        talk.ask(beat, 4)
    leave = [MemberIdentity(member_id="", group_instance_id=i) for i in ("one", "two")]
    talk.ask(LeaveGroupRequest(group_id=group, members=leave), 5)


def commit(talk: Talk, group: str, topic: str, offset: int, version: int = 8, **more: Any) -> None:
    """Commit an offset and note the answer."""
    row = OffsetCommitRequestPartition(
        partition_index=more.pop("partition", 0),
        committed_offset=offset,
        committed_leader_epoch=0,
        committed_metadata=more.pop("metadata", "note"),
    )
    topic_id = more.pop("topic_id", bytes(16))
    rows = [OffsetCommitRequestTopic(name=topic, topic_id=topic_id, partitions=[row])]
    talk.ask(OffsetCommitRequest(group_id=group, topics=rows, **more), version)


def case_offsets(talk: Talk) -> None:
    """Commit, fetch and delete offsets, in every version, right and wrong."""
    topic, group = talk.topic(), talk.topic("g")
    topic_id = create(talk, topic)
    ready(talk, group)
    for version in range(2, 11):
        commit(talk, group, topic, version, version, topic_id=topic_id)
    for version in range(1, 8):
        rows = [OffsetFetchRequestTopic(name=topic, partition_indexes=[0, 5])]
        talk.ask(OffsetFetchRequest(group_id=group, topics=rows), version)
    for version in range(8, 11):
        wanted = [OffsetFetchRequestTopics(name=topic, topic_id=topic_id, partition_indexes=[0, 5])]
        for asked in (wanted, None):
            rows_of = [
                OffsetFetchRequestGroup(group_id=group, topics=asked),
                OffsetFetchRequestGroup(group_id=talk.topic("missing"), topics=asked),
            ]
            talk.ask(OffsetFetchRequest(groups=rows_of), version)
    commit(talk, group, topic, 1, metadata="x" * 5000)
    commit(talk, group, topic, 1, metadata=None)
    commit(talk, group, topic, 1, partition=9)
    commit(talk, group, talk.topic("missing"), 1)
    commit(talk, group, topic, 1, 10, topic_id=b"\1" * 16)
    commit(talk, group, topic, 1, generation_id_or_member_epoch=3, member_id="nobody")
    commit(talk, "", topic, 1)
    for name in (topic, talk.topic("missing")):
        for of in (group, talk.topic("none")):
            row = OffsetDeleteRequestTopic(
                name=name, partitions=[OffsetDeleteRequestPartition(partition_index=0)]
            )
            talk.ask(OffsetDeleteRequest(group_id=of, topics=[row]), 0)
    rows = [OffsetFetchRequestTopic(name=topic, partition_indexes=[0])]
    talk.ask(OffsetFetchRequest(group_id=group, topics=rows), 5)


def case_commits_of_members(talk: Talk) -> None:
    """A living member's commits are fenced by generation and id; strangers are refused."""
    topic, group = talk.topic(), talk.topic("g")
    create(talk, topic)
    ready(talk, group)
    member, generation = settle(talk, group)
    for who, when in (
        (member, generation),
        (member, generation + 1),
        ("nobody", generation),
        ("", -1),
    ):
        commit(talk, group, topic, 5, generation_id_or_member_epoch=when, member_id=who)
