"""A node whose authorizer is the test's own, from its first request on, and all of whose clients
are alice: a name that is lost on the way would be `User:ANONYMOUS` or nobody's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ottla
from broker.access import ALICE
from ottla._core import Request
from ottla.node.format import ensure_formatted
from ottla.node.node import Node
from ottla.node.world import machine
from ottla.security.authorizer import Authorizer


class Introduced:
    """A core that takes whoever comes in for alice, as after an authentication."""

    def __init__(self, core: Any) -> None:
        self._core = core

    def __getattr__(self, name: str) -> Any:
        return getattr(self._core, name)

    def next(self, timeout_ms: int | None) -> list[Any]:
        return [
            self._of_alice(item) if isinstance(item, Request) else item
            for item in self._core.next(timeout_ms)
        ]

    def _of_alice(self, request: Request) -> Any:
        if request.principal == ALICE:
            return request
        self._core.identify(request.connection_id, ALICE)
        fields = {name: getattr(request, name) for name in dir(request) if name[0] != "_"}
        return SimpleNamespace(**{**fields, "principal": ALICE})


@contextmanager
def node_under(
    authorizer: Authorizer, folder: Path, config: Mapping[str, str | int] | None = None
) -> Iterator[Node]:
    """A node of a folder of its own that asks this authorizer; it is killed at the end."""
    properties = ottla.Broker(dir=folder, config=dict(config or {}))._properties
    ensure_formatted(properties, durable=False)
    usual = machine(durable=False)
    world = usual._replace(
        authorizer=authorizer, make_core=lambda *given: Introduced(usual.make_core(*given))
    )
    node = Node(properties, world=world)
    node.start()
    try:
        yield node
    finally:
        node.kill()
