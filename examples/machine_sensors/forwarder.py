"""The forwarder: carries readings from the edge to the centre, each once, and in their order.

Up to where each partition of the edge has arrived is kept at the centre, in a compacted topic, and
written in one transaction with the readings. So a forwarder that begins, after whatever happened,
asks the centre where to go on; and its transactional id keeps one that was given up from writing.
"""

from __future__ import annotations

import threading

from ottla.client import Consumer, ConsumerRecord, OttlaError, Producer

READINGS, POSITIONS = "readings", "edge.positions"


class Forwarder(threading.Thread):
    """Carries readings from the edge to the centre, and begins anew when that fails."""

    def __init__(self, edge: str, centre: str) -> None:
        super().__init__()
        self.edge, self.centre = edge, centre
        self.stop = threading.Event()

    def end(self) -> None:
        """Let it finish what it has in hand."""
        self.stop.set()
        self.join()

    def run(self) -> None:
        """Carry on until told to stop."""
        while not self.stop.is_set():
            try:
                self.carry()
            except OttlaError as error:
                print(f"the forwarder begins anew: {type(error).__name__}")

    def carry(self) -> None:
        """From where the centre says, until something fails."""
        with (
            Producer(self.centre, transactional_id="edge-7") as producer,
            Consumer(self.edge) as consumer,
        ):
            producer.init_transactions()  # what an earlier one left open is ended
            begin = positions(self.centre)
            places = [(READINGS, number) for number in consumer.partitions_for(READINGS)]
            consumer.assign([(*place, begin.get(place[1], 0)) for place in places])
            while not self.stop.is_set():
                if records := consumer.poll(0.1):
                    ends = {str(record.partition): str(record.offset + 1) for record in records}
                    with producer.transaction():
                        for one in records:
                            at_ms = one.timestamp_ms
                            producer.send(READINGS, one.value, one.key, timestamp_ms=at_ms)
                        for partition, end in ends.items():
                            producer.send(POSITIONS, end, key=partition)


def positions(centre: str) -> dict[int, int]:
    """Up to where each partition of the edge has arrived at the centre."""
    return {int(one.key or b""): int(one.value or b"") for one in read(centre, POSITIONS)}


def read(servers: str, topic: str) -> list[ConsumerRecord]:
    """What a topic holds now of what is committed."""
    found: list[ConsumerRecord] = []
    with Consumer(servers, isolation_level="read_committed") as consumer:
        consumer.assign([(topic, number, 0) for number in consumer.partitions_for(topic)])
        ends = consumer.end_offsets(consumer.assignment)
        while any(consumer.position(place) < end for place, end in ends.items()):
            found += consumer.poll(1)
    return found
