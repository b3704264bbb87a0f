"""A small service that the tests beside it are about: it reads orders and writes bills.

It is told everything: where Kafka is, and which topics it has. So a test gives it what is its own.
"""

from __future__ import annotations

import json
from typing import Any

from ottla.client import CommitFailed, Consumer, ConsumerRecord, Producer


class Billing:
    """Reads orders from one topic and writes bills to another, until it is told to stop."""

    def __init__(self, settings: dict[str, Any], orders: str, bills: str) -> None:
        self.orders, self.bills = orders, bills
        reading = {**settings, "auto.offset.reset": "earliest", "enable.auto.commit": False}
        self.producer = Producer(bootstrap_servers=settings["bootstrap.servers"])
        self.consumer = Consumer(reading)
        self.consumer.subscribe([orders])

    def step(self, timeout: float = 10) -> int:
        """Bill what is there, or the first that comes; how many orders are done with.

        None are if the group has gone on without us meanwhile: they come again, and are billed
        again.
        """
        records = self.consumer.poll(timeout)
        written = [self.producer.send(*self.bill(record)) for record in records]
        for delivery in written:
            delivery.result(30)
        try:
            self.consumer.commit()
        except CommitFailed:
            return 0
        return len(records)

    def bill(self, record: ConsumerRecord) -> tuple[str, str | bytes | None, bytes | None]:
        """The topic, value and key of what an order becomes."""
        try:
            order = json.loads(record.value or b"")
            return self.bills, f"{order['item']}: {order['count'] * 100}", record.key
        except (ValueError, TypeError, KeyError):
            return f"{self.orders}.dlq", record.value, record.key

    def close(self) -> None:
        """Leave the group, and flush."""
        self.consumer.close()
        self.producer.close()
