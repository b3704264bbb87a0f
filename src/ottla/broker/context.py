"""What every handler may use: the cluster as this broker knows it, its logs, and its deciders.

Handlers are plain functions of a Context and a request. They return the response, or None when a
decider will answer by the request's token.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

from ottla.broker.internal_topics import GROUPS, TRANSACTIONS
from ottla.broker.producer_ids import ProducerIds
from ottla.security.resources import SUPPORTED_OPERATIONS

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.client_software import ClientSoftware
    from ottla.broker.directories import Directories
    from ottla.broker.internal_topics import C, InternalTopic
    from ottla.broker.loggers import Loggers
    from ottla.broker.partition_logs import PartitionLogs
    from ottla.broker.router import Router
    from ottla.broker.settings import Settings
    from ottla.broker.telemetry.client_metrics import Client, ClientMetrics
    from ottla.config.broker import BrokerConfig
    from ottla.coordinators.group.coordinator import GroupCoordinator
    from ottla.coordinators.transaction.coordinator import TransactionCoordinator
    from ottla.metadata.delta import MetadataDelta
    from ottla.metadata.image import Broker, MetadataImage
    from ottla.raft.description import QuorumDescription
    from ottla.security.authorizer import Authorizer
    from ottla.security.resources import Operation, Resource, ResourceType


class Decides(Protocol):
    """The controller as handlers reach it: near or far, it decides and its replies come by
    token.
    """

    def submit(
        self,
        asked: Asked[Any],
        body: Any = None,
        finish: Callable[[Any], Any] | None = None,
        *,
        version: int | None = None,
    ) -> None:
        """Decide this request, or instead `body`: what is left of it, or what it needs first (that
        in its own `version`). The response, which `finish` completes, goes out by the request's
        token when it is safe.
        """

    def ask(self, message: Any, version: int, then: Callable[[Any], None]) -> None:
        """Decide a request of this broker's own; `then` gets the response, on the decision
        thread.
        """

    @property
    def kraft_version(self) -> int:
        """The finalized kraft.version."""

    def describe(self) -> QuorumDescription:
        """The quorum that the controllers are, now."""


class Coordinates(Protocol):
    """The coordinators in this node."""

    def create_topic(
        self, topic: InternalTopic[Any], create: Callable[[Callable[[int], None]], None]
    ) -> bool:
        """See that this topic gets created; whether it is on its way. `create` asks for it, unless
        that is done, and calls back with its error code.
        """

    def once_ready(self, topic: InternalTopic[Any], token: int, then: Callable[[], None]) -> None:
        """Let `then` answer this request when the topic is not being created and none of its
        partitions opened, or in a second; now if that is so.
        """

    def of(self, topic: InternalTopic[C], /) -> C:
        """The one that lives in this topic, made on first use: many nodes never need it.

        Raises:
            CoordinatorNotLoaded: it can't be made now.
        """


class Desk(Protocol):
    """Where responses go."""

    def reply(self, token: int, response: Any, *, stays: bool = False) -> None:
        """Send it to whoever asked with this token. If it `stays` true until the cluster changes,
        whoever asks the same may get it too.
        """

    def respond(self, token: int, what: Callable[[], str], make: Callable[[], Any]) -> None:
        """Send what `make` makes, unless that is None; a fault in it ends that one connection."""

    def internal(self, then: Callable[[Any], None]) -> int:
        """A token for a request of this node's own, whose response `then` gets."""


