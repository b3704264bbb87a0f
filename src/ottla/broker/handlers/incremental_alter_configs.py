"""IncrementalAlterConfigs: set, delete, append to and subtract from configs (KIP-339).

Needs ALTER_CONFIGS on the topic or group, and on the cluster for all other resources. The
controller decides; the levels of loggers are this node's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.broker import config_changes, loggers
from ottla.controller.configs import check_form
from ottla.wire.messages.incremental_alter_configs import (
    AlterConfigsResourceResponse,
    IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
)

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context

_MESSAGES = config_changes.Messages(
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse, AlterConfigsResourceResponse
)


def handle(
    context: Context, asked: Asked[IncrementalAlterConfigsRequest]
) -> IncrementalAlterConfigsResponse | None:
    """Change the loggers here, and hand on what else the client may alter."""
    done: IncrementalAlterConfigsResponse | None = config_changes.change(
        context, asked, _MESSAGES, check_form, loggers.alter
    )
    return done
