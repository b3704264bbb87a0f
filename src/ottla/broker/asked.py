"""One request as a handler sees it: the decoded message and where it came from."""

from __future__ import annotations

from typing import Generic, NamedTuple, TypeVar

from ottla.security.principal import ANONYMOUS, Principal

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
    peer_host: str
    controller: bool = False
    """Whether it came in on a controller listener."""
    principal: Principal = ANONYMOUS
    """Who asks."""
