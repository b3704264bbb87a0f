"""Admin calls about features: which levels nodes support, which are final, and to change them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from ottla.client.client import Client
from ottla.client.errors import check

UPGRADE, SAFE_DOWNGRADE, UNSAFE_DOWNGRADE = 1, 2, 3


class Supported(NamedTuple):
    """A feature that a node supports, and the level that is final in its cluster."""

    name: str
    min_level: int
    max_level: int
    final_level: int


class Features(NamedTuple):
    """What a node says of features; the epoch is None where it knows none that are final."""

    rows: list[Supported]
    epoch: int | None


class Update(NamedTuple):
    """A feature, the level it is to be at, and whether that may be lower than now."""

    name: str
    level: int
    way: int = UPGRADE


def describe(client: Client, node_id: int | None = None) -> Features:
    """The features that a node supports, by name; any node's with None.

    Raises:
        OttlaError: it can't be reached.
    """

    def ask() -> Any:
        return client.connection(node_id).api_versions

    answer = client.attempt(ask)
    final = {row.name: row.max_version_level for row in answer.finalized_features}
    rows = [
        Supported(row.name, row.min_version, row.max_version, final.get(row.name, 0))
        for row in sorted(answer.supported_features, key=lambda row: str(row.name))
    ]
    epoch = answer.finalized_features_epoch
    return Features(rows, epoch if epoch >= 0 else None)


def update(client: Client, updates: Iterable[Update], *, validate_only: bool = False) -> None:
    """Change the levels of features: all of them, or none.

    Raises:
        BrokerError: the cluster refuses; the text names the feature.
    """
    from ottla.wire.messages import update_features as m

    request = m.UpdateFeaturesRequest(
        feature_updates=[
            m.FeatureUpdateKey(feature=one.name, max_version_level=one.level, upgrade_type=one.way)
            for one in updates
        ],
        validate_only=validate_only,
    )

    def ask() -> None:
        response = client.request(request)
        check(response.error_code, response.error_message)
        for row in response.results:
            check(row.error_code, row.error_message)

    client.attempt(ask)
