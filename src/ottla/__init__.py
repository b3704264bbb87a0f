"""Ottla: the Apache Kafka platform in one Python package.

import ottla

with ottla.Broker() as broker:
    ...  # any Kafka client, at broker.bootstrap_servers
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing itself would be most of what `import ottla` costs
if TYPE_CHECKING:
    from ottla._core import __version__
    from ottla.errors import OttlaError
    from ottla.testing.broker import Broker

__all__ = ["Broker", "OttlaError", "__version__"]

_HOMES = {
    "Broker": "ottla.testing.broker",
    "OttlaError": "ottla.errors",
    "__version__": "ottla._core",
}


def __getattr__(name: str) -> object:
    """Load what is asked for on first use, so that `import ottla` costs nothing."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'ottla' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    """Also what is not loaded yet, for who looks around."""
    return sorted({*globals(), *__all__})
