"""The schema registry beside a broker: there from its first start to its close.

It is a client of the broker's port, as a registry in a process of its own would be: when the broker
is killed, it stays, and goes on when the broker is there again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.testing.errors import NotRunning

if TYPE_CHECKING:
    from ottla.registry.service import Registry


class Beside:
    """A registry, once it is started."""

    def __init__(self, port: int = 0) -> None:
        self._port = port
        self._registry: Registry | None = None

    @property
    def url(self) -> str:
        """Where it is served.

        Raises:
            NotRunning: it is not.
        """
        if self._registry is None:
            text = "the schema registry has not been started, or has ended with its broker"
            raise NotRunning(text)
        return self._registry.url

    def start(self, bootstrap_servers: str) -> None:
        """Serve, unless it does already.

        Raises:
            OttlaError: what it needs is not installed.
        """
        if self._registry is None:
            from ottla.registry.service import Options, Registry

            registry = Registry(bootstrap_servers, Options(port=self._port))
            registry.start()
            self._registry = registry

    def stop(self) -> None:
        """End it; again: nothing."""
        registry, self._registry = self._registry, None
        if registry is not None:
            registry.stop()
