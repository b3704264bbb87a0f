"""What a node does for its logs in the background: retention, rolling, checkpoints, old producers,
deleted folders.

Checkpoints, flushes and the look for log directories run on real time, everything else on the
node's clock. The core does the work on threads of its own: nobody waits for a slow disk here. What
it did comes back as events.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ottla._core import Node as Core
    from ottla._core import _Pass
    from ottla.config.broker import BrokerConfig
    from ottla.node.alarms import Alarms


PRESENCE_MS = 5000
"""The node looks for its log directories this often. 4.3.1 misses one as soon, when it writes its
high watermarks."""


def schedule(alarms: Alarms, core: Core, config: BrokerConfig) -> None:
    """Set the node's housekeeping timers; all periods but one are those of config keys."""

    def every(period_ms: int, name: _Pass, *, real: bool = False) -> None:
        alarms.every(name, period_ms, lambda: core.begin(name), real=real)

    every(config["log.retention.check.interval.ms"], "retention")
    every(config["producer.id.expiration.check.interval.ms"], "producers")
    every(config["log.flush.offset.checkpoint.interval.ms"], "checkpoint", real=True)
    every(PRESENCE_MS, "presence", real=True)
    flush_period_ms = config["log.flush.scheduler.interval.ms"]
    if flush_period_ms < (1 << 62):
        every(flush_period_ms, "roll", real=True)
