"""A whole Kafka node inside the process that starts it.

    with ottla.Broker() as broker:
        producer = confluent_kafka.Producer({"bootstrap.servers": broker.bootstrap_servers})

It listens on a free port of 127.0.0.1, keeps its logs in a temporary folder unless it is given
one (in memory where there is room), and takes nothing of the process but a few threads. Several may
live side by side.
"""

from __future__ import annotations

import _thread
import os
import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from types import TracebackType
from typing import TYPE_CHECKING

from ottla.errors import OttlaError
from ottla.node import manners, temporary
from ottla.testing.arguments import checked_config, checked_port, folder_of, registry_port_of
from ottla.testing.beside import Beside
from ottla.testing.broker_log import BrokerLog, Kept
from ottla.testing.errors import BadArgument, NotRunning
from ottla.testing.faults import Faults
from ottla.testing.talk import Talk

if TYPE_CHECKING:
    from datetime import timedelta

    from ottla.node.node import Node
    from ottla.node.world import ClockSet
    from ottla.testing.aio import Aio
    from ottla.testing.clock import Clock

STOP_TIMEOUT_MS = 10_000
HOST = "127.0.0.1"
RESTART_SECONDS = 10.0
"""How long a call waits for a broker that a fault is starting again."""

_DEFAULTS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "PLAINTEXT",
    "default.replication.factor": "1",
    "min.insync.replicas": "1",
    # Fifty folders for one test's group take longer than the test.
    "offsets.topic.num.partitions": "4",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
}

_FOLDERS = frozenset(("log.dirs", "log.dir", "metadata.log.dir"))


