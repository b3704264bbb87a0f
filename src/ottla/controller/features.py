"""UpdateFeatures: raise or lower the cluster's finalized feature levels (KIP-584).

All features of a request change or none does; the first that is refused is named. Each level has to
be one that every broker and controller supports. `metadata.version` goes up to any level, and down
as long as nothing that the metadata holds since would be lost; with every record from then on
written as that level says. `kraft.version` is the quorum's own and can't be raised by this node
yet. With eligible leader replicas on, all brokers must agree on min.insync.replicas, so the cluster
gets the number that this node goes by, and no broker keeps one of its own (KIP-966).

The texts are those of Apache Kafka 4.3.1, because `kafka-features.sh` prints them and scripts look
for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ottla.controller.state import Outcome, State, Versioned
from ottla.decide import Ask
from ottla.metadata.features import (
    ELIGIBLE_LEADER_REPLICAS_VERSION,
    FEATURES,
    KRAFT_VERSION,
    METADATA_VERSION,
    controller_registration_supported,
    is_lossless,
    supported_features,
)
from ottla.metadata.image import BROKER_RESOURCE
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.update_features import (
    FeatureUpdateKey,
    UpdatableFeatureResult,
    UpdateFeaturesRequest,
    UpdateFeaturesResponse,
)
from ottla.wire.stored.metadata import ConfigRecord, FeatureLevelRecord, NoOpRecord

UPGRADE, SAFE_DOWNGRADE, UNSAFE_DOWNGRADE = 1, 2, 3
MIN_ISR = "min.insync.replicas"
DISABLED = (0, 0)
"""The range of a feature that somebody does not know."""


class _Refused(Exception):
    """Why a feature can't be at the level that was asked for."""


def update(state: State, ask: Ask, now_ms: int) -> Outcome:
    """Finalize the levels, or only say what would come of it."""
    request: UpdateFeaturesRequest = ask.body
    # What is named twice counts as it stands there last.
    updates = {one.feature: one for one in request.feature_updates}
    proposed = dict(state.image.features)
    proposed |= {name: one.max_version_level for name, one in updates.items()}
    records: list[Versioned] = []
    try:
        for one in updates.values():
            records += _update(state, one, proposed)
    except _Refused as refused:
        text = (
            "The update failed for all features since the following feature had an error: "
            f"{refused}"
        )
        code = ErrorCode.INVALID_UPDATE_VERSION
        return Outcome(UpdateFeaturesResponse(error_code=code, error_message=text))
    response = UpdateFeaturesResponse(error_message=None)
    if ask.version <= 1:
        response.results = [
            UpdatableFeatureResult(feature=one.feature, error_message="NONE")
            for one in request.feature_updates
        ]
    if request.validate_only:
        return Outcome(response)
    elr = updates.get(ELIGIBLE_LEADER_REPLICAS_VERSION)
    if elr is not None and elr.max_version_level > 0:
        records = [*_one_min_isr(state), *records]
    return Outcome(response, records)


def _update(state: State, one: FeatureUpdateKey, proposed: Mapping[str, int]) -> list[Versioned]:
    """The records of one feature.

    Raises:
        _Refused: it can't be at that level, or not without a flag.
    """
    name, level, kind = one.feature, one.max_version_level, one.upgrade_type
    invalid = f"Invalid update version {level} for feature {name}."
    if kind not in (UPGRADE, SAFE_DOWNGRADE, UNSAFE_DOWNGRADE):
        raise _Refused(f"{invalid} The controller does not support the given upgrade type.")
    if level < 0:
        raise _Refused(f"{invalid} A feature version cannot be less than 0.")
    reason = next(_not_supported(state, name, level), None)
    if reason is not None:
        raise _Refused(f"{invalid} {reason}")
    current = state.kraft_version if name == KRAFT_VERSION else state.image.features.get(name, 0)
    if level < current and kind == UPGRADE:
        raise _Refused(
            f"{invalid} Can't downgrade the version of this feature without setting the upgrade "
            "type to either safe or unsafe downgrade."
        )
    if level > current and kind != UPGRADE:
        raise _Refused(f"{invalid} Can't downgrade to a newer version.")
    if name == KRAFT_VERSION:
        return _kraft(level, current, kind, invalid)
    if name == METADATA_VERSION:
        _check_lossless(current, level, kind)
    else:
        _check_dependencies(name, level, proposed, invalid)
    return [(FeatureLevelRecord(name=name, feature_level=level), 0)]


def _not_supported(state: State, name: str, level: int) -> Iterator[str]:
    """Who can't be at that level, and why, this controller first."""
    image = state.image
    ours = supported_features(unstable=state.config.unstable_features)
    yield from _beyond(level, f"Local controller {state.node_id}", ours.get(name, DISABLED))
    for broker in image.brokers.values():
        yield from _beyond(level, f"Broker {broker.id}", broker.features.get(name, DISABLED))
    if controller_registration_supported(image.metadata_version):
        for other in image.controllers.values():
            if other.id != state.node_id:
                known = other.features.get(name, DISABLED)
                yield from _beyond(level, f"Controller {other.id}", known)


def _beyond(level: int, whose: str, known: tuple[int, int]) -> Iterable[str]:
    low, high = known
    if low <= level <= high:
        return ()
    if known == DISABLED:
        return (f"{whose} does not support this feature.",)
    return (f"{whose} only supports versions {low}-{high}",)


def _kraft(level: int, current: int, kind: int, invalid: str) -> list[Versioned]:
    if level < current:
        raise _Refused(f"{invalid} Can't downgrade the version of this feature.")
    if level > current:
        raise _Refused(
            f"{invalid} It is not honoured: the quorum of controller.quorum.voters can't become "
            "one whose voters change."
        )
    return [(NoOpRecord(), 0)] if kind == UPGRADE else []


def _check_lossless(current: int, level: int, kind: int) -> None:
    if level >= current or is_lossless(current, level):
        return
    begin = f"Unsupported metadata.version downgrade from {current} to {level}."
    if kind == UNSAFE_DOWNGRADE:
        raise _Refused(f"{begin} Unsafe metadata downgrade is not supported in this version.")
    raise _Refused(
        f"{begin} Refusing to perform the requested downgrade because it might delete metadata "
        "information."
    )


def _check_dependencies(name: str, level: int, proposed: Mapping[str, int], invalid: str) -> None:
    feature = FEATURES.get(name)
    if feature is None:
        raise _Refused(f"{invalid} Feature {name} not found.")
    for other, least in feature.dependencies.get(level, {}).items():
        if proposed.get(other, 0) < least:
            raise _Refused(
                f"{invalid} {name} could not be set to {level} because it depends on {other} level "
                f"{least}"
            )


def _one_min_isr(state: State) -> list[Versioned]:
    """One min.insync.replicas for all brokers, and none of a broker's own."""
    configs = state.image.configs
    records: list[Versioned] = []
    if MIN_ISR not in configs.get((BROKER_RESOURCE, ""), {}):
        records.append(_min_isr_record("", str(state.config[MIN_ISR])))
    for kind, name in configs:
        if kind == BROKER_RESOURCE and name and MIN_ISR in configs[kind, name]:
            records.append(_min_isr_record(name, None))
    return records


def _min_isr_record(broker: str, value: str | None) -> Versioned:
    record = ConfigRecord(
        resource_type=BROKER_RESOURCE, resource_name=broker, name=MIN_ISR, value=value
    )
    return record, 0
