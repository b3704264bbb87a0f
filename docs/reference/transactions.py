"""What a transaction goes through, as the code does it: a table and two drawings.

Nothing here knows the rules. The states are those that the real decider reaches when it is given
each input in each state that it has reached, until nothing new comes; the way is what is said in a
real node while one transaction is made. `generate.py` writes both.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final, NamedTuple
from unittest import mock

import ottla
from ottla.client.client import Client
from ottla.client.errors import BrokerError
from ottla.coordinators.questions import (
    AddPartitions,
    MarkersWritten,
    NewProducerId,
    ProducerId,
    WriteMarkers,
)
from ottla.coordinators.transaction import records
from ottla.coordinators.transaction.config import TransactionConfig
from ottla.coordinators.transaction.shard import TransactionShard
from ottla.coordinators.transaction.state import Look
from ottla.coordinators.transaction.transaction import State
from ottla.decide import Ask, Decision, Now, Send
from ottla.metadata.features import TRANSACTION_VERSION
from ottla.metadata.image import EMPTY_IMAGE, Partition, Topic, Topics
from ottla.wire.coordinator_types import TRANSACTION
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.add_offsets_to_txn import AddOffsetsToTxnRequest
from ottla.wire.messages.add_partitions_to_txn import (
    AddPartitionsToTxnRequest,
    AddPartitionsToTxnTopic,
)
from ottla.wire.messages.end_txn import EndTxnRequest
from ottla.wire.messages.init_producer_id import InitProducerIdRequest
from ottla.wire.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData
from ottla.wire.messages.txn_offset_commit import (
    TxnOffsetCommitRequest,
    TxnOffsetCommitRequestPartition,
    TxnOffsetCommitRequestTopic,
)
from ottla.wire.producers import EPOCH_BUMPS_LEVEL
from ottla.wire.records import Record, build_batch
from ottla.wire.stored.frame import CONSUMER_OFFSETS

NAME: Final = "billing-1"
PLACE: Final = ("bills", 0)
NOBODY: Final = "no such id"


# ------------------------------------------------------------------ the states


class Step(NamedTuple):
    """What one input made of a transaction."""

    before: str
    what: str
    after: str
    written: tuple[str, ...]
    """The records, by the state that each tells."""
    error: str
    asks: str


class Life:
    """One id in one shard, by the inputs so far; the log is what the decider wrote."""

    def __init__(self, level: int) -> None:
        self.level = level
        self.now_ms = 1_000_000
        self.log: list[Any] = []
        self.waiting: list[Send] = []
        self.said: list[Any] = []
        self.next_id = 7
        self.told = (-1, -1)
        self.load()

    def load(self) -> None:
        """A coordinator with nothing but the log; nobody's answer reaches it."""
        self.waiting.clear()
        self.shard = TransactionShard(0, TransactionConfig)
        self.shard.apply(self.log, self.now)
        self._take(self.shard.loaded(_image(self.level), self.now))

    @property
    def now(self) -> Now:
        """All clocks show the same."""
        return Now(self.now_ms, self.now_ms, self.now_ms)

    @property
    def state(self) -> str:
        """As operators are shown it."""
        found = self.shard.state.transactions.get(NAME)
        return NOBODY if found is None else found.state.title

    def ask(self, body: Any, version: int) -> None:
        """One request, with the producer id that it needs."""
        self._take(self.shard.decide(Ask(1, body, version, "User:a"), self.now))
        while self.waiting and isinstance(self.waiting[0].body, NewProducerId):
            send = self.waiting.pop(0)
            self.next_id += 1
            self._take(self.shard.answered(send.key, ProducerId(self.next_id), self.now))

    def written(self) -> None:
        """Every leader has written its marker."""
        waiting, self.waiting = self.waiting, []
        for send in waiting:
            self._take(self.shard.answered(send.key, _yes(send.body), self.now))

    def fire(self, look: Look, after_ms: int) -> None:
        """Time passes, and the decider looks."""
        self.now_ms += after_ms
        self._take(self.shard.fire(look, self.now))

    def _take(self, decision: Decision) -> None:
        self.shard.apply(decision.records, self.now)
        self.log += decision.records
        self.waiting += decision.sends
        self.said += [one.message for one in decision.replies]
        for reply in self.said:
            if getattr(reply, "producer_id", -1) >= 0:
                self.told = (reply.producer_id, reply.producer_epoch)


