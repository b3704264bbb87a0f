"""What a voter must not forget: epoch, leader and vote; the contents of the `quorum-state` file.

Data version 0 belongs to static quorums (kraft.version 0) and also names the voters; data version 1
to those whose voters are in the log, and knows the directory that was voted for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

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


_HINT = "restore the file from a backup; without it a voter could vote twice in one epoch"
_INT32_MAX = (1 << 31) - 1


def parse_quorum_state(contents: bytes, name: str = QUORUM_STATE_FILE) -> QuorumState:
    """The state in a file of either data version; `name` is what errors call it.

    Raises:
        QuorumStateError: the contents are not such a file.
    """
    import json

    try:
        data = json.loads(contents.decode())
        if not isinstance(data, dict):
            raise ValueError("it is no JSON object")
        if data["data_version"] not in (0, 1):
            raise ValueError(f"data_version is {data['data_version']!r:.40}; 0 and 1 are known")
        directory = data.get("votedDirectoryId", uuid_text(ZERO_UUID))
        if not isinstance(directory, str):
            raise ValueError(f"votedDirectoryId is {directory!r:.40}, which is no id")
        return QuorumState(
            # The greatest epoch is no one's: none could follow it.
            leader_epoch=_number(data, "leaderEpoch", 0, _INT32_MAX - 1),
            leader_id=_number(data, "leaderId", -1, _INT32_MAX),
            voted_id=_number(data, "votedId", -1, _INT32_MAX),
            voted_directory_id=uuid_from_text(directory),
        )
    except KeyError as error:
        raise QuorumStateError(f"{name} lacks {error}", hint=_HINT) from None
    except RecursionError:
        raise QuorumStateError(f"{name} can't be read: it is nested", hint=_HINT) from None
    except ValueError as error:
        raise QuorumStateError(f"{name} can't be read: {error}", hint=_HINT) from None


def _number(data: dict[str, Any], key: str, least: int, most: int) -> int:
    value = data[key]
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"{key} is {value!r:.40}; it is a number from {least} to {most}")
    return value
