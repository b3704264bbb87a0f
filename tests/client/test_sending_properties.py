"""A producer's machine beside leaders of dicts, under chance: whatever is refused, lost, cut or
late, what was acknowledged is there once, where it was said to be, and in order.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from client.simulated.cluster import AFTER_APPEND, Log
from client.test_sending import World
from ottla.client.errors import ConnectionFailed
from ottla.client.machine import Ask
from ottla.wire.errors import ErrorCode
from ottla.wire.messages import produce as m
from ottla.wire.messages.init_producer_id import InitProducerIdRequest, InitProducerIdResponse
from ottla.wire.outbox import Delivery

LOST = ConnectionFailed("node", 9092, "closed")
PARTITIONS = 2
DELIVERY_TIMEOUT_MS = 1200
STEP_MS = 40
REFUSALS = (
    ErrorCode.NOT_LEADER_OR_FOLLOWER,
    ErrorCode.NOT_ENOUGH_REPLICAS,
    ErrorCode.KAFKA_STORAGE_ERROR,
    ErrorCode.REQUEST_TIMED_OUT,
    AFTER_APPEND,
)


class Cluster(World):
    """A producer, its leader, and the one connection between them, which keeps the order."""

    def __init__(self) -> None:
        super().__init__(PARTITIONS, delivery_timeout_ms=DELIVERY_TIMEOUT_MS)
        self.logs = [Log(1) for _ in range(PARTITIONS)]
        self.sent: list[tuple[int, Delivery]] = []
        self._on_way: deque[Ask] = deque()
        """Not handled yet."""
        self._handled: deque[tuple[Ask, Any]] = deque()
        """Handled, and not answered yet."""
        self._zombies: deque[Ask] = deque()
        """Of connections that are cut: handled some time, and answered never."""
        self._epoch = 0
        self.turn()

    def produce(self, partition: int, count: int) -> None:
        """So many records, in one batch as a rule."""
        for _ in range(count):
            delivery = self.outbox.append(
                "t", str(len(self.sent)), None, (), partition, self.now_ms, None
            )
            assert delivery is not None
            self.sent.append((partition, delivery))

    def turn(self) -> None:
        """What the client's thread does."""
        if self.places.is_doubted("t"):
            self.lead(1, self._epoch)
        for ask in self.asks():
            if isinstance(ask.message, InitProducerIdRequest):
                self.answer(ask, InitProducerIdResponse(producer_id=7, producer_epoch=0))
            else:
                self._on_way.append(ask)

    def handle(self, refusal: ErrorCode | None = None) -> None:
        """The node handles the oldest request, or refuses it."""
        if self._on_way:
            ask = self._on_way.popleft()
            self._handled.append((ask, self._outcome(ask, refusal)))

    def tell(self) -> None:
        """The oldest answer arrives."""
        if self._handled:
            self.answer(*self._handled.popleft())

    def cut(self, late: bool) -> None:
        """The connection is lost: what was not handled is so later, or never."""
        if late:
            self._zombies.extend(self._on_way)
        lost = [*(ask for ask, _ in self._handled), *self._on_way]
        self._handled.clear()
        self._on_way.clear()
        for ask in lost:
            self.answer(ask, LOST)

    def come_late(self) -> None:
        """A request of a connection that is gone is handled."""
        if self._zombies:
            self._outcome(self._zombies.popleft(), None)

    def forget(self, partition: int) -> None:
        """The leader knows nobody any more."""
        self.logs[partition].known.clear()

    def _outcome(self, ask: Ask, refusal: ErrorCode | None) -> Any:
        topics = []
        for topic in ask.message.topic_data:
            rows = []
            for row in topic.partition_data:
                code, offset = refusal or 0, -1
                if refusal in (None, AFTER_APPEND):
                    code, offset = self.logs[row.index].append(bytes(row.records))
                if refusal == AFTER_APPEND and not code:
                    code, offset = refusal, -1
                rows.append(
                    m.PartitionProduceResponse(index=row.index, error_code=code, base_offset=offset)
                )
            topics.append(m.TopicProduceResponse(name="t", partition_responses=rows))
        return m.ProduceResponse(responses=topics)

    def finish(self) -> None:
        """Nothing goes wrong any more: everything ends."""
        for _ in range(200):
            self.turn()
            self.handle()
            self.tell()
            self.now_ms += 50
            if all(delivery.done for _, delivery in self.sent):
                return
        raise AssertionError("a record has no end")

    def check(self) -> None:
        """What was acknowledged is there once, and where it was said; what is there is in order."""
        for number, log in enumerate(self.logs):
            mine = [n for n, (partition, _) in enumerate(self.sent) if partition == number]
            there = [int(value or b"") for value in log.values]
            assert there == sorted(set(there)), "in order, and nothing twice"
            assert {*there} <= {*mine}
            for n in mine:
                delivery = self.sent[n][1]
                if delivery.error is None:
                    assert there[delivery.offset] == n, "where it was said to be"


step = st.one_of(
    st.tuples(st.just("produce"), st.integers(0, PARTITIONS - 1), st.integers(1, 3)),
    st.tuples(st.just("produce"), st.integers(0, PARTITIONS - 1), st.integers(1, 3)),
    st.tuples(st.just("handle")),
    st.tuples(st.just("handle")),
    st.tuples(st.just("tell")),
    st.tuples(st.just("tell")),
    st.tuples(st.just("handle"), st.sampled_from(REFUSALS)),
    st.tuples(st.just("cut"), st.booleans()),
    st.tuples(st.just("come_late")),
    st.tuples(st.just("pass"), st.sampled_from([100, 400, 1200])),
)


@settings(
    max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
@given(st.lists(step, min_size=20, max_size=120))
def test_what_is_acknowledged_is_there_once_and_in_order(steps: list[tuple[Any, ...]]) -> None:
    """If this failed, a retry would double or lose a record, or put it behind a later one."""
    cluster = Cluster()
    for name, *more in steps:
        if name == "pass":
            cluster.now_ms += more[0]
        else:
            getattr(cluster, name)(*more)
        cluster.now_ms += STEP_MS
        cluster.turn()
    cluster.finish()
    cluster.check()