def _image(level: int) -> Any:
    one = Partition((1,), (bytes(16),), (1,), (), (), (), (), 1, 0, 0, 0)
    topic = Topic(b"b" * 16, PLACE[0], (one,))
    topics = Topics({topic.name: topic}, {topic.id: topic})
    return EMPTY_IMAGE._replace(features={TRANSACTION_VERSION: level}, topics=topics)


def _yes(asked: WriteMarkers) -> MarkersWritten:
    return MarkersWritten(dict.fromkeys(asked.partitions, 0))


def _begin(life: Life) -> None:
    life.ask(InitProducerIdRequest(transactional_id=NAME, transaction_timeout_ms=60_000), 5)


def _add(life: Life) -> None:
    version = 2 if life.level > 1 else 0
    life.ask(AddPartitions(NAME, *life.told, partitions=(PLACE,), transaction_version=version), 0)


def _end(life: Life, commit: bool) -> None:
    request = EndTxnRequest(
        transactional_id=NAME,
        producer_id=life.told[0],
        producer_epoch=life.told[1],
        committed=commit,
    )
    life.ask(request, 5 if life.level > 1 else 4)


INPUTS: Final[dict[str, Callable[[Life], None]]] = {
    "the first batch for a partition": _add,
    "EndTxn, commit": lambda life: _end(life, True),
    "EndTxn, abort": lambda life: _end(life, False),
    "InitProducerId of a new producer": _begin,
    "all markers are written": Life.written,
    "its time is over": lambda life: life.fire(Look.LATE, 61_000),
    "nobody used it for a week": lambda life: life.fire(Look.UNUSED, 604_800_001),
    "the coordinator is killed and loads": Life.load,
}


def steps(level: int) -> list[Step]:
    """All that the decider does, from each state that it reaches, in the order in which it does."""
    ways: dict[str, tuple[str, ...]] = {NOBODY: ()}
    found: list[Step] = []
    for state in (left := [NOBODY]):
        for what in INPUTS:
            life = Life(level)
            for one in ways[state]:
                INPUTS[one](life)
            assert life.state == state
            before = len(life.log), len(life.said), len(life.waiting)
            INPUTS[what](life)
            # After a load nobody is asked any more: whom it asks then is all that is new.
            sends = life.waiting[0 if what in _FORGETS else before[2] :]
            errors = [_error(one) for one in life.said[before[1] :]]
            if not (life.log[before[0] :] or any(errors) or sends):
                continue
            error = next(filter(None, errors), "")
            written = tuple(map(_title, life.log[before[0] :]))
            asks = "; ".join(map(_question, sends))
            found.append(Step(state, what, life.state, written, error, asks))
            if life.state not in ways:
                ways[life.state] = (*ways[state], what)
                left.append(life.state)
    return found


_FORGETS: Final = ("the coordinator is killed and loads", "all markers are written")


def _error(reply: Any) -> str:
    codes = getattr(reply, "errors", None) or (reply.error_code,)
    return ErrorCode(codes[0]).name if codes[0] else ""


def _title(record: Any) -> str:
    return "tombstone" if record.value is None else records.read_state(record.value).state.title


def _question(send: Send) -> str:
    kind = "COMMIT" if send.body.committed else "ABORT"
    return f"{kind} markers"


