"""A broker's coordinator of transactions in a world without files, threads and clocks.

It is the world of groups with another coordinator in it, and with those whom a coordinator asks:
the leaders of partitions, who take markers or refuse them, and whoever hands out producer ids. Both
answer at once, or when they are told to.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from coordinators.world import TURNS_MAX, World
from ottla.coordinators.group.config import GroupConfig
from ottla.coordinators.questions import MarkersWritten, NewProducerId, ProducerId, WriteMarkers
from ottla.coordinators.runtime import Outgoing, Runtime
from ottla.coordinators.transaction.config import ConfigOf, TransactionConfig
from ottla.coordinators.transaction.coordinator import TransactionCoordinator
from ottla.coordinators.transaction.shard import TransactionShard, refuse
from ottla.coordinators.transaction.state import ShardState
from ottla.decide import Ask
from ottla.metadata.delta import MetadataDelta
from ottla.metadata.features import TRANSACTION_VERSION
from ottla.metadata.image import Partition, Topic, Topics
from ottla.node.coordinator_log import CoreLog
from ottla.wire.stored.frame import TRANSACTION_STATE
from ottla.wire.types import ZERO_UUID

PARTITIONS = 3
"""What every topic has here, if nothing else is said."""


class TransactionWorld(World):
    """One broker: its coordinator of transactions, and whom that asks."""

    def __init__(
        self,
        settings: TransactionConfig | None = None,
        *,
        level: int = 2,
        partitions: int = 1,
        shard: Callable[[int, ConfigOf], TransactionShard] = TransactionShard,
        topics: str = "tuv",
    ) -> None:
        self.settings = settings or TransactionConfig()
        self._make = shard
        self.marker_errors: dict[tuple[str, int], int] = {}
        """What leaders say to the markers of a partition, if it is not yes."""
        self.markers_wait: set[str] | bool = False
        """Whether leaders keep their answers back, or those of which topics do."""
        self.ids_wait = False
        self.id_error = 0
        self.next_id = 0
        self.waiting: deque[Outgoing] = deque()
        """What is asked and not answered yet."""
        self.answered: list[Outgoing] = []
        """What was answered, in order."""
        self.asked: Callable[[Any], None] = lambda body: None
        super().__init__(GroupConfig(), partitions, topics="")
        self.finalize(level)
        self.lead(TRANSACTION_STATE, 0)
        for topic in topics:
            self.know(topic)
        self.boot()

    def boot(self) -> None:
        """Start over with nothing but the log: nobody is asked any more, or hears an answer."""
        self.waiting.clear()
        self._timers.clear()
        self.runtime = Runtime(
            TRANSACTION_STATE,
            log=CoreLog(self.log, TRANSACTION_STATE),  # type: ignore[arg-type]
            timers=self,
            now=self.now,
            image=lambda: self.image,
            desk=self.desk,
            decider=lambda partition: self._make(partition, lambda: self.settings),
            refuse=refuse,
            report=self._report,
            tell=self.told.append,
            batch_bytes_max=lambda: self.settings.record_bytes_max,
            expects=lambda: self.expects,
        )
        self.coordinator = TransactionCoordinator(
            self.runtime,
            lambda: self.partitions,
            self.desk,
            config_of=lambda: self.settings,
        )
        for partition in range(self.partitions):
            self.elect(partition)
        self.settle()

    def settle(self) -> None:
        """Take turns, and let those who are asked answer, until nothing happens any more."""
        for _ in range(TURNS_MAX):
            super().settle()
            if not self.runtime.outgoing:
                return
            for one in self.runtime.outgoing:
                self.asked(one.body)
            self.waiting.extend(self.runtime.outgoing)
            self.runtime.outgoing.clear()
            self._answer_those_who_need_not_wait()
        raise AssertionError("answers make questions")

    def _answer_those_who_need_not_wait(self) -> None:
        waiting, self.waiting = self.waiting, deque()
        for one in waiting:
            for part in self._parts(one):
                is_id = isinstance(part.body, NewProducerId)
                if self.ids_wait if is_id else self._is_kept(part.body):
                    self.waiting.append(part)
                else:
                    self.answer(part)

    def _parts(self, one: Outgoing) -> list[Outgoing]:
        """The leaders of each topic's partitions answer for themselves."""
        if not isinstance(one.body, WriteMarkers):
            return [one]
        topics = dict.fromkeys(topic for topic, _ in one.body.partitions)
        return [
            one._replace(
                body=one.body._replace(
                    partitions=tuple(place for place in one.body.partitions if place[0] == topic)
                )
            )
            for topic in topics
        ]

    def _is_kept(self, body: WriteMarkers) -> bool:
        if isinstance(self.markers_wait, bool):
            return self.markers_wait
        return body.partitions[0][0] in self.markers_wait

    def answer(self, one: Outgoing) -> None:
        """Somebody who was asked answers."""
        one.then(self.answer_to(one.body))
        self.answered.append(one)
        self.wake()

    def answer_waiting(self) -> None:
        """Those who waited may answer now, if nothing holds them back any more."""
        self._answer_those_who_need_not_wait()
        self.settle()

    def answer_to(self, body: Any) -> Any:
        """What is said to a question."""
        if isinstance(body, NewProducerId):
            if self.id_error:
                return ProducerId(-1, self.id_error)
            self.next_id += 1
            return ProducerId(self.next_id - 1)
        assert isinstance(body, WriteMarkers)
        return MarkersWritten({one: self.marker_errors.get(one, 0) for one in body.partitions})

    def submit(
        self,
        body: Any,
        version: int,
        done: Callable[[Any], None],
        *,
        connection: int | None = None,
    ) -> None:
        """A request as a handler hands it over."""
        self.coordinator.submit(self.ask(body, version, done, connection))

    def ask(
        self, body: Any, version: int, done: Callable[[Any], None], connection: int | None = None
    ) -> Ask:
        """The same, for whatever it is to be handed to."""
        self.wake()
        token = self.desk.internal(done)
        return Ask(token, body, version, "User:alice", connection=connection)

    def state_of(self, transactional_id: str) -> ShardState:
        """What the loaded shard of an id knows."""
        shard = self.runtime.decider(self.coordinator.partition_for(transactional_id))
        assert isinstance(shard, TransactionShard)
        return shard.state

    # ------------------------------------------------------------ the cluster

    def finalize(self, level: int) -> None:
        """The level of transaction.version; who leads hears of it by the next image."""
        self.image = self.image._replace(features={TRANSACTION_VERSION: level})

    def lead(self, topic: str, epoch: int, partitions: int = PARTITIONS) -> None:
        """This broker leads all partitions of a topic, in this epoch."""
        one = Partition((1,), (ZERO_UUID,), (1,), (), (), (), (), 1, 0, epoch, 0)
        by_name = dict(self.image.topics.by_name)
        known = by_name.get(topic)
        topic_id = topic.encode()[:16].ljust(16, b"-") if known is None else known.id
        by_name[topic] = Topic(topic_id, topic, (one,) * partitions)
        topics = Topics(by_name, {topic.id: topic for topic in by_name.values()})
        self.image = self.image._replace(topics=topics)

    def know(self, name: str, topic_id: bytes = ZERO_UUID) -> None:
        """A topic is there; nobody is told."""
        self.lead(name, 0)

    def tell_image(self) -> None:
        """The coordinator hears of the cluster as it is now."""
        image = self.image = self.image._replace(offset=self.image.offset + 1)
        self.runtime.on_image(MetadataDelta.of(image, [], offset=image.offset + 1))
        self.wake()
        self.settle()
