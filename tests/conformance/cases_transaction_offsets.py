"""Conversations about positions that are committed in transactions."""

from __future__ import annotations

from conformance.cases_basic import create
from conformance.cases_groups import commit, settle
from conformance.cases_groups import ready as group_ready
from conformance.talk import Talk
from conformance.transactions import (
    COMMIT_OFFSETS,
    Place,
    add_offsets,
    again,
    ask,
    begin,
    commit_offset,
    described,
    finish,
    mark,
    spoken,
)
from ottla.wire.messages.delete_groups import DeleteGroupsRequest
from ottla.wire.messages.describe_groups import DescribeGroupsRequest
from ottla.wire.messages.offset_delete import (
    OffsetDeleteRequest,
    OffsetDeleteRequestPartition,
    OffsetDeleteRequestTopic,
)
from ottla.wire.messages.offset_fetch import (
    OffsetFetchRequest,
    OffsetFetchRequestGroup,
    OffsetFetchRequestTopic,
    OffsetFetchRequestTopics,
)


def ready(talk: Talk, stem: str = "g") -> str:
    """A group whose coordinator is ready."""
    group = talk.topic(stem)
    group_ready(talk, group)
    return group


def place(talk: Talk, partitions: int = 2) -> Place:
    """A topic of this conversation."""
    name = talk.topic()
    return Place(name, create(talk, name, partitions))


def positions(talk: Talk, group: str, topic: Place, *versions: int) -> None:
    """Note the group's positions, stable ones alone and all."""
    for version in versions:
        if version < 8:
            for stable in (False, True) if version == 7 else (False,):
                for rows in (
                    [OffsetFetchRequestTopic(name=topic.name, partition_indexes=[0, 1])],
                    None,
                ):
                    if rows is not None or version >= 2:
                        old = OffsetFetchRequest(group_id=group, topics=rows, require_stable=stable)
                        ask(talk, old, version)
            continue
        wanted = OffsetFetchRequestTopics(
            name=topic.name, topic_id=topic.id, partition_indexes=[0, 1]
        )
        for stable in (False, True):
            for asked in ([wanted], None):
                one = OffsetFetchRequestGroup(group_id=group, topics=asked)
                ask(talk, OffsetFetchRequest(groups=[one], require_stable=stable), version)


def case_txn_offset_commit(talk: Talk) -> None:
    """Without a transaction, in one, and after its end, in every version."""
    topic = place(talk)
    for version in spoken(talk, COMMIT_OFFSETS, range(6)):
        for commits in (True, False):
            group = ready(talk, f"g{version}-{commits}")
            who = begin(talk, f"v{version}-{commits}")
            talk.note([version, commits, "without AddOffsetsToTxn"])
            commit_offset(talk, who, group, topic.name, version)
            described(talk, who.key)
            positions(talk, group, topic, 7)
            add_offsets(talk, who, group)
            commit_offset(talk, who, group, topic.name, version, offset=8)
            commit_offset(talk, who, group, topic.name, version, offset=9, partition=1)
            described(talk, who.key)
            positions(talk, group, topic, 7)
            after = finish(talk, who, 5 if version >= 5 else 4, commit=commits)
            positions(talk, group, topic, 7)
            talk.note("after the end")
            commit_offset(talk, who, group, topic.name, version, offset=10)
            if after != who:
                commit_offset(talk, after, group, topic.name, version, offset=11)
            described(talk, who.key)


def case_txn_offset_commit_refusals(talk: Talk) -> None:
    """Partitions that are not there, groups that are none, strangers."""
    topic = place(talk)
    for version in spoken(talk, COMMIT_OFFSETS, range(6)):
        group = ready(talk, f"g{version}")
        who = again(talk, begin(talk, f"v{version}"))
        friend = begin(talk, f"friend-{version}")
        add_offsets(talk, who, group)
        for name, speaker, of, named, more in (
            ("unknown topic", who, group, talk.topic("missing"), {}),
            ("unknown partition", who, group, topic.name, {"partition": 9}),
            ("negative partition", who, group, topic.name, {"partition": -1}),
            ("bad name", who, group, "bad/name", {}),
            ("no group", who, "", topic.name, {}),
            ("too much metadata", who, group, topic.name, {"metadata": "x" * 5000}),
            ("no metadata", who, group, topic.name, {"metadata": None}),
            ("negative offset", who, group, topic.name, {"offset": -1}),
            ("another group", who, ready(talk, f"other-{version}"), topic.name, {}),
            ("epoch before", who.at(who.epoch - 1), group, topic.name, {}),
            ("next epoch", who.at(who.epoch + 1), group, topic.name, {}),
            ("another producer id", who._replace(id=who.id + 100_000), group, topic.name, {}),
            ("a friend's id", who._replace(key=friend.key), group, topic.name, {}),
            ("an unknown id", who._replace(key=who.key + "-unknown"), group, topic.name, {}),
            ("no id", who._replace(key=""), group, topic.name, {}),
            ("after all that", who, group, topic.name, {"offset": 12}),
        ):
            talk.note([version, name])
            commit_offset(talk, speaker, of, named, version, **more)
        described(talk, who.key)
        finish(talk, who.at(who.epoch), 4)
        positions(talk, group, topic, 7)


