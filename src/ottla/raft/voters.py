"""Who votes in the quorum, and since which offset.

With kraft.version 0 the voters come from `controller.quorum.voters` and never change. With
kraft.version 1 they are VotersRecords in the log: a set counts from the moment it is appended, and
truncation brings back the one before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ottla.wire.stored.raft import (
    Endpoint,
    KRaftVersionFeature,
    VotersRecord,
    VotersRecordVoter,
)
from ottla.wire.types import ZERO_UUID

BOOTSTRAP_OFFSET = -1
"""Where voters stand that come from the 0-0 checkpoint: before the log's first record."""


Endpoints = tuple[tuple[str, str, int], ...]
"""(listener name, host, port) of each controller listener."""


class Voter(NamedTuple):
    """One voter; the directory id is zero where a static quorum does not tell it."""

    id: int
    directory_id: bytes = ZERO_UUID
    endpoints: Endpoints = ()
    kraft_versions: tuple[int, int] = (0, 1)


VoterSet = Mapping[int, Voter]


class VoterHistory:
    """kraft.version and the voters by the offset that set them; the last one counts."""

    __slots__ = ("_kraft_versions", "_sets", "static_voters")

    def __init__(self, static_voters: VoterSet | None = None) -> None:
        self.static_voters: VoterSet = static_voters or {}
        self._sets: list[tuple[int, VoterSet]] = []
        self._kraft_versions: list[tuple[int, int]] = []

    @property
    def voters(self) -> VoterSet:
        """The voters as of the end of the log."""
        return self._sets[-1][1] if self._sets else self.static_voters

    @property
    def kraft_version(self) -> int:
        """The kraft.version as of the end of the log."""
        return self._kraft_versions[-1][1] if self._kraft_versions else 0

    @property
    def only_bootstrapped(self) -> bool:
        """Whether the voters are known from the 0-0 checkpoint alone, and the log must yet tell
        them."""
        return bool(self._sets) and self._sets[-1][0] == BOOTSTRAP_OFFSET

    def at(self, offset: int) -> tuple[int, VoterSet]:
        """(kraft.version, voters) in force at `offset`; what a snapshot that ends there must
        hold."""
        version = 0
        for since, level in self._kraft_versions:
            if since <= offset:
                version = level
        voters = self.static_voters
        for since, candidates in self._sets:
            if since <= offset:
                voters = candidates
        return version, voters

    def set_voters(self, offset: int, voters: VoterSet) -> None:
        """A VotersRecord at `offset`."""
        self._sets.append((offset, voters))

    def set_kraft_version(self, offset: int, kraft_version: int) -> None:
        """A KRaftVersionRecord at `offset`."""
        self._kraft_versions.append((offset, kraft_version))

    def truncate(self, end_offset: int) -> None:
        """Forget what stood at `end_offset` or later."""
        self._sets = [entry for entry in self._sets if entry[0] < end_offset]
        self._kraft_versions = [entry for entry in self._kraft_versions if entry[0] < end_offset]

    def trim(self, start_offset: int) -> None:
        """Forget what later entries replaced before the log's start."""
        for entries in (self._sets, self._kraft_versions):
            while len(entries) > 1 and entries[1][0] <= start_offset:
                del entries[0]


def voters_record(voters: VoterSet) -> VotersRecord:
    """The record that tells a voter set."""
    return VotersRecord(
        version=0,
        voters=[
            VotersRecordVoter(
                voter_id=voter.id,
                voter_directory_id=voter.directory_id,
                endpoints=[
                    Endpoint(name=name, host=host, port=port)
                    for name, host, port in voter.endpoints
                ],
                kraft_version_feature=KRaftVersionFeature(
                    min_supported_version=voter.kraft_versions[0],
                    max_supported_version=voter.kraft_versions[1],
                ),
            )
            for voter in voters.values()
        ],
    )


def voters_of(record: VotersRecord) -> VoterSet:
    """The voter set that a record tells."""
    voters: Sequence[VotersRecordVoter] = record.voters
    return {
        voter.voter_id: Voter(
            voter.voter_id,
            voter.voter_directory_id,
            tuple((e.name, e.host, e.port) for e in voter.endpoints),
            (
                voter.kraft_version_feature.min_supported_version,
                voter.kraft_version_feature.max_supported_version,
            ),
        )
        for voter in voters
    }
