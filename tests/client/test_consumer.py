"""Our own consumer against a running node: Ottla, and Apache Kafka 4.3.1."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from client.test_producer import made
from ottla.client import (
    BadSetting,
    BrokerError,
    Closed,
    CommitFailed,
    Consumer,
    ConsumerRecord,
    NoOffset,
    NotAssigned,
    OffsetAndMetadata,
    OffsetOutOfRange,
    Producer,
)
from servers import Server, eventually

Name = Callable[[], str]


def filled(server: Server, topic: str, count: int, partitions: int = 1) -> str:
    """A topic with so many records, `0`, `1`, ... by turns in its partitions, a second apart."""
    made(server, topic, partitions)
    with Producer(server.bootstrap) as producer:
        for number in range(count):
            at = 1_700_000_000_000 + 1000 * number
            producer.send(topic, str(number), partition=number % partitions, timestamp_ms=at)
    return topic


def take(consumer: Consumer, count: int, within: float = 20) -> list[ConsumerRecord]:
    """So many records."""
    found: list[ConsumerRecord] = []
    deadline = time.monotonic() + within
    while len(found) < count:
        assert time.monotonic() < deadline, f"{len(found)} of {count} records"
        found += consumer.poll(0.5)
    return found


def values(records: Iterable[ConsumerRecord]) -> list[int]:
    """Their numbers."""
    return [int(record.value or b"") for record in records]


def reading(server: Server, *places: Any, **settings: Any) -> Consumer:
    """A consumer of these partitions, from their beginnings."""
    settings = {"auto_offset_reset": "earliest", **settings}
    consumer = Consumer(server.bootstrap, **settings)
    consumer.assign(places)
    return consumer


def test_all_partitions_are_read_in_order(either: Server, name: Name) -> None:
    """If this failed, records would be lost, doubled, or out of order."""
    topic = filled(either, name(), 3000, 3)
    with reading(either, *[(topic, n) for n in range(3)], max_poll_records=100) as consumer:
        records = take(consumer, 3000)
        assert consumer.poll(0.1) == []
        for number in range(3):
            found = [r for r in records if r.partition == number]
            assert values(found) == list(range(number, 3000, 3))
            assert [r.offset for r in found] == list(range(1000))
            assert consumer.position((topic, number)) == 1000


def test_at_most_so_many_records_are_handed_out(either: Server, name: Name) -> None:
    """If this failed, max.poll.records would not bound a program's step."""
    topic = filled(either, name(), 100)
    with reading(either, (topic, 0), max_poll_records=7) as consumer:
        first = consumer.poll(20)
        assert values(first) == list(range(7))
        assert values(consumer.poll(20, max_records=1)) == [7]
        assert consumer.position((topic, 0)) == 8


def test_a_poll_waits_for_its_time_and_no_longer(either: Server, name: Name) -> None:
    """If this failed, a poll would hang, or a program would spin."""
    topic = made(either, name())
    with reading(either, (topic, 0)) as consumer:
        assert consumer.poll() == []
        assert consumer.poll(0.1) == []
        woken = threading.Timer(0.1, consumer.wakeup)
        woken.start()
        assert consumer.poll(30) == []
        woken.join()


def test_seeking(either: Server, name: Name) -> None:
    """If this failed, a program could not read again, or go on elsewhere."""
    topic = filled(either, name(), 100)
    place = (topic, 0)
    with reading(either, place) as consumer:
        take(consumer, 100)
        consumer.seek(place, 50)
        assert values(take(consumer, 50)) == list(range(50, 100))
        consumer.seek_to_beginning()
        assert values(take(consumer, 100)) == list(range(100))
        consumer.seek_to_time(1_700_000_000_000 + 41_500)
        assert values(take(consumer, 58))[0] == 42
        consumer.seek_to_end()
        assert consumer.position(place) == 100
        assert consumer.poll(0.2) == []
        with pytest.raises(NotAssigned):
            consumer.seek((topic, 5), 0)
        with pytest.raises(ValueError, match="no record has offset -1"):
            consumer.seek(place, -1)


def test_offsets_of_times_and_ends(either: Server, name: Name) -> None:
    """If this failed, a program would not find where to read."""
    topic = filled(either, name(), 10)
    place = (topic, 0)
    with Consumer(either.bootstrap) as consumer:
        assert consumer.beginning_offsets([place]) == {place: 0}
        assert consumer.end_offsets([place]) == {place: 10}
        at = 1_700_000_000_000 + 3000
        assert consumer.offsets_for_times({place: at}) == {place: 3}
        assert consumer.offsets_for_times({place: at + 100_000}) == {place: None}
        with pytest.raises(BrokerError):
            consumer.end_offsets([(topic, 9)])


