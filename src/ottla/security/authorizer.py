"""Who may do what: the one question that every handler asks before it acts or tells.

An authorizer answers for resources that need not exist, so that asking it betrays nothing. It
neither waits nor fails: what it goes by is in memory. `AllowAll` is the node without
`authorizer.class.name`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ottla.security.principal import Principal
    from ottla.security.resources import Operation, Resource, ResourceType


class Requester(Protocol):
    """What is known of who asks, and how they came in."""

    @property
    def principal(self) -> Principal:
        """Who speaks on the connection."""

    @property
    def client_host(self) -> str:
        """The address that they come from."""

    @property
    def listener(self) -> str:
        """The listener that they came in on."""

    @property
    def client_id(self) -> str | None:
        """What their client calls itself."""

    @property
    def api_key(self) -> int:
        """What they asked for."""


class Authorizer(Protocol):
    """Answers; `quiet` says that a no is no news: it only narrows down what is told or tried."""

    def authorize(
        self, who: Requester, operation: Operation, resource: Resource, *, quiet: bool
    ) -> bool:
        """Whether they may do this to that."""

    def allowed_names(
        self,
        who: Requester,
        operation: Operation,
        kind: ResourceType,
        names: set[str],
        *,
        quiet: bool,
    ) -> set[str]:
        """Those of the names that they may do this to."""

    def authorize_by_resource_type(
        self, who: Requester, operation: Operation, kind: ResourceType
    ) -> bool:
        """Whether there is at least one resource of this type that they may do this to."""


class AllowAll:
    """Everybody may do everything."""

    __slots__ = ()

    def authorize(
        self, who: Requester, operation: Operation, resource: Resource, *, quiet: bool
    ) -> bool:
        """Yes."""
        return True

    def allowed_names(
        self,
        who: Requester,
        operation: Operation,
        kind: ResourceType,
        names: set[str],
        *,
        quiet: bool,
    ) -> set[str]:
        """All of them."""
        return names

    def authorize_by_resource_type(
        self, who: Requester, operation: Operation, kind: ResourceType
    ) -> bool:
        """Yes."""
        return True
