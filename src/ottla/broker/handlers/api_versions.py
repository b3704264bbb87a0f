"""ApiVersions: what this listener serves, and the cluster's features.

Needs no permission. A version that we don't know is answered as version 0 with UNSUPPORTED_VERSION
and the range that we do know, so that the client can ask again (KIP-35). Finalized features are
what clients choose their transaction protocol by (KIP-584).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ottla.metadata.features import KRAFT_VERSION, supported_features
from ottla.metadata.image import CLIENT_METRICS_RESOURCE
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.api_versions import (
    ApiVersion,
    ApiVersionsRequest,
    ApiVersionsResponse,
    FinalizedFeatureKey,
    SupportedFeatureKey,
)

if TYPE_CHECKING:
    from ottla.broker.asked import Asked
    from ottla.broker.context import Context

_PUNCTUATION = "-."

PRODUCE = 0
"""Announced from version 0, as 4.x does though it serves no less than 3: older librdkafka takes the
least version of Produce for what compression a node knows (KAFKA-18659)."""

_OF_CLIENT_METRICS = frozenset((71, 72))
"""GetTelemetrySubscriptions and PushTelemetry."""


def handle(context: Context, asked: Asked[ApiVersionsRequest]) -> ApiVersionsResponse:
    """Answer with the table of the listener that the request came in on."""
    if asked.version > ApiVersionsRequest.max_version:
        return ApiVersionsResponse(
            error_code=ErrorCode.UNSUPPORTED_VERSION,
            api_keys=[
                ApiVersion(
                    api_key=ApiVersionsRequest.api_key,
                    min_version=ApiVersionsRequest.min_version,
                    max_version=ApiVersionsRequest.max_version,
                )
            ],
        )
    if asked.version >= 3 and not (
        _is_software_name(asked.body.client_software_name)
        and _is_software_name(asked.body.client_software_version)
    ):
        return ApiVersionsResponse(error_code=ErrorCode.INVALID_REQUEST)
    if asked.version >= 3:
        context.client_software.heard(
            asked.connection_id,
            asked.body.client_software_name,
            asked.body.client_software_version,
        )
    supported = supported_features(unstable=context.config.unstable_features)
    return ApiVersionsResponse(
        api_keys=[
            ApiVersion(
                api_key=api.key,
                min_version=0 if api.key == PRODUCE else api.min_version,
                max_version=api.max_version,
            )
            for api in context.router.announced(controller=asked.controller)
            if api.key not in _OF_CLIENT_METRICS or _wants_client_metrics(context)
        ],
        # Before version 4 a minimum of 0 could not be told from "absent", so such features are
        # left out (KAFKA-17011).
        supported_features=[
            SupportedFeatureKey(name=name, min_version=low, max_version=high)
            for name, (low, high) in supported.items()
            if low > 0 or asked.version >= 4
        ],
        finalized_features_epoch=context.image.offset,
        finalized_features=[
            FinalizedFeatureKey(name=name, max_version_level=level, min_version_level=level)
            for name, level in _finalized(context).items()
            if level > 0
        ],
    )


def _wants_client_metrics(context: Context) -> bool:
    """Whether anybody could see them: clients that are told of these APIs use them at once, and
    librdkafka says so. Apache Kafka tells of them where it has a receiver (KIP-714).
    """
    is_shown = bool(context.config["ottla.http.listen"])
    return is_shown or any(kind == CLIENT_METRICS_RESOURCE for kind, _ in context.image.configs)


def _finalized(context: Context) -> dict[str, int]:
    """The image's levels, and the quorum's own, which is in no metadata record."""
    return {**context.image.features, KRAFT_VERSION: context.controller.kraft_version}


def _is_software_name(text: str) -> bool:
    """Letters and digits, with dashes and dots between them (KIP-511)."""
    return bool(text) and (
        text.isascii()
        and text[0].isalnum()
        and text[-1].isalnum()
        and all(letter.isalnum() or letter in _PUNCTUATION for letter in text)
    )
