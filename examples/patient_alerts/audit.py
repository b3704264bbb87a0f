"""The audit trail: entries that each name the hash of the one before.

    python examples/patient_alerts/audit.py SERVERS SEAL

Prints what is wrong with the topic `audit`, if anything is, and ends with 1 then. The seal is the
hash of the last entry, kept where nobody who can write to the cluster can change it: printed, or
mailed. With it every entry holds; without it only its end could be cut off or made anew unseen.
"""

from __future__ import annotations

import hashlib
import json
import sys
from typing import NamedTuple

from ottla.client import Consumer, ConsumerRecord

AUDIT = "audit"


class Entry(NamedTuple):
    """A step of an alert, and where it stands in the chain."""

    number: int
    previous: str
    step: str
    alert: str
    at_ms: int

    def to_json(self) -> bytes:
        """The record's value, which is what is hashed."""
        return json.dumps(self._asdict()).encode()


def hash_of(entry: bytes) -> str:
    """What the next entry names, and what the seal of the last one is."""
    return hashlib.sha256(entry).hexdigest()


def what_is_wrong(entries: list[bytes], seal: str) -> str | None:
    """Check the chain from its first entry to the one that was sealed."""
    previous = ""
    for number, entry in enumerate(entries):
        found = Entry(**json.loads(entry))
        if (found.number, found.previous) != (number, previous):
            return f"entry {number} does not follow from the one before it"
        previous = hash_of(entry)
    return None if previous == seal else "the last entry is not the one that was sealed"


def read(servers: str, topic: str) -> list[ConsumerRecord]:
    """What a topic holds now of what is committed."""
    found: list[ConsumerRecord] = []
    settings = {"isolation.level": "read_committed", "auto.offset.reset": "earliest"}
    with Consumer({"bootstrap.servers": servers, **settings}) as consumer:
        consumer.assign([(topic, number) for number in consumer.partitions_for(topic)])
        ends = consumer.end_offsets(consumer.assignment)
        while any(consumer.position(place) < end for place, end in ends.items()):
            found += consumer.poll(1)
    return found


def entries(servers: str) -> list[bytes]:
    """The trail as it lies in its topic."""
    return [record.value or b"" for record in read(servers, AUDIT)]


if __name__ == "__main__":
    sys.exit(what_is_wrong(entries(sys.argv[1]), sys.argv[2]))
