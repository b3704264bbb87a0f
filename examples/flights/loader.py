"""Loads the file into the topic, and remembers where each record was acknowledged.

acks=all and idempotence: a record that was acknowledged is there once, also when the node dies in
between.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from confluent_kafka import Producer
from flight_file import FlightFile

SLICE = 2_000


class Loader(threading.Thread):
    """Produces every row; `acknowledged` may be read while it runs."""

    def __init__(self, bootstrap: str, topic: str, flights: FlightFile) -> None:
        super().__init__(name="loader", daemon=True)
        self._topic, self._flights = topic, flights
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "acks": "all",
                "enable.idempotence": True,
                "compression.type": "lz4",
                "linger.ms": 20,
                "partitioner": "murmur2_random",
                "reconnect.backoff.max.ms": 500,
                "queue.buffering.max.messages": 50_000,
                "log_level": 2,
                "error_cb": lambda error: None,  # that the node is gone for a moment is the story
            }
        )
        self.acknowledged = 0
        self.failures: list[str] = []
        self.places: list[tuple[int, int] | None] = [None] * len(flights)
        """By row: the partition and offset that were acknowledged."""
        self.seconds = 0.0

    def run(self) -> None:
        """Produce all rows."""
        begun = time.monotonic()
        for number, (key, value, timestamp_ms) in enumerate(self._flights.records()):
            self._produce(number, key, value, timestamp_ms)
            if number % SLICE == 0:
                self._producer.poll(0)
        left = self._producer.flush(60)
        if left:
            self.failures.append(f"{left} records were not acknowledged within a minute")
        self.seconds = time.monotonic() - begun

    def _produce(self, number: int, key: bytes, value: bytes, timestamp_ms: int) -> None:
        def delivered(error: Any, message: Any) -> None:
            if error is not None:
                self.failures.append(error.str())
                return
            self.places[number] = (message.partition(), message.offset())
            self.acknowledged += 1

        while True:
            try:
                self._producer.produce(
                    self._topic, value, key, timestamp=timestamp_ms, on_delivery=delivered
                )
                return
            except BufferError:  # 50,000 records wait: the node is slower than the file
                self._producer.poll(0.05)
