"""A `_core.Node` whose transactions a test decides, and what clients and coordinators say to it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from node_peer import PRODUCE, TOPIC, TOPIC_ID, Peer, Served, batch, eventually

from ottla import _core
from ottla.wire import schema
from ottla.wire.messages.produce import (
    PartitionProduceData,
    ProduceRequest,
    ProduceResponse,
    TopicProduceData,
)

PRODUCER = 7
TRANSACTIONAL_ID = "x"
_TOKENS = itertools.count(1)

Decides = Callable[[_core.Event.Unverified], Sequence[int] | None]
"""The codes for what is asked, if it is answered at once."""


class Deciding(Served):
    """It answers what the node asks of transactions by a function; all are allowed at first."""

    def __init__(self, folder: Path, partitions: int = 2, **options: Any) -> None:
        self.decides: Decides = lambda asked: [0] * len(asked.partitions)
        super().__init__(folder, partitions, **options)

    def _decide(self) -> None:
        try:
            while True:
                for item in self.core.next(None):
                    if isinstance(item, _core.Event):
                        if isinstance(item, _core.Event.Unverified):
                            codes = self.decides(item)
                            if codes is not None:
                                self.core.verified(item.job, [(code, None) for code in codes])
                        self.events.append(item)
        except _core.CoreError as end:
            self.end = end.args

    @property
    def unverified(self) -> list[_core.Event.Unverified]:
        """What was asked of transactions so far."""
        return [event for event in self.events if isinstance(event, _core.Event.Unverified)]

    def ask(self, question: _core.Question) -> _core.Answer:
        """The answer to one question, whenever it comes."""
        token = next(_TOKENS)
        answers = self.core.ask(token, [question])

        def answered() -> list[_core.Answer] | None:
            for event in self.events:
                if isinstance(event, _core.Event.Answered) and event.token == token:
                    return event.answers
            return None

        (answer,) = answers or eventually(answered)
        return answer

    def ends(
        self,
        epoch: int = 0,
        *,
        partition: int = 0,
        producer: int = PRODUCER,
        coordinator_epoch: int = 0,
        committed: bool = True,
        version: int = 0,
    ) -> _core.Answer:
        """End the producer's transaction in a partition."""
        return self.ask(
            _core.Question.EndTransaction(
                TOPIC, partition, producer, epoch, coordinator_epoch, committed, version
            )
        )

    def producers(self, partition: int = 0) -> list[_core.ProducerState]:
        """What a partition knows of producers."""
        return self.ask(_core.Question.Producers(TOPIC, partition)).producers


@contextmanager
def deciding(folder: Path, **options: Any) -> Iterator[Deciding]:
    node = Deciding(folder, **options)
    try:
        yield node
    finally:
        node.close()


def part_of(sequence: int, epoch: int = 0, *, producer: int = PRODUCER, **more: Any) -> bytes:
    """One record of a transaction."""
    spec = {"producer_id": producer, "producer_epoch": epoch, "base_sequence": sequence}
    return batch(**{**spec, "transactional": True, **more})


def send(
    peer: Peer,
    parts: dict[int, bytes],
    *,
    version: int = 12,
    acks: int = -1,
    transactional_id: str | None = TRANSACTIONAL_ID,
    timeout_ms: int = 5000,
) -> None:
    """Send a Produce request of these partitions' records."""
    named = {"topic_id": TOPIC_ID} if version >= 13 else {"name": TOPIC}
    data = [PartitionProduceData(index=index, records=records) for index, records in parts.items()]
    request = ProduceRequest(
        transactional_id=transactional_id,
        acks=acks,
        timeout_ms=timeout_ms,
        topic_data=[TopicProduceData(**named, partition_data=data)],
    )
    peer.send(PRODUCE, version, schema.encode(request, version))


def heard(peer: Peer, version: int = 12) -> list[tuple[int, int]]:
    """(error code, base offset) of each partition of the reply."""
    (topic,) = peer.reply(ProduceResponse, PRODUCE, version).responses
    return [(part.error_code, part.base_offset) for part in topic.partition_responses]


def produce(peer: Peer, parts: dict[int, bytes], **asked: Any) -> list[tuple[int, int]]:
    """Both."""
    send(peer, parts, **asked)
    return heard(peer, asked.get("version", 12))
