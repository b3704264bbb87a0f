"""The coordinators in this node: their shards over the core's logs, their timers on its loop.

Which there are follows from a table of internal topics and from the image: this broker coordinates
what lives in the partitions that it leads. A coordinator is made whole when the first of its
partitions is led here, or the first handler asks for it; before that there is nothing of it. What
it is made of is loaded then. If that can't be (no descriptor is left), it is tried again each
second, and by each handler that asks.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from ottla.broker.internal_topics import INTERNAL_TOPICS, CoordinatorNotLoaded
from ottla.coordinators.log import LogOffline
from ottla.errors import BrokenInvariant
from ottla.node.coordinator_log import CoreLog
from ottla.node.deciding import LoopTimers, now_of
from ottla.node.expected import Expected
from ottla.wire.errors import ErrorCode

if TYPE_CHECKING:
    from collections.abc import Callable

    from ottla._core import Node as Core
    from ottla.broker.internal_topics import C, InternalTopic
    from ottla.broker.settings import Settings
    from ottla.coordinators.runtime import Outgoing, Runtime
    from ottla.decide import Entropy
    from ottla.metadata.delta import MetadataDelta, PartitionChange
    from ottla.node.alarms import Alarms
    from ottla.node.desk import Desk
    from ottla.node.logs import Logs


LOAD_RETRY_MS = 1000
"""How long a coordinator that can't be loaded waits until it is tried again."""


class Led(NamedTuple):
    """A partition of an internal topic that this broker leads from now on."""

    topic_id: bytes
    partition: int


class _Running(NamedTuple):
    """One coordinator."""

    runtime: Runtime
    coordinator: Any
    """As handlers use it."""


