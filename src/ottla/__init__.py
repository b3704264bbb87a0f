"""Ottla: the Apache Kafka platform in one Python package.

import ottla

with ottla.Broker() as broker:
    ...  # any Kafka client, at broker.bootstrap_servers
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing itself would be most of what `import ottla` costs
if TYPE_CHECKING:
    from ottla._core import __version__
    from ottla.client.errors import BrokerError
    from ottla.config.refusal import ConfigException
    from ottla.errors import OttlaError
    from ottla.node.engine import NodeFailed
    from ottla.node.folder_lock import FolderInUse
    from ottla.testing.broker import Broker
    from ottla.testing.broker_log import Line
    from ottla.testing.errors import BadArgument, BadType, NotAsExpected, NotRunning
    from ottla.testing.expected import Record

__all__ = [
    "BadArgument",
    "BadType",
    "Broker",
    "BrokerError",
    "ConfigException",
    "FolderInUse",
    "Line",
    "NodeFailed",
    "NotAsExpected",
    "NotRunning",
    "OttlaError",
    "Record",
    "__version__",
]

_HOMES = {
    "BadArgument": "ottla.testing.errors",
    "BadType": "ottla.testing.errors",
    "Broker": "ottla.testing.broker",
    "BrokerError": "ottla.client.errors",
    "ConfigException": "ottla.config.refusal",
    "FolderInUse": "ottla.node.folder_lock",
    "Line": "ottla.testing.broker_log",
    "NodeFailed": "ottla.node.engine",
    "NotAsExpected": "ottla.testing.errors",
    "NotRunning": "ottla.testing.errors",
    "OttlaError": "ottla.errors",
    "Record": "ottla.testing.expected",
    "__version__": "ottla._core",
}

if not TYPE_CHECKING:  # a type checker that saw this would take any name for one of ours

    def __getattr__(name: str) -> object:
        """Load what is asked for on first use, so that `import ottla` costs nothing."""
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module 'ottla' has no attribute {name!r}")
        from importlib import import_module

        return getattr(import_module(home), name)


def __dir__() -> list[str]:
    """Also what is not loaded yet, for who looks around."""
    return sorted({*globals(), *__all__} - {"TYPE_CHECKING", "annotations", "_HOMES"})
