"""The controller in this node, over the quorum that it leads, and this broker's place in the
cluster.

The controller is run by a `Driver`, as every decider is; `commit`, at the end of a turn, brings its
records to disk with one fsync, moves the image, publishes it to the broker, and only then lets the
replies go whose offset the high watermark has passed and whose partitions the core has opened. So
whoever is told that a topic exists finds its partitions led, and nobody else waits for them.

What is raised while a decision is taken in leaves it open whether memory and log say the same:
`take` makes a `BrokenInvariant` of it, which ends the node.

Controller and broker are one process: registration and heartbeats are requests like any other,
asked without a socket.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ottla.broker.asker import as_ask
from ottla.controller.controller import Controller
from ottla.controller.refusals import refuse
from ottla.decide import Ask, Decider, Now, Record
from ottla.driver import Driver
from ottla.errors import BrokenInvariant, OttlaError
from ottla.metadata.features import directory_assignment_supported
from ottla.node.deciding import LoopTimers, now_of
from ottla.node.format import read_bootstrap
from ottla.node.meta_properties import metadata_directory_id
from ottla.node.metadata_files import MetadataFiles
from ottla.node.quorum import MetadataQuorum, encode_records
from ottla.node.registration import (
    assign_replicas,
    controller_endpoints,
    heartbeat,
    register_broker,
    register_controller,
)
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.broker_heartbeat import BrokerHeartbeatResponse
from ottla.wire.messages.broker_registration import BrokerRegistrationResponse
from ottla.wire.messages.controller_registration import ControllerRegistrationResponse

if TYPE_CHECKING:
    from ottla._core import Node as Core
    from ottla.broker.asked import Asked
    from ottla.broker.directories import Assignment
    from ottla.config.broker import BrokerConfig
    from ottla.decide import Entropy
    from ottla.metadata.delta import MetadataDelta
    from ottla.node.desk import Desk
    from ottla.node.logs import Logs
    from ottla.node.loop import Loop
    from ottla.raft.description import QuorumDescription

NO_EPOCH = -1


class ClusterError(OttlaError):
    """This node can't take its place in the cluster."""


class Identity(NamedTuple):
    """Who this node is."""

    node_id: int
    cluster_id: str
    directory_ids: tuple[bytes, ...]
    ports: dict[str, int]
    """Listener name to the port that it is bound to."""


class Publishes(Protocol):
    """The broker in this node, as the cluster tells it what it is."""

    def publish(self, delta: MetadataDelta) -> None:
        """Be as the new image says, soon."""

    @property
    def unapplied_from(self) -> int | None:
        """The first offset of the metadata log that the broker is not yet as, if there is one."""


class ControllerDriver(Driver):
    """The controller over the metadata log."""

    __slots__ = ("_core", "_logs", "_quorum")

    def __init__(
        self,
        controller: Decider,
        quorum: MetadataQuorum,
        core: Core,
        logs: Logs,
        desk: Desk,
        timers: LoopTimers,
    ) -> None:
        super().__init__("controller", controller, desk=desk, refuse=refuse, timers=timers)
        self._quorum = quorum
        self._core = core
        self._logs = logs

    def take(self, records: Sequence[Record], now: Now) -> None:
        """Take in what was decided.

        Raises:
            BrokenInvariant: it was taken in by halves.
        """
        # A record that has no form in bytes is found before anything has changed.
        encoded = encode_records([(record.value, record.version) for record in records])
        try:
            self.decider.apply(records, now)
            self._quorum.append(encoded, self._core.now_ms())
        except Exception as problem:
            raise BrokenInvariant(
                f"a decision may be in memory and not in the metadata log: {problem}",
                hint=getattr(problem, "hint", None),
            ) from problem

    def end_offset(self) -> int:
        return self._quorum.next_offset

    def due(self, key: Hashable) -> None:
        self.fire(key, now_of(self._core))

    def note(self, line: str) -> None:
        self._logs.info(line)


