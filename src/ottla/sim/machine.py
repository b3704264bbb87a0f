"""The machine that nodes live on, one after the other: a disk, two clocks, randomness, a network.

A node's end takes nothing of the machine but what a kill or a power cut takes: its files lie on the
simulated disk, and time goes on. Nothing here chooses: run.py does.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext, suppress
from typing import TYPE_CHECKING

from ottla._core import CoreError, SimDisk, SimNode
from ottla.config.broker import BrokerConfig
from ottla.errors import OttlaError
from ottla.node.format import bootstrap_records, fill, standalone_voters
from ottla.node.logs import Logs
from ottla.node.loop import NodeStopped
from ottla.node.node import Node
from ottla.node.turner import ByHand
from ottla.node.world import World
from ottla.sim.entropy import SeededEntropy
from ottla.wire.types import uuid_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from ottla._core import Node as Core
    from ottla.node.loop import Loop
    from ottla.node.manners import Resident

LOG_DIR = "/sim"
BORN_MS = 1_767_225_600_000
"""The wall clock's first reading."""

PROPERTIES = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listeners": "PLAINTEXT://127.0.0.1:0,CONTROLLER://127.0.0.1:0",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "PLAINTEXT",
    "controller.quorum.bootstrap.servers": "127.0.0.1:9093",
    "default.replication.factor": "1",
    "min.insync.replicas": "1",
    "offsets.topic.num.partitions": "2",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.num.partitions": "2",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    # As short as what they watch over in a run.
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
    "group.initial.rebalance.delay.ms": "0",
    "log.dirs": LOG_DIR,
    # Short periods, so that what they begin is met by faults in the course of a run.
    "log.retention.check.interval.ms": "20000",
    "log.segment.delete.delay.ms": "5000",
    "log.flush.offset.checkpoint.interval.ms": "5000",
    "log.cleaner.backoff.ms": "1000",
    "log.cleaner.delete.retention.ms": "3000",
    "log.cleaner.min.cleanable.ratio": "0.01",
    "log.cleaner.threads": "2",
    "metadata.log.max.record.bytes.between.snapshots": "1500",
    "metadata.max.retention.bytes": "4000",
    # Long ones, as nothing is learnt from what happens all the time.
    "metadata.max.idle.interval.ms": "60000",
}
DURABLE = {"log.flush.interval.messages": "1"}
"""Internal topics are synced before anybody hears of what is in them; users' topics say themselves
what they promise.
"""


class Alone:
    """A node's process that is nobody else's: nothing forks it, and its end is `Machine.kill`."""

    def no_fork(self) -> AbstractContextManager[object]:
        """As `Process` says."""
        return nullcontext()

    def resident(self, node: Resident) -> None:
        """As `Process` says."""

    def gone(self, node: Resident) -> None:
        """As `Process` says."""


