"""Members of classic groups: they join, share out, beat, commit, read what is committed, leave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ottla.sim.clients.client import Client, Surroundings
from ottla.sim.model import Commit
from ottla.wire.coordinator_types import GROUP
from ottla.wire.errors import ErrorCode
from ottla.wire.messages import offset_commit, offset_fetch
from ottla.wire.messages.find_coordinator import FindCoordinatorRequest
from ottla.wire.messages.heartbeat import HeartbeatRequest
from ottla.wire.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
from ottla.wire.messages.leave_group import LeaveGroupRequest, MemberIdentity
from ottla.wire.messages.sync_group import SyncGroupRequest, SyncGroupRequestAssignment

if TYPE_CHECKING:
    from ottla.sim.line import Sent

TOPIC = "kept"
"""The topic that offsets are committed for; nobody deletes it."""
SESSION_MS = 10_000
NO_MEMBER = ""

NOT_HERE = frozenset((ErrorCode.COORDINATOR_NOT_AVAILABLE, ErrorCode.NOT_COORDINATOR))
UNDONE = frozenset(
    (
        ErrorCode.UNKNOWN_MEMBER_ID,
        ErrorCode.ILLEGAL_GENERATION,
        ErrorCode.REBALANCE_IN_PROGRESS,
        ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
        ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
    )
)
"""A commit that is refused with one of these changed nothing."""


class Member(Client):
    """One member of one group."""

    kind = "member"

    def __init__(self, name: str, around: Surroundings, group: str) -> None:
        super().__init__(name, around)
        self.group = group
        self.member_id = NO_MEMBER
        self.generation = -1
        self._stage = "find"
        self._leads: list[str] = []

    def act(self) -> None:
        """The next thing of a member's life."""
        if self._stage == "find":
            self.send(FindCoordinatorRequest(key_type=GROUP, coordinator_keys=[self.group]), 4)
        elif self._stage == "join" and self.generation >= 0 and self.around.random.random() < 0.2:
            self._commit()  # as consumers do with what they have to give up
        elif self._stage == "join":
            self._join()
        elif self._stage == "sync":
            self._sync()
        else:
            self._live()

    def _join(self) -> None:
        protocol = JoinGroupRequestProtocol(name="range", metadata=b"")
        request = JoinGroupRequest(
            group_id=self.group,
            session_timeout_ms=SESSION_MS,
            rebalance_timeout_ms=SESSION_MS,
            member_id=self.member_id,
            protocol_type="consumer",
            protocols=[protocol],
        )
        self.send(request, 6)

    def _sync(self) -> None:
        shares = [
            SyncGroupRequestAssignment(
                member_id=member, assignment=f"{self.generation}:{member}:{self.name}".encode()
            )
            for member in self._leads
        ]
        request = SyncGroupRequest(
            group_id=self.group,
            generation_id=self.generation,
            member_id=self.member_id,
            assignments=shares,
        )
        self.send(request, 4, self.generation)

    def _live(self) -> None:
        what = self.around.random.random()
        if what < 0.3:
            beat = HeartbeatRequest(
                group_id=self.group, generation_id=self.generation, member_id=self.member_id
            )
            self.send(beat, 4)
        elif what < 0.65:
            self._commit()
        elif what < 0.93:
            topic = offset_fetch.OffsetFetchRequestTopics(name=TOPIC, partition_indexes=[0])
            group = offset_fetch.OffsetFetchRequestGroup(group_id=self.group, topics=[topic])
            self.send(offset_fetch.OffsetFetchRequest(groups=[group]), 9)
        else:
            leaving = MemberIdentity(member_id=self.member_id)
            self.send(LeaveGroupRequest(group_id=self.group, members=[leaving]), 4)
            self._stage = "join"

    def _commit(self) -> None:
        around = self.around
        commit = Commit(next(around.model.numbers), around.at)
        row = offset_commit.OffsetCommitRequestPartition(
            partition_index=0, committed_offset=commit.value, committed_metadata=""
        )
        topic = offset_commit.OffsetCommitRequestTopic(name=TOPIC, partitions=[row])
        request = offset_commit.OffsetCommitRequest(
            group_id=self.group,
            generation_id_or_member_epoch=self.generation,
            member_id=self.member_id,
            topics=[topic],
        )
        around.invariants.commit_sent((self.group, 0), commit)
        self.send(request, 8, commit)

    # ------------------------------------------------------------------ answers
    def answered(self, sent: Sent, response: Any) -> None:
        """Go on from what was answered."""
        match sent.request:
            case FindCoordinatorRequest():
                if response.coordinators[0].error_code == 0:
                    self._stage = "join"
            case JoinGroupRequest():
                self._joined(response)
            case SyncGroupRequest():
                self._synced(sent.note, response)
            case HeartbeatRequest():
                self._refused(response.error_code)
            case offset_commit.OffsetCommitRequest():
                self._committed(sent, response.topics[0].partitions[0].error_code)
            case offset_fetch.OffsetFetchRequest():
                group = response.groups[0]
                if group.error_code == 0 and group.topics[0].partitions[0].error_code == 0:
                    value = group.topics[0].partitions[0].committed_offset
                    self.around.invariants.commit_read((self.group, 0), value, sent.at)
            case LeaveGroupRequest():
                self.member_id, self.generation = NO_MEMBER, -1

    def _joined(self, response: Any) -> None:
        if response.error_code == ErrorCode.MEMBER_ID_REQUIRED:
            self.member_id = response.member_id
        elif response.error_code == 0:
            self.member_id, self.generation = response.member_id, response.generation_id
            self._leads = [one.member_id for one in response.members]
            leads = response.leader == response.member_id
            self.around.invariants.joined(self.group, self.generation, self.member_id, leads)
            self._stage = "sync"
        else:
            self._refused(response.error_code)

    def _synced(self, generation: int, response: Any) -> None:
        if response.error_code == 0:
            self.around.invariants.synced(
                self.group, generation, self.member_id, response.assignment
            )
            self._stage = "live"
        else:
            self._refused(response.error_code)

    def _committed(self, sent: Sent, error_code: int) -> None:
        key, commit = (self.group, 0), sent.note
        if error_code == 0:
            generation = sent.request.generation_id_or_member_epoch  # type: ignore[attr-defined]
            self.around.invariants.commit_taken(key, commit, generation)
        elif error_code in UNDONE:
            self.around.invariants.commit_refused(key, commit)
        self._refused(error_code)

    def _refused(self, error_code: int) -> None:
        if error_code == ErrorCode.UNKNOWN_MEMBER_ID:
            self.member_id, self.generation, self._stage = NO_MEMBER, -1, "join"
        elif error_code in (ErrorCode.REBALANCE_IN_PROGRESS, ErrorCode.ILLEGAL_GENERATION):
            self._stage = "join"
        elif error_code in NOT_HERE:
            self._stage = "find"

    def unanswered(self, sent: Sent) -> None:
        """It may have been done: a member joins again with the id that it has."""
        if self._stage in ("sync", "live"):
            self._stage = "join"
