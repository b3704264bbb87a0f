"""ControllerRegistration: each controller tells the log its endpoints and features once a life
(KIP-919)."""

from __future__ import annotations

from ottla.controller.state import Outcome, State
from ottla.decide import Ask
from ottla.wire.messages.controller_registration import (
    ControllerRegistrationRequest,
    ControllerRegistrationResponse,
)
from ottla.wire.stored.metadata import (
    ControllerEndpoint,
    ControllerFeature,
    RegisterControllerRecord,
)


def register(state: State, ask: Ask, now_ms: int) -> Outcome:
    """Record what the controller says of itself."""
    request: ControllerRegistrationRequest = ask.body
    record = RegisterControllerRecord(
        controller_id=request.controller_id,
        incarnation_id=request.incarnation_id,
        zk_migration_ready=request.zk_migration_ready,
        end_points=[
            ControllerEndpoint(
                name=listener.name,
                host=listener.host,
                port=listener.port,
                security_protocol=listener.security_protocol,
            )
            for listener in request.listeners
        ],
        features=[
            ControllerFeature(
                name=feature.name,
                min_supported_version=feature.min_supported_version,
                max_supported_version=feature.max_supported_version,
            )
            for feature in request.features
        ],
    )
    return Outcome(ControllerRegistrationResponse(error_message=None), [(record, 0)])
