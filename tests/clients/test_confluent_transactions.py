"""confluent-kafka's transactions, as its users know them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from producing import end, producer_of, transact, write
from servers import eventually


@contextmanager
def member_of(transactional: Any, group: str, topic: str) -> Iterator[Consumer]:
    """The only member of a group, with its partition."""
    consumer = Consumer(
        {
            "bootstrap.servers": transactional.bootstrap,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    with closing(consumer):
        consumer.subscribe([topic])
        eventually(lambda: consumer.poll(0.05) or consumer.assignment(), "the member is in")
        yield consumer


def test_commit_and_abort(transactional: Any, name: Callable[[], str]) -> None:
    """If this failed, read_committed would see what was aborted, or not what was committed."""
    topic = transactional.create(name())
    producer = producer_of(transactional.bootstrap, name())
    for value, commits in (("a", True), ("b", False), ("c", True), ("d", False)):
        transact(producer, topic, value + "1", value + "2", commit=commits)
    every = [value + n for value in "abcd" for n in "12"]
    transactional.seen(topic, ["a1", "a2", "c1", "c2"], every)


def test_open_transaction_holds_readers_back(transactional: Any, name: Callable[[], str]) -> None:
    """If this failed, read_committed would see an open transaction, or what lies behind it."""
    topic = transactional.create(name())
    producer, other = (producer_of(transactional.bootstrap, name()) for _ in range(2))
    producer.begin_transaction()
    write(producer, topic, "open")
    transact(other, topic, "behind")
    transactional.seen(topic, [], ["open", "behind"])
    producer.commit_transaction(20)
    transactional.seen(topic, ["open", "behind"], ["open", "behind"])


@pytest.mark.parametrize("commits", [True, False])
def test_offsets_go_with_the_transaction(
    transactional: Any, name: Callable[[], str], commits: bool
) -> None:
    """If this failed, a group would move for a transaction that was aborted, or not for one that
    was committed.
    """
    source, sink, group = transactional.create(name()), transactional.create(name()), name()
    producer = producer_of(transactional.bootstrap, name())
    transact(producer, source, "1", "2", "3")
    with member_of(transactional, group, source) as consumer:
        consumer.commit(offsets=[TopicPartition(source, 0, 1)], asynchronous=False)
        producer.begin_transaction()
        write(producer, sink, "out")
        at = [TopicPartition(source, 0, 3)]
        producer.send_offsets_to_transaction(at, consumer.consumer_group_metadata(), 20)
        end(producer, commit=commits)
    transactional.group_at(group, source, 3 if commits else 1)
    transactional.seen(sink, ["out"] if commits else [], ["out"])


def test_offsets_of_a_dead_generation_are_refused(
    transactional: Any, name: Callable[[], str]
) -> None:
    """If this failed, a member that was put out of its group could still move the group."""
    source, group = transactional.create(name()), name()
    producer = producer_of(transactional.bootstrap, name())
    with member_of(transactional, group, source) as consumer:
        old = consumer.consumer_group_metadata()
    producer.begin_transaction()
    write(producer, source, "out")
    with pytest.raises(KafkaException) as caught:
        producer.send_offsets_to_transaction([TopicPartition(source, 0, 1)], old, 20)
    assert caught.value.args[0].txn_requires_abort()
    assert caught.value.args[0].code() in (
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.ILLEGAL_GENERATION,
    )
    producer.abort_transaction(20)
    transactional.seen(source, [], ["out"])
    transactional.group_is_nowhere(group, source)


@pytest.mark.parametrize("where", ["this process", "another process"])
def test_fenced(transactional: Any, name: Callable[[], str], where: str) -> None:
    """If this failed, two producers of one id could both commit."""
    topic, transactional_id = transactional.create(name()), name()
    first = producer_of(transactional.bootstrap, transactional_id)
    first.begin_transaction()
    write(first, topic, "of the first")
    if where == "this process":
        second = producer_of(transactional.bootstrap, transactional_id)
        transact(second, topic, "of another")
    else:
        transactional.take_over(transactional_id, topic)
    with pytest.raises(KafkaException) as caught:
        first.commit_transaction(20)
    assert caught.value.args[0].fatal()
    assert caught.value.args[0].code() == KafkaError._FENCED
    others = "of another" if where == "this process" else "of another process"
    transactional.seen(topic, [others], ["of the first", others])


def test_a_time_out_ends_the_transaction(transactional: Any, name: Callable[[], str]) -> None:
    """If this failed, a producer that died would hold readers back for ever."""
    topic = transactional.create(name())
    producer = producer_of(transactional.bootstrap, name(), transaction_timeout_ms=1000)
    producer.begin_transaction()
    write(producer, topic, "late")
    other = producer_of(transactional.bootstrap, name())
    transact(other, topic, "behind")
    transactional.seen(topic, ["behind"], ["late", "behind"])
    with pytest.raises(KafkaException):
        producer.commit_transaction(20)


def test_survives_a_restart(transactional: Any, name: Callable[[], str]) -> None:
    """If this failed, a restart would forget an open transaction, or what ended before it."""
    topic, transactional_id = transactional.create(name()), name()
    producer = producer_of(transactional.bootstrap, transactional_id)
    transact(producer, topic, "a")
    producer.begin_transaction()
    write(producer, topic, "b")
    transactional.server.restart()
    producer.commit_transaction(30)
    transactional.seen(topic, ["a", "b"], ["a", "b"])
