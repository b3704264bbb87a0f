"""What a voter must not forget: epoch, leader and vote; the contents of the `quorum-state` file.

Data version 0 belongs to static quorums (kraft.version 0) and also names the voters; data version 1
to those whose voters are in the log, and knows the directory that was voted for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ottla.errors import OttlaError
from ottla.wire.types import ZERO_UUID, uuid_from_text, uuid_text

QUORUM_STATE_FILE = "quorum-state"


class QuorumStateError(OttlaError):
    """The quorum-state file can't be read."""


class QuorumState(NamedTuple):
    """An epoch, and who leads it or was voted for; -1 is nobody. At most one of the two is set."""

    leader_epoch: int = 0
    leader_id: int = -1
    voted_id: int = -1
    voted_directory_id: bytes = ZERO_UUID


def quorum_state_text(state: QuorumState, kraft_version: int, voter_ids: Sequence[int]) -> str:
    """The file's contents, as Apache Kafka writes them."""
    if kraft_version == 0:
        voters = ",".join(f'{{"voterId":{voter}}}' for voter in voter_ids)
        return (
            f'{{"clusterId":"","leaderId":{state.leader_id},"leaderEpoch":{state.leader_epoch},'
            f'"votedId":{state.voted_id},"appliedOffset":0,"currentVoters":[{voters}],'
            '"data_version":0}'
        )
    return (
        f'{{"leaderId":{state.leader_id},"leaderEpoch":{state.leader_epoch},'
        f'"votedId":{state.voted_id},"votedDirectoryId":"{uuid_text(state.voted_directory_id)}",'
        '"data_version":1}'
    )


def parse_quorum_state(text: str) -> QuorumState:
    """The state in a file of either data version.

    Raises:
        QuorumStateError: the text is not such a file.
    """
    import json

    hint = "restore the file from a backup; without it a voter could vote twice in one epoch"
    try:
        data = json.loads(text)
        version = data["data_version"]
        if version not in (0, 1):
            raise QuorumStateError(f"quorum-state has data_version {version}; 0 and 1 are known")
        directory = data.get("votedDirectoryId")
        return QuorumState(
            leader_epoch=int(data["leaderEpoch"]),
            leader_id=int(data["leaderId"]),
            voted_id=int(data["votedId"]),
            voted_directory_id=ZERO_UUID if directory is None else uuid_from_text(directory),
        )
    except KeyError as error:
        raise QuorumStateError(f"quorum-state lacks {error}", hint=hint) from None
    except (ValueError, TypeError, AttributeError) as error:
        raise QuorumStateError(f"quorum-state can't be read: {error}", hint=hint) from None
