"""What every handler may use: the cluster as this broker knows it, its logs, and its deciders.

Handlers are plain functions of a Context and a request. They return the response, or None when a decider will
answer by the request's token.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from ottla._core import Node as Core
    from ottla.broker.asked import Asked
    from ottla.broker.router import Router
    from ottla.config.broker import BrokerConfig
    from ottla.metadata.image import Broker, MetadataImage


class Decides(Protocol):
    """A decider as handlers reach it. The node runs its decisions and sends the replies."""

    def submit(self, asked: Asked[Any]) -> None:
        """Decide this request; the reply goes out by its token when it is safe."""

    def ask(self, message: Any, version: int, then: Callable[[Any], None]) -> None:
        """Decide a request of our own; `then` gets the response, on the decision thread."""


class Quorum(Protocol):
    """What DescribeQuorum and friends need of raft."""

    def describe(self, now_ms: int) -> Any:
        """The quorum's leader, epoch, high watermark and voters."""


class Context:
    """One broker's view for its handlers; all of it is used on the decision thread only."""

    __slots__ = (
        "advertised",
        "cluster_id",
        "config",
        "controller",
        "core",
        "groups",
        "image",
        "log_dirs",
        "node_id",
        "quorum",
        "reply",
        "router",
    )

    def __init__(
        self,
        *,
        node_id: int,
        cluster_id: str,
        config: BrokerConfig,
        core: Core,
        router: Router,
        log_dirs: tuple[str, ...],
        image: MetadataImage,
    ) -> None:
        self.node_id = node_id
        self.cluster_id = cluster_id
        self.config = config
        self.core = core
        self.router = router
        self.log_dirs = log_dirs
        self.image = image
        self.advertised: dict[str, tuple[str, int]] = {}
        """Listener name to the host and port of `advertised.listeners`, where the file sets it."""
        self.controller: Decides
        self.groups: Any
        self.quorum: Any
        self.reply: Callable[[int, Any], None]

    def now_ms(self) -> int:
        """The node's clock, which tests can move."""
        return self.core.now_ms()

    def endpoint(self, asked: Asked[Any]) -> tuple[str, int]:
        """The address of this broker for the client that asks.

        It is what `advertised.listeners` says, and else the local address of the socket that the client came in
        on: that one works for it by proof, so one machine needs no configuration.
        """
        return self.advertised.get(asked.listener, (asked.local_host, asked.local_port))

    def broker_endpoint(self, broker: Broker, asked: Asked[Any]) -> tuple[str, int] | None:
        """The address of any broker on the listener that the client uses; None if it has no such listener."""
        if broker.id == self.node_id:
            return self.endpoint(asked)
        endpoint = broker.endpoints.get(asked.listener)
        return None if endpoint is None else (endpoint.host, endpoint.port)
