"""CreatePartitions: more partitions for topics that exist.

Needs ALTER on the topics. The controller decides; partitions are never taken away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context


def handle(context: Context, asked: Asked[Any]) -> None:
    """Hand the request to the controller, which answers by its token."""
    context.controller.submit(asked)
