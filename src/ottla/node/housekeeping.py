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

CLEANER_KEYS: Final = (
    "log.cleaner.dedupe.buffer.size",
    "log.cleaner.enable",
    "log.cleaner.io.buffer.load.factor",
    "log.cleaner.io.buffer.size",
    "log.cleaner.io.max.bytes.per.second",
    "log.cleaner.threads",
)


class Housekeeping:
    """The node's timers for its logs."""

    __slots__ = ("_alarms", "_cleaner", "_core", "_periods")

    def __init__(self, alarms: Alarms, core: Core) -> None:
        self._alarms = alarms
        self._core = core
        self._periods: dict[_Pass, int] = {}
        self._cleaner: dict[str, Any] = {}
        """What the core was told of cleaning."""

    def begin(self, config: BrokerConfig) -> None:
        """Set them; periods are the config keys' of the same meaning."""
        self._every(config["log.retention.check.interval.ms"], "retention")
        self._every(config["producer.id.expiration.check.interval.ms"], "producers")
        self._every(config["log.flush.offset.checkpoint.interval.ms"], "checkpoint", real=True)
        flush_period_ms = config["log.flush.scheduler.interval.ms"]
        if flush_period_ms < (1 << 62):
            self._every(flush_period_ms, "roll", real=True)
        self.configure(config)

    def configure(self, config: BrokerConfig) -> None:
        """Go by what may change while the node runs."""
        self._every(max(config["log.segment.delete.delay.ms"], 1000), "deleted")
        cleaner = {key: config[key] for key in CLEANER_KEYS}
        if cleaner != self._cleaner:
            self._core.configure_cleaner(cleaner)
            self._cleaner = cleaner
        if cleaner["log.cleaner.enable"]:
            self._every(config["log.cleaner.backoff.ms"], "clean")

    def _every(self, period_ms: int, name: _Pass, *, real: bool = False) -> None:
        """Begin a pass once a period, from now on; as before if it is as long as it was."""
        if self._periods.get(name) != period_ms:
            self._periods[name] = period_ms
            self._alarms.every(name, period_ms, lambda: self._core.begin(name), real=real)
