"""GetTelemetrySubscriptions: which of its metrics a client is to push, and how often (KIP-714).

Needs no permission. A client without an id gets one. Apache Kafka announces this API only with a
receiver in place; here there is one, so it always is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.broker.telemetry.client_metrics import ACCEPTED
from ottla.wire.messages.get_telemetry_subscriptions import (
    GetTelemetrySubscriptionsRequest,
    GetTelemetrySubscriptionsResponse,
)

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context


def handle(
    context: Context, asked: Asked[GetTelemetrySubscriptionsRequest]
) -> GetTelemetrySubscriptionsResponse:
    """The question, or that it is too early to ask."""
    clients = context.client_metrics
    error, instance_id, question = clients.get(
        context.client_of(asked), asked.body.client_instance_id
    )
    if question is None:
        return GetTelemetrySubscriptionsResponse(error_code=error)
    return GetTelemetrySubscriptionsResponse(
        client_instance_id=instance_id,
        subscription_id=question.subscription_id,
        accepted_compression_types=list(ACCEPTED),
        push_interval_ms=question.interval_ms,
        telemetry_max_bytes=clients.bytes_max,
        delta_temporality=True,
        requested_metrics=list(question.metrics),
    )