def table() -> str:
    """The rows of every step, of both versions."""
    lines = []
    for level in (2, 1):
        lines += [
            f"## transaction.version {level}",
            "",
            "| in | comes | is written | it is then | who asks is told | leaders are asked for |",
            "| --- | --- | --- | --- | --- | --- |",
        ]
        lines += [
            f"| {one.before} | {one.what} | {', '.join(one.written)} | {one.after} | "
            f"{f'`{one.error}`' if one.error else ''} | {one.asks} |"
            for one in steps(level)
        ]
        lines.append("")
    return "\n".join(lines)


# ------------------------------------------------------------------ the way


class Said(NamedTuple):
    """One thing that somebody tells somebody."""

    by: str
    to: str
    what: str


PRODUCER, LEADER, COORDINATOR, LOG, GROUP = (
    "producer",
    "leader of bills-0",
    "coordinator",
    "__transaction_state",
    "group's coordinator",
)
ACTORS: Final = (PRODUCER, LEADER, COORDINATOR, LOG, GROUP)


class Listener:
    """Stands beside the coordinator of a node, and writes down what it is told and says."""

    def __init__(self) -> None:
        self.said: list[Said] = []
        self._holders: list[str] = []
        """Who has written its marker, of the transaction at hand."""
        self.over = threading.Event()

    def decide(self, of: Any, shard: TransactionShard, ask: Ask, now: Now) -> Decision:
        """A request."""
        decision: Decision = of(shard, ask, now)
        by = PRODUCER
        if isinstance(ask.body, AddPartitions) and not _is_entered_by_client(ask.body):
            by = _holder(ask.body.partitions[0][0])
            self.said.append(Said(by, COORDINATOR, "in this transaction?"))
        self._written(decision)
        for _ in decision.replies:
            what = "yes" if by != PRODUCER else f"{_short(ask.body)} is answered"
            self.said.append(Said(COORDINATOR, by, what))
        self._asked(decision)
        return decision

    def answered(self, of: Any, shard: TransactionShard, key: Any, body: Any, now: Now) -> Decision:
        """The answer to a question."""
        decision: Decision = of(shard, key, body, now)
        if isinstance(body, MarkersWritten):
            self._holders += [_holder(topic) for topic, _ in body.errors]
        if decision.records:  # they may answer in any order, and did so all
            self.said += [Said(one, COORDINATOR, "written") for one in sorted(self._holders)]
            self._holders.clear()
        self._written(decision)
        for _ in decision.replies:
            self.said.append(Said(COORDINATOR, PRODUCER, "InitProducerId is answered"))
        self._asked(decision)
        return decision

    def _written(self, decision: Decision) -> None:
        for record in decision.records:
            state = records.read_state(record.value or b"").state
            self.said.append(Said(COORDINATOR, LOG, state.title))
            if state == State.COMPLETE_COMMIT:
                self.over.set()

    def _asked(self, decision: Decision) -> None:
        for send in decision.sends:
            if isinstance(send.body, WriteMarkers):
                for one in sorted({_holder(topic) for topic, _ in send.body.partitions}):
                    self.said.append(Said(COORDINATOR, one, "WriteTxnMarkers"))


def _is_entered_by_client(asked: AddPartitions) -> bool:
    """With version 1 leaders only look whether a partition is in the transaction."""
    return asked.transaction_version < EPOCH_BUMPS_LEVEL and not asked.verify_only


def _short(request: Any) -> str:
    if isinstance(request, AddPartitions):  # what a client's request becomes
        entered = request.partitions[0][0]
        return "AddOffsetsToTxn" if entered == CONSUMER_OFFSETS else "AddPartitionsToTxn"
    return type(request).__name__.removesuffix("Request")


def _holder(topic: str) -> str:
    return GROUP if topic == CONSUMER_OFFSETS else LEADER


_SPOKEN: Final[dict[int, dict[type[Any], int]]] = {
    2: {},
    1: {
        AddPartitionsToTxnRequest: 3,
        ProduceRequest: 11,
        TxnOffsetCommitRequest: 4,
        EndTxnRequest: 4,
    },
}
"""The versions of requests that a producer of transaction.version 1 speaks; else the latest."""


