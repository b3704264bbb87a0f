"""Conversations about transactions that others end: the clock, or who deletes what is in them."""

from __future__ import annotations

from conformance.cases_basic import create
from conformance.cases_groups import ready as group_ready
from conformance.cases_records import batch
from conformance.talk import Talk, differs
from conformance.transactions import (
    COMMIT_OFFSETS,
    COMPLETE,
    END,
    PRODUCE,
    Place,
    Producer,
    add,
    add_offsets,
    ask,
    batch_of,
    begin,
    broker_adds,
    commit_offset,
    described,
    described_producers,
    end,
    fetched,
    finish,
    init,
    is_newer,
    offsets_of,
    patience,
    send,
    spoken,
    until,
)
from ottla.wire.messages.delete_records import (
    DeleteRecordsPartition,
    DeleteRecordsRequest,
    DeleteRecordsTopic,
)
from ottla.wire.messages.delete_topics import DeleteTopicsRequest, DeleteTopicState
from ottla.wire.messages.metadata import MetadataRequest, MetadataRequestTopic

SHORT_MS = 300
UNKNOWN_TOPIC = 3


def place(talk: Talk, stem: str = "t", partitions: int = 2) -> Place:
    """A topic of this conversation."""
    name = talk.topic(stem)
    return Place(name, create(talk, name, partitions))


def timed_out(talk: Talk, topic: Place, stem: str, version: int) -> Producer:
    """A producer that was too slow with a transaction of one batch."""
    who = begin(talk, stem, timeout_ms=SHORT_MS)
    if version < 12:
        add(talk, who, {topic.name: [0]})
    send(talk, topic, who.key, batch_of(who, 0), version=version)
    until(talk, who.key, *COMPLETE)
    return who


def case_time_out(talk: Talk) -> None:
    """What a producer hears whose transaction was aborted for its slowness, in every version."""
    topic, group = place(talk), talk.topic("g")
    group_ready(talk, group)
    for produced_by in spoken(talk, PRODUCE, (11, 12)):
        who = timed_out(talk, topic, f"p{produced_by}", produced_by)
        described(talk, who.key)
        described_producers(talk, {topic.name: [0]})
        fetched(talk, topic, committed=True)
        for version in spoken(talk, END, range(6)):
            talk.note(["EndTxn", version])
            for epoch in (who.epoch, who.epoch + 1):
                if (version, epoch) == (5, who.epoch + 1):
                    continue  # that one is right, and is asked last
                end(talk, who.at(epoch), version, commit=True)
                end(talk, who.at(epoch), version, commit=False)
        for version in range(4):
            talk.note(["AddPartitionsToTxn", version])
            add(talk, who, {topic.name: [0]}, version)
        for verify_only in (True, False)[: 1 + is_newer(talk)]:
            broker_adds(talk, (who, {topic.name: [0]}, verify_only))
        for version in range(5):
            talk.note(["AddOffsetsToTxn", version])
            add_offsets(talk, who, group, version)
        for version in spoken(talk, COMMIT_OFFSETS, range(6)):
            talk.note(["TxnOffsetCommit", version])
            commit_offset(talk, who, group, topic.name, version)
        for version in spoken(talk, PRODUCE, (3, 9, 10, 11, 12, 13)):
            talk.note(["Produce", version])
            send(talk, topic, who.key, batch_of(who, 1), version=version)
        described(talk, who.key)


def case_time_out_and_producer_ids(talk: Talk) -> None:
    """A slow producer comes back: with its old epoch, with the raised one, as a new one."""
    topic = place(talk)
    for produced_by in spoken(talk, PRODUCE, (11, 12)):
        for version in (3, 4, 5):
            for ahead in (0, 1, 2):
                talk.note([produced_by, version, ahead])
                stem = f"p{produced_by}-{version}-{ahead}"
                who = timed_out(talk, topic, stem, produced_by)
                init(talk, who.key, version, given=(who.id, who.epoch + ahead))
                described(talk, who.key)
        who = timed_out(talk, topic, f"p{produced_by}-new", produced_by)
        init(talk, who.key)
        described(talk, who.key)


def case_time_out_and_the_next_transaction(talk: Talk) -> None:
    """With the raised epoch, which nobody was told, a producer could go on."""
    topic = place(talk)
    for produced_by in spoken(talk, PRODUCE, (11, 12)):
        who = timed_out(talk, topic, f"p{produced_by}", produced_by)
        after = who.at(who.epoch + 1)
        add(talk, after, {topic.name: [0]})
        send(talk, topic, who.key, batch_of(after, 0), version=produced_by)
        described(talk, who.key)
        finish(talk, after, 5 if produced_by >= 12 else 4)
        described(talk, who.key)


def case_time_out_of_nothing(talk: Talk) -> None:
    """An id without a transaction does not time out, one with a partition and no batch does."""
    topic = place(talk)
    idle = begin(talk, "idle", timeout_ms=SHORT_MS)
    who = begin(talk, "p", timeout_ms=SHORT_MS)
    add(talk, who, {topic.name: [0, 1]})
    described(talk, who.key, idle.key)
    until(talk, who.key, *COMPLETE)
    described(talk, who.key, idle.key)
    described_producers(talk, {topic.name: [0, 1]})
    fetched(talk, topic, committed=False)
    fetched(talk, topic, committed=False, part=1)


