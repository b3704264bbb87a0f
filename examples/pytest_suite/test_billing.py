"""A pytest suite for a service on Kafka: no conftest.py, no container, no mock.

    pytest examples/pytest_suite

`pip install ottla` brings the fixtures: `kafka` is a whole broker inside of the test's process, and
`topic` a name that no other test has. Each test below is one habit: say what goes in and what must
come out; test what handles a record without any broker; move the clock; let things go wrong.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from billing import Billing

import ottla
from ottla.client import ConsumerRecord


@pytest.fixture
def billing(kafka: ottla.Broker, topic: str) -> Iterator[Billing]:
    """The service, on the shared broker, with topics and a group of its own."""
    kafka.create_topic(topic)
    kafka.create_topic(f"{topic}.bills")
    service = Billing(kafka.client_config("ottla", group=topic), topic, f"{topic}.bills")
    yield service
    service.close()


def test_an_order_becomes_a_bill(kafka: ottla.Broker, topic: str, billing: Billing) -> None:
    """What goes in, what comes out, and what is committed."""
    kafka.produce(topic, '{"item": "bell", "count": 2}', key="ann")
    billing.step()
    kafka.expect(billing.bills, [("ann", "bell: 200")])
    kafka.wait_for(topic, lag=0)


def test_what_is_no_order_is_put_aside(kafka: ottla.Broker, topic: str, billing: Billing) -> None:
    """A record that can't be read holds up nobody."""
    kafka.produce(topic, "{no json")
    kafka.produce(topic, '{"item": "bell", "count": 1}')
    for _ in range(100):
        if billing.step(0.1) and kafka.records(billing.bills):
            break
    kafka.expect(f"{topic}.dlq", ["{no json"])
    kafka.expect(billing.bills, ["bell: 100"])


@pytest.mark.parametrize("value", [None, b"", b"[]", b"{}"])
def test_odd_records_without_a_broker(billing: Billing, value: bytes | None) -> None:
    """What handles one record is a function: give it records."""
    record = ConsumerRecord(billing.orders, 0, 5, value=value)
    assert billing.bill(record)[0] == f"{billing.orders}.dlq"


def test_a_lost_answer_makes_no_second_bill(
    kafka: ottla.Broker, topic: str, billing: Billing
) -> None:
    """The bill is written and its acknowledgement lost; the producer asks again, and is known."""
    kafka.faults.drop_reply(api="Produce", topic=billing.bills, times=1)
    kafka.produce(topic, '{"item": "bell", "count": 3}')
    billing.step()
    kafka.expect(billing.bills, ["bell: 300"])
    assert len(kafka.faults.events) == 1


def test_a_group_that_was_thrown_out_comes_back(
    kafka: ottla.Broker, topic: str, billing: Billing
) -> None:
    """Nobody is heard for longer than a session lasts: what was committed is not billed again, and
    what was read meanwhile may be.
    """
    kafka.produce(topic, '{"item": "bell", "count": 1}')
    billing.step()
    kafka.clock.advance(minutes=5, members="silent")
    kafka.produce(topic, '{"item": "lamp", "count": 1}')
    while not billing.step(0.1):
        pass
    bills = [record.value for record in kafka.records(billing.bills)]
    assert bills.count(b"bell: 100") == 1
    assert set(bills) == {b"bell: 100", b"lamp: 100"}


def test_bills_are_kept_for_a_week(kafka: ottla.Broker, topic: str, billing: Billing) -> None:
    """Eight days go by in a moment, and retention does what it will do."""
    kafka.produce(topic, '{"item": "bell", "count": 1}')
    billing.step()
    kafka.clock.advance(days=6)
    kafka.expect(billing.bills, ["bell: 100"])
    kafka.clock.advance(days=2)
    kafka.expect(billing.bills, [])


def test_a_crash_of_the_broker(kafka_per_test: ottla.Broker) -> None:
    """The broker ends as by SIGKILL between order and bill; the service does not notice."""
    broker = kafka_per_test
    broker.create_topic("orders")
    service = Billing(broker.client_config("ottla", group="billing"), "orders", "bills")
    broker.produce("orders", '{"item": "bell", "count": 1}')
    broker.kill()
    broker.start()
    while not service.step(0.1):
        pass
    broker.expect("bills", ["bell: 100"])
    service.close()
