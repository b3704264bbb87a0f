"""One node: controller and broker in one process, from start to end.

The order of the start: check the configuration, take the folders, bind the listeners (so that a
port in use is known before anything is touched), read the metadata log and lead it, register as
broker, load the partitions, decide, accept. The end goes the other way round. A node that fails
where it should not is poisoned: it stops serving, says why, and leaves its process alone.

A node ends once, whoever asks for it and from whichever thread: the first end is carried out, and
all others wait until it is over.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from shlex import quote
from typing import TYPE_CHECKING

from ottla._core import CoreError, Event
from ottla._core import Node as Core
from ottla.broker.context import Context
from ottla.broker.directories import Directories
from ottla.broker.router import Router
from ottla.config import BrokerConfig, check
from ottla.errors import BrokenInvariant, OttlaError
from ottla.node import housekeeping, manners
from ottla.node.cluster import Cluster, Identity
from ottla.node.core_logs import CorePartitionLogs
from ottla.node.desk import Desk
from ottla.node.entropy import SystemEntropy
from ottla.node.folder_lock import in_use_hint
from ottla.node.groups import Groups
from ottla.node.logs import Logs
from ottla.node.loop import Loop, NodeStopped
from ottla.node.meta_properties import read_directories
from ottla.node.publisher import Publisher
from ottla.node.refusals import advice
from ottla.wire.schema import plan_of

if TYPE_CHECKING:
    from ottla._core import Request

MEMORY_BYTES_MAX = 256 * 1024 * 1024
"""What frames, staged batches and unsent replies may take where `queued.max.request.bytes` says
nothing.
"""

SETTLE_TIMEOUT_MS = 60_000
"""How long `advance` waits for what came due to be done."""


OPEN_TIMEOUT_MS = 3_600_000
"""How long a start waits for its logs, which may all have to be recovered."""
END_TIMEOUT_S = 120.0
"""How long an end waits for one that another thread began; every part of an end has its limit."""
LOOP_TIMEOUT_S = 5.0
"""How long an abrupt end waits for the decision thread, whose calls to the core fail by then."""


class NodeFailed(OttlaError):
    """The node broke in a way that it should not, and serves no more."""


class Node:
    """A node that is not started yet; `start` brings it up, `stop`, `kill` or `power_cut` end it.

    Args:
        properties: what a server.properties says.
        logs: where its lines go; silent by default.
        power_cuts: keep track of what was fsynced, so that `power_cut` can take the rest away.
        durable: carry out every fsync; needless where the folders go with the node.
    """

    def __init__(
        self,
        properties: Mapping[str, str],
        *,
        logs: Logs | None = None,
        power_cuts: bool = False,
        durable: bool = True,
    ) -> None:
        self.logs = logs or Logs.silent()
        self.config = _checked(properties, self.logs)
        self.ports: dict[str, int] = {}
        """Listener name to the port that it is bound to."""
        self.cluster_id = ""
        self.failure: str | None = None
        """Why the node serves no more, if it broke."""
        self._power_cuts = power_cuts
        self._durable = durable
        self._ended = threading.Event()
        self._lock = threading.Lock()
        """Held for moments alone: for the change from one life to the next."""
        self._runs = False
        self._ends = False
        self._killed = False
        self._at_work = 0
        """The thread that starts or ends the node; it must not wait for itself."""
        self._core: Core
        self._loop: Loop
        self._desk: Desk
        self._context: Context
        self._cluster: Cluster
        self._groups: Groups
        self._publisher: Publisher
        self._directories: tuple[bytes, ...] = ()
        self._log_dirs: tuple[str, ...] = ()
        """Those that could be read at the start; `_directories` has their ids."""

    # ------------------------------------------------------------------ start
    def start(self) -> None:
        """Bring the node up; returns when clients can connect.

        Raises:
            OttlaError: the folders are not formatted, in use or unreadable, a port is taken, or the
                quorum is not one that this node can lead.
        """
        config = self.config
        self._at_work = threading.get_ident()
        meta = read_directories(config)
        self.cluster_id = meta.cluster_id
        self._directories = meta.directory_ids
        self._log_dirs = meta.log_dirs
        for folder, text in meta.lost.items():
            self._tell_of_lost(folder, text)
        with manners.no_fork():
            self._core = _core(config, meta.log_dirs, self._power_cuts, self._durable)
            manners.resident(self)
        try:
            with manners.no_fork():
                self._bind()
            self._open()
            self._core.serve()
            with self._lock:
                if self._ends:
                    raise NodeStopped("the node was ended while it started")
                self._loop.start(self, self._failed, f"ottla-node-{config.node_id}")
                self._runs = True
        except BaseException as problem:
            self._never_ran()
            if isinstance(problem, (CoreError, OSError)):
                raise _refused(problem) from problem
            raise

    def _bind(self) -> None:
        controllers = self.config.controller_listener_names
        for endpoint in self.config.listeners:
            name = endpoint.listener
            self.ports[name] = self._core.listen(
                name, endpoint.host, endpoint.port, controller=name in controllers
            )

    def _open(self) -> None:
        config, core = self.config, self._core
        self._loop = Loop(core)
        router = Router()
        self._desk = Desk(core, router, self.logs, frozenset(config.controller_listener_names))
        entropy = SystemEntropy()
        lost = core.lost_log_dirs()
        incomplete = bool(lost) or len(self._log_dirs) < len(config.log_dirs)
        self._cluster = Cluster(
            self._identity(), config, core, self._desk, self.logs, entropy, durable=self._durable
        )
        self._context = context = Context(
            node_id=config.node_id,
            cluster_id=self.cluster_id,
            config=config,
            logs=CorePartitionLogs(core),
            now_ms=core.now_ms,
            router=router,
            log_dirs=self._log_dirs,
            directories=Directories(config.node_id, self._directories, incomplete=incomplete),
            controller=self._cluster,
            reply=self._desk.reply,
        )
        context.quorum = self._cluster
        self._groups = Groups(context, core, self._desk, self._loop, self.logs, entropy)
        context.open_groups = self._groups.open
        self._desk.open(context)
        core.set_apis(router.core_table())
        _bind_hot_messages(core)
        self._publisher = Publisher(context, core, self._groups, self.logs)
        context.directories.failed.update(place for place, _ in lost)
        self._cluster.open(self._loop, self._publisher)
        self._await_partitions()
        for place, text in lost:
            self._lose_directory(place, text)
        self._cluster.assign(context.directories.take_unrecorded())
        for line in core.load_report():
            (self.logs.warn if _tells_of_loss(line) else self.logs.info)(line)
        for folder in core.set_strays_aside():
            self.logs.warn(f"{folder} belongs to no partition of this node and was set aside")
        housekeeping.schedule(self._loop, core, config)

    def _await_partitions(self) -> None:
        """Until every partition is as the image says, or was told to fail."""
        if not self._core.await_wanted(timeout_ms=OPEN_TIMEOUT_MS):
            raise NodeFailed(
                f"the partitions' logs could not be opened in {OPEN_TIMEOUT_MS // 60_000} minutes",
                hint="see to the disks of log.dirs",
            )
        for item in self._core.next(0):
            self.take(item)

    def _identity(self) -> Identity:
        return Identity(
            node_id=self.config.node_id,
            cluster_id=self.cluster_id,
            directory_ids=self._directories,
            ports=self.ports,
        )

    # ------------------------------------------------------------------ turns (see loop.py)
    def take(self, item: Request | Event) -> None:
        """One thing that the core handed over; docs/design/faults.md says what each fault ends."""
        if not isinstance(item, Event):
            self._desk.take(item)
            return
        match item:
            case Event.Applied(mark):
                self._publisher.applied(mark)
            case Event.LogFailed(topic, _, index, text):
                self.logs.error(
                    f"an append to {topic}-{index} failed: {text}; each next append tries again, "
                    "and reads go on: see to the disk"
                )
            case Event.LogUnopened(_, topic_id, index, text):
                self._publisher.unopened(topic_id, index, text)
            case Event.LogHealed(_, topic_id, index):
                self._publisher.healed(topic_id, index)
                for line in self._core.load_report():
                    self.logs.info(line)
            case Event.LogStrained(topic, _, index, text):
                self.logs.warn(f"{topic}-{index}: {text}; it is tried again later")
            case Event.Strained(text):
                self.logs.warn(f"{text}; it is tried again later")
            case Event.Done(text):
                self.logs.info(text)
            case Event.LogDirFailed(log_dir, text):
                self._lose_directory(log_dir, text)
            case Event.Refused(text):
                self.logs.warn(text)
            case Event.Poisoned(text):
                raise NodeFailed(text)
            case _:
                raise BrokenInvariant(f"nothing here knows {item!r}")

    def _lose_directory(self, log_dir: int, text: str) -> None:
        config = self.config
        folder = self._log_dirs[log_dir]
        self._tell_of_lost(folder, text)
        self._publisher.directory_lost(log_dir)
        if os.path.realpath(folder) == os.path.realpath(config.metadata_log_dir):
            raise NodeFailed(f"the log directory {folder}, which holds the metadata log, {text}")
        if len(self._context.directories.failed) == len(self._log_dirs):
            raise NodeFailed(f"every log directory failed, {folder} last: {text}")
        self._cluster.directory_lost(self._directories[log_dir])

    def _tell_of_lost(self, folder: str, text: str) -> None:
        self.logs.error(
            f"the log directory {folder} failed: {text}; its partitions are offline: see to the "
            "disk, then start the node again"
        )

    def commit(self) -> None:
        """End of a turn: what was decided becomes safe, and what waited for that is answered."""
        self._cluster.commit()
        self._cluster.assign(self._context.directories.take_unrecorded())
        if self._groups.commit():
            self._core.wake()
        self._cluster.commit()

    # ------------------------------------------------------------------ while it runs
    def advance(self, by_ms: int) -> None:
        """Move the node's clock forward; what comes due on the way is done when this returns.

        Raises:
            NodeStopped: the node has ended, or ends before that.
        """
        try:
            self._loop.advance(by_ms)
            self._core.settle(timeout_ms=SETTLE_TIMEOUT_MS)
        except CoreError as problem:  # killed on the way, or poisoned
            raise NodeStopped(str(problem.args[-1])) from problem

    def measures(self) -> dict[str, float]:
        """The node's numbers, for `ottla.metrics`; from any thread."""
        from ottla.node.measures import measures

        context = self._context
        quorum = self._cluster.describe()
        found = measures(self._core.metrics(), context.image, context.config, quorum)
        unopened = len(context.offline)
        for name in ("partition.offline_replicas", "controller.partitions_offline"):
            found[name] = max(found[name], unopened)
        return found

    def unready(self) -> str:
        """Why clients can't be served, "" while they can; from any thread."""
        broker = self._context.image.brokers.get(self.config.node_id)
        if broker is None:
            return "the broker is not registered"
        return "the broker is fenced" if broker.fenced else ""

    def wait(self, timeout_s: float | None = None) -> bool:
        """Until the node has ended, by itself or not; False at the timeout."""
        return self._ended.wait(timeout_s)

    # ------------------------------------------------------------------ ends
    def stop(self, timeout_ms: int) -> None:
        """End cleanly: no new requests, logs flushed, checkpoints and the clean-shutdown mark
        written.

        Raises:
            OttlaError: the disk did not take what was left to write. The node has ended, as if it
                had been killed.
        """

        def stop() -> None:
            # A thread that still decides, or whose last turn failed, leaves nothing to be written.
            if self._loop.stop(timeout_ms / 1000) and self.failure is None:
                try:
                    self._cluster.close()
                finally:  # the partitions' logs are closed in order whatever the metadata log says
                    with manners.no_fork():
                        self._core.stop(timeout_ms, self._cluster.broker_epoch)

        self._end(stop, killed=False)

    def kill(self) -> None:
        """End as a killed process would: connections reset, nothing flushed, no clean-shutdown
        mark.
        """
        self._end(self._kill_core, killed=True)

    def power_cut(self) -> None:
        """End as a machine without power would: as `kill`, and what was not fsynced is lost."""

        def cut() -> None:
            with manners.no_fork():
                self._core.power_cut()

        self._end(cut, killed=True)

    def after_fork_child(self) -> None:
        """In the child of a fork: close what it inherited, and take no lock: its holder may be a
        thread that the child does not have.
        """
        self._core.after_fork_child()
        self._lock = threading.Lock()
        self._ends = True
        self._ended = threading.Event()
        self._ended.set()

    def _end(self, how: Callable[[], None], *, killed: bool) -> None:
        """Carry out the first end that is asked for; whoever asks later waits for it."""
        if self._begin_end(killed=killed) and self._runs:
            try:
                how()
            except (CoreError, OSError) as problem:
                raise _refused(problem, _HINTS_AT_THE_END) from problem
            finally:
                self._let_go()
            return
        if hasattr(self, "_core"):
            if not self._runs:
                self._kill_core()  # `start` hears of it in its next call, and cleans up
            # A signal's handler may have come here out of the middle of the work itself.
            if self._at_work != threading.get_ident():
                self._ended.wait(END_TIMEOUT_S)

    def _begin_end(self, *, killed: bool) -> bool:
        with self._lock:
            if self._ends:
                return False
            self._ends, self._killed = True, killed
            if self._runs:
                self._at_work = threading.get_ident()
            return True

    def _kill_core(self) -> None:
        with manners.no_fork():
            self._core.kill()

    def _let_go(self) -> None:
        """The last part of every end; what is closed already is closed again without harm."""
        try:
            self._kill_core()
            self._loop.stop(LOOP_TIMEOUT_S)
            self._cluster.abandon()
        finally:
            manners.gone(self)
            self._ended.set()

    def _never_ran(self) -> None:
        """`start` failed, or was told to give up."""
        self._begin_end(killed=True)
        try:
            self._kill_core()
            if hasattr(self, "_cluster"):
                self._cluster.abandon()
        finally:
            manners.gone(self)
            self._ended.set()

    def _failed(self, problem: BaseException) -> None:
        """The decision thread ends by this; what a kill breaks under it is no failure."""
        first = self._begin_end(killed=False)
        if self._killed:
            return
        self.failure = _in_words(problem)
        if not first:
            self.logs.failure("the node failed in its last turn", problem)
            return
        # First of all nobody is served any more; then it is told, before anybody who waits goes on.
        try:
            self._kill_core()
            self.logs.failure("the node serves no more", problem)
        finally:
            self._let_go()


