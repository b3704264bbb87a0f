"""The controller in this node, over the quorum that it leads.

The controller is run by a `Driver`, as every decider is; `commit`, at the end of a turn, brings its
records to disk with one fsync and moves the image. What changed is published to the broker, and
then `answer` lets the replies go whose offset the high watermark has passed and whose partitions
the core has opened. So whoever is told that a topic exists finds its partitions led, and nobody
else waits for them. That this node leads, or leads no more, is found in `commit` as well: a
controller is made when it does, and gone when it does not; who asks meanwhile hears NOT_CONTROLLER.

What is raised while a decision is taken in leaves it open whether memory and log say the same:
`take` makes a `BrokenInvariant` of it, which ends the node. Not so where the disk takes nothing of
it: then the controller goes back, who asked is refused, and a timer tries again.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ottla.broker.asker import as_ask
from ottla.controller.refusals import refuse
from ottla.controller.state import Replayed
from ottla.decide import Ask, Decision, Now, Record, Revocable
from ottla.driver import Driver, answer
from ottla.errors import BrokenInvariant
from ottla.node.deciding import LoopTimers, now_of
from ottla.node.formatted import metadata_directory_id
from ottla.node.metadata_files import MetadataFiles
from ottla.node.quorum import MetadataQuorum, encode_records
from ottla.node.registration import controller_endpoints
from ottla.node.unwritten import refused
from ottla.raft.metadata_log import DiskUnwilling, Unappended
from ottla.security.principal import NODE
from ottla.wire.errors import ErrorCode

if TYPE_CHECKING:
    from ottla._core import Node as Core
    from ottla.broker.asked import Asked
    from ottla.config.broker import BrokerConfig
    from ottla.metadata.delta import MetadataDelta
    from ottla.metadata.image import MetadataImage
    from ottla.node.alarms import Alarms
    from ottla.node.desk import Desk
    from ottla.node.logs import Logs
    from ottla.node.writes import Writes
    from ottla.raft.description import QuorumDescription


class Identity(NamedTuple):
    """Who this node is."""

    node_id: int
    cluster_id: str
    directory_ids: tuple[bytes, ...]
    ports: dict[str, int]
    """Listener name to the port that it is bound to."""


def open_quorum(
    identity: Identity, config: BrokerConfig, core: Core, logs: Logs, writes: Writes
) -> MetadataQuorum:
    """The quorum over this node's metadata log, read and not started yet.

    Raises:
        OttlaError: the metadata log can't be read, or it is not this node's.
    """
    log = MetadataFiles(config, core.disk, core.now_ms, writes)
    if log.has_lost:
        # All that was acknowledged was fsynced: more than a torn last batch is a damaged disk.
        logs.warn(f"__cluster_metadata-0: {log.report}")
    return MetadataQuorum(
        node_id=identity.node_id,
        directory_id=metadata_directory_id(config, core.disk),
        config=config,
        log=log,
        now_ms=core.now_ms(),
        say=logs.info,
        endpoints=controller_endpoints(identity, config),
    )


class ControllerDriver(Driver):
    """The controller over the metadata log."""

    __slots__ = ("_alarms", "_core", "_logs", "_quorum", "unwilling")

    decider: Revocable

    def __init__(
        self,
        controller: Revocable,
        quorum: MetadataQuorum,
        core: Core,
        logs: Logs,
        desk: Desk,
        alarms: Alarms,
    ) -> None:
        timers = LoopTimers(alarms)
        super().__init__("controller", controller, desk=desk, refuse=refuse, timers=timers)
        self._quorum = quorum
        self._core = core
        self._logs = logs
        self._alarms = alarms
        self.unwilling: DiskUnwilling | None = None
        """Why the last decision could not be written, until one can."""

    def carry(self, decision: Decision, now: Now) -> None:
        """As every driver; what can't be written now never was, and who asked hears so."""
        before = self.decider.mark()
        try:
            super().carry(decision, now)
        except Unappended as problem:
            self.decider.back_to(before)
            if isinstance(problem, DiskUnwilling):
                self._unwritten(problem)
            else:
                self._logs.warn(f"a change of the cluster was refused: {problem}")
            super().carry(refused(decision, problem), now)

    def take(self, records: Sequence[Record], now: Now) -> None:
        """Take in what was decided.

        Raises:
            Unappended: nothing of it is in the log.
            BrokenInvariant: it was taken in by halves.
        """
        # A record that has no form in bytes is found before anything has changed.
        encoded = encode_records([(record.value, record.version) for record in records])
        try:
            self.decider.apply(records, now)
            self._quorum.append(encoded, self._core.now_ms())
        except Unappended:
            raise
        except Exception as problem:
            raise BrokenInvariant(
                f"a decision may be in memory and not in the metadata log: {problem}",
                hint=getattr(problem, "hint", None),
            ) from problem
        if self.unwilling is not None:
            self.unwilling = None
            self._logs.info("the metadata log takes changes of the cluster again")

    def end_offset(self) -> int:
        return self._quorum.next_offset

    def due(self, key: Hashable) -> None:
        self.fire(key, now_of(self._core, self._alarms))

    def note(self, line: str) -> None:
        self._logs.info(line)

    def _unwritten(self, problem: DiskUnwilling) -> None:
        if self.unwilling is None:
            self._logs.error(
                f"{problem}; what would change the cluster is refused until that is mended, and "
                "all else is served"
            )
        self.unwilling = problem


