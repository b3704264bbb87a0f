"""One node: controller and broker in one process, from start to end.

The order of the start: check the configuration, take the folders, bind the listeners (so that a
port in use is known before anything is touched), read the metadata log and lead it, register as
broker, load the partitions, decide, accept. The end goes the other way round. A node that fails
where it should not is poisoned: it stops serving, says why, and leaves its process alone.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ottla._core import CoreError, Event
from ottla._core import Node as Core
from ottla.broker.context import Context
from ottla.broker.router import Router
from ottla.config import BrokerConfig, check
from ottla.errors import OttlaError
from ottla.node import housekeeping, manners
from ottla.node.cluster import Cluster, Identity
from ottla.node.core_logs import CorePartitionLogs
from ottla.node.desk import Desk
from ottla.node.entropy import SystemEntropy
from ottla.node.groups import Groups
from ottla.node.logs import Logs
from ottla.node.loop import Loop
from ottla.node.meta_properties import read_directories
from ottla.node.publisher import Publisher
from ottla.wire.schema import plan_of

if TYPE_CHECKING:
    from ottla._core import Request

MEMORY_BYTES_MAX = 256 * 1024 * 1024
"""What frames, staged batches and unsent replies may take where `queued.max.request.bytes` says
nothing.
"""


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
        self._core: Core
        self._loop: Loop
        self._desk: Desk
        self._context: Context
        self._cluster: Cluster
        self._groups: Groups
        self._directories: tuple[bytes, ...] = ()

    # ------------------------------------------------------------------ start
    def start(self) -> None:
        """Bring the node up; returns when clients can connect.

        Raises:
            OttlaError: the folders are not formatted, in use or unreadable, a port is taken, or the
                quorum is not one that this node can lead.
        """
        config = self.config
        meta = read_directories(config)
        self.cluster_id = meta.cluster_id
        self._directories = meta.directory_ids
        self._core = _core(config, self._power_cuts, self._durable)
        try:
            self._bind()
            self._open()
            self._core.serve()
        except BaseException as problem:
            self._core.kill()
            if isinstance(problem, CoreError):
                raise _refused(problem) from problem
            raise
        manners.resident(self)
        self._loop.start(self, self._failed, f"ottla-node-{config.node_id}")

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
            directories=self._directories,
            controller=self._cluster,
            reply=self._desk.reply,
        )
        context.quorum = self._cluster
        self._groups = Groups(context, core, self._loop, self.logs, entropy)
        context.open_groups = self._groups.open
        self._desk.open(context)
        core.set_apis(router.core_table())
        _bind_hot_messages(core)
        publisher = Publisher(context, core, self._groups, self.logs)
        self._cluster.open(self._loop, publisher.publish)
        for line in core.load_report():
            self.logs.info(line)
        for folder in core.set_strays_aside():
            self.logs.warn(f"{folder} belongs to no partition of this node and was set aside")
        housekeeping.schedule(self._loop, core, config, self.logs)

    def _identity(self) -> Identity:
        return Identity(
            node_id=self.config.node_id,
            cluster_id=self.cluster_id,
            directory_ids=self._directories,
            ports=self.ports,
        )

    # ------------------------------------------------------------------ turns (see loop.py)
    def take(self, item: Request | Event) -> None:
        """One thing that the core handed over."""
        if not isinstance(item, Event):
            self._desk.take(item)
        elif item.kind == "poisoned":
            raise NodeFailed(item.text)
        elif item.kind == "log-failed":
            self.logs.error(
                f"{item.topic}-{item.partition} takes no more writes: {item.text}; see to the "
                "disk, then start the node again"
            )
        elif item.kind == "refused":
            self.logs.warn(item.text)

    def commit(self) -> None:
        """End of a turn: what was decided becomes safe, and what waited for that is answered."""
        self._cluster.commit()
        if self._groups.commit():
            self._core.wake()
        self._cluster.commit()

    # ------------------------------------------------------------------ while it runs
    def advance(self, by_ms: int) -> None:
        """Move the node's clock forward; what comes due on the way is done when this returns."""
        self._loop.advance(by_ms)

    def measures(self) -> dict[str, float]:
        """The node's numbers, for `ottla.metrics`; from any thread."""
        from ottla.node.measures import measures

        context = self._context
        quorum = self._cluster.describe()
        return measures(self._core.metrics(), context.image, context.config, quorum)

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
        """
        if not self._begin_end():
            return
        try:
            self._loop.stop(timeout_ms / 1000)
            if self.failure is None:
                self._cluster.close()
                self._core.stop(timeout_ms, self._cluster.broker_epoch)
        except BaseException:
            self._cluster.abandon()
            raise
        finally:
            # Does nothing after a clean stop. If a disk failed on the way, nothing is marked clean,
            # and nobody may be left who still takes connections.
            self._core.kill()
            self._ended.set()

    def kill(self) -> None:
        """End as a killed process would: connections reset, nothing flushed, no clean-shutdown
        mark.
        """
        if self._begin_end():
            self._core.kill()
            self._loop.stop(5)
            self._cluster.abandon()
            self._ended.set()

    def power_cut(self) -> None:
        """End as a machine without power would: as `kill`, and what was not fsynced is lost."""
        if self._begin_end():
            self._core.power_cut()
            self._loop.stop(5)
            self._cluster.abandon()
            self._ended.set()

    def after_fork_child(self) -> None:
        """In the child of a fork: close what it inherited."""
        self._core.after_fork_child()
        self._ended.set()

    def _begin_end(self) -> bool:
        manners.gone(self)
        return not self._ended.is_set()

    def _failed(self, problem: BaseException) -> None:
        """What must never happen did; first of all nobody is served any more, then it is told."""
        self.failure = _in_words(problem)
        try:
            self._core.kill()
            self._cluster.abandon()
        finally:
            manners.gone(self)
            self._ended.set()
            self.logs.failure("the node serves no more", problem)


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
    "locked": "stop that node, or give this one a folder of its own",
    "storage": "the folder must be writable, with room on its disk; a damaged *-checkpoint file "
    "may be removed: the logs are then looked through in full",
}
"""What to do about a kind of CoreError at the start."""


def _refused(problem: CoreError) -> NodeFailed:
    kind, text = str(problem.args[0]), str(problem.args[-1])
    return NodeFailed(text, hint=_HINTS.get(kind))


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


def _core(config: BrokerConfig, power_cuts: bool, durable: bool) -> Core:
    request_memory: int = config["queued.max.request.bytes"]
    try:
        return Core(
            node_id=config.node_id,
            log_dirs=list(config.log_dirs),
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
        raise _refused(problem) from problem
