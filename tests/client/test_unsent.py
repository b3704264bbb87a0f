"""Programs that end without closing what they have opened."""

from __future__ import annotations

import subprocess
import sys

import pytest

import ottla
from ottla.client import Consumer

PROGRAM = """
import sys
from ottla.client import Producer
producer = Producer(sys.argv[1], linger_ms=60_000)
for number in range(10):
    producer.send("t", str(number))
if len(sys.argv) > 2:
    producer.close()
"""


@pytest.mark.parametrize("closes", [False, True])
def test_what_is_lost_at_the_end_is_told(closes: bool) -> None:
    """If this failed, records would be lost in silence by a program that forgets one line."""
    with ottla.Broker() as broker:
        broker.create_topic("t")
        words = [
            sys.executable,
            "-c",
            PROGRAM,
            broker.bootstrap_servers,
            *["closes"][: int(closes)],
        ]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        if closes:
            assert done.stderr == ""
            assert len(broker.records("t")) == 10
        else:
            assert "bytes of records that nobody has acknowledged, and that are lost" in done.stderr


def test_a_consumer_that_is_not_closed_is_told_of() -> None:
    """If this failed, nobody would find out why a group waits for a member that is gone."""
    with ottla.Broker() as broker:
        consumer = Consumer(broker.bootstrap_servers)
        client = consumer._client
        with pytest.warns(ResourceWarning, match="was not closed"):
            del consumer
        client.close()
