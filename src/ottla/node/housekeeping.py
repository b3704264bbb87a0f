"""What a node does for its logs in the background: retention, rolling, compaction, checkpoints, old
producers, deleted folders.

Checkpoints and flushes run on real time, everything else on the node's clock. The core does the
work on threads of its own: nobody waits for a slow disk here. What it did comes back as events.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from ottla._core import Node as Core
    from ottla._core import _Pass
    from ottla.config.broker import BrokerConfig
    from ottla.node.alarms import Alarms


def schedule(alarms: Alarms, core: Core, config: BrokerConfig) -> None:
    """Set the node's housekeeping timers; periods are the config keys' of the same meaning."""

    def every(period_ms: int, name: _Pass, *, real: bool = False) -> None:
        alarms.every(name, period_ms, lambda: core.begin(name), real=real)

    every(config["log.retention.check.interval.ms"], "retention")
    every(max(config["log.segment.delete.delay.ms"], 1000), "deleted")
    every(config["producer.id.expiration.check.interval.ms"], "producers")
    every(config["log.flush.offset.checkpoint.interval.ms"], "checkpoint", real=True)
    flush_period_ms = config["log.flush.scheduler.interval.ms"]
    if flush_period_ms < (1 << 62):
        every(flush_period_ms, "roll", real=True)


BACKOFF: Final = "log.cleaner.backoff.ms"
CLEANER_KEYS: Final = (
    "log.cleaner.dedupe.buffer.size",
    "log.cleaner.enable",
    "log.cleaner.io.buffer.load.factor",
    "log.cleaner.io.buffer.size",
    "log.cleaner.io.max.bytes.per.second",
    "log.cleaner.threads",
)


class Cleaning:
    """When compacted logs are looked through, and how they are cleaned; both may change."""

    __slots__ = ("_alarms", "_core", "_told")

    def __init__(self, alarms: Alarms, core: Core) -> None:
        self._alarms = alarms
        self._core = core
        self._told: dict[str, Any] = {}

    def configure(self, config: BrokerConfig) -> None:
        """Do it as these keys say from now on, if that is another way than until now."""
        told = {key: config[key] for key in (*CLEANER_KEYS, BACKOFF)}
        if told == self._told:
            return
        before = self._told.get(BACKOFF)
        self._told = told
        self._core.configure_cleaner({key: told[key] for key in CLEANER_KEYS})
        if told["log.cleaner.enable"] and told[BACKOFF] != before:
            self._alarms.every("clean", told[BACKOFF], lambda: self._core.begin("clean"))
