"""What the seed lets happen to a node, its disk, its clock and its clients' connections.

A fault is one function that brings it about; run.py says when. Those of the disk last until their
end comes, or the node's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from ottla.sim.run import Run

CHANGES_MAX = 12
"""A process that is to die in the middle of something does so within so many changes."""
LASTS_MIN, LASTS_MAX = 10, 120
"""How many steps a disk's fault lasts."""
JUMP_MS_MAX = 3_000_000


def kill(run: Run) -> bool:
    """The process is killed between two steps."""
    run.end("kill")
    return True


def power_cut(run: Run) -> bool:
    """The machine loses its power between two steps."""
    run.end("power cut")
    return True


def stop(run: Run) -> bool:
    """The node is stopped in order."""
    run.end("stop")
    return True


def _dies(run: Run, how: str) -> bool:
    run.machine.disk.die_after(run.random.randrange(CHANGES_MAX))
    run.dies = how
    return False  # it counts when it has died


def killed_at_work(run: Run) -> bool:
    """The process is killed in the middle of a step."""
    return _dies(run, "kill")


def cut_at_work(run: Run) -> bool:
    """The machine loses its power in the middle of a step."""
    return _dies(run, "power cut")


def dies_at_a_start(run: Run) -> bool:
    """The node ends, and the next one dies while it starts."""
    run.end(run.random.choice(("kill", "power cut")))
    run.machine.disk.die_after(run.random.randrange(4 * CHANGES_MAX))
    run.dies = run.random.choice(("kill", "power cut"))
    return False


def full_disk(run: Run) -> bool:
    """There is little or no room any more, for a while."""
    room = run.random.choice((0, 10, 300, 3000))
    run.machine.disk.set_capacity(run.machine.disk.used_bytes + room)
    run.disk_fails("full disk", lambda: run.machine.disk.set_capacity(None), _lasts(run))
    return True


def failing_writes(run: Run) -> bool:
    """The disk takes nothing any more, for a while."""
    run.machine.disk.fail_after(run.random.randrange(5))
    run.disk_fails("failing writes", lambda: run.machine.disk.fail_after(None), _lasts(run))
    return True


def failing_sync(run: Run) -> bool:
    """A sync fails, and what it should have made safe is partly lost."""
    run.machine.disk.fail_sync_after(run.random.randrange(4))
    run.disk_fails("failing sync", lambda: run.machine.disk.fail_sync_after(None), LASTS_MAX)
    return True


def clock_jump(run: Run) -> bool:
    """Somebody sets the wall clock."""
    run.machine.jump(run.random.randint(-JUMP_MS_MAX, JUMP_MS_MAX))
    return True


def reset(run: Run) -> bool:
    """A connection breaks; what was sent and not handled is gone."""
    return run.cut_one(reset=True)


def half_closed(run: Run) -> bool:
    """A client gives up and sends again what is still on its way: it arrives twice."""
    return run.cut_one(reset=False)


def _lasts(run: Run) -> int:
    return run.random.randint(LASTS_MIN, LASTS_MAX)


FAULTS: tuple[tuple[str, Callable[[Run], bool], int], ...] = (
    ("kill", kill, 3),
    ("power cut", power_cut, 3),
    ("stop", stop, 1),
    ("kill at work", killed_at_work, 3),
    ("power cut at work", cut_at_work, 3),
    ("death at a start", dies_at_a_start, 1),
    ("full disk", full_disk, 2),
    ("failing writes", failing_writes, 2),
    ("failing sync", failing_sync, 1),
    ("clock jump", clock_jump, 1),
    ("reset", reset, 3),
    ("arrives twice", half_closed, 3),
)
"""Name, what brings it about, and how often among others."""
