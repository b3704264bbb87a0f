"""Disk faults as a test says them: a verb, a file, a moment, and what happens there.

    with disk_faults(broker, Fault("sync", "orders-0/*.log", errno="EIO")) as fired:
        ...
        assert fired() == [1]

They hold for whatever the running node's disk holds, until the block ends.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import ottla
from ottla._core import DiskFault as Fault
from ottla._core import Node as Core
from ottla.node import world

HELD = None
"""A delay until the block ends, or until `HELD_SECONDS_MAX`."""
HELD_SECONDS_MAX = 60
METADATA_LOG = "__cluster_metadata-0/*.log"


def core_of(broker: ottla.Broker) -> Core:
    """The native half of the broker's running node."""
    node = broker._running()
    return node._core


def requests_of(broker: ottla.Broker, key: int) -> float:
    """How many requests of this API have come in, answered or not."""
    counts = core_of(broker).metrics()
    return sum(count for name, count in counts.items() if name.startswith(f"request.count.{key}/"))


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
    if any(fault.delay_ms is HELD for fault in faults):
        last_resort.start()
    try:
        yield core.disk_faults_fired
        assert not ended, f"something waited {HELD_SECONDS_MAX} s for a call that was held"
    finally:
        last_resort.cancel()
        core.set_disk_faults([])


def faults_from_the_start(
    monkeypatch: pytest.MonkeyPatch, faults: list[Fault], cores: list[Core] | None = None
) -> None:
    """Let these hold from the moment at which a node has its core, which is added to `cores`."""
    make = world.core_of

    def armed(*args: Any, **kwargs: Any) -> Core:
        core = make(*args, **kwargs)
        core.set_disk_faults(faults)
        if cores is not None:
            cores.append(core)
        return core

    monkeypatch.setattr(world, "core_of", armed)
