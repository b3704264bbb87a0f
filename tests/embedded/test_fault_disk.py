"""A disk that fails because a test says so: which logs it is about, and how such a broker ends."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

import ottla

TOPIC = "faulty"


@pytest.fixture
def broker() -> Iterator[ottla.Broker]:
    """A broker with one topic of one partition."""
    with ottla.Broker() as found:
        found.create_topic(TOPIC)
        yield found


def test_a_disk_is_full_for_one_topic(broker: ottla.Broker) -> None:
    """If this failed, topics whose names begin as that of a full one would be full as well."""
    for topic in (f"{TOPIC}-archive", f"{TOPIC}-2-1"):
        broker.create_topic(topic)
        broker.faults.fill_disk(TOPIC)
        assert broker.produce(topic, "v") == 0
    broker.create_topic("many", partitions=12)
    broker.faults.fill_disk("many")
    with pytest.raises(ottla.BrokerError, match="many-11"):
        broker.produce("many", "v", partition=11)


@pytest.mark.parametrize("verb", ["write", "sync", "set_len"])
def test_what_a_test_broke_is_no_failure_of_its_end(verb: str) -> None:
    """If this failed, a test of a failing disk would fail at its end, with advice for a disk."""
    with ottla.Broker() as broker:
        broker.produce(TOPIC, "v")
        broker.faults.fail_disk(verb)
        with contextlib.suppress(ottla.OttlaError):
            broker.produce(TOPIC, "v")