class Cluster:
    """Quorum, controller and registration of one node. Used on the decision thread only."""

    __slots__ = (
        "_broker",
        "_config",
        "_controller",
        "_core",
        "_desk",
        "_durable",
        "_entropy",
        "_identity",
        "_logs",
        "_loop",
        "_lost_directories",
        "_own",
        "_quorum",
        "broker_epoch",
    )

    def __init__(
        self,
        identity: Identity,
        config: BrokerConfig,
        core: Core,
        desk: Desk,
        logs: Logs,
        entropy: Entropy,
        *,
        durable: bool = True,
    ) -> None:
        self._durable = durable
        self._identity = identity
        self._config = config
        self._core = core
        self._desk = desk
        self._logs = logs
        self._entropy = entropy
        self._loop: Loop
        self._broker: Publishes
        self._quorum: MetadataQuorum
        self._controller: ControllerDriver
        self._own: set[int] = set()
        """Requests of this broker itself, which do not wait until the core is as was decided."""
        self._lost_directories: list[bytes] = []
        self.broker_epoch = NO_EPOCH
        """The epoch of this broker's registration."""

    # ------------------------------------------------------------------ start and end
    def open(self, loop: Loop, broker: Publishes) -> None:
        """Lead the quorum, activate the controller, register and unfence this broker.

        `broker` gets every delta of the image from now on, the first with all that there was.

        Raises:
            OttlaError: the metadata log can't be read or led, or the registration is refused.
        """
        self._loop = loop
        self._broker = broker
        now_ms = self._core.now_ms()
        identity, config = self._identity, self._config
        log = MetadataFiles(config, self._core.now_ms, durable=self._durable, core=self._core)
        if "cut" in log.report:
            # All that was acknowledged was fsynced: more than a torn last batch is a damaged disk.
            self._logs.warn(f"__cluster_metadata-0: {log.report}")
        self._quorum = quorum = MetadataQuorum(
            node_id=identity.node_id,
            directory_id=metadata_directory_id(config),
            config=config,
            log=log,
            now_ms=now_ms,
            say=self._logs.info,
            endpoints=controller_endpoints(identity, config),
        )
        broker.publish(quorum.lead(now_ms))
        controller = Controller(
            node_id=identity.node_id,
            cluster_id=identity.cluster_id,
            config=config,
            entropy=self._entropy,
        )
        controller.replayed(
            image=quorum.image,
            next_offset=quorum.next_offset,
            kraft_version=quorum.kraft_version,
            bootstrap=read_bootstrap(config.metadata_log_dir),
            open_transaction=quorum.open_transaction,
        )
        self._controller = ControllerDriver(
            controller, quorum, self._core, self._logs, self._desk, LoopTimers(loop)
        )
        now = now_of(self._core)
        self._controller.carry(controller.loaded(now), now)
        self.commit()
        self._register()

    def close(self) -> None:
        """Fence this broker as a controlled shutdown does, then close the quorum in order."""
        # The first takes the leaderships away, the second finds none and fences the broker.
        for _ in range(2):
            if self._heartbeat(want_shut_down=True).should_shut_down:
                break
        self._quorum.close(self._core.now_ms())

    def abandon(self) -> None:
        """Let go of the metadata log as a killed process would, if it was opened."""
        if hasattr(self, "_quorum"):
            self._quorum.abandon()

    # ------------------------------------------------------------------ requests
    def submit(self, asked: Asked[Any]) -> None:
        """Decide this request; its reply goes out by its token when it is safe."""
        self._controller.ask(as_ask(asked), now_of(self._core))

    def ask(self, message: Any, version: int, then: Callable[[Any], None]) -> None:
        """Decide a request that a handler needs; `then` gets the response when it is safe."""
        self._ask(message, version, then)

    def _ask(self, message: Any, version: int, then: Callable[[Any], None]) -> int:
        token = self._desk.internal(then)
        self._controller.ask(Ask(token, message, version), now_of(self._core))
        return token

    def commit(self) -> None:
        """Make safe what was decided, publish it, and let the replies go.

        They may decide more, which is the next turn's: so this one ends.
        """
        delta = self._quorum.commit(self._core.now_ms())
        if delta is not None:
            self._broker.publish(delta)
            now = now_of(self._core)
            self._controller.carry(self._controller.decider.on_image(delta, now), now)
        waiting = len(self._controller.held)
        if waiting:
            waiting -= self._answer()
            if len(self._controller.held) > waiting:
                self._core.wake()

    def _answer(self) -> int:
        """Let the replies go that are safe now; how many there were."""
        safe = self._quorum.high_watermark
        ahead = self._controller.release_of(self._own, safe)
        unapplied = self._broker.unapplied_from
        applied = safe if unapplied is None else min(safe, unapplied)
        return ahead + self._controller.release(applied)

    def resign(self) -> None:
        """This node leads the quorum no more: whoever waits hears NOT_CONTROLLER."""
        self._controller.resign(ErrorCode.NOT_CONTROLLER)

    # ------------------------------------------------------------------ what the quorum says
    @property
    def kraft_version(self) -> int:
        """The finalized kraft.version."""
        return self._quorum.kraft_version

    def describe(self) -> QuorumDescription:
        """The quorum as its leader sees it."""
        return self._quorum.describe(self._core.now_ms())

    # ------------------------------------------------------------------ this broker's place
    def _register(self) -> None:
        identity, config = self._identity, self._config
        controller = register_controller(identity, config, self._entropy.uuid())
        self._expect(controller, ControllerRegistrationResponse)
        previous_epoch = self._core.previous_broker_epoch
        broker = register_broker(identity, config, self._entropy.uuid(), previous_epoch)
        response = self._expect(broker, BrokerRegistrationResponse)
        self.broker_epoch = response.broker_epoch
        self._heartbeat()
        period_ms = config["broker.heartbeat.interval.ms"]
        self._loop.every("broker-heartbeat", period_ms, self._heartbeat, real=True)

    def directory_lost(self, directory_id: bytes) -> None:
        """Tell the controller of a log directory that failed: its partitions lose their leader."""
        self._lost_directories.append(directory_id)
        self._heartbeat()

    def assign(self, places: Sequence[Assignment]) -> None:
        """Tell the controller in which log directories partitions are, which is safe with the next
        commit.
        """
        if not places or not directory_assignment_supported(self._quorum.image.metadata_version):
            return
        request = assign_replicas(self._identity, self.broker_epoch, places)
        self._ask(request, request.max_version, lambda _response: None)

    def _heartbeat(self, *, want_shut_down: bool = False) -> BrokerHeartbeatResponse:
        request = heartbeat(
            self._identity,
            self.broker_epoch,
            metadata_offset=self._quorum.image.offset,
            want_shut_down=want_shut_down,
            offline_log_dirs=self._lost_directories,
        )
        response: BrokerHeartbeatResponse = self._expect(request, BrokerHeartbeatResponse)
        return response

    def _expect(self, message: Any, kind: type[Any]) -> Any:
        """The response to a request of this broker, at once: its controller is here."""
        answers: list[Any] = []
        self._own.add(self._ask(message, kind.max_version, answers.append))
        self.commit()
        response = answers[0]
        if response.error_code != ErrorCode.NONE:
            error = ErrorCode(response.error_code)
            raise ClusterError(
                f"the controller refused {type(message).__name__} of node "
                f"{self._identity.node_id}: {error!r}"
            )
        return response