def way(level: int) -> list[Said]:
    """One transaction in a node, by a producer of that transaction.version: two batches, an offset,
    and the commit.

    Raises:
        TimeoutError: it does not end.
    """
    heard = Listener()
    decide, answered = TransactionShard.decide, TransactionShard.answered
    patched = mock.patch.multiple(
        TransactionShard,
        decide=lambda shard, ask, now: heard.decide(decide, shard, ask, now),
        answered=lambda shard, key, body, now: heard.answered(answered, shard, key, body, now),
    )
    with patched, ottla.Broker() as broker:
        broker.create_topic(PLACE[0])
        with Client(broker.bootstrap_servers, client_id="drawing", timeout_ms=20_000) as client:
            client.attempt(lambda: client.coordinator(NAME, kind=TRANSACTION))
            client.attempt(lambda: client.coordinator("billing"))
            _transact(client, heard.said, level)
        if not heard.over.wait(20):
            raise TimeoutError(f"no marker after {heard.said}")
    return heard.said


def _transact(client: Client, said: list[Said], level: int) -> None:
    def ask(to: str, request: Any, code: Callable[[Any], int], *, tells: bool = False) -> Any:
        asked = len(said)

        def once() -> Any:
            del said[asked:]
            said.append(Said(PRODUCER, to, _short(request)))
            response = client.request_node(1, request, version=_SPOKEN[level].get(type(request)))
            if code(response):
                raise BrokerError(code(response))
            return response

        response = client.attempt(once)
        if tells:
            said.append(Said(to, PRODUCER, f"{_short(request)} is answered"))
        return response

    begin = InitProducerIdRequest(transactional_id=NAME, transaction_timeout_ms=60_000)
    producer = ask(COORDINATOR, begin, lambda r: r.error_code)
    of = {"producer_id": producer.producer_id, "producer_epoch": producer.producer_epoch}
    if level == 1:
        entering = AddPartitionsToTxnRequest(
            v3_and_below_transactional_id=NAME,
            v3_and_below_producer_id=producer.producer_id,
            v3_and_below_producer_epoch=producer.producer_epoch,
            v3_and_below_topics=[AddPartitionsToTxnTopic(name=PLACE[0], partitions=[PLACE[1]])],
        )

        def entered(response: Any) -> int:
            (topic,) = response.results_by_topic_v3_and_below
            return int(topic.results_by_partition[0].partition_error_code)

        ask(COORDINATOR, entering, entered)
    for sequence in (0, 1):
        batch = build_batch([Record(None, b"v")], base_sequence=sequence, transactional=True, **of)
        row = PartitionProduceData(index=0, records=batch)
        client.leader(*PLACE)
        topic_id = client.topic_id(*PLACE)
        topic = TopicProduceData(name=PLACE[0], topic_id=topic_id, partition_data=[row])
        produce = ProduceRequest(
            transactional_id=NAME, acks=-1, timeout_ms=20_000, topic_data=[topic]
        )
        ask(LEADER, produce, lambda r: r.responses[0].partition_responses[0].error_code, tells=True)
    if level == 1:
        group = AddOffsetsToTxnRequest(transactional_id=NAME, group_id="billing", **of)
        ask(COORDINATOR, group, lambda r: r.error_code)
    row = TxnOffsetCommitRequestPartition(partition_index=0, committed_offset=1)
    topic = TxnOffsetCommitRequestTopic(name=PLACE[0], partitions=[row])
    commit = TxnOffsetCommitRequest(transactional_id=NAME, group_id="billing", topics=[topic], **of)
    ask(GROUP, commit, lambda r: r.topics[0].partitions[0].error_code, tells=True)
    end = EndTxnRequest(transactional_id=NAME, committed=True, **of)
    ask(COORDINATOR, end, lambda r: r.error_code)
