"""What may happen to a claim, and what happened to one.

    python examples/claims/states.py SERVERS CLAIM

Run so it is a replay: it reads `claims` from its start, and prints what happened to that claim. An
event is a record with the claim as key; its value has the event's name and all that is known by
then. The state is nothing but the name of the last one; whatever writes an event that can't follow
from the one before is wrong.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from ottla.client import Consumer, ConsumerRecord

CLAIMS = "claims"
FOLLOWS: dict[str, set[str]] = {
    "": {"submitted"},
    "submitted": {"report asked", "assessed", "rejected"},
    "report asked": {"report given"},
    "report given": {"assessed", "rejected"},
    "assessed": {"paid"},
    "rejected": set(),
    "paid": set(),
}
FINAL = {state for state, events in FOLLOWS.items() if not events}


class BadEvent(Exception):
    """An event that can't follow."""


def state_after(state: str, event: str) -> str:
    """The state machine.

    Raises:
        BadEvent: that event can't come in that state.
    """
    if event not in FOLLOWS[state]:
        raise BadEvent(f"{event!r} can't follow {state!r}")
    return event


def read(servers: str, topic: str) -> list[ConsumerRecord]:
    """What a topic holds now of what is committed."""
    found: list[ConsumerRecord] = []
    with Consumer(servers, isolation_level="read_committed") as consumer:
        consumer.assign([(topic, number, 0) for number in consumer.partitions_for(topic)])
        ends = consumer.end_offsets(consumer.assignment)
        while any(consumer.position(place) < end for place, end in ends.items()):
            found += consumer.poll(1)
    return found


def histories(servers: str) -> dict[str, list[dict[str, Any]]]:
    """The events of every claim, each checked by the state machine."""
    found: dict[str, list[dict[str, Any]]] = {}
    for record in read(servers, CLAIMS):
        events = found.setdefault((record.key or b"").decode(), [])
        event = json.loads(record.value or b"")
        state_after(events[-1]["event"] if events else "", event["event"])
        events.append(event)
    return found


if __name__ == "__main__":
    for line in histories(sys.argv[1])[sys.argv[2]]:
        print(line)
