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
    assert parse_quorum_state(STATIC.encode()) == QuorumState(3, leader_id=1)
    assert parse_quorum_state(DYNAMIC.encode()) == QuorumState(
        2, voted_id=1, voted_directory_id=bytes(range(16))
    )


NUMBERS = ("-5", "2147483647", "2147483648", "1e99", "1.0", "true", "null", '"3"', "[]", "9" * 9000)


@pytest.mark.parametrize(
    "contents",
    [
        *(text.encode() for text in ("", "{}", "[]", "null", '{"data_version":2}', STATIC[:-2])),
        *(STATIC.replace(":3,", f":{number},").encode() for number in NUMBERS),
        b"\xff" + STATIC.encode(),
        STATIC.encode("utf-16"),
        b"[" * 100_000,
        b'{"data_version":' * 100_000,
        DYNAMIC.replace('"AAECAwQFBgcICQoLDA0ODw"', "7").encode(),
        DYNAMIC.replace("AAECAwQFBgcICQoLDA0ODw", "AAE").encode(),
    ],
    ids=lambda contents: repr(contents[:60]),
)
def test_a_file_that_is_none_is_refused(contents: bytes) -> None:
    """Without its epoch a voter could vote twice in one."""
    with pytest.raises(QuorumStateError, match="/data/quorum-state") as refused:
        parse_quorum_state(contents, "/data/quorum-state")
    assert refused.value.hint


@pytest.mark.parametrize("text", [STATIC, DYNAMIC])
def test_any_flipped_bit_is_refused_or_gives_a_state(text: str) -> None:
    """If this failed, a tired disk would end a start in a traceback."""
    contents = text.encode()
    for bit in range(8 * len(contents)):
        flipped = bytearray(contents)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            state = parse_quorum_state(bytes(flipped))
        except QuorumStateError:
            continue
        assert 0 <= state.leader_epoch < 2**31 - 1
