"""Conversations about the records of transactions: what a leader takes, and who sees it when."""

from __future__ import annotations

from conformance.cases_basic import create
from conformance.cases_records import batch
from conformance.talk import Talk
from conformance.transactions import (
    COMPLETE,
    END,
    PRODUCE,
    THEN,
    Place,
    Producer,
    add,
    again,
    ask,
    batch_of,
    begin,
    described,
    described_producers,
    end,
    fetched,
    finish,
    init,
    mark,
    offsets_of,
    send,
    spoken,
    stuck,
    until,
)
from ottla.wire.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData
from ottla.wire.messages.write_txn_markers import WriteTxnMarkersRequest
from ottla.wire.records import MARKER_COMMIT, control_batch

EDGES = (3, 10, 11, 12, 13)
"""Versions of Produce between which answers about transactions change."""


def place(talk: Talk, stem: str = "t", partitions: int = 2) -> Place:
    """A topic of this conversation."""
    name = talk.topic(stem)
    return Place(name, create(talk, name, partitions))


def ender(version: int) -> int:
    """The EndTxn that goes with a version of Produce."""
    return 5 if version >= 12 else 4


def case_produce_without_a_transaction(talk: Talk) -> None:
    """A transactional batch to a partition that is in no transaction, in every version."""
    for version in spoken(talk, PRODUCE, range(3, 14)):
        topic = place(talk, f"v{version}")
        who = begin(talk, f"p{version}")
        talk.note(version)
        send(talk, topic, who.key, batch_of(who, 0), version=version)
        described(talk, who.key)
        described_producers(talk, {topic.name: [0]})
        add(talk, who, {topic.name: [0]})
        send(talk, topic, who.key, batch_of(who, 0), version=version)
        send(talk, topic, who.key, batch_of(who, 1), batch_of(who, 0), version=version)
        described(talk, who.key)
        finish(talk, who, ender(version))
        fetched(talk, topic, committed=True)
        talk.note("after the end, in the old epoch")
        send(talk, topic, who.key, batch_of(who, 2), version=version)
        described(talk, who.key)
        fetched(talk, topic, committed=False)


def case_produce_by_strangers(talk: Talk) -> None:
    """Another id, epoch or producer id than the transaction's, in the request or in the batch."""
    for version in spoken(talk, PRODUCE, EDGES):
        topic = place(talk, f"v{version}")
        who = again(talk, begin(talk, f"p{version}"))
        friend = begin(talk, f"friend-{version}")
        for ongoing in (False, True):
            for name, key, speaker in (
                ("no id in the request", None, who),
                ("the empty id", "", who),
                ("an unknown id", talk.topic("unknown"), who),
                ("another's id", friend.key, who),
                ("epoch before", who.key, who.at(who.epoch - 1)),
                ("next epoch", who.key, who.at(who.epoch + 1)),
                ("another producer id", who.key, who._replace(id=who.id + 100_000)),
                ("a friend's producer id", who.key, friend),
            ):
                talk.note([version, ongoing, name])
                send(talk, topic, key, batch_of(speaker, 0), version=version)
            described(talk, who.key)
            described_producers(talk, {topic.name: [0]})
            if not ongoing:
                add(talk, who, {topic.name: [0]})
                send(talk, topic, who.key, batch_of(who, 0), version=version)
        fetched(talk, topic, committed=False)


def case_produce_wrong_batches(talk: Talk) -> None:
    """Sequences, control batches, batches without a producer, all inside an open transaction."""
    for version in spoken(talk, PRODUCE, EDGES):
        topic = place(talk, f"v{version}")
        late = begin(talk, f"late-{version}")
        add(talk, late, {topic.name: [0]})
        for sequence in (5, 0, 6):
            talk.note([version, "begins with a gap", sequence])
            send(talk, topic, late.key, batch_of(late, sequence), version=version)
        who = begin(talk, f"p{version}")
        add(talk, who, {topic.name: [0]})
        for sequence in (0, 0, 1, 7, 0, 2):
            talk.note([version, sequence])
            send(talk, topic, who.key, batch_of(who, sequence), version=version)
        marker = control_batch(
            MARKER_COMMIT,
            bytes(6),
            timestamp_ms=THEN,
            producer_id=who.id,
            producer_epoch=who.epoch,
            transactional=True,
        )
        nobody = Producer(who.key, -1, -1)
        for name, data in {
            "a control batch": marker,
            "not transactional": batch_of(who, 3, transactional=False),
            "plain": batch(1),
            "transactional of nobody": batch_of(nobody, -1),
            "no epoch": batch_of(who.at(-1), 3),
            "no sequence": batch_of(who, -1),
            "next, after all that": batch_of(who, 3),
        }.items():
            talk.note([version, name])
            try:
                send(talk, topic, who.key, data, version=version)
            except Exception as error:
                talk.note(type(error).__name__)
                talk.hang_up()
            described_producers(talk, {topic.name: [0]})
        described(talk, who.key)
        fetched(talk, topic, committed=False)


