"""librdkafka's producer of transactions, as its users write it."""

from __future__ import annotations

from typing import Any

from confluent_kafka import Producer


def producer_of(bootstrap: str, transactional_id: str, **config: Any) -> Producer:
    """A producer that is ready to begin."""
    settings = {name.replace("_", "."): value for name, value in config.items()}
    base = {"bootstrap.servers": bootstrap, "log_level": 0, "linger.ms": 0}
    producer = Producer({**base, "transactional.id": transactional_id, **settings})
    producer.init_transactions(20)
    return producer


def write(producer: Producer, topic: str, *values: str) -> None:
    """Write to partition 0 in the transaction, and see that it is in the log."""
    for value in values:
        producer.produce(topic, value.encode(), partition=0)
    assert producer.flush(20) == 0


def end(producer: Producer, *, commit: bool) -> None:
    """Commit what was begun, or abort it."""
    (producer.commit_transaction if commit else producer.abort_transaction)(20)


def transact(producer: Producer, topic: str, *values: str, commit: bool = True) -> None:
    """One whole transaction."""
    producer.begin_transaction()
    write(producer, topic, *values)
    end(producer, commit=commit)