def delete_records(talk: Talk, topic: Place, offset: int) -> None:
    """DeleteRecords of partition 0."""
    row = DeleteRecordsPartition(partition_index=0, offset=offset)
    rows = [DeleteRecordsTopic(name=topic.name, partitions=[row])]
    ask(talk, DeleteRecordsRequest(topics=rows, timeout_ms=5000), 2)


@differs(
    "4.3.1 leaves the last stable offset below the log's start: a reader of committed records that "
    "begins at the end is told that it is out of range. Ours is never below the start.",
    last_stable_offset=[(2, 3), (5, 6)],
    offset=[(2, 3), (5, 6)],
)
def case_delete_records_under_a_transaction(talk: Talk) -> None:
    """The log's start moves into and past an open transaction; then it ends."""
    for commit in (True, False):
        topic = place(talk, f"t-{commit}")
        who = begin(talk, f"p-{commit}")
        add(talk, who, {topic.name: [0]}, note=False)
        send(talk, topic, None, batch(2))
        send(talk, topic, who.key, batch_of(who, 0, count=3), version=11)
        send(talk, topic, None, batch(2))
        for offset in (2, 3, 6, -1):
            talk.note([commit, offset])
            delete_records(talk, topic, offset)
            described_producers(talk, {topic.name: [0]})
            for committed in (False, True):
                for timestamp in (-1, -2):
                    offsets_of(talk, topic, timestamp, committed=committed)
                fetched(talk, topic, 2, committed=committed)
                fetched(talk, topic, 7, committed=committed)
        send(talk, topic, who.key, batch_of(who, 3), version=11)
        described_producers(talk, {topic.name: [0]})
        finish(talk, who, 4, commit=commit)
        described_producers(talk, {topic.name: [0]})
        for committed in (False, True):
            fetched(talk, topic, 7, committed=committed)
            offsets_of(talk, topic, -1, committed=committed)


def delete_topic(talk: Talk, topic: Place) -> None:
    """Delete a topic and wait until the broker has forgotten it."""
    request = DeleteTopicsRequest(topics=[DeleteTopicState(name=topic.name)], timeout_ms=5000)
    assert talk.ask(request, 6, note=False).responses[0].error_code == 0
    asked = MetadataRequest(
        topics=[MetadataRequestTopic(name=topic.name)], allow_auto_topic_creation=False
    )
    for _ in patience(f"{topic.name} forgotten"):
        if talk.ask(asked, 12, note=False).topics[0].error_code == UNKNOWN_TOPIC:
            break


def case_delete_a_topic_under_a_transaction(talk: Talk) -> None:
    """A topic goes while its transaction is open: the rest is ended, the id is free."""
    for ended_by in spoken(talk, END, (4, 5)):
        for commit in (True, False):
            talk.note([ended_by, commit])
            stays = place(talk, f"stays-{ended_by}-{commit}")
            goes = place(talk, f"goes-{ended_by}-{commit}")
            who = begin(talk, f"p-{ended_by}-{commit}")
            for topic in (stays, goes):
                add(talk, who, {topic.name: [0]}, note=False)
                send(talk, topic, who.key, batch_of(who, 0), version=11)
            delete_topic(talk, goes)
            described(talk, who.key)
            described_producers(talk, {goes.name: [0]})
            send(talk, goes, who.key, batch_of(who, 1), version=11)
            add(talk, who, {goes.name: [0]})
            finish(talk, who, ended_by, commit=commit)
            described(talk, who.key)
            fetched(talk, stays, committed=True)


def case_a_topic_is_made_again_under_a_transaction(talk: Talk) -> None:
    """Partitions are in a transaction by name: a new topic of the name takes batch and marker."""
    goes = place(talk, "goes")
    who = begin(talk, "p")
    add(talk, who, {goes.name: [0]}, note=False)
    send(talk, goes, who.key, batch_of(who, 0), version=11)
    delete_topic(talk, goes)
    fresh = place(talk, "goes")
    described(talk, who.key)
    described_producers(talk, {fresh.name: [0]})
    send(talk, fresh, who.key, batch_of(who, 1), version=11)
    finish(talk, who, 4)
    described_producers(talk, {fresh.name: [0]})
    fetched(talk, fresh, committed=False)


def case_newer_versions(talk: Talk) -> None:
    """The versions of transaction.version 2, each from a fresh id; where it is not final they are
    refused or taken as here, and nothing more is asked of the id.
    """
    topic, group = place(talk), talk.topic("g")
    group_ready(talk, group)
    for added in (False, True):
        for commit in (True, False):
            who = begin(talk, f"end-{added}-{commit}")
            if added:
                add(talk, who, {topic.name: [0]})
            talk.note(["EndTxn", added, commit])
            end(talk, who, 5, commit=commit)
        for version in (12, 13):
            fresh = place(talk, f"t-{added}-{version}")
            who = begin(talk, f"produce-{added}-{version}")
            if added:
                add(talk, who, {fresh.name: [0]})
            talk.note(["Produce", added, version])
            send(talk, fresh, who.key, batch_of(who, 0), version=version)
        who = begin(talk, f"offsets-{added}")
        if added:
            add_offsets(talk, who, group)
        talk.note(["TxnOffsetCommit", added])
        commit_offset(talk, who, group, topic.name, 5)
        for version in (4, 5):
            who = begin(talk, f"add-{added}-{version}")
            if added:
                add(talk, who, {topic.name: [0]})
            talk.note(["AddPartitionsToTxn", added, version])
            broker_adds(talk, (who, {topic.name: [0]}, False), version=version)