class Broker(Talk):
    """One node, controller and broker, that real Kafka clients use over TCP.

    Any method may be called from any thread. `start`, `close`, `kill` and `power_cut` go one after
    the other; whoever calls `close` finds the broker ended and its port closed when it returns.
    In a fork's child the broker is its parent's: the child may connect to it, and has to make its
    own to do more.

    Args:
        dir: a folder for its logs, which is kept and found again by the next Broker on it, as are
            those of `log.dirs` in its config; by default a temporary one, removed by `close` or at
            the end of the process.
        in_memory: a temporary folder lies in memory (at most 32 MiB of records there, the others
            in files) if the machine has room for it; False: always on disk.
        port: the port to listen on; 0 takes a free one, and keeps it for every later `start`.
        config: broker properties as in server.properties, on top of the defaults for a single
            node. What of them has no effect is told by `warnings.warn`.
        registry: serve a schema registry, too, at `schema_registry_url`, on a free port or on the
            one that is given; it needs `pip install 'ottla[registry]'`.
    """

    def __init__(
        self,
        *,
        dir: str | os.PathLike[str] | None = None,
        in_memory: bool = True,
        port: int = 0,
        config: Mapping[str, str | int | float | bool] | None = None,
        registry: bool | int = False,
    ) -> None:
        self._config = checked_config({} if config is None else config)
        port = checked_port(port)
        folder = folder_of(self._config, dir)
        self._kept = folder is not None
        # What goes with the broker need not outlive the machine; half of a test's time was fsync.
        self._durable = self._kept or not _FOLDERS.isdisjoint(self._config)
        self._dir = _new_folder(in_memory) if folder is None else folder
        self._properties = {
            **_DEFAULTS,
            "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:0",
            "controller.quorum.bootstrap.servers": f"{HOST}:{port or 9093}",
            "log.dirs": self._dir,
            **self._config,
        }
        port_of_registry = registry_port_of(registry)
        self._registry = None if port_of_registry is None else Beside(port_of_registry)
        self._log = BrokerLog()
        self._node: Node | None = None
        self._pid = os.getpid()
        self._lock = threading.RLock()
        self._changes = False
        self._restarted: threading.Event | None = None
        """Comes when the node is there again that a fault is starting anew; None if none is."""
        # They may not keep it from being dropped.
        here, ends = weakref.WeakMethod(self._here), weakref.WeakMethod(self._kill_as_told)
        self._faults = Faults(here, ends)
        self._clock: ClockSet | None = None
        """What was made of the clock of the last node; None before the first."""
        if not self._kept:
            self._make_folder()

    @property
    def dir(self) -> str:
        """The folder of its logs; the first one, if its `config` names several."""
        return self._dir

    @property
    def port(self) -> int:
        """The port that clients connect to.

        Raises:
            NotRunning: it has not been started, or has ended.
            NodeFailed: it broke; the text says how.
        """
        return self._address()[1]

    @property
    def bootstrap_servers(self) -> str:
        """What goes into a client's `bootstrap.servers`: the first listener for clients.

        Raises:
            NotRunning: it has not been started, or has ended.
            NodeFailed: it broke; the text says how.
        """
        return self._servers_within(RESTART_SECONDS)

    def _servers_within(self, patience_s: float) -> str:
        host, port = self._address(patience_s)
        return f"{host}:{port}"

    @property
    def schema_registry_url(self) -> str:
        """Where the schema registry is served: what goes into a client's `url`.

        Raises:
            NotRunning: the broker has not been started, has ended, or was made without a registry.
        """
        if self._registry is None:
            raise NotRunning(
                "this broker has no schema registry", hint="make it with Broker(registry=True)"
            )
        return self._registry.url

    @property
    def cluster_id(self) -> str:
        """The cluster's id, which lives as long as its folder.

        Raises:
            NotRunning: it has not been started, or has ended.
            NodeFailed: it broke; the text says how.
        """
        return self._running().cluster_id

    @property
    def log(self) -> BrokerLog:
        """The last lines that the node said of itself, through all its starts; they go to the
        logger "ottla.broker" as well.
        """
        return self._log

    @property
    def aio(self) -> Aio:
        """The same calls for coroutines: `await broker.aio.produce("orders", "one")`."""
        from ottla.testing.aio import Aio

        return Aio(self)

    def start(self) -> Broker:
        """Format the folder if it is new, recover what is in it, and serve; returns when clients
        can connect. A broker that broke is replaced by a new one on the same folder.

        Raises:
            OttlaError: a property is wrong, the folder is in use, or what is in it can't be read.
        """
        with self._change():
            broken = self._node
            if broken is None or broken.failure is not None:
                self._tell_what_has_no_effect()
                if broken is not None:
                    self._node = None
                    broken.kill()  # it is dead, and may still hold the folder for a moment
                    self._keep_clock(broken)
                with manners.first_start():
                    self._node = self._started()
                if self._registry is not None:
                    self._registry.start(self._servers_within(0))
        return self

    def _started(self) -> Node:
        from ottla.node.format import ensure_formatted
        from ottla.node.node import Node
        from ottla.node.world import ClockSet, machine

        try:
            if not os.path.isdir(self._dir):
                self._make_folder()
            os.listdir(self._dir)  # else one that is locked up would be told of its first file
            ensure_formatted(self._properties, durable=self._durable)
        except OSError as error:
            raise BadArgument(
                f"dir={self._dir!r} can't be used: {error.strerror or error}",
                hint="give a folder that can be written, or leave dir out for a temporary one",
            ) from error
        node = Node(
            self._properties,
            logs=Kept(self._log, os.path.basename(self._dir), _said_of_defaults()),
            world=machine(
                power_cuts=True,
                durable=self._durable,
                overflow=None if self._kept else temporary.overflow_of(self._dir),
                clock=self._clock or ClockSet(),
            ),
        )
        node.start()
        self._keep_ports(node)
        self._faults.follow(node)
        return node

    def _keep_ports(self, node: Node) -> None:
        """Clients of the first start look for the next where they know it."""
        controllers = node.config.controller_listener_names
        self._properties["listeners"] = ",".join(
            endpoint.url
            if endpoint.listener in controllers
            else endpoint._replace(port=node.ports[endpoint.listener]).url
            for endpoint in node.config.listeners
        )

    def _keep_clock(self, ended: Node | None) -> None:
        """The next node's clock goes on from there."""
        if ended is not None:
            self._clock = ended.clock_set()

    def close(self) -> None:
        """Stop cleanly and remove the folder if it was temporary. Calling it again does nothing.

        Raises:
            OttlaError: the disk did not take what was left to write; the broker has ended.
        """
        if os.getpid() != self._pid:
            return  # a fork's child has closed what it inherited; the folder is its parent's
        with self._change():
            if self._registry is not None:
                self._registry.stop()
            node, self._node = self._node, None
            try:
                if node is not None:
                    if not self._kept:
                        # Nobody misses what the disk that a test made fail would not take.
                        self._faults.mend_disk()
                    node.stop(STOP_TIMEOUT_MS)
            finally:
                self._keep_clock(node)
                if not self._kept:
                    temporary.remove(self._dir)
                    manners.removed(self._dir)

    def kill(self) -> None:
        """End as if the process had been killed: connections are reset, nothing is flushed or
        tidied.

        `start` brings the node back on the same folder, where it recovers.
        """
        with self._change():
            node, self._node = self._running(), None
            node.kill()
            self._keep_clock(node)

    def _kill_as_told(self, told: Callable[[], None], *, restart: bool) -> None:
        """End by a fault, tell of it, and start again perhaps; whoever calls `start` or `close`
        meanwhile comes after all of that, and any other call after a start.
        """
        with self._lock:
            restarted = threading.Event()
            if restart and self._node is not None:
                self._restarted = restarted
            try:
                try:
                    self.kill()
                finally:
                    told()
                if restart:
                    self.start()
            finally:
                self._restarted = None
                restarted.set()

    def power_cut(self) -> None:
        """End as if the machine had lost its power: as `kill`, and what was not fsynced is lost as
        well.
        """
        with self._change():
            node, self._node = self._running(), None
            node.power_cut()
            self._keep_clock(node)

    def advance(self, seconds: float | timedelta) -> None:
        """The short form of `clock.advance(...)`: so many seconds, or a timedelta."""
        self.clock.advance(seconds)

    @property
    def clock(self) -> Clock:
        """The node's clock, which a test may move."""
        from ottla.testing.clock import Clock

        return Clock(self._here)

    @property
    def faults(self) -> Faults:
        """What goes wrong because a test says so."""
        return self._faults

    def __enter__(self) -> Broker:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except Exception as problem:
            if error is None:
                raise
            # What happened in the block is what its author looks for.
            error.add_note(f"closing the broker failed as well: {problem}")

    def __del__(self) -> None:
        # At the end of the interpreter `manners` has ended the node already.
        if sys is None or sys.is_finalizing() or getattr(self, "_pid", None) != os.getpid():
            return
        text = f"{self!r} was dropped and is ended; close() it, or use it in a `with` block"
        node, self._node = self._node, None
        folder = None if self._kept else self._dir
        if node is not None or folder is not None:
            # The collector may have come by in the node's own thread, or under any lock.
            _thread.start_new_thread(_end_dropped, (node, folder))
        if node is not None:
            import warnings

            warnings.warn(text, ResourceWarning, source=self, stacklevel=2)

    async def __aenter__(self) -> Broker:
        await self.aio.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        from asyncio import to_thread

        await to_thread(self.__exit__, kind, error, traceback)

    def __repr__(self) -> str:
        try:
            where = self._servers_within(0)
        except OttlaError:
            where = "not running"
        return f"<ottla.Broker {where}, {self._dir}>"

    def _address(self, patience_s: float = RESTART_SECONDS) -> tuple[str, int]:
        """Host and port of the first listener that is not the controllers'."""
        node = self._running(patience_s)
        controllers = node.config.controller_listener_names
        first = next(e for e in node.config.listeners if e.listener not in controllers)
        host = HOST if first.host in ("", "0.0.0.0", "::") else first.host
        return (f"[{host}]" if ":" in host else host), node.ports[first.listener]

    def _tell_what_has_no_effect(self) -> None:
        """A server has its log for that; an embedded node is silent."""
        if not self._config:
            return
        import warnings

        from ottla.config import check

        for problem in check(self._config, defaults=self._properties).warnings:
            text = f"ottla.Broker(config=...): {problem.text}"
            warnings.warn(text, stacklevel=_callers_level())

    def _make_folder(self) -> None:
        os.makedirs(self._dir, exist_ok=True)
        if not self._kept:
            manners.temporary(self._dir, temporary.remove)

    @contextmanager
    def _change(self) -> Iterator[None]:
        """One change from running to ended or back at a time; others wait for it."""
        self._of_this_process()
        with self._lock:
            if self._changes:
                raise NotRunning(
                    "this very thread is in the middle of start() or of an end of this broker",
                    hint="a signal's handler should raise, and leave close() to a `with` block",
                )
            self._changes = True
            try:
                yield
            except OttlaError as error:
                # What the core, or the system, said below it is no business of a test's.
                raise error from None
            finally:
                self._changes = False

    def _of_this_process(self) -> None:
        if os.getpid() != self._pid:
            raise NotRunning(
                "this broker belongs to the process that made it, and this one is its fork",
                hint="connect to its bootstrap_servers, or make another broker here",
            )

    def _here(self) -> Node:
        """The node, for the process that it is of."""
        self._of_this_process()
        return self._running()

    def _running(self, patience_s: float = RESTART_SECONDS) -> Node:
        # Without the lock, which is held through every start and end; so it is read once, but
        # whoever asked for a restart gets the node that it brings.
        restarted, node = self._restarted, self._node
        if node is None and restarted is not None:
            if not restarted.wait(patience_s):
                raise NotRunning(
                    "this broker is being started again, as faults.restart said, and is not there "
                    f"within {patience_s:g} s"
                )
            node = self._node
        if node is None:
            raise NotRunning(
                "this broker is not running", hint="use it in a `with` block, or call start()"
            )
        if node.failure is not None:
            from ottla.node.node import NodeFailed

            raise NodeFailed(
                f"this broker broke and serves no more: {node.failure}",
                hint="close() it, or call start() for a new one on the same folder",
            )
        return node


@cache
def _said_of_defaults() -> frozenset[str]:
    from ottla.config import check

    return frozenset(problem.text for problem in check(_DEFAULTS).warnings)


def _new_folder(in_memory: bool) -> str:
    temporary.sweep()
    try:
        return temporary.make_folder(in_memory=in_memory)
    except OSError as error:
        raise BadArgument(
            f"there is no place for a temporary folder: {error.strerror or error}",
            hint="give dir=..., or make some room",
        ) from None


def _end_dropped(node: Node | None, folder: str | None) -> None:
    """What `close` does, for who did not call it."""
    with suppress(Exception):  # nobody is left to tell
        if node is not None:
            node.stop(STOP_TIMEOUT_MS)
    if folder is not None:
        temporary.remove(folder)
        manners.removed(folder)


def _callers_level() -> int:
    """How many calls of ours lie between a warning and the line of somebody else's that led to
    it."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("ottla."):
        level, frame = level + 1, frame.f_back
    return level