def test_a_paused_partition_gives_nothing(either: Server, name: Name) -> None:
    """If this failed, a program could not hold one partition back."""
    topic = filled(either, name(), 20, 2)
    with reading(either, (topic, 0), (topic, 1)) as consumer:
        consumer.pause([(topic, 1)])
        assert consumer.paused == [(topic, 1)]
        assert values(take(consumer, 10)) == list(range(0, 20, 2))
        assert consumer.poll(0.2) == []
        consumer.resume([(topic, 1)])
        assert values(take(consumer, 10)) == list(range(1, 20, 2))


def test_where_reading_begins(either: Server, name: Name) -> None:
    """If this failed, auto.offset.reset would not mean what it says."""
    topic = filled(either, name(), 5)
    with reading(either, (topic, 0), auto_offset_reset="latest") as consumer:
        assert consumer.position((topic, 0)) == 5
    with reading(either, (topic, 0), auto_offset_reset="by_duration:PT1M") as consumer:
        assert consumer.position((topic, 0)) == 5, "they are of 2023"
    consumer = reading(either, (topic, 0), auto_offset_reset="none", group_id=name())
    with consumer, pytest.raises(NoOffset):
        consumer.poll(20)
    with reading(either, (topic, 0, 99), auto_offset_reset="none") as consumer:
        with pytest.raises(OffsetOutOfRange) as caught:
            consumer.poll(20)
        assert caught.value.offset == 99
        consumer.seek((topic, 0), 3)
        assert values(take(consumer, 2)) == [3, 4]
    with reading(either, (topic, 0, 99)) as consumer:
        assert values(take(consumer, 5)) == list(range(5)), "it begins anew"


def test_whole_batches(either: Server, name: Name) -> None:
    """If this failed, who copies or computes by batches would miss records, or see them twice."""
    topic = made(either, name())
    with Producer(either.bootstrap, compression_type="lz4") as producer:
        for number in range(1000):
            producer.send(topic, str(number))
            if number % 250 == 249:
                producer.flush()
    with reading(either, (topic, 0, 100)) as consumer:
        batches = []
        while sum(len(batch) for batch in batches) < 1000:
            batches += consumer.batches(20)
        assert batches[0].first_offset == 100
        assert [batch.codec for batch in batches] == ["lz4"] * 4
        found = [record for batch in batches for record in batch.records()]
        assert values(found) == list(range(100, 1000))
        assert consumer.position((topic, 0)) == 1000


def test_a_group_goes_on_where_it_was(either: Server, name: Name) -> None:
    """If this failed, a restart would read everything again, or skip something."""
    topic, group = filled(either, name(), 10), name()
    with reading(either, (topic, 0), group_id=group, enable_auto_commit=False) as consumer:
        take(consumer, 10)
        assert consumer.committed([(topic, 0)]) == {}
        consumer.commit({(topic, 0): OffsetAndMetadata(4, metadata="here")})
        found = consumer.committed([(topic, 0)])[(topic, 0)]
        assert (found.offset, found.metadata) == (4, "here")
    with reading(either, (topic, 0), group_id=group, enable_auto_commit=False) as consumer:
        assert values(take(consumer, 6)) == list(range(4, 10))
        consumer.commit()
    with reading(either, (topic, 0), group_id=group) as consumer:
        assert consumer.position((topic, 0)) == 10


def test_what_was_handed_out_is_committed_by_itself(either: Server, name: Name) -> None:
    """If this failed, a program that closes its consumer would begin anew."""
    topic, group = filled(either, name(), 10), name()
    with Consumer(either.bootstrap, group_id=group, auto_offset_reset="earliest") as consumer:
        consumer.subscribe([topic])
        take(consumer, 10)
    with Consumer(either.bootstrap, group_id=group) as consumer:
        assert consumer.committed([(topic, 0)])[(topic, 0)].offset == 10


@pytest.mark.parametrize("assignor", ["range", "roundrobin", "sticky", "cooperative-sticky"])
def test_two_members_share_a_topic(either: Server, name: Name, assignor: str) -> None:
    """If this failed, members would read each other's partitions, or none would read some."""
    topic, group = filled(either, name(), 40, 4), name()
    shared = {
        "group_id": group,
        "auto_offset_reset": "earliest",
        "partition_assignment_strategy": assignor,
        "heartbeat_interval_ms": 100,
    }
    told: list[tuple[str, list[Any]]] = []
    with Consumer(either.bootstrap, **shared) as first:
        first.subscribe(
            [topic],
            on_assign=lambda places: told.append(("assigned", places)),
            on_revoke=lambda places: told.append(("revoked", places)),
        )
        seen = take(first, 40)
        assert len(first.assignment) == 4
        with Consumer(either.bootstrap, **shared) as second:
            second.subscribe([topic])

            def settled() -> bool:
                first.poll(0.01)
                second.poll(0.01)
                return len(first.assignment) == len(second.assignment) == 2

            eventually(settled, "both have two")
            assert not set(first.assignment) & set(second.assignment)
        eventually(lambda: first.poll(0.01) == [] and len(first.assignment) == 4, "all again")
    assert sorted(values(seen)) == list(range(40))
    assert told[0][0] == "assigned"
    revoked = sorted(place for kind, places in told for place in places if kind == "revoked")
    assert len(revoked) == (10 if "cooperative" not in assignor else 6)


