"""The ward's program: raises alerts, hears answers, escalates, and enters each step in the audit.

Its state, the alerts that are open, is what the entries say; so a program that is started anew
reads them back. Step, entry and progress are one transaction, and the transactional id lets one
program write at a time: nobody else's entries come between.
"""

from __future__ import annotations

import json

from audit import AUDIT, Entry, entries, hash_of

from ottla.client import Consumer, ConsumerRecord, Producer

VITALS, ALERTS, ANSWERS = "vitals", "alerts", "acknowledgements"
MINUTE_MS = 60_000
PATIENCE_MS = 5 * MINUTE_MS


class Ward:
    """The program, from its start to where the topics end now."""

    def __init__(self, servers: str) -> None:
        self.servers = servers
        self.producer = Producer(servers, transactional_id="ward-3")
        self.producer.init_transactions()  # another program of this id can write no more
        self.next_number, self.seal = 0, ""
        self.open: dict[str, int] = {}  # alerts that wait for an answer, and since when
        for entry in entries(servers):
            self.learn(entry)

    def learn(self, entry: bytes) -> None:
        """What an entry does to the state."""
        found = Entry(**json.loads(entry))
        self.next_number, self.seal = found.number + 1, hash_of(entry)
        if found.step == "raised":
            self.open[found.alert] = found.at_ms
        else:
            self.open.pop(found.alert, None)

    def enter(self, step: str, alert: str, at_ms: int) -> None:
        """Write a step, and tell the ward of it."""
        entry = Entry(self.next_number, self.seal, step, alert, at_ms).to_json()
        self.producer.send(AUDIT, entry, key=alert)
        if step != "acknowledged":
            self.producer.send(ALERTS, step, key=alert, timestamp_ms=at_ms)
        self.learn(entry)

    def take(self, record: ConsumerRecord) -> None:
        """The rules: what an answer or a reading of a patient's vitals leads to."""
        key, at_ms = (record.key or b"").decode(), record.timestamp_ms
        if record.topic == ANSWERS:
            if key in self.open:
                self.enter("acknowledged", key, at_ms)
            return
        for alert, since_ms in list(self.open.items()):
            if alert.startswith(f"{key}/") and at_ms >= since_ms + PATIENCE_MS:
                self.enter("escalated", alert, at_ms)
        vitals = json.loads(record.value or b"")
        for what, is_bad in (("pulse", vitals["pulse"] > 130), ("oxygen", vitals["oxygen"] < 90)):
            if is_bad and not any(alert.startswith(f"{key}/{what}/") for alert in self.open):
                self.enter("raised", f"{key}/{what}/{vitals['minute']}", at_ms)

    def work(self) -> None:
        """Take what is there now, and end. What fails ends the program: start it again."""
        settings = {
            "bootstrap.servers": self.servers,
            "group.id": "ward-3",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
        with self.producer, Consumer(settings) as consumer:
            consumer.assign([(t, n) for t in (ANSWERS, VITALS) for n in consumer.partitions_for(t)])
            ends = consumer.end_offsets(consumer.assignment)
            found: list[ConsumerRecord] = []
            while any(consumer.position(place) < end for place, end in ends.items()):
                found += consumer.poll(1)
            with self.producer.transaction():
                # Partitions come in no order: that of time is what the rules are about.
                for record in sorted(found, key=lambda one: (one.timestamp_ms, one.key or b"")):
                    self.take(record)
                self.producer.send_offsets_to_transaction(ends, consumer.group_metadata())
