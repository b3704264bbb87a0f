"""AlterConfigs: let a resource set what is named, and nothing else (KIP-133).

IncrementalAlterConfigs is the better one, as two who alter at once undo each other's work here; old
clients and tools know only this. Needs ALTER_CONFIGS on the topic or group, and on the cluster for
all other resources. Loggers can't be altered so: they are refused as Apache Kafka does it, whose
brokers and controllers have different words for that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ottla.broker import config_changes
from ottla.controller.configs import check_form_of_all
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.alter_configs import (
    AlterConfigsRequest,
    AlterConfigsResourceResponse,
    AlterConfigsResponse,
)

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context

_MESSAGES = config_changes.Messages(
    AlterConfigsRequest, AlterConfigsResponse, AlterConfigsResourceResponse
)


def handle(context: Context, asked: Asked[AlterConfigsRequest]) -> AlterConfigsResponse | None:
    """Hand on what the client may replace; the controller answers."""
    own = _no_loggers if asked.controller else None
    done: AlterConfigsResponse | None = config_changes.change(
        context, asked, _MESSAGES, check_form_of_all, own
    )
    return done


def _no_loggers(_context: Context, _resource: Any, _validate_only: bool) -> tuple[int, str]:
    return ErrorCode.INVALID_REQUEST, "Unexpected resource type BROKER_LOGGER."
