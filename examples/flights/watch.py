"""One member of the group: a process that keeps the sums of the partitions it owns.

The log is the truth: whoever is given a partition reads it from its beginning and so has its whole
table, whatever became of its former owner. Offsets are committed as well, so that
`kafka-consumer-groups.sh` shows how far behind the group is. Every fifth of a second it tells its
parent what it has, one JSON line.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer
from flight_file import add

REPORT_S = 0.2


class Watcher:
    """A consumer and a table for each partition it owns."""

    def __init__(self, bootstrap: str, group: str, topic: str, name: str) -> None:
        self._name = name
        self._tables: dict[int, dict[bytes, list[int]]] = {}
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": group,
                "client.id": name,
                "partition.assignment.strategy": "cooperative-sticky",
                "session.timeout.ms": 6000,
                "heartbeat.interval.ms": 1000,
                "auto.offset.reset": "earliest",
                "auto.commit.interval.ms": 500,
                "reconnect.backoff.max.ms": 500,
                "log_level": 2,
                "error_cb": lambda error: None,
            }
        )
        self._consumer.subscribe(
            [topic], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked
        )

    def run(self) -> None:
        """Read until the parent ends this process."""
        reported = 0.0
        while True:
            for message in self._consumer.consume(2000, 0.05):
                table = self._tables.get(message.partition())
                if message.error() is None and table is not None:
                    add(table, message.value())
            if time.monotonic() - reported > REPORT_S:
                self._report()
                reported = time.monotonic()

    def _assigned(self, consumer: Any, partitions: list[Any]) -> None:
        for place in partitions:
            place.offset = OFFSET_BEGINNING
            self._tables[place.partition] = {}
        consumer.incremental_assign(partitions)

    def _revoked(self, consumer: Any, partitions: list[Any]) -> None:
        for place in partitions:
            self._tables.pop(place.partition, None)
        consumer.incremental_unassign(partitions)

    def _report(self) -> None:
        tables = {
            partition: {carrier.decode(): sums for carrier, sums in table.items()}
            for partition, table in self._tables.items()
        }
        print(json.dumps({"name": self._name, "tables": tables}), flush=True)


if __name__ == "__main__":
    Watcher(*sys.argv[1:5]).run()
