"""A transactional producer beside a node's own coordinator: what was committed counts, nothing else
does, and nothing stays open, whatever is lost, refused or late on the way.

The partitions, and the offsets of a group, are sets of values: open ones of each producer, until a
marker of the coordinator says what becomes of them.
"""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from client.transacting_world import GROUP, T0, T1, U0, World
from coordinators.transaction_world import TransactionWorld
from ottla.client.consuming.committing import OffsetAndMetadata
from ottla.client.errors import ConnectionFailed, TimedOut
from ottla.client.machine import Ask
from ottla.client.places import TopicPartition
from ottla.client.producing.transacting import ABORTABLE, OPEN, READY, MustAbort
from ottla.coordinators.questions import AddPartitions, PartitionsAdded, WriteMarkers
from ottla.coordinators.transaction.transaction import State
from ottla.errors import OttlaError
from ottla.wire.errors import ErrorCode
from ottla.wire.messages import add_partitions_to_txn as ap
from ottla.wire.messages import txn_offset_commit as oc
from ottla.wire.messages.add_offsets_to_txn import AddOffsetsToTxnRequest, AddOffsetsToTxnResponse
from ottla.wire.messages.end_txn import EndTxnRequest, EndTxnResponse
from ottla.wire.messages.init_producer_id import InitProducerIdRequest, InitProducerIdResponse

LOST = ConnectionFailed("node", 9092, "closed")
OFFSETS = ("__consumer_offsets", 0)
PLACES = st.sampled_from([T0, T1, U0])
IDLE_MS = 200_000
"""In this every transaction that was left open is aborted, and its producer fenced."""
NOT_NOW = st.sampled_from(
    [
        ErrorCode.NOT_COORDINATOR,
        ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
        ErrorCode.REQUEST_TIMED_OUT,
    ]
)


class Node:
    """A coordinator of transactions, the partitions, and the offsets of a group."""

    def __init__(self, version: int) -> None:
        self.adds = version >= 2
        self.world = TransactionWorld(level=version, topics="tu")
        self.world.know(OFFSETS[0])
        self.world.tell_image()
        self.world.asked = self._asked
        self.open: dict[tuple[int, TopicPartition], set[int]] = {}
        self.committed: set[int] = set()

    def _asked(self, body: Any) -> None:
        if isinstance(body, WriteMarkers):
            for place in body.partitions:
                values = self.open.pop((body.producer_id, place), set())
                if body.committed:
                    self.committed |= values

    def ask(self, body: Any, version: int = 0) -> Any:
        """What the coordinator of transactions answers."""
        got: list[Any] = []
        self.world.submit(body, version, got.append)
        self.world.settle()
        (answer,) = got
        return answer

    def write(self, who: tuple[int, int], place: TopicPartition, value: int) -> int:
        """A leader takes something of a transaction, or refuses it."""
        asked = AddPartitions.at_first_sight("x", *who, (place,), adds=self.adds)
        (error,) = self.ask(asked._replace(patient=False)).errors
        if not error:
            self.open.setdefault((who[0], place), set()).add(value)
        return int(error)

    def answer(self, ask: Ask, version: int | None) -> Any:
        """What is answered to a producer."""
        match request := ask.message:
            case InitProducerIdRequest():
                return self.ask(request, 5 if self.adds else 4)
            case EndTxnRequest():
                assert version is not None
                return self.ask(request, version)
            case ap.AddPartitionsToTxnRequest():
                return self._added(request)
            case AddOffsetsToTxnRequest():
                who = request.producer_id, request.producer_epoch
                added: PartitionsAdded = self.ask(AddPartitions("x", *who, (OFFSETS,)))
                return AddOffsetsToTxnResponse(error_code=added.errors[0])
        (topic,) = request.topics
        (row,) = topic.partitions
        who = request.producer_id, request.producer_epoch
        error = self.write(who, OFFSETS, row.committed_offset)
        told = oc.TxnOffsetCommitResponsePartition(partition_index=0, error_code=error)
        rows = [oc.TxnOffsetCommitResponseTopic(name=topic.name, partitions=[told])]
        return oc.TxnOffsetCommitResponse(topics=rows)

    def _added(self, request: ap.AddPartitionsToTxnRequest) -> ap.AddPartitionsToTxnResponse:
        who = request.v3_and_below_producer_id, request.v3_and_below_producer_epoch
        topics = request.v3_and_below_topics
        places = tuple((topic.name, number) for topic in topics for number in topic.partitions)
        errors = dict(zip(places, self.ask(AddPartitions("x", *who, places)).errors, strict=True))
        rows = [
            ap.AddPartitionsToTxnTopicResult(
                name=topic.name,
                results_by_partition=[
                    ap.AddPartitionsToTxnPartitionResult(
                        partition_index=number, partition_error_code=errors[(topic.name, number)]
                    )
                    for number in topic.partitions
                ],
            )
            for topic in topics
        ]
        return ap.AddPartitionsToTxnResponse(results_by_topic_v3_and_below=rows)

    def state(self) -> State:
        """Where the transaction of the id stands."""
        found = self.world.state_of("x").transactions.get("x")
        return State.EMPTY if found is None else found.state


