"""The quorum as its leader sees it: what DescribeQuorum tells."""

from __future__ import annotations

from typing import NamedTuple

from ottla.raft.quorum import ReplicaPosition
from ottla.raft.voters import Voter


class VoterDescription(NamedTuple):
    """One voter, as DescribeQuorum shows it."""

    voter: Voter
    position: ReplicaPosition


class QuorumDescription(NamedTuple):
    """What DescribeQuorum shows of the quorum."""

    leader_id: int
    leader_epoch: int
    high_watermark: int
    voters: tuple[VoterDescription, ...]
    observers: tuple[VoterDescription, ...]