def case_produce_of_two_producers(talk: Talk) -> None:
    """One request with batches of two producers, and of one beside plain ones."""
    for version in spoken(talk, PRODUCE, EDGES):
        topic = place(talk, f"v{version}")
        who, friend = begin(talk, f"p{version}"), begin(talk, f"friend-{version}")
        for one in (who, friend):
            add(talk, one, {topic.name: [0, 1]}, note=False)
        for name, rows in {
            "two producers": (batch_of(who, 0), batch_of(friend, 0)),
            "two epochs": (batch_of(who, 0), batch_of(who.at(who.epoch + 1), 0)),
            "one and a plain one": (batch_of(who, 0), batch(1)),
            "one and an idempotent one": (
                batch_of(who, 1),
                batch_of(friend, 0, transactional=False),
            ),
            "a plain one and none": (batch(1), batch(1)),
        }.items():
            talk.note([version, name])
            try:
                send(talk, topic, who.key, *rows, version=version)
            except Exception as error:
                talk.note(type(error).__name__)
                talk.hang_up()
        fetched(talk, topic, committed=False)
        fetched(talk, topic, committed=False, part=1)


def case_produce_without_acks(talk: Talk) -> None:
    """Acks 0 and 1 in a transaction."""
    topic = place(talk)
    who = begin(talk, "p")
    add(talk, who, {topic.name: [0]})
    for sequence, acks in enumerate((1, -1)):
        row = PartitionProduceData(index=0, records=batch_of(who, sequence))
        rows = [TopicProduceData(name=topic.name, partition_data=[row])]
        request = ProduceRequest(
            transactional_id=who.key, acks=acks, timeout_ms=5000, topic_data=rows
        )
        ask(talk, request, 9)
    described_producers(talk, {topic.name: [0, 1]})


def case_next_transaction_directly(talk: Talk) -> None:
    """The next transaction's first batch comes before the last one's marker, and is not in it."""
    for version in spoken(talk, PRODUCE, (11, 12, 13)):
        for commit in (True, False):
            topic = place(talk, f"v{version}-{commit}")
            who = begin(talk, f"p{version}-{commit}")
            talk.note([version, commit])
            if version < 12:
                add(talk, who, {topic.name: [0]}, note=False)
            send(talk, topic, who.key, batch_of(who, 0), version=version)
            after = end(talk, who, ender(version), commit=commit)
            sequence = 1 if after == who else 0
            if after == who:
                until(talk, who.key, *COMPLETE)
                add(talk, who, {topic.name: [0]})
            data = batch_of(after, sequence)
            send(talk, topic, who.key, data, version=version, wait=True)
            fetched(talk, topic, committed=True)
            described(talk, who.key)
            described_producers(talk, {topic.name: [0]})
            finish(talk, after, ender(version), commit=not commit)
            fetched(talk, topic, committed=True)


def case_produce_while_a_transaction_is_prepared(talk: Talk) -> None:
    """Whatever comes before the marker is refused, in the old epoch and in the next."""
    for version in spoken(talk, PRODUCE, EDGES):
        for ended_by in spoken(talk, END, (4, 5)):
            topic = place(talk, f"v{version}-{ended_by}")
            who = stuck(talk, topic, f"p{version}-{ended_by}", version=ended_by)
            for epoch in sorted({who.epoch - 1, who.epoch, 0} - {-1}):
                talk.note([version, ended_by, epoch])
                speaker = who.at(epoch)
                for sequence in (1, 0):
                    send(talk, topic, who.key, batch_of(speaker, sequence), version=version)
            send(talk, topic, who.key, batch(1), batch_of(who, 0), version=version)
            described(talk, who.key)
            fetched(talk, topic, committed=False)


def case_fetch_by_isolation(talk: Talk) -> None:
    """What readers of either level see of open, committed and aborted transactions."""
    topic = place(talk)

    def seen(*versions: int) -> None:
        for committed in (False, True):
            for offset in (0, 1, 3, 6):
                fetched(talk, topic, offset, committed=committed)
            for version in versions:
                fetched(talk, topic, 0, version, committed=committed)
            for timestamp in (-1, -2, -3, -4, -5, 0, THEN, THEN + 1000, THEN + 9000):
                offsets_of(talk, topic, timestamp, committed=committed)

    commits, aborts = begin(talk, "commits"), begin(talk, "aborts")
    send(talk, topic, None, batch(1))
    seen()
    for who in (commits, aborts):
        add(talk, who, {topic.name: [0]}, note=False)
        send(talk, topic, who.key, batch_of(who, 0, count=2), version=11)
    send(talk, topic, None, batch(1))
    talk.note("both are open")
    seen(*range(4, 19))
    described_producers(talk, {topic.name: [0]})
    finish(talk, aborts, 4, commit=False)
    talk.note("one is aborted, the earlier one open")
    seen()
    finish(talk, commits, 4)
    talk.note("both are ended")
    seen(*range(4, 19))
    described_producers(talk, {topic.name: [0]})
    for version in range(2, 12):
        for committed in (False, True):
            offsets_of(talk, topic, -1, version, committed=committed)
    add(talk, aborts, {topic.name: [0]}, note=False)
    send(talk, topic, aborts.key, batch_of(aborts, 2), version=11)
    talk.note("the next is open")
    seen()