class Machine:
    """Where one node at a time lives."""

    def __init__(
        self, seed: int, say: Callable[[str], None], *, plant: str = "", durable: bool = False
    ) -> None:
        self._properties = PROPERTIES | (DURABLE if durable else {})
        self.disk = SimDisk(seed)
        self.node: Node | None = None
        self.core: SimNode | None = None
        """The node's native half, for who takes its steps."""
        self.wall_ms = BORN_MS
        self.lives = 0
        """How many nodes were started."""
        self.died_at_start = False
        """Whether the last start ended with the process, in the middle of a change of the disk."""
        self._seed = seed
        self._plant = plant
        self._say = say
        self._entropy = SeededEntropy(seed)
        self._deaths = 0
        self._before_ms = 0
        """Steady time of the nodes that have ended."""
        self._driver: ByHand | None = None
        self._half: Core
        self._format()
        if plant == "believed-syncs":
            self.disk.retry_syncs()

    def _format(self) -> None:
        config = BrokerConfig(self._properties)
        disk, entropy = self.disk.disk, self._entropy
        disk.make_folder(LOG_DIR)
        cluster_id, records = uuid_text(entropy.uuid()), bootstrap_records()
        fill(config, [LOG_DIR], cluster_id, records, standalone_voters, disk, entropy, self.wall_ms)

    # ------------------------------------------------------------------ a node's life
    def start(self) -> None:
        """A new node on what the disk holds.

        Raises:
            OttlaError: it refuses to start.
        """
        self.lives += 1
        self.died_at_start = False
        self._deaths = self.disk.deaths
        logs = Logs(lambda line: self._say(line.strip()), level="DEBUG", now=lambda: 0.0)
        world = World(
            make_core=self._make_core,
            entropy=self._entropy,
            real_ms=self.steady_ms,
            drive=self._drive,
            disk=self.disk.disk,
            process=Alone(),
        )
        self.node = Node(self._properties, logs=logs, world=world)
        try:
            self.node.start()
        except OttlaError:
            self.died_at_start = self.died
            self._over()
            raise

    def _make_core(self, config: BrokerConfig, log_dirs: tuple[str, ...]) -> Core:
        self.core = SimNode(
            self.disk,
            node_id=config.node_id,
            log_dirs=log_dirs,
            seed=self._seed + self.lives,
            now_ms=self.wall_ms,
            fetch_session_slots=20,
            plant=self._plant,
        )
        self._half = self.core.core
        return self._half

    def _drive(self, loop: Loop) -> ByHand:
        self._driver = ByHand(loop)
        return self._driver

    def kill(self) -> None:
        """The process is gone."""
        if self.node is not None:
            self.node.kill()
            self._over()

    def power_cut(self) -> None:
        """The machine is off: what was not synced may be lost or torn."""
        if self.node is None:
            self.disk.crash()
            return
        if self.died or not self.runs:
            self.node.kill()
            self.disk.crash()
        else:
            self.node.power_cut()
        self._over()

    def stop(self) -> None:
        """The node ends in order.

        Raises:
            OttlaError: the disk did not take what was left to write.
        """
        if self.node is not None:
            try:
                self.node.stop(1000)
            finally:
                self._over()

    def _over(self) -> None:
        if self.core is not None:
            self._before_ms += self._half.steady_ms()
            self.wall_ms = max(self._half.now_ms(), BORN_MS)
        self.node = self.core = self._driver = None

    # ------------------------------------------------------------------ its steps
    @property
    def half(self) -> Core:
        """The native half as the node itself uses it."""
        return self._half

    @property
    def runs(self) -> bool:
        """Whether a node lives that did not fail."""
        return self.node is not None and self.node.failure is None

    @property
    def died(self) -> bool:
        """Whether the process went in the middle of a change of the disk."""
        return self.node is not None and self.disk.deaths > self._deaths

    @property
    def port(self) -> int:
        """Where clients connect."""
        assert self.node is not None
        return self.node.ports["PLAINTEXT"]

    def turn(self) -> None:
        """One turn of the node's."""
        if self._driver is not None:
            self._driver.turn()

    def breaks(self, problem: Exception) -> None:
        """A turn of the node's meets what nobody foresaw."""

        def turn() -> None:
            raise problem

        if self._driver is not None:
            with suppress(NodeStopped):
                self._driver.call(turn)

    def now_ms(self) -> int:
        """What the wall clock shows."""
        return self.wall_ms if self.core is None else self._half.now_ms()

    def steady_ms(self) -> int:
        """Time that never jumps, over all nodes' lives."""
        return self._before_ms + (self._half.steady_ms() if self.core is not None else 0)

    def wait_ms(self) -> int | None:
        """How long nothing comes due; None if nothing ever does."""
        if self.core is None or self._driver is None:
            return None
        due_ms = self.core.next_due_ms
        waits = [] if due_ms is None else [due_ms - self._half.steady_ms()]
        timers = self._driver.wait_ms()
        if timers is not None:
            waits.append(timers)
        return max(min(waits), 0) if waits else None

    def advance(self, by_ms: int) -> None:
        """Time passes; what comes due in it becomes possible, and timers are a turn's."""
        if self.core is not None:
            self._half.advance_clock(by_ms)
            self._half.wake()

    def jump(self, by_ms: int) -> None:
        """Somebody sets the wall clock."""
        if self.core is not None:
            self._half.jump_wall_clock(by_ms)


__all__ = ["LOG_DIR", "CoreError", "Machine"]