def refusal(ask: Ask, code: int) -> Any:
    """The same request, refused before anything was done."""
    match request := ask.message:
        case InitProducerIdRequest():
            return InitProducerIdResponse(error_code=code)
        case EndTxnRequest():
            return EndTxnResponse(error_code=code)
        case AddOffsetsToTxnRequest():
            return AddOffsetsToTxnResponse(error_code=code)
        case ap.AddPartitionsToTxnRequest():
            one = ap.AddPartitionsToTxnPartitionResult(partition_error_code=code)
            name = request.v3_and_below_topics[0].name
            row = ap.AddPartitionsToTxnTopicResult(name=name, results_by_partition=[one])
            return ap.AddPartitionsToTxnResponse(results_by_topic_v3_and_below=[row])
    told = oc.TxnOffsetCommitResponsePartition(partition_index=0, error_code=code)
    row_of = oc.TxnOffsetCommitResponseTopic(name="t", partitions=[told])
    return oc.TxnOffsetCommitResponse(topics=[row_of])


class Producing(RuleBasedStateMachine):
    """A program that begins transactions, writes in them and ends them, and what it was told."""

    @initialize(version=st.sampled_from([1, 2]))
    def start(self, version: int) -> None:
        self.node = Node(version)
        self.producer = World(version)
        self.machine = self.producer.machine
        self.asked: list[tuple[Ask, int | None]] = []
        self.pending: list[tuple[TopicPartition, int]] = []
        self.values: set[int] = set()
        """What the transaction is to bring."""
        self.committed: set[int] = set()
        self.count = 0
        self.ends: list[OttlaError | None] = []
        self.producer.initialize(*self._begun())

    def _begun(self) -> tuple[int, int]:
        request = InitProducerIdRequest(transactional_id="x", transaction_timeout_ms=60_000)
        told = self.node.ask(request, 5 if self.node.adds else 4)
        return told.producer_id, told.producer_epoch

    # ------------------------------------------------------------ the program

    @precondition(lambda self: self.machine.state == READY)
    @rule()
    def begin(self) -> None:
        self.values = set()
        self.machine.begin()

    def _value(self) -> int:
        self.count += 1
        self.values.add(self.count)
        return self.count

    @precondition(lambda self: self.machine.state == OPEN)
    @rule(place=PLACES)
    def send(self, place: TopicPartition) -> None:
        self.pending.append((place, self._value()))

    @precondition(lambda self: self.machine.state == OPEN)
    @rule()
    def send_offsets(self) -> None:
        offsets = {T0: OffsetAndMetadata(self._value())}
        self.machine.send_offsets(offsets, GROUP, lambda error: None)

    @precondition(lambda self: self.machine.state == OPEN)
    @rule()
    def commit(self) -> None:
        values = self.values

        def ended(error: OttlaError | None) -> None:
            assert error is None or isinstance(error, MustAbort), error
            self.committed |= values if error is None else set()

        self.machine.end(True, ended)

    @precondition(lambda self: self.machine.state in (OPEN, ABORTABLE))
    @rule()
    def abort(self) -> None:
        self.pending.clear()
        self.machine.end(False, self.ends.append)

    @precondition(lambda self: self.pending and self.machine.is_ready())
    @rule(did_arrive=st.booleans())
    def give_up(self, did_arrive: bool) -> None:
        """A batch is too late; whether it was written nobody knows."""
        place, value = self.pending.pop(0)
        if self.machine.may_send(place):
            if did_arrive:
                self._write(place, value)
            self.machine.lost_track(TimedOut("late"))
        else:
            self.machine.failed(TimedOut("late"))

    def _write(self, place: TopicPartition, value: int) -> int:
        return self.node.write((self.machine.producer_id, self.machine.epoch), place, value)

    # ------------------------------------------------------------ the way

    @precondition(lambda self: self.asked)
    @rule()
    def answer(self) -> None:
        ask, version = self.asked.pop()
        self.producer.end(ask, self.node.answer(ask, version))

    @precondition(lambda self: self.asked)
    @rule(did_arrive=st.sampled_from([True, True, False]))
    def lose(self, did_arrive: bool) -> None:
        ask, version = self.asked.pop()
        if did_arrive:
            self.node.answer(ask, version)
        self.producer.end(ask, LOST)

    @precondition(lambda self: self.asked)
    @rule(code=NOT_NOW)
    def refuse(self, code: ErrorCode) -> None:
        ask, _ = self.asked.pop()
        self.producer.end(ask, refusal(ask, code))

    @rule(wait=st.booleans())
    def markers(self, wait: bool) -> None:
        """Markers are late, or come now."""
        self.node.world.markers_wait = wait
        self.node.world.answer_waiting()

    @rule(by_ms=st.sampled_from([100, 1000, 1000]))
    def advance(self, by_ms: int) -> None:
        self.producer.now_ms += by_ms
        self.node.world.advance(by_ms)

    @invariant()
    def drive(self) -> None:
        """Whatever happens, whoever drives the machine asks and sends what may be sent."""
        if not hasattr(self, "machine"):
            return
        self._ask()
        for place, value in list(self.pending):
            if self.machine.is_ready() and self.machine.may_send(place):
                error = self._write(place, value)
                assert error in (0, ErrorCode.CONCURRENT_TRANSACTIONS), ErrorCode(error)
                if not error:
                    self.pending.remove((place, value))
        self._ask()

    def _ask(self) -> None:
        before = len(self.producer.versions)
        asks = self.producer.asks(is_empty=not self.pending)
        self.asked += zip(asks, self.producer.versions[before:], strict=True)
        assert len(self.asked) <= 1

    @invariant()
    def nothing_stays_open(self) -> None:
        if not hasattr(self, "machine"):
            return
        assert self.machine.fatal is None, self.machine.fatal
        if self.machine.state == READY:
            assert self.node.state() != State.ONGOING
        assert self.node.committed <= self.committed | self.values

    def teardown(self) -> None:
        """Once all is well again, the producer goes on, however long it was idle."""
        if not hasattr(self, "machine"):
            return
        self._settle()
        self.advance(IDLE_MS)
        self.begin()
        self.send(T0)
        self.commit()
        self._settle()
        assert self.count in self.committed
        assert self.node.committed == self.committed
        assert not any(self.node.open.values())

    def _settle(self) -> None:
        self.markers(False)
        for _ in range(30):
            if self.machine.state in (OPEN, ABORTABLE):
                self.abort()
            self.drive()
            while self.asked:
                self.answer()
                self.drive()
            self.advance(1000)
        assert self.machine.state == READY, self.machine.state
        assert not self.pending


Producing.TestCase.settings = settings(
    max_examples=200,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestProducing = Producing.TestCase
TestProducing.__doc__ = "A transaction could count in part, twice, or stay open for ever."
