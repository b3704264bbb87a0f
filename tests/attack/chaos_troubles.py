"""What happens to the node in the chaos: one trouble at a time, of which the dice say which."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress

from attack.chaos_world import TOPIC, World
from attack.faults import Fault, core_of
from attack.line import Gone, Line
from ottla.errors import OttlaError

DISK_VERBS = ("open", "create", "write", "sync", "sync_dir", "rename", "allocate")
ERRNOS = ("EIO", "ENOSPC", "EMFILE")
PLACES = ("*", f"*/{TOPIC}-0/*", f"*/{TOPIC}-2/*", "*/__consumer_offsets-*/*", "*checkpoint*",
          "*/__cluster_metadata-0/*", "*.log", "*.index", "*.snapshot")  # fmt: skip


def kill(world: World) -> None:
    """The process dies."""
    world.broker.kill()
    world.start()


def power_cut(world: World) -> None:
    """The machine dies, and what was not synced with it."""
    world.broker.power_cut()
    world.start()


def restart(world: World) -> None:
    """A clean stop, maybe with a disk that fails meanwhile."""
    if world.dice.random() < 0.3:
        disk_fails(world, wait=False)
    world.broker.close()
    world.start()


def disk_fails(world: World, *, wait: bool = True) -> None:
    """Some calls fail, or are slow, or write a part."""
    dice = world.dice
    errno = dice.choice((*ERRNOS, ""))
    fault = Fault(
        verb=dice.choice(DISK_VERBS),
        path=dice.choice(PLACES),
        errno=errno,
        delay_ms=dice.choice((0, 0, 5, 200)),
        short=bool(errno) and dice.random() < 0.2,
        after=dice.randrange(0, 30),
        times=dice.choice((1, 1, 3, 100)),
    )
    core_of(world.broker).set_disk_faults([fault])
    if wait:
        world.over.wait(dice.random() * 0.5)
        core_of(world.broker).set_disk_faults([])


def time_passes(world: World) -> None:
    """The node's clock is moved, or the machine's jumps there and back."""
    if world.dice.random() < 0.5:
        world.broker.advance(world.dice.random() * 600)
        return
    by_ms = world.dice.choice((-3_600_000, 60_000, 86_400_000))
    core_of(world.broker).jump_wall_clock(by_ms)
    world.over.wait(0.05)
    core_of(world.broker).jump_wall_clock(-by_ms)


def descriptors_run_out(world: World) -> None:
    """For a while the process may open no more files."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(name) for name in os.listdir("/proc/self/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(highest - 2, 3), hard))
    try:
        world.over.wait(world.dice.random() * 0.5)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def crowd(world: World) -> None:
    """Many connections that begin a frame and never end it."""
    lines = [Line(world.port, timeout_s=1) for _ in range(60)]
    for line in lines:
        with suppress(Gone):
            line.send_bytes((1_000_000).to_bytes(4, "big") + b"\0" * 100)
    world.over.wait(world.dice.random() * 0.3)
    for line in lines:
        line.close()


TROUBLES: tuple[tuple[Callable[[World], None], int], ...] = (
    (kill, 4),
    (power_cut, 4),
    (restart, 2),
    (disk_fails, 8),
    (time_passes, 3),
    (descriptors_run_out, 2),
    (crowd, 1),
)


def trouble(world: World) -> None:
    """One trouble, and the node brought back if it gave up."""
    make = world.dice.choices([one for one, _ in TROUBLES], [weight for _, weight in TROUBLES])[0]
    world.counts[make.__name__] += 1
    try:
        make(world)
    except OttlaError as problem:
        world.counts[f"{make.__name__}: {type(problem).__name__}"] += 1
    except Exception as problem:
        if type(problem).__name__ != "CoreError":
            raise
        world.counts[f"{make.__name__}: CoreError {problem.args[0]}"] += 1
    node = world.broker._node
    if node is None or node.failure is not None:
        if node is not None:
            world.counts["node gave up"] += 1
        world.start()