def case_write_markers(talk: Talk) -> None:
    """Markers from a plain client, in either version: the leader takes them."""
    for version in (1, 2):
        topic = place(talk, f"v{version}")
        for commit in (True, False):
            who = begin(talk, f"p{version}-{commit}")
            add(talk, who, {topic.name: [0, 1]}, note=False)
            send(talk, topic, who.key, batch_of(who, 0), version=11)
            mark(talk, who, {topic.name: [0, 1]}, version, commit=commit)
            described(talk, who.key)
            described_producers(talk, {topic.name: [0, 1]})
            mark(talk, who, {topic.name: [0]}, version, commit=not commit)
            end(talk, who, 4, commit=commit)
            until(talk, who.key, *COMPLETE)
            fetched(talk, topic, committed=True)


def case_write_markers_refusals(talk: Talk) -> None:
    """Epochs of producers and coordinators, unknown producers and partitions, nothing at all."""
    for version in (1, 2):
        topic = place(talk, f"v{version}")
        who = again(talk, begin(talk, f"p{version}"))
        add(talk, who, {topic.name: [0]}, note=False)
        send(talk, topic, who.key, batch_of(who, 0), version=11)
        for name, other, epoch in (
            ("epoch before", who.at(who.epoch - 1), 0),
            ("no epoch", who.at(-1), 0),
            ("no producer id", who._replace(id=-1), 0),
            ("an unknown producer", who._replace(id=who.id + 100_000), 0),
            ("an earlier coordinator", who, -1),
            ("next epoch and coordinator", who.at(who.epoch + 1), 5),
            ("coordinator before", who.at(who.epoch + 1), 4),
            ("the same once more", who.at(who.epoch + 1), 5),
            ("the last epoch", who.at(32767), 6),
        ):
            talk.note([version, name])
            mark(talk, other, {topic.name: [0]}, version, coordinator_epoch=epoch)
            described_producers(talk, {topic.name: [0]})
        for topics in (
            {topic.name: [9]},
            {topic.name: [1, 9]},
            {talk.topic("missing"): [0]},
            {topic.name: []},
            {},
        ):
            mark(talk, who, topics, version)
        ask(talk, WriteTxnMarkersRequest(markers=[]), version)
        fetched(talk, topic, committed=True)
        fetched(talk, topic, committed=False)


def case_write_markers_by_transaction_version(talk: Talk) -> None:
    """From v2 on a marker says how its transaction is ended: in which epochs it is taken."""
    topic = place(talk)
    for level in (0, 1, 2, 3, -1):
        for ahead in (-1, 0, 1, 2):
            who = again(talk, begin(talk, f"p{level}-{ahead}"))
            add(talk, who, {topic.name: [0]}, note=False)
            send(talk, topic, who.key, batch_of(who, 0), version=11, note=False)
            talk.note([level, ahead])
            marked = who.at(who.epoch + ahead)
            for _ in range(2):
                mark(talk, marked, {topic.name: [0]}, 2, transaction_version=level)
            send(talk, topic, who.key, batch_of(who, 1), version=11)
            end(talk, who, 4, commit=False, note=False)


def case_produce_after_markers_by_hand(talk: Talk) -> None:
    """A marker of a later epoch fences the producer at the leader, not at the coordinator."""
    for version in spoken(talk, PRODUCE, EDGES):
        topic = place(talk, f"v{version}")
        who = begin(talk, f"p{version}")
        add(talk, who, {topic.name: [0]}, note=False)
        send(talk, topic, who.key, batch_of(who, 0), version=version)
        mark(talk, who.at(who.epoch + 1), {topic.name: [0]}, commit=False)
        talk.note(version)
        for epoch, sequence in ((0, 1), (0, 0), (1, 1), (1, 0)):
            send(talk, topic, who.key, batch_of(who.at(epoch), sequence), version=version)
        described(talk, who.key)
        init(talk, who.key, 4)
        until(talk, who.key, *COMPLETE, "PrepareAbort")
