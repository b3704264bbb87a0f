"""One voter of a KRaft quorum, as a state machine: a message and the time in, `Ready` out.

What is not here: sockets, files, clocks. Whoever drives it does what every `Ready` says, whatever
the message was, in the order of its fields, and tells what became of that by `Flushed` and
`Withdrawn`. Nothing but `step` changes anything here; only the voters of a past that is gone from
the log are forgotten by whoever cleans it (`VoterHistory.trim`).

What stays true:
- An epoch is saved before anything is done in its name; a voter votes once in an epoch.
- A leader begins its epoch with a LeaderChange control record, and the high watermark passes
  nothing of older epochs before
  that record is replicated (Raft §5.4.2).
- The high watermark is the offset up to which a majority of the voters has the log *on disk*; it
  never goes back.
- A voter set counts when it is appended (KIP-853).

This version runs quorums of one voter and refuses others when it starts. Elections, positions and
the high watermark are written for any number; Vote, BeginQuorumEpoch, EndQuorumEpoch and followers'
Fetch become further messages of `step`, and what is said to other voters a further field of
`Ready`: there is nobody to say anything to today, so it has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ottla.errors import OttlaError
from ottla.raft.control_records import KeyValue, encode_control
from ottla.raft.quorum_state import QuorumState
from ottla.raft.voters import Endpoints, VoterHistory, voters_record
from ottla.wire.stored.raft import (
    KRaftVersionRecord,
    LeaderChangeMessage,
    LeaderChangeMessageVoter,
)
from ottla.wire.types import uuid_text

UNATTACHED = "unattached"
CANDIDATE = "candidate"
LEADER = "leader"
RESIGNED = "resigned"


class QuorumError(OttlaError):
    """This node can't take part in the quorum as it is configured."""


class NotLeader(OttlaError):
    """Only the leader of the quorum appends."""


class Started(NamedTuple):
    """The log and the quorum state were read; begin."""


class Propose(NamedTuple):
    """Append these (key, value) records as one batch."""

    records: Sequence[tuple[bytes | None, bytes]]


class Withdrawn(NamedTuple):
    """The batch that was proposed last is not in the log, and never will be."""

    base_offset: int


class Flushed(NamedTuple):
    """The local log is on disk up to this end offset."""

    end_offset: int


class Resign(NamedTuple):
    """Give up leadership in this epoch: the node is stopping or its log failed."""


Message = Started | Propose | Withdrawn | Flushed | Resign


class Batch(NamedTuple):
    """One batch to append: its offsets are decided here, its bytes are made by the driver."""

    base_offset: int
    leader_epoch: int
    timestamp_ms: int
    control: bool
    records: Sequence[tuple[bytes | None, bytes]]

    @property
    def last_offset(self) -> int:
        """The offset of its last record."""
        return self.base_offset + len(self.records) - 1


class Ready(NamedTuple):
    """What to do now, in this order."""

    save: QuorumState | None = None
    """Write the quorum-state file, on disk before anything else."""
    append: tuple[Batch, ...] = ()
    """Write these at the end of the log; if it takes nothing of the last, tell with `Withdrawn`."""
    flush: bool = False
    """Bring the log to disk, then tell with `Flushed`; one flush may be for several of these."""
    high_watermark: int | None = None
    """Records below it are committed: the image may have them, and who waits for them hears."""


NOTHING = Ready()


class ReplicaPosition(NamedTuple):
    """How far one voter's log is known to be on disk, and when it was heard of."""

    end_offset: int
    last_fetch_ms: int
    last_caught_up_ms: int


