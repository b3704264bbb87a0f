"""Disk faults as a test says them: a verb, a file, a moment, and what happens there.

    with disk_faults(broker, Fault("sync", "orders-0/*.log", errno="EIO")) as fired:
        ...
        assert fired() == [1]

They hold for the running node's logs, its checkpoints and its metadata log, until the block ends.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import ottla
from ottla._core import Node as Core

FOR_EVER = -1
HELD = -1
"""A delay until the block ends, or until `HELD_SECONDS_MAX`."""
HELD_SECONDS_MAX = 60
METADATA_LOG = "__cluster_metadata-0/*.log"


class Fault(NamedTuple):
    """One row of `_core.Node.set_disk_faults`."""

    verb: str
    path: str
    """The end of the path, in which `*` stands for anything."""
    errno: str = ""
    delay_ms: int = 0
    short: bool = False
    """A write stops half way before it fails; a read finds half of what was asked for."""
    after: int = 0
    """Matching calls that pass first."""
    times: int = FOR_EVER


def core_of(broker: ottla.Broker) -> Core:
    """The native half of the broker's running node."""
    node = broker._running()
    return node._core


@contextmanager
def disk_faults(broker: ottla.Broker, *faults: Fault) -> Iterator[Callable[[], list[int]]]:
    """Let these faults hold inside the block; what it gives says how often each fired.

    Who waits for a call that is held fails by that: after a minute the faults end by themselves.
    """
    core = core_of(broker)
    ended: list[None] = []

    def end() -> None:
        ended.append(core.set_disk_faults([]))

    core.set_disk_faults(list(faults))
    last_resort = threading.Timer(HELD_SECONDS_MAX, end)
    if any(fault.delay_ms == HELD for fault in faults):
        last_resort.start()
    try:
        yield core.disk_faults_fired
        assert not ended, f"something waited {HELD_SECONDS_MAX} s for a call that was held"
    finally:
        last_resort.cancel()
        core.set_disk_faults([])
