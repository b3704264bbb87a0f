"""A judge: reads payments, decides by the rules, and writes each decision exactly once.

    python examples/payments/judge.py SERVERS NAME

Decisions and the group's progress are one transaction. The name is the transactional id and the
member's: who is started again under it ends what the killed one left open, and has its partitions.

What is remembered of cards is in memory only. It is a function of the payments of the last half
hour; so with each position its time is committed too, and who gets a partition reads it again from
half an hour before that, deciding nothing until it is where the group was.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict

from rules import WINDOW_MS, Card, Payment

from ottla.client import Consumer, ConsumerRecord, MustAbort, OffsetAndMetadata, Producer

PAYMENTS, APPROVED, DECLINED = "payments", "payments.approved", "payments.declined"
Place = tuple[str, int]


class Judge:
    """One process of the group."""

    def __init__(self, servers: str, name: str) -> None:
        base = {"bootstrap.servers": servers, "client.id": name}
        # First the producer: it ends what the one before it left open.
        self.producer = Producer({**base, "transactional.id": name})
        self.producer.init_transactions()
        group = {"group.id": "judges", "group.instance.id": name, "auto.offset.reset": "earliest"}
        own = {"enable.auto.commit": False, "isolation.level": "read_committed"}
        self.consumer = Consumer({**base, **group, **own})
        self.consumer.subscribe([PAYMENTS], on_assign=self.remember)
        self.cards: dict[Place, defaultdict[bytes, Card]] = {}
        self.undecided: dict[Place, int] = {}  # from where on; what lies before is remembered

    def remember(self, places: list[Place]) -> None:
        """Go back to half an hour before where the group stands."""
        committed = self.consumer.committed(places)
        self.consumer.seek_to_beginning([place for place in places if place not in committed])
        for place in places:
            self.cards[place] = defaultdict(Card)
            self.undecided[place] = committed[place].offset if place in committed else 0
        since = {place: int(one.metadata or 0) - WINDOW_MS for place, one in committed.items()}
        for place, offset in self.consumer.offsets_for_times(since).items():
            self.consumer.seek(place, offset or 0)

    def work(self) -> None:
        """Decide, for ever. What is raised ends the process: start it again."""
        while True:
            if records := self.consumer.poll(1, max_records=20):
                try:
                    with self.producer.transaction():  # what fails in it is aborted
                        self.decide(records)
                except MustAbort:
                    self.remember(self.consumer.assignment)

    def decide(self, records: list[ConsumerRecord]) -> None:
        """A transaction: decisions, and up to where they go."""
        ends = {}
        for record in records:
            place, key = (record.topic, record.partition), record.key or b""
            fields = json.loads(record.value or b"")
            payment = Payment(**fields, card=key.decode(), at_ms=record.timestamp_ms)
            reason = self.cards[place][key].judge(payment)
            if record.offset < self.undecided[place]:
                continue
            headers = {} if reason is None else {"reason": reason}
            topic = APPROVED if reason is None else DECLINED
            self.producer.send(topic, record.value, key=key, headers=headers)
            ends[place] = OffsetAndMetadata(record.offset + 1, metadata=str(record.timestamp_ms))
        if ends:
            self.producer.send_offsets_to_transaction(ends, self.consumer.group_metadata())


if __name__ == "__main__":
    Judge(*sys.argv[1:]).work()