class Quorum:
    """The local voter."""

    __slots__ = (
        "_positions",
        "directory_id",
        "end_offset",
        "endpoints",
        "epoch_start_offset",
        "high_watermark",
        "history",
        "node_id",
        "role",
        "state",
    )

    def __init__(
        self,
        *,
        node_id: int,
        directory_id: bytes,
        state: QuorumState,
        history: VoterHistory,
        end_offset: int,
        last_epoch: int,
        endpoints: Endpoints = (),
    ) -> None:
        """`endpoints` are this voter's own, where others dial it now; () leaves what is known."""
        self.node_id = node_id
        self.directory_id = directory_id
        # A log that was copied without its quorum-state file must not see its epochs again.
        if last_epoch > state.leader_epoch:
            state = QuorumState(leader_epoch=last_epoch)
        self.state = state
        self.history = history
        self.end_offset = end_offset
        self.endpoints = endpoints
        self.role = UNATTACHED
        self.high_watermark = -1
        self.epoch_start_offset = -1
        self._positions: dict[int, ReplicaPosition] = {}

    def step(self, message: Message, now_ms: int) -> Ready:
        """Take one message.

        Raises:
            NotLeader: `Propose` while this voter does not lead.
            QuorumError: `Started`, and the voter set is not one that this node can run.
        """
        if isinstance(message, Propose):
            return self._propose(message.records, now_ms)
        if isinstance(message, Withdrawn):
            self.end_offset = message.base_offset
            return NOTHING
        if isinstance(message, Flushed):
            return self._flushed(message.end_offset, now_ms)
        if isinstance(message, Started):
            return self._campaign(now_ms)
        return self._resign()

    @property
    def leads(self) -> int | None:
        """The epoch in which this voter leads, and has committed that it does; None while it does
        not.
        """
        if self.role != LEADER or self.high_watermark <= self.epoch_start_offset:
            return None
        return self.state.leader_epoch

    def position(self, voter_id: int, now_ms: int) -> ReplicaPosition:
        """How far a voter is, for DescribeQuorum; the leader is always caught up with itself."""
        if voter_id == self.node_id:
            return ReplicaPosition(self.end_offset, now_ms, now_ms)
        return self._positions.get(voter_id, ReplicaPosition(-1, -1, -1))

    # ------------------------------------------------------------------ elections
    def _campaign(self, now_ms: int) -> Ready:
        self._check_voters()
        self.role = CANDIDATE
        epoch = self.state.leader_epoch + 1
        granted = {self.node_id}
        voting = QuorumState(epoch, voted_id=self.node_id, voted_directory_id=self.directory_id)
        if len(granted) <= len(self.history.voters) // 2:
            self.state = voting
            return Ready(save=voting)
        # The vote of a sole voter wins at once, so the vote and the win are saved as one.
        return self._lead(epoch, granted, now_ms)

    def _lead(self, epoch: int, granted: set[int], now_ms: int) -> Ready:
        voters = self.history.voters
        self.role = LEADER
        self.state = QuorumState(epoch, leader_id=self.node_id)
        self.epoch_start_offset = self.end_offset
        self._positions = {voter: ReplicaPosition(-1, -1, -1) for voter in voters}
        records: list[KeyValue] = [
            encode_control(
                LeaderChangeMessage(
                    version=0,
                    leader_id=self.node_id,
                    voters=[LeaderChangeMessageVoter(voter_id=voter) for voter in voters],
                    granting_voters=[
                        LeaderChangeMessageVoter(voter_id=voter) for voter in sorted(granted)
                    ],
                )
            )
        ]
        records.extend(self._voters_to_tell())
        return Ready(
            save=self.state, append=(self._batch(records, now_ms, control=True),), flush=True
        )

    def _voters_to_tell(self) -> list[KeyValue]:
        """The voters, if the log must learn them: of the 0-0 checkpoint, which only this node has
        read, or with an address of this node that has changed since.
        """
        history = self.history
        mine = history.voters[self.node_id]
        moved = bool(self.endpoints) and mine.endpoints != self.endpoints
        if history.kraft_version == 0 or not (history.only_bootstrapped or moved):
            return []
        voters = dict(history.voters)
        if moved:
            voters[self.node_id] = mine._replace(endpoints=self.endpoints)
        history.set_kraft_version(self.end_offset + 1, history.kraft_version)
        history.set_voters(self.end_offset + 2, voters)
        return [
            encode_control(KRaftVersionRecord(version=0, kraft_version=history.kraft_version)),
            encode_control(voters_record(voters)),
        ]

    def _resign(self) -> Ready:
        if self.role != LEADER:
            return NOTHING
        self.role = RESIGNED
        return NOTHING

    def _check_voters(self) -> None:
        voters = self.history.voters
        mine = voters.get(self.node_id)
        if mine is None:
            names = ", ".join(str(voter) for voter in voters) or "nobody"
            raise QuorumError(
                f"node {self.node_id} is no voter of this quorum; its voters are: {names}",
                hint="set node.id to a voter's id, or format the folder with --standalone",
            )
        if len(voters) > 1:
            names = ", ".join(str(voter) for voter in voters)
            raise QuorumError(
                f"the quorum has {len(voters)} voters ({names}); this version runs quorums of one",
                hint="format this node with --standalone to run it alone",
            )
        if any(mine.directory_id) and mine.directory_id != self.directory_id:
            raise QuorumError(
                f"voter {self.node_id} was registered with the directory "
                f"{uuid_text(mine.directory_id)}, but this one is {uuid_text(self.directory_id)}",
                hint="the metadata log belongs to another disk: bring back that disk; where it is "
                "the same one and its meta.properties was written anew, put back the line "
                f"directory.id={uuid_text(mine.directory_id)}",
            )

    # ------------------------------------------------------------------ the log
    def _propose(self, records: Sequence[tuple[bytes | None, bytes]], now_ms: int) -> Ready:
        if self.role != LEADER:
            raise NotLeader(
                f"node {self.node_id} is {self.role} in epoch {self.state.leader_epoch}"
            )
        return Ready(append=(self._batch(records, now_ms, control=False),), flush=True)

    def _batch(
        self, records: Sequence[tuple[bytes | None, bytes]], now_ms: int, *, control: bool
    ) -> Batch:
        batch = Batch(self.end_offset, self.state.leader_epoch, now_ms, control, records)
        self.end_offset += len(records)
        return batch

    def _flushed(self, end_offset: int, now_ms: int) -> Ready:
        if self.role != LEADER:
            return NOTHING
        if end_offset > self.end_offset:
            raise QuorumError(
                f"the log says it is on disk up to {end_offset}, but ends at {self.end_offset}"
            )
        self._positions[self.node_id] = ReplicaPosition(end_offset, now_ms, now_ms)
        ends = sorted((p.end_offset for p in self._positions.values()), reverse=True)
        majority_has = ends[len(ends) // 2]
        if majority_has <= self.epoch_start_offset or majority_has <= self.high_watermark:
            return NOTHING
        self.high_watermark = majority_has
        return Ready(high_watermark=majority_has)
