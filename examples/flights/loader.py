"""Loads the file into the topic, and remembers where each record was acknowledged.

acks=all and idempotence: a record that was acknowledged is there once, also when the node dies in
between.
"""

from __future__ import annotations

import threading
import time
from functools import partial

from flight_file import FlightFile

from ottla.client.errors import TimedOut
from ottla.client.producing.producer import Producer
from ottla.wire.outbox import Delivery


class Loader(threading.Thread):
    """Produces every row; `acknowledged` may be read while it runs."""

    def __init__(self, bootstrap: str, topic: str, flights: FlightFile) -> None:
        super().__init__(name="loader", daemon=True)
        self._topic, self._flights = topic, flights
        self._producer = Producer(bootstrap, compression_type="lz4", linger_ms=20)
        self.acknowledged = 0
        self.failures: list[str] = []
        self.places: list[tuple[int, int] | None] = [None] * len(flights)
        """By row: the partition and offset that were acknowledged."""
        self.seconds = 0.0

    def run(self) -> None:
        """Produce all rows; what does not fit into memory waits until the node has taken more."""
        begun = time.monotonic()
        try:
            for number, (key, value, timestamp_ms) in enumerate(self._flights.records()):
                told = partial(self._delivered, number)
                self._producer.send(
                    self._topic, value, key, timestamp_ms=timestamp_ms, on_delivery=told
                )
            self._producer.close(60)
        except TimedOut as error:
            self.failures.append(str(error))
        self.seconds = time.monotonic() - begun

    def _delivered(self, number: int, delivery: Delivery) -> None:
        """In the producer's own thread."""
        if delivery.error is not None:
            self.failures.append(str(delivery.error))
            return
        self.places[number] = (delivery.partition, delivery.offset)
        self.acknowledged += 1
