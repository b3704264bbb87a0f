"""Producers: idempotent ones that send again with the same sequence until they are told, and plain
ones that send again and may leave a record twice.

An idempotent producer writes to one partition in order, up to two batches ahead. A sequence that
the log cannot know any more (a power cut took what was before it) makes it begin anew under another
producer id, as Apache's does.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from ottla.sim.clients.client import Client, Surroundings
from ottla.sim.model import Partition, Wrote
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.init_producer_id import InitProducerIdRequest
from ottla.wire.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData
from ottla.wire.records import Record, build_batch

if TYPE_CHECKING:
    from ottla.sim.line import Sent

VERSION = 13
TIMEOUT_MS = 1500
RECORDS_MAX = 3
CODECS = ("none", "none", "none", "gzip", "lz4", "snappy", "zstd")

BEGIN_ANEW = frozenset(
    (
        ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
        ErrorCode.UNKNOWN_PRODUCER_ID,
        ErrorCode.INVALID_PRODUCER_EPOCH,
        ErrorCode.DUPLICATE_SEQUENCE_NUMBER,
    )
)
GONE = frozenset((ErrorCode.UNKNOWN_TOPIC_ID, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION))


class Bunch(NamedTuple):
    """Records that are sent together, however often."""

    records: list[tuple[bytes | None, bytes | None]]
    """Key and value."""
    sequence: int
    codec: str

    @property
    def values(self) -> list[bytes]:
        """What they say."""
        return [value or b"" for _key, value in self.records]

    def built(self, now_ms: int) -> list[Record]:
        """As a batch takes them."""
        return [Record(key, value, timestamp_ms=now_ms) for key, value in self.records]


class Producer(Client):
    """Writes to one partition as long as its topic lives."""

    kind = "producer"

    def __init__(self, name: str, around: Surroundings, *, idempotent: bool, acks: int) -> None:
        super().__init__(name, around)
        self.idempotent, self.acks = idempotent, acks
        self.in_flight_max = 2 if idempotent else 1
        self.target: Partition | None = None
        self.producer_id = -1
        self.epoch = -1
        self.sequence = 0
        self._generation = 0
        self._numbers = 0
        self._open: deque[Bunch] = deque()
        """Sent or to be sent, and not told of; the first is the oldest."""
        self._on_the_way: list[Bunch | None] = []
        """What waits for its answer; None is the request for a producer id."""

    @property
    def known_as(self) -> str:
        """Its name with the count of its new beginnings."""
        kind = "i" if self.idempotent else "p"
        return f"{kind}-{self.name}-{self._generation}"

    def targets(self) -> list[Partition]:
        """What it may write to."""
        return self.around.model.partitions()

    def next_record(self) -> tuple[bytes | None, bytes | None]:
        """Key and value of the next one."""
        self._numbers += 1
        return None, Wrote(self.known_as, self._numbers).value()

    def sends(self, target: Partition, bunch: Bunch) -> Any:
        """A bunch goes out; what to remember of it."""

    def told(self, target: Partition, base_offset: int, bunch: Bunch, note: Any) -> None:
        """It was acknowledged."""
        self.around.invariants.acknowledged(target, base_offset, bunch.values)

    def act(self) -> None:
        """Send the next bunch, or one that was not told of once more."""
        partitions = self.targets()
        if self.target is None or all(one is not self.target for one in partitions):
            if not partitions or self._on_the_way:
                return
            self.target = self.around.random.choice(partitions)
            self._begin_anew()
        if self.idempotent and self.producer_id < 0:
            if not self._on_the_way:
                self._on_the_way.append(None)
                request = InitProducerIdRequest(
                    transactional_id=None, transaction_timeout_ms=60_000
                )
                self.send(request, 4)
            return
        resting = [bunch for bunch in self._open if bunch not in self._on_the_way]
        if not resting:
            resting.append(self._next())
            self._open.append(resting[0])
        self._send(resting[0])

    def _begin_anew(self) -> None:
        self._open.clear()
        self._generation += 1
        self._numbers = self.sequence = 0
        self.producer_id = -1

    def _next(self) -> Bunch:
        random = self.around.random
        records = [self.next_record() for _ in range(random.randint(1, RECORDS_MAX))]
        bunch = Bunch(records, self.sequence, random.choice(CODECS))
        self.sequence += len(records)
        return bunch

    def _send(self, bunch: Bunch) -> None:
        target = self.target
        assert target is not None
        data = build_batch(
            bunch.built(self.around.machine.now_ms()),
            codec=bunch.codec,
            producer_id=self.producer_id,
            producer_epoch=self.epoch if self.idempotent else -1,
            base_sequence=bunch.sequence if self.idempotent else -1,
        )
        row = PartitionProduceData(index=target.index, records=data)
        topic = TopicProduceData(topic_id=target.topic_id, partition_data=[row])
        request = ProduceRequest(acks=self.acks, timeout_ms=TIMEOUT_MS, topic_data=[topic])
        note = (target, bunch, self.sends(target, bunch))
        self.send(request, VERSION, note, answered=self.acks != 0)
        if self.acks == 0:
            self._open.popleft()
        else:
            self._on_the_way.append(bunch)

    def answered(self, sent: Sent, response: Any) -> None:
        """Learn the producer id, or what became of a bunch."""
        self._on_the_way.pop(0)
        if sent.note is None:
            if response.error_code == 0:
                self.producer_id, self.epoch = response.producer_id, response.producer_epoch
            return
        target, bunch, note = sent.note
        row = response.responses[0].partition_responses[0]
        if row.error_code == 0:
            self.told(target, row.base_offset, bunch, note)
        if target is not self.target or bunch not in self._open:
            return
        if row.error_code == 0:
            self._open.remove(bunch)
        elif row.error_code in GONE:
            self.target = None
        elif self._is_over(row.error_code, first=self._open[0] is bunch):
            self._begin_anew()

    def _is_over(self, error_code: int, *, first: bool) -> bool:
        """Whether it is of no use to send it again."""
        if error_code in BEGIN_ANEW:
            return first
        return not ErrorCode(error_code).retriable

    def unanswered(self, sent: Sent) -> None:
        """It is sent again when it is this client's turn."""
        self._on_the_way.pop(0)


PRODUCERS = ((True, -1), (True, -1), (True, 1), (False, 1), (False, -1), (False, 0))
"""Of each run: whether it is idempotent, and its acks."""
