"""The core's logs as handlers reach them: refusals in the protocol's codes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

from ottla._core import CoreError
from ottla.broker.partition_logs import LogRefused
from ottla.wire.errors import ErrorCode

if TYPE_CHECKING:
    from ottla._core import FoundOffset
    from ottla._core import Node as Core

Result = TypeVar("Result")

_CODES: Final = {
    "unknown-partition": ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    "not-leader": ErrorCode.NOT_LEADER_OR_FOLLOWER,
    "offset-out-of-range": ErrorCode.OFFSET_OUT_OF_RANGE,
    "storage": ErrorCode.KAFKA_STORAGE_ERROR,
}
"""Kinds of a CoreError that a client can do something about; all others are ours to hear."""


class CorePartitionLogs:
    """`PartitionLogs` (see broker/partition_logs.py) over the core."""

    __slots__ = ("_core",)

    def __init__(self, core: Core) -> None:
        self._core = core

    def find_offset(
        self, topic: str, partition: int, timestamp_ms: int, *, isolation: int
    ) -> FoundOffset:
        """What a time leads to, or one of Kafka's negative names for one."""
        return _asked(
            lambda: self._core.list_offset(topic, partition, timestamp_ms, isolation=isolation)
        )

    def end_of_epoch(self, topic: str, partition: int, leader_epoch: int) -> tuple[int, int]:
        """The largest epoch not above the asked one, and where it ended."""
        return _asked(lambda: self._core.epoch_end_offset(topic, partition, leader_epoch))

    def delete_records(self, topic: str, partition: int, offset: int) -> int:
        """Let the log start at `offset`; where it starts now."""
        return _asked(lambda: self._core.delete_records(topic, partition, offset))

    def size_bytes(self, topic: str, partition: int) -> int:
        """What its segments take; 0 for a log that can't be reached."""
        try:
            return _asked(lambda: self._core.partition_offsets(topic, partition)).size_bytes
        except LogRefused:
            return 0


def _asked(call: Callable[[], Result]) -> Result:
    try:
        return call()
    except CoreError as problem:
        code = _CODES.get(problem.args[0])
        if code is None:
            raise
        raise LogRefused(code) from problem