def test_topics_are_subscribed_to_by_a_function(either: Server, name: Name) -> None:
    """If this failed, a program would not see topics that come later."""
    stem = name()
    topic = filled(either, f"{stem}-one", 3)
    with Consumer(either.bootstrap, group_id=name(), auto_offset_reset="earliest") as consumer:
        consumer.subscribe(lambda topic: topic.startswith(stem))
        assert values(take(consumer, 3)) == [0, 1, 2]
        assert consumer.assignment == [(topic, 0)]
        consumer.unsubscribe()
        assert consumer.assignment == []


def test_a_member_that_stayed_away_is_told(name: Name) -> None:
    """If this failed, it would commit for partitions that are another's by now."""
    import ottla

    with ottla.Broker() as broker:
        broker.create_topic("t")
        broker.produce("t", "1")
        settings = {
            "group_id": "g",
            "auto_offset_reset": "earliest",
            "enable_auto_commit": False,
            "max_poll_interval_ms": 300,
            "heartbeat_interval_ms": 100,
        }
        lost: list[Any] = []
        with Consumer(broker.bootstrap_servers, **settings) as consumer:
            consumer.subscribe(["t"], on_lost=lost.extend)
            take(consumer, 1)
            from ottla.client import Client
            from ottla.client.admin import groups

            with Client(broker.bootstrap_servers) as client:
                eventually(
                    lambda: not groups.describe(client, "g").members, "it has left by itself"
                )
            with pytest.raises(CommitFailed) as caught:
                consumer.commit()
            assert "max.poll.interval.ms" in str(caught.value)
            eventually(lambda: consumer.poll(0.05) or consumer.assignment, "it joins again")
            assert lost == [("t", 0)]


def test_what_a_loop_has_not_seen_is_not_read(either: Server, name: Name) -> None:
    """If this failed, breaking off a loop would lose the records behind it."""
    topic, group = filled(either, name(), 100, 2), name()
    settings = {"group_id": group, "auto_offset_reset": "earliest"}
    seen: list[int] = []
    for stop in (7, 31, 40, 100):
        with Consumer(either.bootstrap, **settings) as consumer:
            consumer.subscribe([topic])
            for record in consumer:
                seen.append(int(record.value or b""))
                if len(seen) == 20:
                    consumer.commit()
                    at = consumer.committed([(topic, 0), (topic, 1)])
                    assert sum(one.offset for one in at.values()) == 20
                if len(seen) == stop:
                    break
            if stop == 31:  # after a loop the rest comes by poll, too
                seen += values(consumer.poll(20, max_records=1))
    assert sorted(seen) == list(range(100))


def test_a_seek_in_a_loop_counts_at_once(either: Server, name: Name) -> None:
    """If this failed, a loop would go on with what it had before."""
    topic = filled(either, name(), 10)
    found = []
    with reading(either, (topic, 0)) as consumer:
        for record in consumer:
            found.append(int(record.value or b""))
            if found == [0, 1, 2]:
                consumer.seek((topic, 0), 8)
            if found[-1] == 9:
                break
    assert found == [0, 1, 2, 8, 9]


def test_only_what_is_committed_is_read(either: Server, name: Name) -> None:
    """If this failed, records of aborted transactions would count."""
    topic = made(either, name())
    with Producer(either.bootstrap, transactional_id=name()) as producer:
        producer.init_transactions()
        for number, ends in enumerate([True, False, True]):
            producer.begin_transaction()
            producer.send(topic, str(number))
            producer.flush()
            producer.commit_transaction() if ends else producer.abort_transaction()
        producer.begin_transaction()
        producer.send(topic, "3")
        producer.flush()
        with reading(either, (topic, 0), isolation_level="read_committed") as consumer:
            assert values(take(consumer, 2)) == [0, 2]
            assert consumer.poll(0.3) == []
            assert consumer.end_offsets([(topic, 0)])[(topic, 0)] == 6
        with reading(either, (topic, 0)) as consumer:
            assert values(take(consumer, 4)) == [0, 1, 2, 3]
        producer.abort_transaction()


def test_settings_that_do_not_go_together() -> None:
    """If this failed, a consumer would do something else than it was told."""
    for wrong in (
        {"group_id": "g", "group_protocol": "consumer", "session_timeout_ms": 1000},
        {"group_id": "g", "partition_assignment_strategy": "x.Y"},
        {"group_id": "g", "heartbeat_interval_ms": 50_000},
        {"auto_offset_reset": "sometimes"},
    ):
        with pytest.raises(BadSetting):
            Consumer("127.0.0.1:1", **wrong)
    with Consumer("127.0.0.1:1") as consumer:
        with pytest.raises(BadSetting, match=r"group\.id"):
            consumer.subscribe(["t"])
        with pytest.raises(BadSetting, match=r"group\.id"):
            consumer.commit()
    with pytest.raises(Closed):
        consumer.poll()
