"""Our own producer's transactions against a running node: Ottla, and Apache Kafka 4.3.1."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

import ottla
from client.test_consumer import reading, take, values
from client.test_producer import made
from ottla.client import Client, CommitFailed, Consumer, Fenced, MustAbort, NoTransaction, Producer
from ottla.client.admin import features
from servers import Server, eventually

Name = Callable[[], str]


def committed(server: Server, topic: str, count: int) -> list[int]:
    """What a reader of what is committed gets, which is so many."""
    with reading(server, (topic, 0), isolation_level="read_committed") as consumer:
        found = take(consumer, count)
        assert consumer.poll(0.1) == []
        return values(found)


def test_all_or_nothing(either: Server, name: Name) -> None:
    """If this failed, part of a transaction could count."""
    topic = made(either, name())
    with Producer(either.bootstrap, transactional_id=name()) as producer:
        producer.init_transactions()
        for number in range(6):
            producer.begin_transaction()
            producer.send(topic, str(number))
            if number % 2:
                producer.abort_transaction()
            else:
                producer.commit_transaction()
        producer.begin_transaction()
        producer.commit_transaction()
    assert committed(either, topic, 3) == [0, 2, 4]


def test_read_process_write(either: Server, name: Name) -> None:
    """If this failed, a record could be processed twice, or not at all."""
    source, target, group = made(either, name()), made(either, name()), name()
    with Producer(either.bootstrap) as producer:
        for number in range(20):
            producer.send(source, str(number))
    own = {"group_id": group, "auto_offset_reset": "earliest", "enable_auto_commit": False}
    with Producer(either.bootstrap, transactional_id=name()) as producer:
        producer.init_transactions()
        with Consumer(either.bootstrap, **own, max_poll_records=7) as consumer:
            consumer.subscribe([source])
            done, aborts = 0, 1
            while done < 20:
                records = consumer.poll(1)
                if not records:
                    continue
                producer.begin_transaction()
                for record in records:
                    producer.send(target, record.value, record.key)
                place, end = (source, 0), records[-1].offset + 1
                producer.send_offsets_to_transaction({place: end}, consumer.group_metadata())
                if aborts:
                    aborts -= 1
                    producer.abort_transaction()
                    consumer.seek(place, records[0].offset)
                    continue
                producer.commit_transaction()
                done += len(records)
            assert consumer.committed([place])[place].offset == 20
    assert committed(either, target, 20) == list(range(20))


def test_who_was_there_before_is_fenced(either: Server, name: Name) -> None:
    """If this failed, two programs could write what only one should."""
    topic, transactional_id = made(either, name()), name()
    old = Producer(either.bootstrap, transactional_id=transactional_id)
    old.init_transactions()
    old.begin_transaction()
    old.send(topic, "1").result(20)
    with Producer(either.bootstrap, transactional_id=transactional_id) as new:
        new.init_transactions()
        with pytest.raises(Fenced) as caught:
            old.commit_transaction()
        assert transactional_id in str(caught.value)
        with pytest.raises(Fenced):
            old.send(topic, "2")
        old.close()
        new.begin_transaction()
        new.send(topic, "3")
        new.commit_transaction()
    assert committed(either, topic, 1) == [3]


def test_a_member_that_is_gone_can_not_commit(either: Server, name: Name) -> None:
    """If this failed, a zombie's offsets would be taken for those of its group."""
    topic, group = made(either, name()), name()
    with Producer(either.bootstrap, transactional_id=name()) as producer:
        producer.init_transactions()
        consumer = Consumer(either.bootstrap, group_id=group, auto_offset_reset="earliest")
        consumer.subscribe([topic])
        eventually(lambda: consumer.poll(0.1) == [] and consumer.assignment, "it is a member")
        who = consumer.group_metadata()
        consumer.close()
        producer.begin_transaction()
        producer.send(topic, "1")
        with pytest.raises(MustAbort):
            producer.send_offsets_to_transaction({(topic, 0): 1}, who)
        with pytest.raises(MustAbort):
            producer.commit_transaction()
        producer.abort_transaction()
        producer.begin_transaction()
        producer.send(topic, "2")
        producer.commit_transaction()
    assert committed(either, topic, 1) == [2]


