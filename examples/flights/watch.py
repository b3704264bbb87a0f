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

from flight_file import add

from ottla.client.consuming.consumer import Consumer
from ottla.client.places import TopicPartition

REPORT_S = 0.2


class Watcher:
    """A consumer and a table for each partition it owns."""

    def __init__(self, bootstrap: str, group: str, topic: str, name: str) -> None:
        self._name = name
        self._tables: dict[int, dict[bytes, list[int]]] = {}
        self._consumer = Consumer(
            bootstrap,
            group_id=group,
            client_id=name,
            partition_assignment_strategy="cooperative-sticky",
            session_timeout_ms=6000,
            heartbeat_interval_ms=1000,
            auto_offset_reset="earliest",
            auto_commit_interval_ms=500,
        )
        self._consumer.subscribe([topic], on_assign=self._assigned, on_revoke=self._revoked)

    def run(self) -> None:
        """Read until the parent ends this process."""
        reported = 0.0
        while True:
            for record in self._consumer.poll(0.05, max_records=2000):
                add(self._tables[record.partition], record.value or b"")
            if time.monotonic() - reported > REPORT_S:
                self._report()
                reported = time.monotonic()

    def _assigned(self, places: list[TopicPartition]) -> None:
        for _, partition in places:
            self._tables[partition] = {}
        self._consumer.seek_to_beginning(places)

    def _revoked(self, places: list[TopicPartition]) -> None:
        for _, partition in places:
            self._tables.pop(partition, None)

    def _report(self) -> None:
        tables = {
            partition: {carrier.decode(): sums for carrier, sums in table.items()}
            for partition, table in self._tables.items()
        }
        print(json.dumps({"name": self._name, "tables": tables}), flush=True)


if __name__ == "__main__":
    Watcher(*sys.argv[1:5]).run()
