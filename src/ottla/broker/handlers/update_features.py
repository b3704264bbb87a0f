"""UpdateFeatures: raise or lower the finalized levels of features (KIP-584).

Needs ALTER on the cluster. The controller decides. Version 0 asked to allow a downgrade by a flag
that Apache Kafka 4.3.1 does not look at, and neither do we: such a request can only raise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.security.resources import CLUSTER, Operation
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.update_features import UpdateFeaturesRequest, UpdateFeaturesResponse

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context


def handle(context: Context, asked: Asked[UpdateFeaturesRequest]) -> UpdateFeaturesResponse | None:
    """Hand it on; the controller answers."""
    if not context.authorize(asked, Operation.ALTER, CLUSTER):
        denied = ErrorCode.CLUSTER_AUTHORIZATION_FAILED
        return UpdateFeaturesResponse(error_code=denied, error_message=denied.text)
    context.controller.submit(asked)
    return None
