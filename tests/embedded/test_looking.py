"""How long a test waits for what it expects, and what it is told if that does not come."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, TopicPartition
from test_manners import run

import ottla
from conformance.talk import Talk
from ottla.testing.expected import Record, all_wanted, never
from ottla.wire.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
from producing import producer_of

SECONDS_MAX = 20
"""A call that goes by its own time is over by then; the client's own is thirty seconds."""


@pytest.fixture(scope="module")
def broker() -> Iterator[ottla.Broker]:
    """One broker for all tests here, each with topics of its own."""
    with ottla.Broker(config={"auto.create.topics.enable": False}) as broker:
        broker.create_topic("orders")
        yield broker


def test_a_time_is_kept_though_nobody_answers() -> None:
    """If this failed, a test would wait for thirty seconds, and be told of a client's."""
    with ottla.Broker() as broker:
        broker.produce("t", "v")
        for api in ("Fetch", "OffsetFetch"):
            broker.faults.hold(api=api, client_id="ottla-test")
        began = time.monotonic()
        with pytest.raises(ottla.NotAsExpected, match=r"t could not be read within 0\.5 s"):
            broker.expect("t", ["v"], timeout=0.5)
        with pytest.raises(ottla.NotAsExpected, match=r"within 0\.5 s.*the last look"):
            broker.wait_for("g", timeout=0.5)
        assert time.monotonic() - began < SECONDS_MAX
        broker.faults.clear()
        broker.expect("t", ["v"], timeout=0)


def test_time_that_is_frozen_goes_on_for_who_waits() -> None:
    """If this failed, a test with a library that freezes its time would hang for ever."""
    done = run(
        """if True:
        import faulthandler, freezegun
        faulthandler.dump_traceback_later(60, exit=True)
        with freezegun.freeze_time("2026-01-01"):
            import ottla
            with ottla.Broker() as broker:
                broker.produce("t", "v")
                broker.expect("t", ["v"])
                try:
                    broker.expect("t", ["v", "w"], timeout=0.1)
                except ottla.NotAsExpected:
                    print("told")
        """
    )
    assert (done.returncode, done.stdout) == (0, "told\n"), done.stderr


def join(broker: ottla.Broker, group: str) -> Talk:
    """A member that has joined, and says nothing of partitions."""
    found = Talk(broker.port, "joins")
    request = JoinGroupRequest(
        group_id=group,
        session_timeout_ms=60_000,
        rebalance_timeout_ms=60_000,
        protocol_type="consumer",
        protocols=[JoinGroupRequestProtocol(name="range", metadata=b"")],
    )
    assert found.ask(request, 3, note=False).error_code == 0
    return found


def consumer_of(broker: ottla.Broker, group: str, *topics: str) -> Consumer:
    """A consumer that commits when it is told to."""
    found = Consumer(
        broker.client_config("confluent-kafka", group=group) | {"enable.auto.commit": False}
    )
    found.subscribe(list(topics))
    return found


def test_a_group_that_rebalances_is_not_there(broker: ottla.Broker) -> None:
    """If this failed, a group would have read everything before it knows what it is to read."""
    broker.create_topic("joined")
    broker.produce("joined", "v")
    consumer = Consumer(broker.client_config("confluent-kafka", group="joins"))
    consumer.commit(offsets=[TopicPartition("joined", 0, 1)], asynchronous=False)
    consumer.close()
    assert broker.wait_for("joins") == 0
    member = join(broker, "joins")
    with pytest.raises(ottla.NotAsExpected, match=r"rebalances \(CompletingRebalance, 1 members\)"):
        broker.wait_for("joins", timeout=0)
    member.hang_up()


def test_what_a_member_reads_counts_before_it_commits(broker: ottla.Broker) -> None:
    """If this failed, a group would be done with a topic of which it has committed nothing."""
    for topic in ("read", "unread"):
        broker.create_topic(topic)
        broker.produce(topic, "v")
    consumer = consumer_of(broker, "reads", "read", "unread")
    assert len(consumer.consume(2, 20)) == 2
    consumer.commit(offsets=[TopicPartition("read", 0, 1)], asynchronous=False)
    with pytest.raises(ottla.NotAsExpected, match="unread-0 has no commit of 1"):
        broker.wait_for("reads", timeout=0)
    assert broker.wait_for("reads", lag=1) == 1
    consumer.close()