def test_a_member_that_was_thrown_out_can_not_commit(name: Name) -> None:
    """If this failed, a job that was stopped for a while would commit what another one has done."""
    with ottla.Broker() as broker:
        broker.create_topic("in")
        broker.produce("in", "1")
        broker.create_topic("out")
        own = {"group_id": "g", "auto_offset_reset": "earliest", "enable_auto_commit": False}
        quick = {"session_timeout_ms": 6000, "heartbeat_interval_ms": 100}
        with Producer(broker.bootstrap_servers, transactional_id="x") as producer:
            producer.init_transactions()
            with Consumer(broker.bootstrap_servers, **own, **quick) as consumer:
                consumer.subscribe(["in"])
                with pytest.raises(CommitFailed):
                    consumer.group_metadata()
                take(consumer, 1)
                before = consumer.group_metadata()
                broker.clock.advance(60, members="silent")
                member = consumer._member
                assert member is not None
                eventually(lambda: member.generation is None, "it knows")
                assert consumer.group_metadata() == before, "who it was, not nobody"
                producer.begin_transaction()
                producer.send("out", "1")
                ends = {("in", 0): 1}
                with pytest.raises(MustAbort):
                    producer.send_offsets_to_transaction(ends, consumer.group_metadata())
                producer.abort_transaction()
        assert not broker.records("out")


def test_calls_out_of_order_say_what_is_missing(either: Server, name: Name) -> None:
    """If this failed, a mistake would be told by the broker, or hang."""
    topic = made(either, name())
    with Producer(either.bootstrap) as plain, pytest.raises(NoTransaction, match=r"transactional"):
        plain.begin_transaction()
    with Producer(either.bootstrap, transactional_id=name()) as producer:
        with pytest.raises(NoTransaction) as caught:
            producer.begin_transaction()
        assert "init_transactions" in (caught.value.hint or "")
        producer.init_transactions()
        with pytest.raises(NoTransaction) as caught:
            producer.send(topic, "1")
        assert "begin_transaction" in (caught.value.hint or "")
        with pytest.raises(NoTransaction):
            producer.commit_transaction()
        producer.begin_transaction()
        with pytest.raises(NoTransaction):
            producer.begin_transaction()
        producer.abort_transaction()


def test_what_can_not_be_written_must_be_aborted(either: Server, name: Name) -> None:
    """If this failed, a transaction could be committed without one of its records."""
    topic = made(either, name(), **{"max.message.bytes": "2000"})
    with Producer(either.bootstrap, transactional_id=name()) as producer:
        producer.init_transactions()
        producer.begin_transaction()
        producer.send(topic, "1").result(20)
        producer.send(topic, b"x" * 5000)
        with pytest.raises(MustAbort, match="must be aborted"):
            producer.commit_transaction()
        producer.abort_transaction()
        producer.begin_transaction()
        producer.send(topic, "2")
        producer.commit_transaction()
    assert committed(either, topic, 1) == [2]


@pytest.fixture
def before_v2() -> Iterator[ottla.Broker]:
    """A node whose cluster is at transaction.version 1."""
    with ottla.Broker() as broker:
        with Client(broker.bootstrap_servers) as client:
            update = features.Update("transaction.version", 1, features.SAFE_DOWNGRADE)
            features.update(client, [update])
        yield broker


def test_transactions_of_the_first_version(before_v2: ottla.Broker) -> None:
    """If this failed, transactions would not work on clusters before 4.0."""
    before_v2.create_topic("t", partitions=3)
    before_v2.create_topic("in")
    before_v2.produce("in", "0")
    with Producer(before_v2.bootstrap_servers, transactional_id="x") as producer:
        producer.init_transactions()
        for number in range(5):
            producer.begin_transaction()
            for key in range(10):
                producer.send("t", str(number), key=str(key))
            producer.send_offsets_to_transaction({("in", 0): number}, "g")
            if number == 3:
                producer.abort_transaction()
            else:
                producer.commit_transaction()
    found = sorted(int(record.value or b"") for record in before_v2.records("t"))
    assert found == [number for number in (0, 1, 2, 4) for _ in range(10)]
    before_v2.wait_for("g", lag=0)


def test_a_transaction_lives_through_lost_answers() -> None:
    """If this failed, an answer that got lost would cost a transaction, or write it twice."""
    with ottla.Broker() as broker:
        broker.create_topic("t")
        with Producer(broker.bootstrap_servers, transactional_id="x") as producer:
            producer.init_transactions()
            for api in ("Produce", "EndTxn", "TxnOffsetCommit"):
                broker.faults.drop_reply(api=api, times=1)
                producer.begin_transaction()
                producer.send("t", api)
                producer.send_offsets_to_transaction({("t", 0): 1}, "g")
                producer.commit_transaction()
        found = [record.value for record in broker.records("t")]
        assert found == [b"Produce", b"EndTxn", b"TxnOffsetCommit"]
