"""What a node does for its logs in the background: retention, rolling, checkpoints, old producers,
deleted folders.

Everything here but the checkpoints follows the node's clock. The core does the work off the
decision thread's GIL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ottla._core import Node as Core
    from ottla.config.broker import BrokerConfig
    from ottla.node.logs import Logs
    from ottla.node.loop import Loop


def schedule(loop: Loop, core: Core, config: BrokerConfig, logs: Logs) -> None:
    """Set the node's housekeeping timers; periods are the config keys' of the same meaning."""

    def retention() -> None:
        core.roll_due()
        for line in core.enforce_retention():
            logs.info(line)

    loop.every("retention", config["log.retention.check.interval.ms"], retention)
    loop.every("deleted", max(config["log.segment.delete.delay.ms"], 1000), core.delete_renamed)
    loop.every(
        "producers", config["producer.id.expiration.check.interval.ms"], core.expire_producers
    )
    loop.every(
        "checkpoint", config["log.flush.offset.checkpoint.interval.ms"], core.checkpoint, real=True
    )
    flush_period_ms = config["log.flush.scheduler.interval.ms"]
    if flush_period_ms < (1 << 62):
        loop.every("flush", flush_period_ms, core.roll_due, real=True)
