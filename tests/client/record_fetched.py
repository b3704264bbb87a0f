"""Records `tests/data/fetched-transactions.json`: what 4.3.1 answers to a read_committed Fetch of a
partition in which producers commit and abort in turns.

`python tests/client/record_fetched.py HOST:PORT`, with `src` on PYTHONPATH, against a new 4.3.1.
"""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any

from confluent_kafka import Producer

from ottla.client.admin import topics
from ottla.client.client import Client
from ottla.client.records import fetch

TARGET = Path(__file__).parents[1] / "data" / "fetched-transactions.json"
TOPIC = "fetched"


def main(node: str) -> None:
    """Write the partition and store what a Fetch brings from each of its offsets."""
    with Client(node) as client:
        topics.create(client, [topics.NewTopic(TOPIC, 1, 1)])
        end = _write(node)
        fetched = [fetch(client, (TOPIC, 0), offset) for offset in range(end)]
    TARGET.write_text(json.dumps([_shown(row) for row in fetched], indent=1) + "\n")


def _write(node: str) -> int:
    """Interleaved transactions of two producers, and one without; the log end."""
    first, second = (_producer(node, one) for one in ("first", "second"))
    plain = Producer({"bootstrap.servers": node, "linger.ms": 0})
    for producer in (first, second):
        producer.init_transactions(20)
    for number, (ends, ends_too) in enumerate([("abort", "commit"), ("commit", "abort")] * 2):
        first.begin_transaction()
        second.begin_transaction()
        _send(first, f"first {ends} {number}")
        _send(second, f"second {ends_too} {number}")
        _send(plain, f"plain {number}")
        _send(first, f"first {ends} {number} again")
        _end(first, ends)
        _send(second, f"second {ends_too} {number} again")
        _end(second, ends_too)
    low, high = _ends(node)
    assert low == 0
    return high


def _producer(node: str, transactional_id: str) -> Producer:
    return Producer(
        {"bootstrap.servers": node, "linger.ms": 0, "transactional.id": transactional_id}
    )


def _send(producer: Producer, value: str) -> None:
    producer.produce(TOPIC, value.encode(), partition=0, timestamp=1_700_000_000_000)
    assert producer.flush(20) == 0


def _end(producer: Producer, how: str) -> None:
    {"abort": producer.abort_transaction, "commit": producer.commit_transaction}[how](20)


def _ends(node: str) -> tuple[int, int]:
    from confluent_kafka import Consumer, TopicPartition

    consumer = Consumer({"bootstrap.servers": node, "group.id": "unused"})
    found: tuple[int, int] = consumer.get_watermark_offsets(TopicPartition(TOPIC, 0), 20)
    consumer.close()
    return found


def _shown(row: Any) -> dict[str, Any]:
    return {
        "high_watermark": row.high_watermark,
        "last_stable_offset": row.last_stable_offset,
        "aborted": [[one.producer_id, one.first_offset] for one in row.aborted_transactions],
        "records": base64.b64encode(row.records).decode(),
    }


if __name__ == "__main__":
    main(sys.argv[1])
