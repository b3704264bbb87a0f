"""Conversations about feature levels: who refuses which, and what follows from a new one."""

from __future__ import annotations

from conformance.cases_basic import create
from conformance.talk import Talk
from conformance.transactions import (
    COMPLETE,
    Place,
    add,
    batch_of,
    begin,
    broker_adds,
    end,
    finish,
    patience,
    send,
    until,
)
from ottla.wire.messages.api_versions import ApiVersionsRequest
from ottla.wire.messages.describe_configs import DescribeConfigsRequest, DescribeConfigsResource
from ottla.wire.messages.update_features import FeatureUpdateKey, UpdateFeaturesRequest

UPGRADE, SAFE, UNSAFE = 1, 2, 3
TV, MV, ELR = "transaction.version", "metadata.version", "eligible.leader.replicas.version"
KRAFT, GROUP, SHARE, STREAMS = "kraft.version", "group.version", "share.version", "streams.version"
Update = tuple[str, int, int]


def update(talk: Talk, *updates: Update, version: int = 2, validate_only: bool = False) -> None:
    """Ask for levels: feature, level, way."""
    rows = []
    for name, level, way in updates:
        row = FeatureUpdateKey(feature=name, max_version_level=level)
        if version == 0:
            row.allow_downgrade = way != UPGRADE
        else:
            row.upgrade_type = way
        rows.append(row)
    request = UpdateFeaturesRequest(feature_updates=rows, validate_only=validate_only)
    talk.ask(request, version)


def levels(talk: Talk) -> tuple[dict[str, int], int]:
    """The finalized levels, and their epoch."""
    request = ApiVersionsRequest(client_software_name="c", client_software_version="1")
    answer = talk.ask(request, 4, note=False)
    final = {row.name: row.max_version_level for row in answer.finalized_features}
    return final, answer.finalized_features_epoch


def raised(talk: Talk, name: str, level: int, way: int) -> None:
    """Have a feature at a level, seen by everybody."""
    before = levels(talk)[1]
    update(talk, (name, level, way))
    for _ in patience(f"{name} at {level}"):  # Apache's broker shows it a little later
        found, epoch = levels(talk)
        if found.get(name, 0) == level:
            break
    talk.note(sorted(found.items()))
    talk.note(epoch > before)


def case_features_that_are_refused(talk: Talk) -> None:
    """Every refusal, in every version; none changes anything."""
    before = levels(talk)[0]
    for version in range(3):
        for updates in (
            [("nope", 1, UPGRADE)],
            [("nope", 0, UPGRADE)],
            [("nope", 0, SAFE)],
            [("nope", -1, UPGRADE)],
            [("", 1, UPGRADE)],
            [(TV, 3, UPGRADE)],
            [(TV, -1, UPGRADE)],
            [(TV, 1, UPGRADE)],
            [(GROUP, 2, UPGRADE)],
            [(MV, 6, UPGRADE)],
            [(MV, 0, SAFE)],
            [(MV, 6, UNSAFE)],
            [(MV, 29, UPGRADE)],
            [(MV, 29, SAFE)],
            [(MV, 22, UNSAFE)],
            [(MV, 31, UPGRADE)],
            [(MV, 32767, UPGRADE)],
            [(KRAFT, 0, UPGRADE)],
            [(KRAFT, 0, SAFE)],
            [(KRAFT, 2, UPGRADE)],
            [(TV, 2, UPGRADE), ("nope", 1, UPGRADE)],
        ):
            talk.note([version, updates])
            update(talk, *updates, version=version)
    for way in (0, 4, -1, 127):
        update(talk, (TV, 1, way))
    talk.note(levels(talk)[0] == before)


def case_features_asked_in_vain(talk: Talk) -> None:
    """Nothing to update, the same level again, named twice, only to validate."""
    for version in range(3):
        update(talk, version=version)
        for way in (UPGRADE, SAFE, UNSAFE):
            for name, level in ((TV, 2), (KRAFT, 1), (MV, 30), (ELR, 1)):
                update(talk, (name, level, way), version=version)
        if version:
            update(talk, (TV, 0, UNSAFE), (SHARE, 0, SAFE), version=version, validate_only=True)
            update(talk, (TV, 3, UPGRADE), version=version, validate_only=True)
            update(talk, (MV, 29, SAFE), version=version, validate_only=True)
            update(talk, (TV, 1, UNSAFE), (TV, 2, UPGRADE), version=version)
    talk.note(sorted(levels(talk)[0].items()))


def case_features_up_and_down(talk: Talk) -> None:
    """Each feature down to nothing and back; the levels and their epoch show it."""
    for name, level in ((GROUP, 1), (SHARE, 1), (STREAMS, 1), (ELR, 1), (TV, 2)):
        raised(talk, name, 0, SAFE)
        update(talk, (name, level, SAFE))
        raised(talk, name, level, UPGRADE)
    raised(talk, TV, 1, UNSAFE)
    raised(talk, TV, 2, UPGRADE)


def case_eligible_leader_replicas_begin(talk: Talk) -> None:
    """The cluster's min.insync.replicas comes with the feature, and no broker's own is left."""
    resource = DescribeConfigsResource(
        resource_type=4, resource_name="", configuration_keys=["min.insync.replicas"]
    )
    raised(talk, ELR, 0, SAFE)
    raised(talk, ELR, 1, UPGRADE)
    talk.ask(DescribeConfigsRequest(resources=[resource]), 4)
    create(talk, talk.topic("after"))


def case_transactions_at_each_level(talk: Talk) -> None:
    """What a coordinator answers follows the level, from one transaction to the next."""
    topic = Place(talk.topic("t"), create(talk, talk.topic("t")))
    for number, (level, way) in enumerate(
        ((2, UPGRADE), (1, SAFE), (0, SAFE), (1, UPGRADE), (2, UPGRADE))
    ):
        raised(talk, TV, level, way)
        who = begin(talk, f"p{number}")
        # At 0 4.3.1 refuses what is of newer clients, and stays busy with that id (`stuck`).
        if level:
            broker_adds(talk, (who, {topic.name: [0]}, False))
        add(talk, who, {topic.name: [0]})
        send(talk, topic, who.key, batch_of(who, 0), version=11)
        end(talk, who, 5 if level else 4)
        until(talk, who.key, *COMPLETE)
        second = begin(talk, f"q{number}")
        add(talk, second, {topic.name: [0]})
        talk.note(finish(talk, second, 5 if level == 2 else 4).epoch - second.epoch)