def test_offsets_in_an_open_transaction_are_told(broker: ottla.Broker) -> None:
    """If this failed, who forgot to end a transaction would be told that nothing was committed."""
    for topic in ("sent", "sent-too"):
        broker.create_topic(topic)
        broker.produce(topic, "v")
    producers = [producer_of(broker.bootstrap_servers, one) for one in ("teller", "other")]
    for producer in producers:
        producer.begin_transaction()
    consumer = consumer_of(broker, "sends", "sent")
    (read,) = consumer.consume(1, 20)
    place = TopicPartition("sent", 0, read.offset() + 1)
    producers[0].send_offsets_to_transaction([place], consumer.consumer_group_metadata(), 20)
    with pytest.raises(ottla.NotAsExpected) as failed:
        broker.wait_for("sends", timeout=0)
    text = str(failed.value)
    assert "sent-0 are pending in the open transaction of 'teller'" in text
    consumer.close()
    with pytest.raises(ottla.NotAsExpected, match=r"may be pending in the open .* of 'teller'"):
        broker.wait_for("sends", timeout=0)
    producers[0].commit_transaction(20)
    assert broker.wait_for("sends") == 0
    producers[1].abort_transaction(20)


def test_a_group_with_an_idle_member_is_settled(broker: ottla.Broker) -> None:
    """If this failed, a group with more members than partitions would be waited for for ever."""
    broker.create_topic("small")
    broker.produce("small", "v")
    consumers = [consumer_of(broker, "idle", "small") for _ in range(2)]
    consumer_at: list[Consumer] = []
    deadline = time.monotonic() + SECONDS_MAX
    while not consumer_at:
        assert time.monotonic() < deadline
        consumer_at = [c for c in consumers if c.poll(0.05)]
    consumer_at[0].commit(asynchronous=False)

    async def poll() -> None:
        waits = asyncio.create_task(broker.aio.wait_for("idle", timeout=SECONDS_MAX))
        while not waits.done():
            for consumer in consumers:
                await asyncio.to_thread(consumer.poll, 0.02)
        assert await waits == 0

    asyncio.run(poll())
    for consumer in consumers:
        consumer.close()


def test_what_can_never_be_is_told_at_once(broker: ottla.Broker) -> None:
    """If this failed, each red test would take its whole time to say so."""
    broker.create_topic("never")
    broker.produce("never", "bad")
    for wanted, any_order in ((["good"], False), ([], False), (["good"], True)):
        with pytest.raises(ottla.NotAsExpected, match=r"no record to come(?s:.*)\+ b'bad'"):
            broker.expect("never", wanted, timeout=3600, any_order=any_order)
    broker.create_topic("shrinks", config={"cleanup.policy": "compact"})
    broker.produce("shrinks", "bad", key="k")
    with pytest.raises(ottla.NotAsExpected, match="within 0 s") as caught:
        broker.expect("shrinks", ["good"], timeout=0)
    assert "shrinks is compacted" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("wanted", "found", "hopeless"),
    [
        ("ab", {}, False),
        ("ab", {0: "a"}, False),
        ("ab", {0: "b"}, True),
        ("ab", {1: "b"}, False),
        ("ab", {1: "ab"}, False),
        ("ab", {0: "ab", 1: "a"}, True),
        ("abcab", {0: "a", 1: "ab"}, False),
        ("abcab", {0: "a", 2: "bc"}, False),
        ("abc", {0: "a", 1: "c", 2: "b"}, True),
        ("", {3: "a"}, True),
    ],
)
def test_partitions_only_grow(wanted: str, found: dict[int, str], hopeless: bool) -> None:
    """If this failed, a test would fail though its records were about to come, or wait for what
    can't.
    """
    records = [
        Record(value.encode(), None, (), 0, partition, offset)
        for partition, values in found.items()
        for offset, value in enumerate(values)
    ]
    assert never(all_wanted(wanted[n] for n in range(len(wanted))), records, False) == hopeless


