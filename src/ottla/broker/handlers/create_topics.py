"""CreateTopics: new topics with their partitions, replicas and configs.

Needs CREATE on the cluster or on each topic. The controller decides; each topic succeeds or fails
on its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context


def handle(context: Context, asked: Asked[Any]) -> None:
    """Hand the request to the controller, which answers by its token."""
    context.controller.submit(asked)