class Cluster:
    """Quorum and controller of one node. Used on the decision thread only."""

    __slots__ = (
        "_alarms",
        "_bootstrap",
        "_controller",
        "_core",
        "_desk",
        "_led",
        "_logs",
        "_make_controller",
        "_quorum",
        "asked",
        "terms",
    )

    def __init__(
        self,
        quorum: MetadataQuorum,
        make_controller: Callable[[Replayed], Revocable],
        core: Core,
        desk: Desk,
        logs: Logs,
        alarms: Alarms,
        bootstrap: Callable[[], Sequence[Any]],
    ) -> None:
        """`bootstrap` reads the records of `bootstrap.checkpoint`, for a log that has none."""
        self._quorum = quorum
        self._make_controller = make_controller
        self._core = core
        self._desk = desk
        self._logs = logs
        self._alarms = alarms
        self._bootstrap = bootstrap
        self._controller: ControllerDriver | None = None
        """The active controller, while it is here."""
        self._led: int | None = None
        """The epoch in which it is."""
        self.terms = 0
        """How often this node became the active controller."""
        self.asked = 0
        """How many requests it was to decide."""

    # ------------------------------------------------------------------ start and end
    def start(self) -> None:
        """Take part in the quorum; what comes of it is the next `commit`'s.

        Raises:
            OttlaError: this node can't take part as it is configured, or its disk fails.
        """
        self._quorum.start(self._core.now_ms())

    def _leads(self, epoch: int | None) -> None:
        """This node leads the quorum from now on, or no more, or in another epoch."""
        before, self._controller, self._led = self._controller, None, epoch
        if before is not None:
            # Whoever waits hears NOT_CONTROLLER.
            before.resign(ErrorCode.NOT_CONTROLLER)
        if epoch is None:
            return
        self.terms += 1
        quorum, now = self._quorum, self._now()
        replayed = Replayed(
            image=quorum.image,
            next_offset=quorum.next_offset,
            kraft_version=quorum.kraft_version,
            open_transaction=quorum.open_transaction,
            bootstrap=self._bootstrap(),
        )
        driver = self._controller = ControllerDriver(
            self._make_controller(replayed),
            quorum,
            self._core,
            self._logs,
            self._desk,
            self._alarms,
        )
        driver.carry(driver.decider.loaded(replayed.image, now), now)

    def close(self) -> None:
        """Close the quorum in order."""
        self._quorum.close(self._core.now_ms())

    def abandon(self) -> None:
        """Let go of the metadata log as a killed process would."""
        self._quorum.abandon()

    # ------------------------------------------------------------------ requests
    def submit(
        self,
        asked: Asked[Any],
        body: Any = None,
        finish: Callable[[Any], Any] | None = None,
        *,
        version: int | None = None,
    ) -> None:
        """As `Decides` says."""
        ask = as_ask(asked, body, finish)._replace(as_decided=True)
        if version is not None:
            ask = ask._replace(version=version)
        self._decide(ask)

    def ask(self, message: Any, version: int, then: Callable[[Any], None]) -> None:
        """Decide a request of this broker; `then` gets the response when it is in the log."""
        self._decide(Ask(self._desk.internal(then), message, version, str(NODE)))

    def _decide(self, ask: Ask) -> None:
        self.asked += 1
        driver = self._controller
        if driver is None:
            answer(self._desk, ask, refuse(ask, ErrorCode.NOT_CONTROLLER))
        else:
            driver.ask(ask, self._now())

    @property
    def is_behind(self) -> bool:
        """Whether anything was decided that is not safe yet, or waits for its answer."""
        driver = self._controller
        return self._quorum.has_pending or (driver is not None and bool(driver.held))

    def commit(self) -> MetadataDelta | None:
        """Make safe what was decided; what that changes is to be published before any `answer`."""
        quorum = self._quorum
        delta = quorum.commit(self._core.now_ms()) if quorum.has_pending else None
        driver = self._controller
        if (leads := quorum.leads) != self._led:
            self._leads(leads)
        elif delta is not None and driver is not None:
            now = self._now()
            driver.carry(driver.decider.on_image(delta, now), now)
        return delta

    def go_on(self) -> bool:
        """A piece of what the quorum does beside its turns; whether there is more to do."""
        return self._quorum.go_on()

    def answer(self, is_applied: Callable[[int, int], bool]) -> None:
        """Let the replies go that are safe now; those to clients only if the broker is as the
        records between two offsets say, which are theirs.

        They may decide more, which is the next turn's: so this one ends.
        """
        driver = self._controller
        if driver is None or not driver.held:
            return
        waiting = len(driver.held)
        waiting -= driver.release(self._quorum.high_watermark, is_applied)
        if len(driver.held) > waiting:
            self._core.wake()

    def _now(self) -> Now:
        return now_of(self._core, self._alarms)

    # ------------------------------------------------------------------ what the quorum says
    @property
    def unwilling(self) -> DiskUnwilling | None:
        """Why the last decision could not be written, until one can."""
        return None if self._controller is None else self._controller.unwilling

    @property
    def image(self) -> MetadataImage:
        """The cluster as of the high watermark."""
        return self._quorum.image

    @property
    def kraft_version(self) -> int:
        """The finalized kraft.version."""
        return self._quorum.kraft_version

    @property
    def last_snapshot(self) -> tuple[int, int]:
        """As the quorum's."""
        return self._quorum.last_snapshot

    def describe(self) -> QuorumDescription:
        """The quorum as its leader sees it."""
        return self._quorum.describe(self._core.now_ms())