class Coordinators:
    """Owns the coordinators and drives their runtimes. Used on the decision thread only."""

    __slots__ = (
        "_alarms",
        "_core",
        "_counts",
        "_desk",
        "_entropy",
        "_expected",
        "_logs",
        "_node_id",
        "_running",
        "_settings",
        "_topics",
        "_unloaded",
    )

    def __init__(
        self,
        node_id: int,
        settings: Settings,
        core: Core,
        desk: Desk,
        alarms: Alarms,
        logs: Logs,
        entropy: Entropy,
        topics: tuple[InternalTopic[Any], ...] = INTERNAL_TOPICS,
    ) -> None:
        self._node_id = node_id
        self._settings = settings
        self._core = core
        self._desk = desk
        self._alarms = alarms
        self._logs = logs
        self._entropy = entropy
        self._topics = {topic.name: topic for topic in topics}
        self._expected = Expected(alarms, desk)
        """Names of topics that are being created, and the partitions that are being opened."""
        self._counts: dict[bytes, int] = {}
        """By topic id, over how many partitions keys are spread."""
        self._running: dict[str, _Running] = {}
        """By topic, those that were needed."""
        self._unloaded: dict[str, set[Led]] = {}
        """By topic, those that could not be loaded, and the open partitions that wait for them."""

    def of(self, topic: InternalTopic[C], /) -> C:
        """The coordinator that lives in this topic, as handlers use it.

        Raises:
            CoordinatorNotLoaded: it can't be made now.
        """
        coordinator: C = self._of(topic).coordinator
        return coordinator

    def _of(self, topic: InternalTopic[Any]) -> _Running:
        running = self._running.get(topic.name)
        if running is None:
            try:
                running = self._load(topic)
            except BrokenInvariant:
                raise
            except Exception as problem:
                raise self._not_loaded(topic, problem) from problem
            self._running[topic.name] = running
            if (waiting := self._unloaded.pop(topic.name, None)) is not None:
                self._logs.info(f"the coordinator of {topic.name} is loaded")
                for led in sorted(waiting):
                    self.opened(led.topic_id, led.partition)
        return running

    def _not_loaded(self, topic: InternalTopic[Any], problem: Exception) -> CoordinatorNotLoaded:
        """Say so once, and try again in a while."""
        text = f"the coordinator of {topic.name} can't be loaded"
        if topic.name not in self._unloaded:
            self._unloaded[topic.name] = set()
            self._logs.failure(
                f"{text}, and nothing that it keeps is served; it is tried again until it can",
                problem,
            )

        def again(_due_ms: int) -> None:
            if topic.name not in self._running:
                with suppress(CoordinatorNotLoaded):
                    self._of(topic)

        at_ms = self._alarms.real_ms() + LOAD_RETRY_MS
        self._alarms.set_timer(("load", topic.name), at_ms, again, real=True)
        return CoordinatorNotLoaded(f"{text}: {problem}", hint="ask again later")

    def _load(self, topic: InternalTopic[Any]) -> _Running:
        from ottla.broker import sends  # noqa: F401 - what is decided may be sent when nothing can be loaded
        from ottla.coordinators.runtime import Runtime

        parts = topic.parts(self._settings, self._entropy)
        runtime = Runtime(
            topic.name,
            log=CoreLog(self._core, topic.name),
            timers=LoopTimers(self._alarms),
            now=partial(now_of, self._core, self._alarms),
            image=lambda: self._settings.image,
            desk=self._desk,
            decider=parts.decider,
            refuse=parts.refuse,
            report=self._report,
            tell=self._logs.info,
            codec=parts.codec,
            batch_bytes_max=parts.batch_bytes_max,
            expects=partial(self._expected.any_of, topic.name),
        )
        count = partial(self._partition_count, topic)
        return _Running(runtime, parts.coordinator(runtime, count, self._desk))

    def publish(self, delta: MetadataDelta) -> set[Led]:
        """Lay down what the image takes from this broker, and hand the delta to the shards that are
        loaded, as it came. The partitions that it gives to this broker are taken up when somebody
        says that they are `opened`.

        The settings show the delta already. What is gone comes first: a topic may be deleted and
        made again within one delta.
        """
        for topic in delta.topics_deleted():
            self._counts.pop(topic.id, None)
            if topic.name in self._running:
                self._running[topic.name].runtime.resign_all()
        led: dict[str, set[Led]] = {}
        for change in delta.partitions_changed():
            if change.topic.name in self._topics and self._follow(change):
                led.setdefault(change.topic.name, set()).add(Led(change.topic.id, change.index))
        for running in self._running.values():
            running.runtime.on_image(delta)
        for name, partitions in led.items():
            self._expected.begin(name, partitions)
        return set().union(*led.values())

    def opened(self, topic_id: bytes, partition: int) -> None:
        """A partition is open (again): take it up, if it is one of ours."""
        self._take_up(topic_id, partition)
        self._expected.end(Led(topic_id, partition))

    def create_topic(
        self, topic: InternalTopic[Any], create: Callable[[Callable[[int], None]], None]
    ) -> bool:
        """See that this topic gets created; whether it is on its way. `create` asks for it, unless
        that is done, and calls back with its error code.
        """
        if topic.name in self._expected:
            return True

        def created(error: int) -> None:
            if error and error != ErrorCode.TOPIC_ALREADY_EXISTS:
                config = self._settings.config
                keys = (topic.replication_factor_key, topic.partitions_key)
                shown = " and ".join(f"{key}={config[key]}" for key in keys)
                # Once: each of its clients asks for it, again and again.
                self._logs.warn_once(
                    f"{topic.name} {error}",
                    f"{topic.name} can't be made, so none of its clients is served: "
                    f"{ErrorCode(error).name}; see to {shown}",
                )
            self._expected.end(topic.name)

        self._expected.begin(topic.name, [topic.name])
        create(created)
        return topic.name in self._expected

    def once_ready(self, topic: InternalTopic[Any], token: int, then: Callable[[], None]) -> None:
        """Let `then` answer this request when the topic is not being created and none of its
        partitions opened, or in a second; now if that is so.
        """
        self._expected.once_there(topic.name, token, then)

    def _take_up(self, topic_id: bytes, partition: int) -> None:
        found = self._settings.image.topics.by_id.get(topic_id)
        internal = None if found is None else self._topics.get(found.name)
        if found is None or internal is None or not 0 <= partition < len(found.partitions):
            return
        if found.partitions[partition].leader != self._node_id:
            return
        waiting = self._unloaded.get(internal.name)
        if waiting is None:
            try:
                self._of(internal).runtime.elected(partition)
                return
            except CoordinatorNotLoaded:
                waiting = self._unloaded[internal.name]
        waiting.add(Led(topic_id, partition))

    def _follow(self, change: PartitionChange) -> bool:
        """Lay down a shard that is led here no more; whether one is led here that was not."""
        me, old, new = self._node_id, change.old, change.new
        led = old is not None and old.leader == me
        if new.leader == me:
            return not led or old is None or old.leader_epoch != new.leader_epoch
        if led and change.topic.name in self._running:
            self._running[change.topic.name].runtime.resigned(change.index)
        return False

    def runtimes(self) -> dict[str, Runtime]:
        """Those that run, by topic; from any thread, to look at."""
        return {name: running.runtime for name, running in list(self._running.items())}

    def on_leap(self, by_ms: int, connected: frozenset[int]) -> None:
        """The clocks are about to be moved by so much, of which no client knows, whose connections
        these are.
        """
        for running in self._running.values():
            running.runtime.on_leap(by_ms, connected)

    def outgoing(self) -> list[Outgoing]:
        """What coordinators ask of each other and of the controller, each once."""
        found: list[Outgoing] = []
        for running in self._running.values():
            found += running.runtime.outgoing
            running.runtime.outgoing.clear()
        return found

    def commit(self) -> bool:
        """End of a turn: append, answer, load a piece; whether there is more to do."""
        more = False
        for running in self._running.values():
            runtime = running.runtime
            more |= runtime.step()
            more |= runtime.flush() or runtime.loading
        # An answer of one may be another's input, who had its turn before.
        return more or any(running.runtime.has_work for running in self._running.values())

    def _report(self, text: str, problem: Exception | None = None) -> None:
        if isinstance(problem, LogOffline):
            self._logs.debug(text)  # who found it offline has said why, once for all partitions
        elif problem is None:
            self._logs.warn(text)
        else:
            self._logs.failure(text, problem)

    def _partition_count(self, topic: InternalTopic[Any]) -> int:
        """How many partitions keys are spread over: as many as there were when this node saw the
        topic first. Somebody may add some, and whoever counted them would look for each key
        elsewhere than where its state is.
        """
        found = self._settings.image.topics.by_name.get(topic.name)
        if found is not None:
            return self._counts.setdefault(found.id, len(found.partitions))
        count: int = self._settings.config[topic.partitions_key]
        return count
