"""Transactions under anything that producers, leaders, clocks and the disk may do.

What is done is random: producers and their zombies begin, add, end and retry, in both flows;
markers fail or come late, ids are awaited, epochs are used up, clocks jump, appends fail, the node
dies. What must be so is held against the log as it grows (`History`), and against memory after each
step.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from coordinators.transaction_world import TransactionWorld
from ottla.coordinators.questions import AddPartitions, NewProducerId, TopicPartition, WriteMarkers
from ottla.coordinators.transaction import records
from ottla.coordinators.transaction.config import TransactionConfig
from ottla.coordinators.transaction.shard import TransactionShard
from ottla.coordinators.transaction.state import ShardState
from ottla.coordinators.transaction.transaction import (
    COMPLETED,
    IDLE,
    PREPARED,
    State,
    Transaction,
)
from ottla.decide import Ask, Decision, Now
from ottla.decide import Record as Stored
from ottla.metadata.image import MetadataImage
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.end_txn import EndTxnRequest
from ottla.wire.messages.init_producer_id import InitProducerIdRequest
from ottla.wire.producers import EPOCH_MAX
from ottla.wire.records import Record, build_batch, read_batches
from ottla.wire.stored.frame import TRANSACTION_STATE

CONFIG = TransactionConfig(
    abort_check_interval_ms=1000,
    expiration_ms=100_000,
    expiration_check_interval_ms=10_000,
)
IDS = st.sampled_from(["x", "x", "y"])
WHO = st.integers(0, 2)
"""Which of the producers that an id has had: the one that it has, or the last that were told."""
PLACES = st.sampled_from([("t", 0), ("t", 1), ("u", 0)])
TIMEOUTS = st.sampled_from([2000, 60_000])
TROUBLE = st.sampled_from(
    [
        ErrorCode.NOT_LEADER_OR_FOLLOWER,
        ErrorCode.KAFKA_STORAGE_ERROR,
        ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
        ErrorCode.INVALID_PRODUCER_EPOCH,
    ]
)
ENDS = {True: State.PREPARE_COMMIT, False: State.PREPARE_ABORT}
BEFORE = {
    State.EMPTY: IDLE,
    State.ONGOING: (*IDLE, State.ONGOING),
    State.PREPARE_COMMIT: {State.ONGOING},
    State.PREPARE_ABORT: (*IDLE, State.ONGOING),
    State.COMPLETE_COMMIT: {State.PREPARE_COMMIT},
    State.COMPLETE_ABORT: {State.PREPARE_ABORT},
}


class History:
    """What was written, asked and answered, held against what must be so."""

    def __init__(self) -> None:
        self.stands: dict[str, Transaction] = {}
        self.epochs: dict[int, int] = {}
        """The highest of each producer id."""
        self.producers: set[tuple[int, int]] = set()
        """Who ever was a producer, or was to be the next."""
        self.owners: dict[int, str] = {}
        self.opened: set[tuple[int, int, TopicPartition]] = set()
        """(producer id, epoch, partition) that ever were in a transaction."""
        self.decided: dict[tuple[int, int], tuple[State, int]] = {}
        """By producer id and epoch of the marker: how, and where in the log."""
        self.done: set[tuple[int, int, TopicPartition]] = set()
        self.missing: set[str] = set()
        """Topics that are not there."""
        self.deleted: dict[str, int] = {}
        """Up to where in the log a topic was last not there."""
        self.offset = 0

    def appended(self, batch: bytes) -> None:
        """A batch is in the log."""
        for one in read_batches(batch):
            for record in one.records:
                transactional_id = records.read_key(record.key or b"")
                if record.value is None:
                    assert self.stands.pop(transactional_id).state in IDLE, "what is open expired"
                else:
                    self._written(transactional_id, records.read_state(record.value))
                self.offset += 1

    def _written(self, transactional_id: str, now: Transaction) -> None:
        was = self.stands.get(transactional_id)
        assert self.owners.setdefault(now.producer_id, transactional_id) == transactional_id
        assert now.producer_epoch >= self.epochs.get(now.producer_id, -1), "an epoch went back"
        self.epochs[now.producer_id] = now.producer_epoch
        self.producers |= {(now.producer_id, now.producer_epoch), (now.next_producer_id, 0)}
        assert (State.EMPTY if was is None else was.state) in BEFORE[now.state], (was, now)
        if now.state == State.ONGOING:
            self._opened(was, now)
        elif now.state in PREPARED:
            self._decided(was, now)
        elif now.state in COMPLETED and was is not None:
            self._completed(was)
        self.stands[transactional_id] = now

    def _opened(self, was: Transaction | None, now: Transaction) -> None:
        if was is not None:
            assert (was.producer_id, was.producer_epoch) == (now.producer_id, now.producer_epoch)
            if was.state == State.ONGOING:
                assert was.partitions <= now.partitions
        for place in now.partitions:
            self.opened.add((now.producer_id, now.producer_epoch, place))

    def _decided(self, was: Transaction | None, now: Transaction) -> None:
        assert was is not None
        assert now.partitions == (was.partitions if was.state == State.ONGOING else frozenset())
        self.decided[now.producer_id, now.producer_epoch] = (now.state, self.offset)
        for place in now.partitions:
            self.done.discard((now.producer_id, now.producer_epoch, place))

    def deletes(self, topic: str) -> None:
        """A topic is gone."""
        self.missing.add(topic)
        self.deleted[topic] = self.offset

    def makes(self, topic: str) -> None:
        """It is there, again."""
        if topic in self.missing:
            self.missing.discard(topic)
            self.deleted[topic] = self.offset

    def _completed(self, was: Transaction) -> None:
        _, decided = self.decided[was.producer_id, was.producer_epoch]
        for place in was.partitions:
            has_marker = (was.producer_id, was.producer_epoch, place) in self.done
            topic = place[0]
            is_gone = topic in self.missing or self.deleted.get(topic, -1) > decided
            assert has_marker or is_gone, f"{place} was never told"

    def asked(self, body: Any, high_watermark: int) -> None:
        """The coordinator asks somebody: markers only of what is safe, and not ended."""
        if not isinstance(body, WriteMarkers):
            return
        key = (body.producer_id, body.producer_epoch)
        state, offset = self.decided[key]
        assert state == ENDS[body.committed], "another end than was decided"
        assert offset < high_watermark, "a marker before its decision was safe"
        stands = self.stands[self.owners[body.producer_id]]
        assert (stands.producer_id, stands.producer_epoch, stands.state) == (*key, state)

    def answered(self, body: Any, response: Any) -> None:
        """Leaders have answered."""
        if not isinstance(body, WriteMarkers):
            return
        for place, code in response.errors.items():
            if code in (0, ErrorCode.INVALID_PRODUCER_EPOCH):
                self.done.add((body.producer_id, body.producer_epoch, place))


class Watched(TransactionShard):
    """A shard that is caught when it changes what the log tells otherwise than by a record."""

    def _watch(self, decided: Callable[[], Decision]) -> Decision:
        before = dict(self.state.transactions)
        decision = decided()
        assert self.state.transactions == before, "changed without a record"
        return decision

    def loaded(self, image: MetadataImage, now: Now) -> Decision:
        return self._watch(lambda: TransactionShard.loaded(self, image, now))

    def decide(self, ask: Ask, now: Now) -> Decision:
        return self._watch(lambda: TransactionShard.decide(self, ask, now))

    def answered(self, key: Hashable, response: Any, now: Now) -> Decision:
        return self._watch(lambda: TransactionShard.answered(self, key, response, now))

    def fire(self, key: Hashable, now: Now) -> Decision:
        return self._watch(lambda: TransactionShard.fire(self, key, now))


class RandomWorld(TransactionWorld):
    """One that tells its history of every answer that leaders give."""

    def __init__(self) -> None:
        self.history = History()
        super().__init__(CONFIG, shard=Watched)
        self.log.appended = lambda _, batch: self.history.appended(batch)
        self.asked = lambda body: self.history.asked(body, self.log.marks[0])

    def answer_to(self, body: Any) -> Any:
        response = super().answer_to(body)
        self.history.answered(body, response)
        return response

    def state(self) -> ShardState | None:
        """What the shard knows, if it is loaded."""
        shard = self.runtime.decider(0)
        return shard.state if isinstance(shard, TransactionShard) else None


class Producers(RuleBasedStateMachine):
    """Producers of two transactional ids, who do as they please."""

    def __init__(self) -> None:
        super().__init__()
        self.world = RandomWorld()
        self.answers: list[list[Any]] = []
        self.told: dict[str, list[tuple[int, int]]] = {"x": [], "y": []}

    def _ask(self, body: Any, version: int, then: Callable[[Any], None]) -> None:
        answers: list[Any] = []
        self.answers.append(answers)

        def done(response: Any) -> None:
            answers.append(response)
            then(response)

        self.world.submit(body, version, done, connection=1)
        self.world.settle()

    def _producer(self, transactional_id: str, who: int) -> tuple[int, int]:
        stands = self.world.history.stands.get(transactional_id)
        if who == 0 and stands is not None:
            return stands.producer_id, stands.producer_epoch
        told = self.told[transactional_id]
        return told[-who] if 0 < who <= len(told) else (-1, -1)

    def _learn(self, transactional_id: str, response: Any) -> None:
        if not response.error_code and response.producer_id >= 0:
            producer = (response.producer_id, response.producer_epoch)
            assert producer in self.world.history.producers, "told of a producer that is none"
            if producer not in self.told[transactional_id]:
                self.told[transactional_id].append(producer)

    @rule(transactional_id=IDS, who=st.sampled_from([9, 9, 0, 1]), timeout_ms=TIMEOUTS)
    def init(self, transactional_id: str, who: int, timeout_ms: int) -> None:
        producer_id, epoch = self._producer(transactional_id, who)
        request = InitProducerIdRequest(
            transactional_id=transactional_id,
            transaction_timeout_ms=timeout_ms,
            producer_id=producer_id,
            producer_epoch=epoch,
        )
        self._ask(request, 5, lambda response: self._learn(transactional_id, response))

    @rule(
        transactional_id=IDS,
        who=st.sampled_from([0, 0, 0, 1, 2]),
        places=st.lists(PLACES, min_size=1, max_size=2, unique=True),
        version=st.sampled_from([0, 2, 2]),
        patient=st.booleans(),
        verify=st.sampled_from([False, False, True]),
    )
    def add(
        self,
        transactional_id: str,
        who: int,
        places: list[TopicPartition],
        version: int,
        patient: bool,
        verify: bool,
    ) -> None:
        producer = self._producer(transactional_id, who)
        question = AddPartitions(
            transactional_id, *producer, tuple(places), version, verify, patient
        )

        def check(response: Any) -> None:
            for place, error in zip(places, response.errors, strict=True):
                assert error or (*producer, place) in self.world.history.opened

        self._ask(question, 0, check)

    @rule(
        transactional_id=IDS,
        who=st.sampled_from([0, 0, 0, 1, 2]),
        committed=st.booleans(),
        version=st.sampled_from([4, 5, 5]),
    )
    def end(self, transactional_id: str, who: int, committed: bool, version: int) -> None:
        producer_id, epoch = self._producer(transactional_id, who)
        request = EndTxnRequest(
            transactional_id=transactional_id,
            producer_id=producer_id,
            producer_epoch=epoch,
            committed=committed,
        )

        def check(response: Any) -> None:
            self._learn(transactional_id, response)
            if not response.error_code:
                decided = self.world.history.decided
                stands = self.world.history.stands[transactional_id]
                found = [decided.get((producer_id, one)) for one in (epoch, epoch + 1)]
                # One of version 1 may ask with the id that came by that end.
                found.append(decided.get((stands.previous_producer_id, EPOCH_MAX)))
                safe = self.world.log.marks[0]
                assert any(
                    one is not None and one[0] == ENDS[committed] and one[1] < safe for one in found
                ), "told of an end that was not written, or is not safe"

        self._ask(request, version, check)

    @rule(
        transactional_id=IDS,
        places=st.lists(PLACES, min_size=1, max_size=3, unique=True),
        committed=st.booleans(),
        flow=st.sampled_from([(0, 4), (2, 5), (2, 5)]),
        retries=st.integers(0, 1),
    )
    def transact(
        self,
        transactional_id: str,
        places: list[TopicPartition],
        committed: bool,
        flow: tuple[int, int],
        retries: int,
    ) -> None:
        """A transaction as it should be; its end may be sent again, as its answer was lost."""
        if not self.told[transactional_id]:
            self.init(transactional_id, 9, 60_000)
        version, end_version = flow
        self.add(transactional_id, 0, places, version, True, False)
        stands = self.world.history.stands.get(transactional_id)
        if stands is not None:
            self.told[transactional_id].append((stands.producer_id, stands.producer_epoch))
        for _ in range(1 + retries):
            self.end(transactional_id, 1, committed, end_version)

    @rule(transactional_id=IDS)
    def next_one(self, transactional_id: str) -> None:
        """The next transaction begins while markers of the one before are missing."""
        self.markers(True, ("t", 0), None)
        self.transact(transactional_id, [("t", 0), ("u", 0)], True, (2, 5), 0)
        self.add(transactional_id, 0, [("t", 1)], 2, True, False)

    @rule(wait=st.booleans(), place=PLACES, trouble=st.one_of(st.none(), TROUBLE))
    def markers(self, wait: bool, place: TopicPartition, trouble: ErrorCode | None) -> None:
        self.world.marker_errors = {} if trouble is None else {place: int(trouble)}
        self.world.markers_wait = wait
        self.world.answer_waiting()

    @rule(nth=st.integers(0, 3))
    def answer_one(self, nth: int) -> None:
        """One of those who wait, whichever."""
        if nth < len(self.world.waiting):
            one = self.world.waiting[nth]
            del self.world.waiting[nth]
            one.then(self.world.answer_to(one.body))
            self.world.wake()
            self.world.settle()

    @rule(wait=st.booleans(), error=st.sampled_from([0, 0, 14]))
    def ids(self, wait: bool, error: int) -> None:
        self.world.ids_wait, self.world.id_error = wait, error
        self.world.answer_waiting()

    @rule(by_ms=st.sampled_from([100, 1000, 3000, 50_000]))
    def advance(self, by_ms: int) -> None:
        self.world.advance(by_ms)

    @rule(by_ms=st.sampled_from([50, 100]))
    def wait(self, by_ms: int) -> None:
        self.world.wait(by_ms)

    @rule(by_ms=st.sampled_from([60_000, -60_000, -86_400_000, 86_400_000]))
    def jump(self, by_ms: int) -> None:
        """Somebody sets the machine's clock: no transaction ends by that while it is loaded."""
        self.world.wall_ahead_ms += by_ms

    @rule(level=st.sampled_from([2, 2, 1, 0]))
    def finalize(self, level: int) -> None:
        self.world.finalize(level)
        self.world.tell_image()

    @rule(topic=st.sampled_from(["t", "u"]), again=st.booleans())
    def delete(self, topic: str, again: bool) -> None:
        if topic in self.world.image.topics.by_name:
            self.world.history.deletes(topic)
            self.world.delete_topic(topic)
            self.world.settle()
        if again:
            self.world.history.makes(topic)
            self.world.know(topic)
            self.world.tell_image()

    @rule(transactional_id=IDS, epoch=st.sampled_from([32765, 32766]))
    def use_up(self, transactional_id: str, epoch: int) -> None:
        """All the epochs but the last are used up, as by many who began one after the other."""
        stands = self.world.history.stands.get(transactional_id)
        state = self.world.state()
        if stands is None or stands.state not in IDLE or state is None or state.awaits_id:
            return
        if stands.producer_epoch < epoch:
            raised = stands._replace(
                state=State.EMPTY, producer_epoch=epoch, start_ms=-1, partitions=frozenset()
            )
            record = records.state_of(transactional_id, raised, 2)
            self.world.runtime.flush()
            batch = build_batch([Record(record.key, record.value)])
            self.world.log.append(TRANSACTION_STATE, 0, batch)
            self.told[transactional_id].append((raised.producer_id, epoch))
            self.restart()

    @rule(transactional_id=IDS, committed=st.booleans())
    def rotate(self, transactional_id: str, committed: bool) -> None:
        """A transaction with the last epoch ends, and the next producer id is awaited."""
        self.markers(False, ("t", 0), None)
        self.init(transactional_id, 9, 2000)
        self.ids(True, 0)
        self.use_up(transactional_id, 32766)
        self.transact(transactional_id, [("t", 0)], committed, (2, 5), 0)

    @rule()
    def restart(self) -> None:
        """The process dies: nobody who waits is answered by it any more."""
        self.world.boot()
        self.answers = [one for one in self.answers if one]

    @rule()
    def elect(self) -> None:
        """The shard is loaded again; those who wait hear so."""
        self.world.elect(0)
        self.world.settle()

    @rule(transactional_id=IDS, how=st.sampled_from(["init", "add", "end", "markers"]))
    def fail(self, transactional_id: str, how: str) -> None:
        """An append fails, and the shard is dropped and loaded again."""
        self.world.log.failing = True
        if how == "init":
            self.init(transactional_id, 9, 60_000)
        elif how == "add":
            self.add(transactional_id, 0, [("t", 0), ("u", 0)], 2, False, False)
        elif how == "end":
            self.end(transactional_id, 0, True, 5)
        else:
            self.markers(False, ("t", 0), None)
        self.world.log.failing = False
        if self.world.state() is None:  # it waits until it is tried again
            self.elect()

    @rule(held=st.booleans())
    def hold(self, held: bool) -> None:
        self.world.log.held = True
        if not held:
            self.world.release()
            self.world.settle()

    # ------------------------------------------------------------ what must be so

    @invariant()
    def nothing_failed(self) -> None:
        """A broken rule costs its shard, and everybody else would never hear of it."""
        known = ("the disk is full", "can't be used")
        assert not [line for line in self.world.reports if not any(one in line for one in known)]

    @invariant()
    def answered_at_most_once(self) -> None:
        assert all(len(one) <= 1 for one in self.answers)

    @invariant()
    def log_tells_what_memory_holds(self) -> None:
        state = self.world.state()
        if state is not None:
            assert state.transactions == self.world.history.stands
            replayed = TransactionShard(0, lambda: CONFIG)
            for batch in read_batches(self.world.log.data[0]):
                for record in batch.records:
                    one = Stored(record.key, record.value)
                    replayed.apply([one], Now(0, 0, 0))
            assert replayed.state.transactions == state.transactions

    @invariant()
    def soft_state_is_of_what_is_open(self) -> None:
        state = self.world.state()
        if state is None:
            return
        known = state.transactions
        ongoing = {one for one, stands in known.items() if stands.state == State.ONGOING}
        prepared = {one for one, stands in known.items() if stands.state in PREPARED}
        assert state.deadlines.keys() == ongoing
        assert state.endings.keys() == prepared
        assert state.last_epochs.keys() <= known.keys()
        assert state.connections.keys() <= known.keys()
        assert state.patient.keys() <= prepared | state.awaits_id.keys() | ongoing | known.keys()
        awaited = [one for one in self.world.waiting if isinstance(one.body, NewProducerId)]
        if not self.world.log.held:
            assert len(state.awaits_id) <= len(awaited)

    def teardown(self) -> None:
        """In the end all are answered, and nothing is open: no transaction hangs for ever."""
        self.hold(False)
        self.ids(False, 0)
        self.markers(False, ("t", 0), None)
        for _ in range(40):
            self.world.wait(100)
            self.world.advance(5000)
        assert all(len(one) == 1 for one in self.answers)
        state = self.world.state()
        assert state is not None
        assert all(one.state in IDLE for one in state.transactions.values())
        soft = (state.deadlines, state.endings, state.awaits_id, state.patient)
        assert not any(soft)


Producers.TestCase.settings = settings(
    max_examples=100,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestProducers = Producers.TestCase
TestProducers.__doc__ = (
    "A transaction could end twice, in two ways, or never, or count for another."
)
