"""Runs this node's quorum: appends what the controller decides, moves the image, and does what raft
says.

Every message to raft goes through `_step`, which carries out what comes back (`Ready`), field by
field and nowhere else: the quorum state is saved, batches are written, and what was committed may
go into the image. `append` only writes; `commit` brings everything that was appended to disk with
one fsync and tells raft so. Records count when raft says that the high watermark has passed them,
and only then does the image have them: where this node is the only voter that is the same turn. Who
leads is raft's to say too (`leads`).

Used on the decision thread only. An error of the log leaves it in doubt what is in it: the quorum
must not be used after one, unless it is `Unappended`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ottla.metadata.delta import MetadataError
from ottla.metadata.image import MetadataImage
from ottla.metadata.loader import CommittedBatch, MetadataLoader
from ottla.node.metadata_loading import MetadataLogError, load
from ottla.node.metadata_snapshots import MetadataSnapshots
from ottla.raft.description import QuorumDescription, VoterDescription
from ottla.raft.metadata_log import Unappended
from ottla.raft.quorum import (
    Flushed,
    Message,
    Propose,
    Quorum,
    Ready,
    Resign,
    Started,
    Withdrawn,
)
from ottla.raft.quorum_state import QuorumState
from ottla.raft.voters import Endpoints, Voter, VoterHistory, VoterSet
from ottla.wire.stored.frame import encode_metadata_record

if TYPE_CHECKING:
    from ottla.config.broker import BrokerConfig
    from ottla.metadata.delta import MetadataDelta
    from ottla.raft.metadata_log import MetadataLog

Versioned = tuple[Any, int]
Encoded = tuple[Any, bytes]


class MetadataQuorum:
    """The quorum of one node. `start` once, then `append` while it `leads`, and `commit`; at the
    end `close` or `abandon`.
    """

    __slots__ = (
        "_high_watermark",
        "_loader",
        "_log",
        "_pending",
        "_quorum",
        "_snapshots",
        "_unflushed",
        "leads",
    )

    def __init__(
        self,
        *,
        node_id: int,
        directory_id: bytes,
        config: BrokerConfig,
        log: MetadataLog,
        now_ms: int,
        say: Callable[[str], None],
        endpoints: Endpoints = (),
    ) -> None:
        """`say` takes a line for the node's log; `endpoints` are this controller's, as others may
        dial them.

        Raises:
            MetadataLogError: the log can't be read.
        """
        history = VoterHistory(_static_voters(config))
        self._log = log
        self._loader = MetadataLoader()
        self._pending: list[CommittedBatch] = load(log, history, say)
        """What the image does not have: the high watermark has not passed it."""
        self._snapshots = MetadataSnapshots(log, history, config, now_ms=now_ms, say=say)
        self._unflushed = False
        """Whether raft wants the log on disk, and it is not yet."""
        self._quorum = Quorum(
            node_id=node_id,
            directory_id=directory_id,
            state=log.load_state() or QuorumState(),
            history=history,
            end_offset=log.end_offset,
            last_epoch=log.last_epoch,
            endpoints=endpoints,
        )
        self._high_watermark = self._quorum.high_watermark
        self.leads: int | None = None
        """The epoch in which this node leads, and has committed that it does; None while it does
        not.
        """

    # ------------------------------------------------------------------ what it knows
    @property
    def image(self) -> MetadataImage:
        """The cluster as of the high watermark."""
        return self._loader.image

    @property
    def next_offset(self) -> int:
        """Where the next record will land."""
        return self._quorum.end_offset

    @property
    def high_watermark(self) -> int:
        """Records below it are on disk and count."""
        return self._high_watermark

    @property
    def kraft_version(self) -> int:
        """The finalized kraft.version."""
        return self._quorum.history.kraft_version

    @property
    def open_transaction(self) -> int | None:
        """The offset of a metadata transaction that was begun and not ended."""
        return self._loader.transaction_start

    def describe(self, now_ms: int) -> QuorumDescription:
        """The quorum as its leader sees it."""
        quorum = self._quorum
        return QuorumDescription(
            leader_id=quorum.state.leader_id,
            leader_epoch=quorum.state.leader_epoch,
            high_watermark=self._high_watermark,
            voters=tuple(
                VoterDescription(voter, quorum.position(voter.id, now_ms))
                for voter in quorum.history.voters.values()
            ),
            observers=(),
        )

    # ------------------------------------------------------------------ what it does
    def start(self, now_ms: int) -> None:
        """Take part in the quorum: its only voter wins at once, and `commit` makes it count.

        Raises:
            QuorumError: this node is not the quorum's only voter.
        """
        self._step(Started(), now_ms)

    def append(self, records: Sequence[Encoded], now_ms: int) -> int:
        """Append records as one batch; the offset of the last. They count after `commit`.

        Raises:
            NotLeader: `start` was not called, or leadership is gone.
            Unappended: nothing of it is in the log, and everything is as it was.
        """
        base_offset = self._quorum.end_offset
        values = [(None, data) for _, data in records]
        try:
            self._step(Propose(values), now_ms, [record for record, _ in records])
        except Unappended:
            self._step(Withdrawn(base_offset), now_ms)
            raise
        return self._quorum.end_offset - 1

    @property
    def has_pending(self) -> bool:
        """Whether `commit` may have something to do."""
        return self._unflushed or bool(self._pending)

    def commit(self, now_ms: int) -> MetadataDelta | None:
        """Bring what was appended to disk, and what the high watermark has passed into the image;
        None if that is nothing. The first delta begins with nothing.

        Raises:
            MetadataLogError: what was found in the log contradicts itself.
        """
        if self._unflushed:
            self._unflushed = False
            self._step(Flushed(self._log.flush()), now_ms)
        high_watermark = self._high_watermark
        committed = [batch for batch in self._pending if batch.last_offset < high_watermark]
        if not committed:
            return None
        del self._pending[: len(committed)]
        loader, snapshots = self._loader, self._snapshots
        is_first = loader.image.offset < 0
        delta = self._first(committed) if is_first else loader.load(committed)
        # While a transaction is open the image stays before its start.
        image = loader.image if loader.transaction_start is None else None
        snapshots.committed(sum(batch.size_bytes for batch in committed), image, now_ms)
        if is_first:
            snapshots.clean(now_ms)
        return delta

    def _first(self, found: Sequence[CommittedBatch]) -> MetadataDelta:
        """The delta from nothing to what the log holds."""
        try:
            return self._loader.load(found)
        except MetadataError as error:
            raise MetadataLogError(
                f"__cluster_metadata-0 contradicts itself: {error}",
                hint="restore the folder from a backup",
            ) from error

    @property
    def last_snapshot(self) -> tuple[int, int]:
        """Bytes of the last snapshot that was taken, and when; 0 and the start if none was."""
        return self._snapshots.last

    def go_on(self) -> bool:
        """A piece of the snapshot that is being taken; whether there is more to do."""
        return self._snapshots.go_on()

    def close(self, now_ms: int) -> None:
        """Give up leadership and close the log in order."""
        self._step(Resign(), now_ms)
        self._log.close()

    def abandon(self) -> None:
        """Close as a killed process would: what was appended and not committed may be lost."""
        self._log.abandon()

    # ------------------------------------------------------------------ raft
    def _step(self, message: Message, now_ms: int, records: Sequence[Any] = ()) -> None:
        """Tell raft, and do what it says; `records` are what was proposed, not encoded."""
        self._do(self._quorum.step(message, now_ms), records)
        self.leads = self._quorum.leads

    def _do(self, ready: Ready, records: Sequence[Any]) -> None:
        """All of it, in the order of the fields. A flush is done by the next `commit`, once for all
        that was appended by then.
        """
        if ready.save is not None:
            history = self._quorum.history
            self._log.save_state(ready.save, history.kraft_version, list(history.voters))
        for batch in ready.append:
            size = self._log.append(batch)
            self._pending.append(
                CommittedBatch(
                    batch.base_offset,
                    batch.last_offset,
                    batch.leader_epoch,
                    batch.timestamp_ms,
                    size,
                    () if batch.control else records,
                )
            )
        if ready.flush:
            self._unflushed = True
        if ready.high_watermark is not None:
            self._high_watermark = ready.high_watermark


def encode_records(records: Sequence[Versioned]) -> list[Encoded]:
    """Records with their bytes, as `MetadataQuorum.append` takes them.

    Raises:
        EncodeError: a version can't carry its record.
    """
    return [(record, encode_metadata_record(record, version)) for record, version in records]


def _static_voters(config: BrokerConfig) -> VoterSet:
    """The voters of `controller.quorum.voters`; they listen on the first controller listener."""
    listener = next(iter(config.controller_listener_names), "")
    return {
        voter.id: Voter(voter.id, endpoints=((listener, voter.host, voter.port),))
        for voter in config.voters
    }
