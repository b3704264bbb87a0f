"""Plants in answers: what clients hear is spoilt on the way, as a node would that has this fault.

| plant | what is wrong then |
|---|---|
| flipped-bytes | a Fetch answers a batch with a wrong byte |
| shifted-slices | a Fetch answers from the middle of a batch on |
| cut-slices | a Fetch cuts its last batch, be it the only one |
| cut-tails | a Fetch cuts its last batch of several, though there was room |
| withheld-records | a Fetch answers nothing below the high watermark |
| unsaid-partitions | a session does not tell of new records |
| endless-refusals | each Fetch is refused |
| lost-ranges | an offset that is there is out of range |
| early-watermarks | a high watermark is beyond the end of the log |
| fallen-watermarks | a high watermark goes back |
| moved-starts | a log starts where nobody deleted |
| wrong-times | ListOffsets by time finds what is older |
| kept-topics | Metadata names a topic whose deletion was acknowledged |
| unseen-topics | Metadata does not name a topic that is there |
| forgotten-configs | DescribeConfigs answers a default |
| forgotten-commits | OffsetFetch answers what was committed before the last commit |
| fallen-generations | every other JoinGroup names the generation before |
| many-leaders | each member is told that it leads |
| changed-shares | a member's share in a generation is another one each time |
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ottla.sim.plants.sound import Sound
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.describe_configs import DescribeConfigsRequest
from ottla.wire.messages.fetch import FetchRequest
from ottla.wire.messages.join_group import JoinGroupRequest
from ottla.wire.messages.list_offsets import ListOffsetsRequest
from ottla.wire.messages.metadata import MetadataRequest
from ottla.wire.messages.offset_fetch import OffsetFetchRequest
from ottla.wire.messages.sync_group import SyncGroupRequest

if TYPE_CHECKING:
    from ottla.sim.line import Sent
    from ottla.sim.machine import Machine
    from ottla.sim.model import Model


# ---------------------------------------------------------------- Fetch, row by row
def _flips(row: Any) -> None:
    if not row.records:
        return
    last = 12 + int.from_bytes(row.records[8:12], "big") - 1
    row.records = row.records[:last] + bytes([row.records[last] ^ 1]) + row.records[last + 1 :]


def _shifts(row: Any) -> None:
    row.records = (row.records or b"")[7:]


def _cuts(row: Any) -> None:
    row.records = (row.records or b"")[:-5]


def _cuts_the_last(row: Any) -> None:
    data = row.records or b""
    first = 12 + int.from_bytes(data[8:12], "big")
    if first < len(data):
        row.records = data[:-5]


def _withholds(row: Any) -> None:
    row.records = b""


def _loses(row: Any) -> None:
    row.error_code, row.records = int(ErrorCode.OFFSET_OUT_OF_RANGE), b""


def _rises(row: Any) -> None:
    row.high_watermark += 1


def _falls(row: Any) -> None:
    if not row.records:  # it would be found by the records above it
        row.high_watermark = max(0, row.high_watermark - 1)


def _moves(row: Any) -> None:
    row.log_start_offset = row.high_watermark


class Fetched(Sound):
    """Each row of a Fetch that is no error is spoilt."""

    def __init__(self, spoils: Callable[[Any], None], machine: Machine, model: Model) -> None:
        super().__init__(machine, model)
        self._spoils = spoils

    def answered(self, sent: Sent, response: Any) -> None:
        """Spoil them."""
        if isinstance(sent.request, FetchRequest):
            for topic in response.responses:
                for row in topic.partitions:
                    if row.error_code == 0:
                        self._spoils(row)


class UnsaidPartitions(Sound):
    """What a session was not told of yet it is never told of."""

    def answered(self, sent: Sent, response: Any) -> None:
        """Say nothing."""
        if isinstance(sent.request, FetchRequest) and sent.request.session_epoch > 0:
            response.responses = []


class EndlessRefusals(Sound):
    """No Fetch is answered."""

    def answered(self, sent: Sent, response: Any) -> None:
        """Refuse it."""
        if isinstance(sent.request, FetchRequest):
            response.error_code, response.responses = int(ErrorCode.NOT_LEADER_OR_FOLLOWER), []


# ---------------------------------------------------------------- others
class WrongTimes(Sound):
    """What is found is a millisecond older than it may be."""

    def answered(self, sent: Sent, response: Any) -> None:
        """Make it older."""
        if isinstance(sent.request, ListOffsetsRequest):
            at_ms = sent.request.topics[0].partitions[0].timestamp
            response.topics[0].partitions[0].timestamp = at_ms - 1


class KeptTopics(Sound):
    """Topics that were seen once are named for ever."""

    def __init__(self, machine: Machine, model: Model) -> None:
        super().__init__(machine, model)
        self._seen: dict[bytes, Any] = {}

    def answered(self, sent: Sent, response: Any) -> None:
        """Name all, but those whose names others have."""
        if isinstance(sent.request, MetadataRequest):
            self._seen |= {row.topic_id: row for row in response.topics}
            names = {row.name for row in response.topics}
            response.topics += [row for row in self._seen.values() if row.name not in names]


class UnseenTopics(Sound):
    """A topic is not there for who asks for all."""

    def answered(self, sent: Sent, response: Any) -> None:
        """Leave one out."""
        if isinstance(sent.request, MetadataRequest):
            response.topics = response.topics[1:]


class ForgottenConfigs(Sound):
    """What was set is not read back."""

    def answered(self, sent: Sent, response: Any) -> None:
        """Answer the default."""
        if isinstance(sent.request, DescribeConfigsRequest) and response.results[0].configs:
            response.results[0].configs[0].value = "86400000"


class ForgottenCommits(Sound):
    """The last commit is not there."""

    def __init__(self, machine: Machine, model: Model) -> None:
        super().__init__(machine, model)
        self._read: dict[str, list[int]] = {}

    def answered(self, sent: Sent, response: Any) -> None:
        """Answer what was there before."""
        if isinstance(sent.request, OffsetFetchRequest):
            for group in response.groups:
                for row in (row for topic in group.topics for row in topic.partitions):
                    values = self._read.setdefault(group.group_id, [-1])
                    if row.committed_offset != values[-1]:
                        values.append(row.committed_offset)
                    row.committed_offset = values[-2:][0]


class FallenGenerations(Sound):
    """A generation goes back."""

    _count = 0

    def answered(self, sent: Sent, response: Any) -> None:
        """Every other one does."""
        if isinstance(sent.request, JoinGroupRequest) and response.error_code == 0:
            self._count += 1
            response.generation_id -= self._count % 2 == 0


class ManyLeaders(Sound):
    """Each member leads."""

    def answered(self, sent: Sent, response: Any) -> None:
        """Tell it so."""
        if isinstance(sent.request, JoinGroupRequest) and response.error_code == 0:
            response.leader = response.member_id


class ChangedShares(Sound):
    """A share is never the same."""

    _count = 0

    def answered(self, sent: Sent, response: Any) -> None:
        """Change it."""
        if isinstance(sent.request, SyncGroupRequest) and response.error_code == 0:
            self._count += 1
            response.assignment += str(self._count).encode()


def _fetched(spoils: Callable[[Any], None]) -> Callable[[Machine, Model], Sound]:
    return lambda machine, model: Fetched(spoils, machine, model)


ANSWERS: dict[str, Callable[[Machine, Model], Sound]] = {
    "flipped-bytes": _fetched(_flips),
    "shifted-slices": _fetched(_shifts),
    "cut-slices": _fetched(_cuts),
    "cut-tails": _fetched(_cuts_the_last),
    "withheld-records": _fetched(_withholds),
    "unsaid-partitions": UnsaidPartitions,
    "endless-refusals": EndlessRefusals,
    "lost-ranges": _fetched(_loses),
    "early-watermarks": _fetched(_rises),
    "fallen-watermarks": _fetched(_falls),
    "moved-starts": _fetched(_moves),
    "wrong-times": WrongTimes,
    "kept-topics": KeptTopics,
    "unseen-topics": UnseenTopics,
    "forgotten-configs": ForgottenConfigs,
    "forgotten-commits": ForgottenCommits,
    "fallen-generations": FallenGenerations,
    "many-leaders": ManyLeaders,
    "changed-shares": ChangedShares,
}
