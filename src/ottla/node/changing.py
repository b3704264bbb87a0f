"""What of a node's own goes by keys that change while it runs: topics hear of theirs one by one.

The publisher tells it of the config before the core is told of anything else, and whenever that may
have changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.config.connections import Limits, connection_limits

if TYPE_CHECKING:
    from ottla._core import Node as Core
    from ottla.config.broker import BrokerConfig
    from ottla.node.alarms import Alarms


class Changing:
    """The limits on connections, and how often deleted segments are looked for."""

    __slots__ = ("_alarms", "_core", "_deletions_ms", "_limits")

    def __init__(self, alarms: Alarms, core: Core) -> None:
        self._alarms = alarms
        self._core = core
        self._deletions_ms: int | None = None
        self._limits: Limits | None = None

    def configure(self, config: BrokerConfig) -> None:
        """Do it as this config says from now on, where that is another way than until now."""
        limits = connection_limits(config)
        if limits != self._limits:
            self._limits = limits
            listeners = [(name, *most) for name, most in limits.listeners.items()]
            self._core.limit_connections(listeners, list(limits.addresses.items()))
        # Deleted segments and folders are looked for as often as their delay says.
        period_ms = max(config["log.segment.delete.delay.ms"], 1000)
        if period_ms != self._deletions_ms:
            self._deletions_ms = period_ms
            self._alarms.every("deleted", period_ms, lambda: self._core.begin("deleted"))
