"""One request as a handler sees it: the decoded message and where it came from.

The core's `Request` becomes this, and this an `Ask` where a decider is asked (asker.py): what is
known of the client keeps its name from here on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from ottla.security.principal import Principal


Body = TypeVar("Body")


class Asked(NamedTuple, Generic[Body]):
    """A request that waits for its reply. `token` addresses the reply, now or later."""

    token: int
    api_key: int
    version: int
    client_id: str | None
    body: Body
    listener: str
    local_host: str
    local_port: int
    client_host: str
    """The client's address."""
    connection_id: int
    """What the core is told of, when it is known who speaks there."""
    principal: Principal
    """Who asks."""
    controller: bool = False
    """Whether it came in on a controller listener."""
    client_port: int = 0
    """The client's end of the connection."""
