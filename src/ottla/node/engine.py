"""All that decides in a running node, built whole, and what it does with what the core brings.

The parts are made in an order in which each gets what it needs: the metadata log is read first, as
all else follows from it; the context joins what handlers may use. `open` then takes turns until
this node has its place in the cluster, wherever the controller is, and until the core is as the
cluster says. What fails here is raised: who ends a node, and knows of other threads, is node.py.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from ottla._core import Api, Event
from ottla.broker.client_software import ClientSoftware
from ottla.broker.context import Context
from ottla.broker.directories import Directories
from ottla.broker.router import Router
from ottla.broker.settings import Settings
from ottla.controller.controller import Controller
from ottla.errors import BrokenInvariant, OttlaError
from ottla.metadata.features import METADATA_VERSION
from ottla.metadata.image import BROKER_RESOURCE, EMPTY_IMAGE
from ottla.node import housekeeping
from ottla.node.alarms import Alarms
from ottla.node.changing import Changing
from ottla.node.cluster import Cluster, Identity, open_quorum
from ottla.node.coordinators import Coordinators
from ottla.node.core_logs import CorePartitionLogs
from ottla.node.desk import Desk
from ottla.node.directory_moves import DirectoryMoves
from ottla.node.format import read_bootstrap
from ottla.node.formatted import metadata_directory_id
from ottla.node.loggers import Loggers, NodeLoggers, loggers
from ottla.node.loop import Loop
from ottla.node.membership import ClusterError, Membership
from ottla.node.publisher import Publisher
from ottla.node.rates import Rates
from ottla.node.volumes import Volumes
from ottla.node.writes import Writes
from ottla.wire.errors import ErrorCode
from ottla.wire.schema import plan_of

if TYPE_CHECKING:
    from ottla._core import Node as Core
    from ottla._core import Request
    from ottla.broker.telemetry.client_metrics import ClientMetrics
    from ottla.config.broker import BrokerConfig
    from ottla.coordinators.runtime import Outgoing
    from ottla.decide import Entropy
    from ottla.metrics.exposition import Family
    from ottla.node.logs import Logs
    from ottla.node.quorum import MetadataQuorum
    from ottla.node.world import World


OPEN_TIMEOUT_MS = 3_600_000
"""How long a start waits for its logs, which may all have to be recovered."""

APPLY_PATIENCE_MS = 1_000
"""How long the answer to a change waits for its partitions: who is told earlier, because a disk is
slow, finds them not led yet and tries again, as with Apache Kafka.
"""

REGISTRATION_TIMEOUT_MS_MIN = 10_000
"""A shorter one would end the start of a node whose own disk is slow: it waits for nobody else."""

LATE_MS = 300_000
"""A transaction that is open for so much longer than any may be is late, as Kafka counts them."""

TURNS_MAX = 100_000
"""So many turns are taken at most while something is awaited: a world in which time stands still
has no deadlines.
"""


class NodeFailed(OttlaError):
    """The node broke in a way that it should not, and serves no more."""


class Place(NamedTuple):
    """Who the node is and where its logs lie."""

    identity: Identity
    log_dirs: tuple[str, ...]
    """Those that could be read at the start, in the order of `identity.directory_ids`."""


def build(config: BrokerConfig, place: Place, core: Core, world: World, logs: Logs) -> Engine:
    """The engine, with the metadata log read; all that it does begins with `open`.

    Raises:
        OttlaError: the metadata log can't be read.
    """
    writes = Writes(core)
    to = loggers(logs)
    quorum = open_quorum(place.identity, config, core, to.quorum, writes)
    try:
        return Engine(config, place, core, world, to, quorum, writes)
    except BaseException:
        quorum.abandon()
        raise


class Engine:
    """What a running node is made of; used on the decision thread only, but for its numbers."""

    __slots__ = (
        "_config",
        "_coordinators",
        "_core",
        "_logs",
        "_lost",
        "_metadata_directory_id",
        "_moves",
        "_partition_logs",
        "_place",
        "_publisher",
        "_rates",
        "_router",
        "_volumes",
        "_writes",
        "alarms",
        "cluster",
        "context",
        "desk",
        "loop",
        "membership",
        "turner",
    )

    def __init__(
        self,
        config: BrokerConfig,
        place: Place,
        core: Core,
        world: World,
        to: Loggers,
        quorum: MetadataQuorum,
        writes: Writes,
    ) -> None:
        identity, entropy = place.identity, world.entropy
        self._config, self._place, self._core, self._logs = config, place, core, to.engine
        self._writes, self._lost = writes, core.lost_log_dirs()
        self._metadata_directory_id = metadata_directory_id(config, core.disk)
        """Of the directory that holds the metadata log. It is asked now: a disk that fails may not
        answer.
        """
        self._router = router = Router()
        self._volumes, self._rates = Volumes(place.log_dirs), Rates(lambda: world.real_ms() / 1000)
        self.alarms = alarms = Alarms(core.steady_ms, world.real_ms, core.until_steady_ms)
        desk = self.desk = Desk(core, router, to.desk, frozenset(config.controller_listener_names))
        make_controller = _maker(identity, config, entropy)
        bootstrap = partial(read_bootstrap, core.disk, config.metadata_log_dir)
        self.cluster = Cluster(quorum, make_controller, core, desk, to.cluster, alarms, bootstrap)
        settings = Settings(config, EMPTY_IMAGE, identity.node_id)
        self._coordinators = Coordinators(
            identity.node_id, settings, core, desk, alarms, to.coordinators, entropy
        )
        self._lost, self._partition_logs = core.lost_log_dirs(), CorePartitionLogs(core)
        directories = Directories(
            identity.node_id,
            identity.directory_ids,
            incomplete=bool(self._lost) or len(place.log_dirs) < len(config.log_dirs),
            failed=[lost.log_dir for lost in self._lost],
        )
        context = self.context = Context(
            node_id=identity.node_id,
            cluster_id=identity.cluster_id,
            settings=settings,
            logs=self._partition_logs,
            now_ms=core.now_ms,
            router=router,
            log_dirs=place.log_dirs,
            directories=directories,
            controller=self.cluster,
            coordinators=self._coordinators,
            desk=desk,
            authorizer=world.authorizer,
            loggers=NodeLoggers(to.root),
            client_software=ClientSoftware(core.connections),
            make_client_metrics=partial(self._client_metrics, settings, world),
        )
        changing = Changing(alarms, core)
        self._publisher = Publisher(
            context, directories, core, self._coordinators, to.publisher, changing.configure
        )
        self.membership = Membership(identity, config, self.cluster, alarms, entropy, to.membership)
        self._moves = DirectoryMoves(context, core, self.membership, to.engine)
        self.loop = Loop(core, alarms, self)
        self.turner = world.drive(self.loop)

    def _client_metrics(self, settings: Settings, world: World) -> ClientMetrics:
        from ottla.broker.telemetry.client_metrics import ClientMetrics  # many never need it

        alarms = self.alarms

        def later(delay_ms: int, action: Callable[[], None]) -> None:
            at_ms = alarms.steady_ms() + delay_ms
            alarms.set_timer("client-metrics", at_ms, lambda _: action())

        core = self._core
        return ClientMetrics(
            settings,
            now_ms=core.now_ms,
            entropy=world.entropy,
            connections=core.connections,
            later=later,
        )

    def open(self) -> None:
        """Take this node's place in its quorum and its cluster, then let the core be as that says.

        Raises:
            OttlaError: it can't have that place, or the disk fails.
        """
        core = self._core
        core.set_apis(_apis(self._router))
        _bind_hot_messages(core)
        self._moves.configure()
        self.cluster.start()
        self.commit()  # the image is what the log holds, and whoever leads begins to control
        self.membership.join(core.previous_broker_epoch)
        timeout_ms = max(
            self._config["initial.broker.registration.timeout.ms"], REGISTRATION_TIMEOUT_MS_MIN
        )
        if not self._take_turns_until(lambda: self.membership.joined, timeout_ms):
            raise ClusterError(
                f"the controller has not let in node {self._place.identity.node_id} within "
                f"{timeout_ms} ms",
                hint="see what the log of the active controller says of this node; "
                "initial.broker.registration.timeout.ms says how long it may take",
            )
        self._publisher.begin()
        self._await_partitions()
        self._moves.resume()
        for lost in self._lost:
            self._lose_directory(lost.log_dir, lost.text)
        self.commit()
        for report in core.load_report():
            tell = self._logs.info if report.kind == "mended" else self._logs.warn
            tell(f"{report.place}: {report.text}")
        for folder in core.set_strays_aside():
            self._logs.warn(f"{folder} belongs to no partition of this node and was set aside")
        housekeeping.schedule(self.alarms, core, self._config)

    def leave(self, timeout_ms: int) -> None:
        """Fence this broker as a controlled shutdown does; after the last turn of the loop.

        Raises:
            OttlaError: the controller refuses, or the disk fails.
        """
        self.membership.leave()
        self._take_turns_until(lambda: self.membership.left, timeout_ms)

    def _take_turns_until(self, done: Callable[[], bool], timeout_ms: int) -> bool:
        """Commit, and take turns for as long as an answer of the controller is on its way; False
        at the timeout. For a start and an end, when nobody else drives the loop.
        """
        alarms = self.alarms
        deadline_ms = alarms.real_ms() + timeout_ms
        alarms.set_timer("awaited", deadline_ms, lambda _: None, real=True)
        try:
            self.commit()
            for _ in range(TURNS_MAX):
                if done() or alarms.real_ms() >= deadline_ms:
                    break
                self.loop.turn()
        except ClusterError as refused:
            # A controller tells nobody about its disk; where it is in this node, who runs the node
            # hears why it refused, and the way out.
            raise self.cluster.unwilling or refused from None
        alarms.set_timer("awaited", None, lambda _: None, real=True)
        return done()

    def advance(self, by_ms: int, *, silent: bool) -> None:
        """Move the clocks; unless they are `silent`, members of groups that are connected have been
        heard all along.

        Raises:
            NodeStopped: the loop was stopped on the way.
        """
        if not silent:
            self._coordinators.on_leap(by_ms, frozenset(self._core.connections()))
        self.loop.advance(by_ms)

    def _await_partitions(self) -> None:
        """Until every partition is as the image says, or was told to fail."""
        if not self._core.await_wanted(timeout_ms=OPEN_TIMEOUT_MS):
            raise NodeFailed(
                f"the partitions' logs could not be opened in {OPEN_TIMEOUT_MS // 60_000} minutes",
                hint="see to the disks of log.dirs",
            )
        for item in self._core.next(0):
            self.take(item)

    # ------------------------------------------------------------------ turns (see loop.py)
    def take(self, item: Request | Event) -> None:
        """One thing that the core handed over; docs/design/faults.md says what each fault ends."""
        if not isinstance(item, Event):
            self.desk.take(item, self.context)
            return
        if not isinstance(item, Event.Answered | Event.Unverified):
            self._core.forget_replies()  # what the disks do is shown to clients as well
        match item:
            case Event.Applied(mark):
                self._publisher.applied(mark)
            case Event.Answered(token, answers):
                self.desk.respond(
                    token,
                    lambda: "a log's answer",
                    lambda: self._partition_logs.answered(token, answers),
                )
            case Event.Unverified():
                self._verify(item)
            case Event.Written(job, refused):
                self._writes.written(job, refused)
            case Event.LogFailed(topic, _, index, text):
                self._logs.error(
                    f"an append to {topic}-{index} failed: {text}; each next append tries again, "
                    "and reads go on: see to the disk"
                )
            case Event.LogUnopened(_, topic_id, index, refused):
                self._publisher.unopened(topic_id, index, refused)
            case Event.LogHealed(_, topic_id, index):
                self._publisher.healed(topic_id, index)
                for report in self._core.load_report():
                    self._logs.info(f"{report.place}: {report.text}")
            case Event.LogStrained(topic, _, index, text):
                self._logs.warn(f"{topic}-{index}: {text}; it is tried again later")
            case Event.Strained(text):
                self._logs.warn(f"{text}; it is tried again later")
            case Event.Done(text):
                self._logs.info(text)
            case Event.Moving():
                self._moves.take(item)
            case Event.LogDirFailed(log_dir, text):
                self._lose_directory(log_dir, text)
            case Event.Refused(text):
                self._logs.warn(text)
            case Event.Poisoned(text):
                raise NodeFailed(text)
            case _:
                raise BrokenInvariant(f"nothing here knows {item!r}")

    def commit(self) -> None:
        """End of a turn: what was decided becomes safe, and what waited for that is answered.

        What is published places new partitions, and answers ask for more (a topic that a client
        named, this node's own registration): the second commit makes that safe in the same turn.
        What follows from it is the next turn's, so that this one ends.
        """
        self._commit_metadata()
        self.membership.assign(self.context.directories.take_unrecorded())
        more = self._coordinators.commit() | self.cluster.go_on()
        for outgoing in self._coordinators.outgoing():
            self._send(outgoing)
            more = True
        if more:
            self._core.wake()
        if self.cluster.is_behind and self._commit_metadata():
            self._core.wake()

    def _send(self, outgoing: Outgoing) -> None:
        from ottla.broker.sends import send  # loaded with the first coordinator

        try:
            send(self.context, outgoing.body, outgoing.then)
        except BrokenInvariant:
            raise
        except Exception as problem:
            outgoing.failed(problem)

    def _verify(self, event: Event.Unverified) -> None:
        """Whether batches belong to their transaction; whoever can't be told comes again."""
        try:
            from ottla.broker.verification import Producer, verify

            places = [(place.topic, place.partition) for place in event.partitions]
            producer = Producer(event.transactional_id, event.producer_id, event.producer_epoch)
            verify(self.context, event.job, producer, event.version, places)
        except BrokenInvariant:
            raise
        except Exception as problem:  # such as no descriptor to load it with
            self._logs.failure("a transaction's batch can't be verified", problem)
            told = (int(ErrorCode.NOT_ENOUGH_REPLICAS), None)
            self._core.verified(event.job, [told] * len(event.partitions))

    def _commit_metadata(self) -> bool:
        """One fsync of the metadata log for all that was decided, the image and the core moved on,
        and the replies that waited for that. Whether the image moved, of which much may follow.
        """
        delta = self.cluster.commit()
        if delta is not None:
            self._core.forget_replies()
            if METADATA_VERSION in delta.features_changed:
                before, after = delta.previous.metadata_version, delta.image.metadata_version
                self.membership.on_metadata_version(before, after)
        publisher = self._publisher
        applied = delta is None or publisher.publish(delta)
        if delta is not None:
            if any(kind == BROKER_RESOURCE for kind, _ in delta.configs_changed):
                self._moves.configure()
            self._moves.published()
        if delta is not None and not applied:
            offset = delta.image.offset
            self.alarms.set_timer(
                ("apply", offset),
                self.alarms.real_ms() + APPLY_PATIENCE_MS,
                lambda _: publisher.wait_no_more(offset),
                real=True,
            )
        self.cluster.answer(publisher.is_applied)
        return delta is not None

    def _lose_directory(self, log_dir: int, text: str) -> None:
        log_dirs = self._place.log_dirs
        folder = log_dirs[log_dir]
        tell_of_lost(self._logs, folder, text)
        self.context.directories.lose(log_dir, self.context.image)
        directory_id = self._place.identity.directory_ids[log_dir]
        if directory_id == self._metadata_directory_id:
            raise NodeFailed(
                f"the log directory {folder}, which holds the metadata log, failed: {text}"
            )
        if len(self.context.directories.failed) == len(log_dirs):
            raise NodeFailed(f"every log directory failed, {folder} last: {text}")
        # First of all what is elsewhere after all: of the rest, nobody leads.
        self.membership.assign(self.context.directories.take_unrecorded())
        self.membership.directory_lost(directory_id)

    # ------------------------------------------------------------------ from any thread
    def measures(self) -> dict[str, float]:
        """The node's numbers, for `ottla.metrics`."""
        from ottla.node.coordinator_measures import coordinator_measures
        from ottla.node.measures import directory_measures, measures

        context = self.context
        quorum = self.cluster.describe()
        core = self._core.metrics(context.config["transaction.max.timeout.ms"] + LATE_MS)
        image, config, rates = context.image, context.config, self._rates
        now_ms = self._core.now_ms()
        found = measures(core, image, config, quorum, context.offline, rates, now_ms)
        place, broker = self._place, image.brokers.get(self._place.identity.node_id)
        cordoned = () if broker is None else broker.cordoned_log_dirs or ()
        ids, failed = place.identity.directory_ids, context.directories.failed
        found.update(directory_measures(place.log_dirs, ids, failed, cordoned))
        found.update(self._volumes.measures())
        lags = (moving.lag for moving in self._core.moves())
        found["move.max_lag.ReplicaAlterLogDirs"] = max(lags, default=0)
        found.update(coordinator_measures(self._coordinators.runtimes(), rates))
        ignores = self.cluster.kraft_version > 0 and bool(config["controller.quorum.voters"])
        found["raft.ignored_voters"] = ignores
        found["controller.terms"] = self.cluster.terms
        found["controller.asked"] = self.cluster.asked
        size_bytes, taken_ms = self.cluster.last_snapshot
        found["snapshot.bytes"] = size_bytes
        found["snapshot.age_ms"] = max(0, now_ms - taken_ms)
        pushed = context.pushed
        if pushed is not None:
            found["client_metrics.instances"] = pushed.count
            found["client_metrics.series"] = pushed.series.count
            found["client_metrics.pushes"] = pushed.pushes
            found["client_metrics.refused"] = pushed.refused
            found["client_metrics.dropped"] = pushed.series.dropped
            found["client_metrics.unknown"] = pushed.unknown
            found["client_metrics.unknown_rate"] = rates.of("unknown", pushed.unknown)
        return found

    def series(self) -> dict[str, str]:
        """What is shown of each partition, by metric, for `ottla.metrics`, which the core writes,
        and of each group.
        """
        from ottla.metrics.rows import PARTITION_SERIES, rows
        from ottla.node.group_series import group_series

        shown = [row for row in rows() if row.source.startswith(PARTITION_SERIES)]
        wanted = [(row.name, row.source.removeprefix(PARTITION_SERIES)) for row in shown]
        texts = self._core.series(wanted)
        of_partitions = {row.name: text for row, text in zip(shown, texts, strict=True)}
        runtimes = self._coordinators.runtimes()
        return of_partitions | group_series(runtimes, self._partition_logs.readable_end)

    def client_metrics(self) -> list[Family]:
        """What clients pushed, for `ottla.metrics`."""
        pushed = self.context.pushed
        return [] if pushed is None else pushed.series.families()

    def unready(self) -> str:
        """Why clients can't be served, "" while they can."""
        broker = self.context.image.brokers.get(self._place.identity.node_id)
        if broker is None:
            return "the broker is not registered"
        return "the broker is fenced" if broker.fenced else ""


def _maker(identity: Identity, config: BrokerConfig, entropy: Entropy) -> partial[Controller]:
    """Makes the controller, each time that this node begins to lead."""
    return partial(
        Controller,
        node_id=identity.node_id,
        cluster_id=identity.cluster_id,
        config=config,
        entropy=entropy,
    )


def tell_of_lost(logs: Logs, folder: str, text: str) -> None:
    """Say that a log directory is lost for this life of the node."""
    logs.error(
        f"the log directory {folder} failed: {text}; its partitions are offline: see to the "
        "disk, then start the node again"
    )


def _apis(router: Router) -> list[Api]:
    """What each kind of listener serves, as the core is told."""
    brokers = {api.key: api for api in router.announced(controller=False)}
    controllers = {api.key: api for api in router.announced(controller=True)}
    return [
        Api(
            key=key,
            version_min=api.min_version,
            version_max=api.max_version,
            first_flexible=api.first_flexible,
            on_brokers=key in brokers,
            on_controllers=key in controllers,
        )
        for key, api in {**brokers, **controllers}.items()
    ]


def _bind_hot_messages(core: Core) -> None:
    """Hold the core's hot handlers against the messages as they are declared."""
    from ottla.wire.messages.fetch import FetchRequest, FetchResponse
    from ottla.wire.messages.produce import ProduceRequest, ProduceResponse

    core.bind(
        produce_request=plan_of(ProduceRequest),
        produce_response=plan_of(ProduceResponse),
        fetch_request=plan_of(FetchRequest),
        fetch_response=plan_of(FetchResponse),
    )
