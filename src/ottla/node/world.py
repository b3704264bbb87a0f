"""What lies around a node: its native half, randomness, monotonic time, who drives its turns, and
who says who may do what.

The native half brings the clock that a test may move, sockets, and the disk: through it every file
that a running node keeps, those of raft too. `machine` makes production's world and that of users'
tests. A simulator brings its own: a core over its own disk and network, seeded entropy, a time of
its own, and turns by hand.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ottla._core import Disk
from ottla._core import Node as Core
from ottla.node import manners
from ottla.node.entropy import SystemEntropy
from ottla.node.turner import DecisionThread, Turner
from ottla.security.authorizer import AllowAll
from ottla.steady import steady_ms

if TYPE_CHECKING:
    from ottla.config.broker import BrokerConfig
    from ottla.decide import Entropy
    from ottla.node.loop import Loop
    from ottla.node.manners import Resident
    from ottla.security.authorizer import Authorizer

MEMORY_BYTES_MAX = 256 * 1024 * 1024
"""What frames, staged batches and unsent replies may take where `queued.max.request.bytes` says
nothing.
"""


class Process(Protocol):
    """What a node asks of the process that it lives in; `manners` is the real one."""

    def no_fork(self) -> AbstractContextManager[object]:
        """While this is held no other thread forks the process."""

    def resident(self, node: Resident) -> None:
        """Look after this node at a fork and at the interpreter's end."""

    def gone(self, node: Resident) -> None:
        """The node has ended by itself."""


class ClockSet(NamedTuple):
    """What a test made of a node's clock."""

    offset_ms: int = 0
    """By how much it is ahead of the machine's."""
    frozen_ms: int | None = None
    """What it shows, if it stands still."""


class Keeping(NamedTuple):
    """How a core keeps its files; `machine` says what each means."""

    power_cuts: bool
    durable: bool
    overflow: str | None


class World(NamedTuple):
    """All that a node does not decide by itself."""

    make_core: Callable[[BrokerConfig, tuple[str, ...]], Core]
    """The native half over these log directories; what it raises is a CoreError."""
    entropy: Entropy
    real_ms: Callable[[], int]
    """The monotonic time that not even a test moves."""
    drive: Callable[[Loop], Turner]
    """Who calls for the turns."""
    disk: Disk
    """Where `meta.properties` is read, which says what a core is made of."""
    authorizer: Authorizer = AllowAll()
    """Who says who may do what."""
    process: Process = manners
    """What hears of forks and of the interpreter's end."""
    clock: ClockSet = ClockSet()
    """As the core's clock begins."""


def machine(
    *,
    power_cuts: bool = False,
    durable: bool = True,
    overflow: str | None = None,
    clock: ClockSet = ClockSet(),  # noqa: B008
) -> World:
    """This machine, and a thread that decides.

    Args:
        power_cuts: keep track of what was fsynced, so that a power cut can take the rest away.
        durable: carry out every fsync; needless where the folders go with the node.
        overflow: the log directories lie in memory, and segments that find no more room there go
            to this folder.
        clock: as the clock of the node before was left.
    """

    def make_core(config: BrokerConfig, log_dirs: tuple[str, ...]) -> Core:
        how = Keeping(power_cuts, durable, overflow)
        return core_of(config, log_dirs, how, clock)

    disk = Disk(durable=durable)
    return World(make_core, SystemEntropy(), real_ms, DecisionThread, disk, clock=clock)


def core_of(
    config: BrokerConfig, log_dirs: tuple[str, ...], keeping: Keeping, clock: ClockSet
) -> Core:
    """The core as a broker's configuration wants it."""
    request_memory: int = config["queued.max.request.bytes"]
    return Core(
        node_id=config.node_id,
        log_dirs=list(log_dirs),
        threads=min(config["num.network.threads"], os.cpu_count() or 1),
        request_memory_bytes_max=request_memory if request_memory > 0 else MEMORY_BYTES_MAX,
        request_size_bytes_max=config["socket.request.max.bytes"],
        connection_idle_ms_max=config["connections.max.idle.ms"],
        socket_send_buffer_bytes=config["socket.send.buffer.bytes"],
        socket_receive_buffer_bytes=config["socket.receive.buffer.bytes"],
        fetch_session_slots=config["max.incremental.fetch.session.cache.slots"],
        fetch_max_bytes=config["fetch.max.bytes"],
        power_cuts=keeping.power_cuts,
        durable=keeping.durable,
        overflow=keeping.overflow,
        clock_offset_ms=clock.offset_ms,
        clock_frozen_ms=clock.frozen_ms,
    )


def real_ms() -> int:
    """Milliseconds of the machine's monotonic time."""
    return steady_ms()


def wall_ms() -> int:
    """What the machine's calendar says; a core has its own clock, which a test may move."""
    return time.time_ns() // 1_000_000
