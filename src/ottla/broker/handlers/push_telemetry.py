"""PushTelemetry: a client's own metrics, in OTLP (KIP-714). They are shown on `/metrics`.

Needs no permission. What can't be read is INVALID_RECORD, as in Apache Kafka where its receiver
can't read it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.broker.telemetry.client_metrics import Push
from ottla.wire.messages.push_telemetry import PushTelemetryRequest, PushTelemetryResponse

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context


def handle(context: Context, asked: Asked[PushTelemetryRequest]) -> PushTelemetryResponse:
    """Take it in, or say why not."""
    body = asked.body
    pushed = Push(
        body.client_instance_id,
        body.subscription_id,
        body.terminating,
        body.compression_type,
        body.metrics,
    )
    error = context.client_metrics.push(context.client_of(asked), pushed)
    return PushTelemetryResponse(error_code=error)
