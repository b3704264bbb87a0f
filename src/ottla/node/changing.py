"""What of a node's own goes by keys that change while it runs: topics hear of theirs one by one.

The publisher tells it of the config before the core is told of anything else, and whenever that may
have changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ottla.config.connections import Limits, connection_limits

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


class Changing:
    """The limits on connections, how compacted logs are cleaned, and how often these and deleted
    segments are looked for.
    """

    __slots__ = ("_alarms", "_cleaner", "_core", "_limits", "_periods")

    def __init__(self, alarms: Alarms, core: Core) -> None:
        self._alarms = alarms
        self._core = core
        self._periods: dict[_Pass, int] = {}
        self._limits: Limits | None = None
        self._cleaner: dict[str, Any] = {}

    def configure(self, config: BrokerConfig) -> None:
        """Do it as this config says from now on, where that is another way than until now."""
        limits = connection_limits(config)
        if limits != self._limits:
            listeners = [(name, *most) for name, most in limits.listeners.items()]
            self._core.limit_connections(listeners, list(limits.addresses.items()))
            self._limits = limits
        # Deleted segments and folders are looked for as often as their delay says.
        self._every(max(config["log.segment.delete.delay.ms"], 1000), "deleted")
        cleaner = {key: config[key] for key in CLEANER_KEYS}
        if cleaner != self._cleaner:
            self._core.configure_cleaner(cleaner)
            self._cleaner = cleaner
        if cleaner["log.cleaner.enable"]:
            self._every(config["log.cleaner.backoff.ms"], "clean")

    def _every(self, period_ms: int, name: _Pass) -> None:
        if period_ms != self._periods.get(name):
            self._alarms.every(name, period_ms, lambda: self._core.begin(name))
            self._periods[name] = period_ms