class Context:
    """One broker's view for its handlers; all of it is used on the decision thread only."""

    __slots__ = (
        "_client_metrics",
        "_make_client_metrics",
        "advertised",
        "authorizer",
        "client_software",
        "cluster_id",
        "controller",
        "coordinators",
        "directories",
        "internal",
        "log_dirs",
        "loggers",
        "logs",
        "node_id",
        "now_ms",
        "producer_ids",
        "reply",
        "router",
        "settings",
    )

    def __init__(
        self,
        *,
        node_id: int,
        cluster_id: str,
        settings: Settings,
        logs: PartitionLogs,
        now_ms: Callable[[], int],
        router: Router,
        log_dirs: tuple[str, ...],
        directories: Directories,
        controller: Decides,
        coordinators: Coordinates,
        desk: Desk,
        authorizer: Authorizer,
        loggers: Loggers,
        client_software: ClientSoftware,
        make_client_metrics: Callable[[], ClientMetrics],
    ) -> None:
        self.node_id = node_id
        self.cluster_id = cluster_id
        self.logs = logs
        self.now_ms = now_ms
        """The node's clock, which tests can move."""
        self.router = router
        self.log_dirs = log_dirs
        self.directories = directories
        self.settings = settings
        self.controller = controller
        self.reply = desk.reply
        """Sends a response by its request's token. Its `throttle_time_ms` also mutes the connection
        for so long.
        """
        self.internal = desk.internal
        self.authorizer = authorizer
        self.loggers = loggers
        self.client_software = client_software
        self._make_client_metrics = make_client_metrics
        self._client_metrics: ClientMetrics | None = None
        self.producer_ids = ProducerIds(node_id, controller, lambda: self.image, desk.respond)
        self.coordinators = coordinators
        self.advertised = {
            endpoint.listener: (endpoint.host, endpoint.port)
            for endpoint in settings.config.advertised_listeners or ()
        }
        """Listener name to the host and port of `advertised.listeners`, where the file sets it."""

    def show(self, delta: MetadataDelta) -> None:
        """The cluster is as this delta ends, from now on."""
        self.settings.changed(delta)

    @property
    def image(self) -> MetadataImage:
        """The cluster as requests are answered by it; `show` alone moves it."""
        return self.settings.image

    @property
    def groups(self) -> GroupCoordinator:
        """The group coordinator."""
        return self.coordinators.of(GROUPS)

    @property
    def transactions(self) -> TransactionCoordinator:
        """The coordinator of transactions."""
        return self.coordinators.of(TRANSACTIONS)

    @property
    def client_metrics(self) -> ClientMetrics:
        """What clients push of their own metrics, made on first use."""
        if self._client_metrics is None:
            self._client_metrics = self._make_client_metrics()
        return self._client_metrics

    @property
    def pushed(self) -> ClientMetrics | None:
        """The same, if anybody ever asked; from any thread."""
        return self._client_metrics

    def client_of(self, asked: Asked[Any]) -> Client:
        """Who asks, as subscriptions to clients' metrics tell them apart."""
        from ottla.broker.telemetry.client_metrics import Client

        software = self.client_software.of(asked.connection_id)
        return Client(
            asked.client_id, asked.connection_id, software, asked.client_host, asked.client_port
        )

    @property
    def offline(self) -> set[tuple[str, int]]:
        """Partitions of this broker that its disks keep from being served."""
        return self.directories.offline

    @property
    def config(self) -> BrokerConfig:
        """The broker's config in force."""
        return self.settings.config

    # -------------------------------------------------------------- who may do what
    def authorize(
        self, asked: Asked[Any], operation: Operation, resource: Resource, *, quiet: bool = False
    ) -> bool:
        """Whether the client may do this to that; `quiet` if a no refuses nothing yet."""
        return self.authorizer.authorize(asked, operation, resource, quiet=quiet)

    def allowed_names(
        self,
        asked: Asked[Any],
        operation: Operation,
        kind: ResourceType,
        names: Iterable[str],
        *,
        quiet: bool = False,
    ) -> set[str]:
        """Those of the names that the client may do this to; each is asked about once."""
        return self.authorizer.allowed_names(asked, operation, kind, set(names), quiet=quiet)

    def authorize_by_resource_type(
        self, asked: Asked[Any], operation: Operation, kind: ResourceType
    ) -> bool:
        """Whether the client may do this to any resource of the type at all."""
        return self.authorizer.authorize_by_resource_type(asked, operation, kind)

    def authorized_operations(self, asked: Asked[Any], resource: Resource) -> int:
        """All that the client may do to it, as the bit field that it is told (KIP-430)."""
        return sum(
            1 << operation
            for operation in SUPPORTED_OPERATIONS[resource.type]
            if self.authorize(asked, operation, resource, quiet=True)
        )

    def endpoint(self, asked: Asked[Any]) -> tuple[str, int]:
        """The address of this broker for the client that asks.

        It is what `advertised.listeners` says, and else the local address of the socket that the
        client came in on: that one works for it by proof, so one machine needs no configuration.
        """
        return self.advertised.get(asked.listener, (asked.local_host, asked.local_port))

    def broker_endpoint(self, broker: Broker, asked: Asked[Any]) -> tuple[str, int] | None:
        """The address of any broker on the listener that the client uses; None if it has no such
        listener.
        """
        if broker.id == self.node_id:
            return self.endpoint(asked)
        endpoint = broker.endpoints.get(asked.listener)
        return None if endpoint is None else (endpoint.host, endpoint.port)