def case_txn_offset_commit_of_members(talk: Talk) -> None:
    """Members say who they are from v3 on: dead generations, unknown and static members."""
    topic = place(talk)
    for version in spoken(talk, COMMIT_OFFSETS, (2, 3, 4, 5)):
        group = ready(talk, f"g{version}")
        member, generation = settle(talk, group, group_instance_id="one")
        who = begin(talk, f"v{version}")
        add_offsets(talk, who, group)
        if version < 3:
            commit_offset(talk, who, group, topic.name, version)
            continue
        for name, of, when, instance in (
            ("right", member, generation, "one"),
            ("no instance", member, generation, None),
            ("next generation", member, generation + 1, "one"),
            ("generation before", member, generation - 1, "one"),
            ("no generation", member, -1, "one"),
            ("nobody", "nobody", generation, None),
            ("nobody as the instance", "nobody", generation, "one"),
            ("an unknown instance", member, generation, "two"),
            ("no member", "", generation, None),
            ("neither", "", -1, None),
        ):
            talk.note([version, name])
            commit_offset(
                talk,
                who,
                group,
                topic.name,
                version,
                member_id=of,
                generation_id=when,
                group_instance_id=instance,
            )
        talk.note("an unknown group's member")
        nowhere = ready(talk, f"nowhere-{version}")
        add_offsets(talk, who, nowhere)
        commit_offset(
            talk, who, nowhere, topic.name, version, member_id=member, generation_id=generation
        )


def case_pending_offsets(talk: Talk) -> None:
    """What others see and may do while positions wait for their transaction's end."""
    topic = place(talk)
    versions = range(1, 11)
    group = ready(talk)
    commit(talk, group, topic.name, 3)
    who, friend = begin(talk, "p"), begin(talk, "friend")
    for one in (who, friend):
        add_offsets(talk, one, group)
    commit_offset(talk, who, group, topic.name, 4, offset=20)
    commit_offset(talk, friend, group, topic.name, 4, offset=30)
    talk.note("two are pending")
    positions(talk, group, topic, *versions)
    talk.ask(DescribeGroupsRequest(groups=[group]), 5)
    commit(talk, group, topic.name, 4)
    talk.note("a plain commit meanwhile")
    positions(talk, group, topic, 7, 8)
    finish(talk, who, 4)
    talk.note("one is committed")
    positions(talk, group, topic, *versions)
    finish(talk, friend, 4, commit=False)
    talk.note("the other is aborted")
    positions(talk, group, topic, *versions)


def case_pending_offsets_of_what_is_deleted(talk: Talk) -> None:
    """Positions and groups are deleted while a transaction has more of them to come."""
    topic = place(talk)
    group, fresh = ready(talk), ready(talk, "fresh")
    commit(talk, group, topic.name, 3)
    who = begin(talk, "p")
    for of in (group, fresh):
        add_offsets(talk, who, of)
        commit_offset(talk, who, of, topic.name, 4, offset=20)
    row = OffsetDeleteRequestTopic(
        name=topic.name, partitions=[OffsetDeleteRequestPartition(partition_index=0)]
    )
    for of in (group, fresh):
        talk.ask(OffsetDeleteRequest(group_id=of, topics=[row]), 0)
        positions(talk, of, topic, 7)
        talk.ask(DeleteGroupsRequest(groups_names=[of]), 2)
        positions(talk, of, topic, 7)
        talk.ask(DescribeGroupsRequest(groups=[of]), 5)
    finish(talk, who, 4)
    for of in (group, fresh):
        positions(talk, of, topic, 7)
        talk.ask(DescribeGroupsRequest(groups=[of]), 6)


def case_markers_of_offsets_by_hand(talk: Talk) -> None:
    """WriteTxnMarkers to __consumer_offsets from a plain client: positions count at once."""
    topic = place(talk)
    for version in (1, 2):
        group = ready(talk, f"g{version}")
        who = begin(talk, f"p{version}")
        add_offsets(talk, who, group)
        commit_offset(talk, who, group, topic.name, 4, offset=20)
        partitions = {"__consumer_offsets": [0, 1, 2, 3]}
        mark(talk, who.at(who.epoch - 1), partitions, version)
        positions(talk, group, topic, 7)
        mark(talk, who, partitions, version, coordinator_epoch=0)
        positions(talk, group, topic, 7)
        mark(talk, who, {"__consumer_offsets": [9], "__transaction_state": [0]}, version)
        finish(talk, who, 4)
        positions(talk, group, topic, 7)
