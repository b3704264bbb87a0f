"""The quorum-state file: Apache Kafka's text, read and written."""

from __future__ import annotations

import pytest

from ottla.raft.quorum_state import (
    QuorumState,
    QuorumStateError,
    parse_quorum_state,
    quorum_state_text,
)

STATIC = (
    '{"clusterId":"","leaderId":1,"leaderEpoch":3,"votedId":-1,"appliedOffset":0,'
    '"currentVoters":[{"voterId":1}],"data_version":0}'
)
DYNAMIC = (
    '{"leaderId":-1,"leaderEpoch":2,"votedId":1,'
    '"votedDirectoryId":"AAECAwQFBgcICQoLDA0ODw","data_version":1}'
)


def test_both_versions_are_written_as_4_3_1_writes_them() -> None:
    """Apache Kafka reads this file when it takes over the folder."""
    assert quorum_state_text(QuorumState(3, leader_id=1), 0, [1]) == STATIC
    voted = QuorumState(2, voted_id=1, voted_directory_id=bytes(range(16)))
    assert quorum_state_text(voted, 1, [1]) == DYNAMIC


def test_both_versions_are_read() -> None:
    """Both kinds of quorum exist in the field."""
    assert parse_quorum_state(STATIC) == QuorumState(3, leader_id=1)
    assert parse_quorum_state(DYNAMIC) == QuorumState(
        2, voted_id=1, voted_directory_id=bytes(range(16))
    )


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"data_version":2}', STATIC[:-2]])
def test_a_file_that_is_none_is_refused(text: str) -> None:
    """Without its epoch a voter could vote twice in one."""
    with pytest.raises(QuorumStateError):
        parse_quorum_state(text)