def _tells_of_loss(line: str) -> bool:
    """Whether a line about the opening of a log says that records may have gone."""
    return any(words in line for words in (" cut ", "dropped", ".log", "earlier topic"))


def _in_words(problem: BaseException) -> str:
    try:
        return f"{type(problem).__name__}: {problem}"
    except Exception:  # what a problem says of itself may be a problem too
        return type(problem).__name__


def _checked(properties: Mapping[str, str], logs: Logs) -> BrokerConfig:
    problems = check(properties)
    error = problems.error()
    if error is not None:
        raise error
    for warning in problems.warnings:
        logs.warn_once(warning.key, warning.text)
    return BrokerConfig(properties)


_HINTS = {
    "bind": "choose another host or port (0 takes any free port), or stop what listens there",
    "storage": "the folder must be writable, with room on its disk",
}
"""What to do about a kind of CoreError at the start."""
_HINTS_AT_THE_END = {
    "storage": "see to the disk (free some space if it is full), then start again: what could not "
    "be closed is recovered",
}


def _refused(problem: CoreError | OSError, hints: Mapping[str, str] = _HINTS) -> NodeFailed:
    if isinstance(problem, OSError):
        place = problem.filename or "a file of the node"
        text = f"{place} can't be written or read: {problem.strerror or problem}"
        return NodeFailed(text, hint=advice(text) or "see to its disk, then start again")
    kind, text = str(problem.args[0]), str(problem.args[-1])
    hint = advice(text) or hints.get(kind)
    if kind == "checkpoint":
        path = quote(text.rpartition(": ")[0])
        hint = (
            "restore it from a backup; without one (records that were deleted before their time "
            f"may then be seen again) move it away: mv {path} {path}.damaged"
        )
    return NodeFailed(text, hint=hint)


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


def _core(config: BrokerConfig, log_dirs: tuple[str, ...], power_cuts: bool, durable: bool) -> Core:
    request_memory: int = config["queued.max.request.bytes"]
    try:
        return Core(
            node_id=config.node_id,
            log_dirs=list(log_dirs),
            threads=min(config["num.network.threads"], os.cpu_count() or 1),
            request_memory_bytes_max=request_memory if request_memory > 0 else MEMORY_BYTES_MAX,
            request_size_bytes_max=config["socket.request.max.bytes"],
            connection_idle_ms_max=config["connections.max.idle.ms"],
            connections_max=config["max.connections"],
            connections_per_ip_max=config["max.connections.per.ip"],
            socket_send_buffer_bytes=config["socket.send.buffer.bytes"],
            socket_receive_buffer_bytes=config["socket.receive.buffer.bytes"],
            fetch_session_slots=config["max.incremental.fetch.session.cache.slots"],
            fetch_max_bytes=config["fetch.max.bytes"],
            power_cuts=power_cuts,
            durable=durable,
        )
    except CoreError as problem:
        refused = _refused(problem)
        if problem.args[0] == "locked":
            refused.hint = in_use_hint(config.log_dirs)
        raise refused from problem