def test_a_topic_that_is_not_there_is_named(broker: ottla.Broker) -> None:
    """If this failed, a slip in a name would be an empty topic, or a riddle from inside."""
    with pytest.raises(ottla.NotAsExpected, match="there is no such topic") as failed:
        broker.expect("ordres", ["x"], timeout=0)
    assert failed.value.hint == "did you mean 'orders'?"
    calls = (broker.records, broker.delete_topic, lambda topic: broker.produce(topic, "x"))
    for name, hint in (("ordres", "did you mean 'orders'"), ("zzz", "create_topic('zzz')")):
        for call in calls:
            with pytest.raises(ottla.BrokerError, match=f"'{name}'") as refused:
                call(name)
            assert hint in str(refused.value.hint)
            shown = "".join(traceback.format_exception(refused.value))
            assert "ottla/client" not in shown
    with pytest.raises(ottla.BrokerError, match="no partition 7") as refused:
        broker.produce("orders", "x", partition=7)
    assert "create_topic" not in str(refused.value.hint)


def test_a_topic_that_is_deleted_is_gone(broker: ottla.Broker) -> None:
    """If this failed, a test would need an admin client to begin anew."""
    broker.create_topic("goes")
    broker.produce("goes", "x")
    broker.delete_topic("goes")
    assert "goes" not in broker.topics()
    broker.create_topic("goes")
    broker.expect("goes", [])


def test_a_loop_that_is_kept_waiting_is_told(broker: ottla.Broker) -> None:
    """If this failed, who forgets to await would look for the fault in a service that could not
    run.
    """

    async def waits_in_the_loop() -> None:
        broker.expect("orders", ["x"], timeout=0)

    with pytest.raises(ottla.NotAsExpected) as failed:
        asyncio.run(waits_in_the_loop())
    assert "await broker.aio" in str(failed.value.hint)
    with pytest.raises(ottla.NotAsExpected) as failed:
        broker.expect("orders", ["x"], timeout=0)
    assert "flush()" in str(failed.value.hint)
    assert "await" not in str(failed.value.hint)


@pytest.mark.parametrize(
    ("call", "given", "said"),
    [
        ("expect", ("orders", "one bicycle"), "list of values, not str"),
        ("expect", ("orders", b"one bicycle"), "list of values, not bytes"),
        ("expect", ("orders", {"a": "b"}), "list of values, not dict"),
        ("expect", ("orders", None), "list of values, not NoneType"),
        ("expect", ("orders", [("a", "b", "c")]), r"\('a', 'b', 'c'\)"),
        ("expect", (None, ["a"]), "topic=None"),
        ("wait_for", ("g", "orders"), "lag='orders'"),
        ("wait_for", (None,), "group=None"),
        ("produce", ("orders", "x", None, [("a",)]), r"\('a',\) is no header"),
        ("produce", ("orders", "x", None, "ab"), "headers='ab'"),
        ("produce", ("orders", "x", None, (), "0"), "partition='0'"),
        ("produce", ("orders", "x", None, (), 0, "now"), "timestamp_ms='now'"),
        ("produce", (5, "x"), "topic=5"),
        ("records", ("orders", "0"), "partition='0'"),
        ("create_topic", (None,), "topic=None"),
        ("create_topic", ("q", "3"), "partitions='3'"),
        ("create_topic", ("q", 1, 1, ["a"]), "config is a mapping"),
        ("delete_topic", (None,), "topic=None"),
    ],
)
def test_what_is_of_the_wrong_kind_is_refused(
    broker: ottla.Broker, call: str, given: tuple[object, ...], said: str
) -> None:
    """If this failed, a slip would be waited for, or be an error of Python's from inside."""
    with pytest.raises(ottla.BadType, match=said):
        getattr(broker, call)(*given)
