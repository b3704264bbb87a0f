"""The log that coordinators live in, as they know it: what it may be asked, and how it refuses."""

from __future__ import annotations

from typing import Final, Protocol

from ottla.wire.errors import ErrorCode


class AppendFailed(Exception):
    """The log did not take the batch, for whatever reason: disk, leadership, size."""

    def __init__(self, text: str, error: ErrorCode = ErrorCode.KAFKA_STORAGE_ERROR) -> None:
        super().__init__(text)
        self.told = TOLD.get(error, error)
        """What those hear who wait for it, as from Apache Kafka."""


TOLD: Final = {
    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION: ErrorCode.COORDINATOR_NOT_AVAILABLE,
    ErrorCode.NOT_ENOUGH_REPLICAS: ErrorCode.COORDINATOR_NOT_AVAILABLE,
    ErrorCode.REQUEST_TIMED_OUT: ErrorCode.COORDINATOR_NOT_AVAILABLE,
    ErrorCode.NOT_LEADER_OR_FOLLOWER: ErrorCode.NOT_COORDINATOR,
    ErrorCode.KAFKA_STORAGE_ERROR: ErrorCode.NOT_COORDINATOR,
    ErrorCode.MESSAGE_TOO_LARGE: ErrorCode.UNKNOWN_SERVER_ERROR,
    ErrorCode.RECORD_LIST_TOO_LARGE: ErrorCode.UNKNOWN_SERVER_ERROR,
}
"""What a coordinator's client is told instead of what a log says."""


class LogUnavailable(Exception):
    """The log can't be read now. The node's adapter raises it; the shard is tried again later."""


class LogOffline(LogUnavailable):
    """Its partition is offline, which the node has told of."""


class LogMissing(LogUnavailable):
    """The log is not open here; nobody asks again before who opens it says `elected`."""


class Log(Protocol):
    """The partitions of one internal topic."""

    def append(self, partition: int, batch: bytes, transaction_version: int = 0) -> int:
        """Append one batch; the offset of its last record. A marker is held against its producer's
        epoch as the level of transaction.version wants that it was ended by.

        Raises:
            AppendFailed: nothing can be said about whether it is in the log.
        """

    def read(self, partition: int, offset: int, bytes_max: int) -> bytes:
        """Whole batches from the one that holds `offset` on, up to the log end; b"" if there are
        none.

        Raises:
            LogUnavailable: it can't be read.
        """

    def ends(self, partition: int) -> tuple[int, int]:
        """(log start offset, log end offset).

        Raises:
            LogUnavailable: it is not there, or not open.
        """

    def high_watermark(self, partition: int) -> int:
        """What is below it is safe; it may be one that was passed already, and a turn follows then.

        Raises:
            LogUnavailable: it is not there, or not open.
        """
