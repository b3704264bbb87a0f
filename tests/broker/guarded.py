"""A node whose authorizer is the test's own, from its first request on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import ottla
from ottla.node.format import ensure_formatted
from ottla.node.node import Node
from ottla.node.world import machine
from ottla.security.authorizer import Authorizer


@contextmanager
def node_under(
    authorizer: Authorizer, folder: Path, config: Mapping[str, str | int] | None = None
) -> Iterator[Node]:
    """A node of a folder of its own that asks this authorizer; it is killed at the end."""
    properties = ottla.Broker(dir=folder, config=dict(config or {}))._properties
    ensure_formatted(properties, durable=False)
    node = Node(properties, world=machine(durable=False)._replace(authorizer=authorizer))
    node.start()
    try:
        yield node
    finally:
        node.kill()
