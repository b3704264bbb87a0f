"""IncrementalAlterConfigs: set, delete, append to and subtract from configs (KIP-339).

Needs ALTER_CONFIGS on the resource. The controller decides; each resource succeeds or fails on its
own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context


def handle(context: Context, asked: Asked[Any]) -> None:
    """Hand the request to the controller, which answers by its token."""
    context.controller.submit(asked)
