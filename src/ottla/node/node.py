"""One node: controller and broker in one process, from start to end.

The order of the start: check the configuration, take the folders, bind the listeners (so that a
port in use is known before anything is touched), read the metadata log, take a place in the quorum
and register as broker, load the partitions, decide, accept. The end goes the other way round. A
node that fails where it should not is poisoned: it stops serving, says why, and leaves its process
alone.

A node ends once, whoever asks for it and from whichever thread: the first end is carried out, and
all others wait until it is over.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from shlex import quote
from typing import TYPE_CHECKING

from ottla._core import CoreError
from ottla.config import BrokerConfig, check
from ottla.node.cluster import Identity
from ottla.node.engine import Engine, NodeFailed, Place, build, tell_of_lost
from ottla.node.folder_lock import FolderInUse, in_use_hint
from ottla.node.formatted import read_directories
from ottla.node.logs import Logs
from ottla.node.loop import NodeStopped
from ottla.node.refusals import advice
from ottla.node.world import ClockSet, World, machine

if TYPE_CHECKING:
    from ottla._core import Node as Core
    from ottla.metrics.exposition import Family
    from ottla.node.faults import NodeFaults

__all__ = ["Node", "NodeFailed", "Unbound"]

SETTLE_TIMEOUT_MS = 60_000
"""How long `advance` waits for what came due to be done."""


END_TIMEOUT_S = 120.0
"""How long an end waits for one that another thread began; every part of an end has its limit."""
LOOP_TIMEOUT_S = 5.0
"""How long an abrupt end waits for the decision thread, whose calls to the core fail by then."""


class Unbound(NodeFailed):
    """A listener can't be bound: its address is taken, or not this machine's."""


class Node:
    """A node that is not started yet; `start` brings it up, `stop`, `kill` or `power_cut` end it.

    Args:
        properties: what a server.properties says.
        logs: where its lines go; silent by default.
        world: what lies around it; this machine by default.
    """

    def __init__(
        self,
        properties: Mapping[str, str],
        *,
        logs: Logs | None = None,
        world: World | None = None,
    ) -> None:
        self.logs = logs or Logs.silent()
        self.config = _checked(properties, self.logs)
        self.ports: dict[str, int] = {}
        """Listener name to the port that it is bound to."""
        self.cluster_id = ""
        self.failure: str | None = None
        """Why the node serves no more, if it broke."""
        self._world = world or machine()
        self._ended = threading.Event()
        self._lock = threading.Lock()
        """Held for moments alone: for the change from one life to the next."""
        self._runs = False
        self._ends = False
        self._killed = False
        self._at_work = 0
        """The thread that starts or ends the node; it must not wait for itself."""
        self._core: Core | None = None
        """The native half, from the moment at which the folders are taken."""
        self._engine: Engine | None = None
        """All that decides, from the moment at which the metadata log is read."""

    # ------------------------------------------------------------------ start
    def start(self) -> None:
        """Bring the node up; returns when clients can connect.

        Raises:
            OttlaError: the folders are not formatted, in use or unreadable, a port is taken, or the
                quorum is not one that this node can lead.
        """
        config = self.config
        self._at_work = threading.get_ident()
        meta = read_directories(config, self._world.disk)
        self.cluster_id = meta.cluster_id
        for folder, text in meta.lost.items():
            tell_of_lost(self.logs, folder, text)
        with self._world.process.no_fork():
            core = self._core = _core(config, meta.log_dirs, self._world)
            self._world.process.resident(self)
        try:
            with self._world.process.no_fork():
                self._bind(core)
            identity = Identity(config.node_id, meta.cluster_id, meta.directory_ids, self.ports)
            place = Place(identity, meta.log_dirs)
            engine = self._engine = build(config, place, core, self._world, self.logs)
            engine.open()
            core.serve()
            with self._lock:
                if self._ends:
                    raise NodeStopped("the node was ended while it started")
                engine.turner.start(f"ottla-node-{config.node_id}", self._failed)
                self._runs = True
        except BaseException as problem:
            self._never_ran()
            if isinstance(problem, (CoreError, OSError)):
                raise _refused(problem) from problem
            raise

    def _bind(self, core: Core) -> None:
        controllers = self.config.controller_listener_names
        for endpoint in self.config.listeners:
            name = endpoint.listener
            self.ports[name] = core.listen(
                name, endpoint.host, endpoint.port, controller=name in controllers
            )

    def _built(self) -> tuple[Core, Engine]:
        if self._core is None or self._engine is None:
            raise NodeStopped("the node has not started")
        return self._core, self._engine

    # ------------------------------------------------------------------ while it runs
    @property
    def core(self) -> Core:
        """What serves.

        Raises:
            NodeStopped: the node has not started.
        """
        return self._built()[0]

    def suffer(self, faults: NodeFaults) -> None:
        """Let go wrong what these say, for a test.

        Raises:
            NodeStopped: the node has not started.
        """
        faults.begin(self._built()[0])

    def topic_id(self, name: str) -> bytes | None:
        """The id of a topic of now; from any thread."""
        found = self._built()[1].context.image.topics.by_name.get(name)
        return None if found is None else found.id

    def now_ms(self) -> int:
        """What the node's clock shows; from any thread.

        Raises:
            NodeStopped: the node has not started.
        """
        return self._built()[0].now_ms()

    def clock_set(self) -> ClockSet:
        """What was made of its clock, for the next node in its place; also when it has ended."""
        return self._world.clock if self._core is None else ClockSet(*self._core.set_clock())

    def freeze(self, frozen: bool) -> None:
        """Stop the node's clock, or let it run on from there.

        Raises:
            NodeStopped: the node has ended.
        """
        core, engine = self._built()
        # In a turn: the one that waits must not wait for what will not come due, or too long.
        engine.turner.call(lambda: core.freeze_clock(frozen))

    def advance(self, by_ms: int, *, silent: bool = False) -> None:
        """Move the node's clock forward; what comes due on the way is done when this returns.
        Members of groups count as having been heard meanwhile, unless they are `silent`.

        Raises:
            NodeStopped: the node has ended, or ends before that.
        """
        core, engine = self._built()
        try:
            engine.turner.call(lambda: engine.advance(by_ms, silent=silent))
            core.settle(timeout_ms=SETTLE_TIMEOUT_MS)
        except CoreError as problem:  # killed on the way, or poisoned
            raise NodeStopped(problem.text) from problem

    def measures(self) -> dict[str, float]:
        """The node's numbers, for `ottla.metrics`; from any thread."""
        return self._built()[1].measures()

    def series(self) -> dict[str, str]:
        """What is shown of each partition, by metric, for `ottla.metrics`; from any thread."""
        return self._built()[1].series()

    def client_metrics(self) -> list[Family]:
        """What clients pushed of theirs, for `ottla.metrics`; from any thread."""
        return self._built()[1].client_metrics()

    def unready(self) -> str:
        """Why clients can't be served, "" while they can; from any thread."""
        return self._built()[1].unready()

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

        def stop(core: Core, engine: Engine) -> None:
            # A thread that still decides, or whose last turn failed, leaves nothing to be written.
            if engine.turner.stop(timeout_ms / 1000) and self.failure is None:
                try:
                    engine.leave(timeout_ms)
                    engine.cluster.close()
                finally:  # the partitions' logs are closed in order whatever the metadata log says
                    with self._world.process.no_fork():
                        core.stop(timeout_ms, engine.membership.broker_epoch)

        self._end(stop)

    def kill(self) -> None:
        """End as a killed process would: connections reset, nothing flushed, no clean-shutdown
        mark.
        """
        self._end(lambda core, _: self._kill(core), abruptly=self._kill)

    def power_cut(self) -> None:
        """End as a machine without power would: as `kill`, and what was not fsynced is lost."""

        self._end(lambda core, _: self._cut(core), abruptly=self._cut)

    def after_fork_child(self) -> None:
        """In the child of a fork: close what it inherited, and take no lock: its holder may be a
        thread that the child does not have.
        """
        if self._core is not None:
            self._core.after_fork_child()
        self._lock = threading.Lock()
        self._ends = True
        self._ended = threading.Event()
        self._ended.set()

    def _end(
        self,
        how: Callable[[Core, Engine], None],
        *,
        abruptly: Callable[[Core], None] | None = None,
    ) -> None:
        """Carry out the first end that is asked for; whoever asks later waits for it.

        A node that is starting ends `abruptly`, as nothing else can be done in the middle.
        """
        if self._begin_end(killed=abruptly is not None) and self._runs:
            try:
                how(*self._built())
            except (CoreError, OSError) as problem:
                raise _refused(problem, _HINTS_AT_THE_END) from problem
            finally:
                self._let_go()
            return
        if self._core is not None:
            if not self._runs:
                # `start` hears of it in its next call, and cleans up.
                (abruptly or self._kill)(self._core)
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
        if self._core is not None:
            self._kill(self._core)

    def _kill(self, core: Core) -> None:
        with self._world.process.no_fork():
            core.kill()

    def _cut(self, core: Core) -> None:
        with self._world.process.no_fork():
            core.power_cut()

    def _let_go(self) -> None:
        """The last part of every end; what is closed already is closed again without harm."""
        try:
            self._kill_core()
            if self._engine is not None:
                self._engine.turner.stop(LOOP_TIMEOUT_S)
                self._engine.cluster.abandon()
        finally:
            self._world.process.gone(self)
            self._ended.set()

    def _never_ran(self) -> None:
        """`start` failed, or was told to give up."""
        self._begin_end(killed=True)
        try:
            self._kill_core()
            if self._engine is not None:
                self._engine.cluster.abandon()
        finally:
            self._world.process.gone(self)
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
        return NodeFailed(text, hint=advice(problem.errno) or "see to its disk, then start again")
    hint = advice(problem.errno) or hints.get(problem.kind)
    if problem.kind == "checkpoint" and problem.path is not None:
        hint = (
            "restore it from a backup; without one (records that were deleted before their time "
            "may then be seen again) move it away: "
            f"mv {quote(problem.path)} {quote(problem.path + '.damaged')}"
        )
    kind = Unbound if problem.kind == "bind" else NodeFailed
    return kind(problem.text, hint=hint)


def _core(config: BrokerConfig, log_dirs: tuple[str, ...], world: World) -> Core:
    try:
        return world.make_core(config, log_dirs)
    except CoreError as problem:
        if problem.kind == "locked":
            raise FolderInUse(problem.text, hint=in_use_hint(config.log_dirs)) from problem
        raise _refused(problem) from problem
