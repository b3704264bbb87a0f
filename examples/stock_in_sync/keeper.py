"""The keeper: decides on each event in the order in which it came, and keeps the levels.

Its state is the compacted topic of levels, which it reads back when it begins. Level, answer and
progress are one transaction, and the transactional id lets one keeper write at a time.
"""

from __future__ import annotations

import json

from ottla.client import Consumer, ConsumerRecord, Producer

EVENTS, LEVELS = "stock.events", "stock.levels"
ANSWERS, CORRECTIONS = "stock.answers", "stock.corrections"


def keep(servers: str) -> int:
    """The keeper: decide on everything that is there; how many events that were."""
    settings = {
        "bootstrap.servers": servers,
        "group.id": "keeper",
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
    }
    decided = 0
    with Producer(servers, transactional_id="keeper") as producer:
        producer.init_transactions()  # whoever was keeper before is none any more
        now = levels(servers)
        with Consumer(settings) as consumer:
            consumer.assign([(EVENTS, number) for number in consumer.partitions_for(EVENTS)])
            ends = consumer.end_offsets(consumer.assignment)
            while any(consumer.position(place) < end for place, end in ends.items()):
                with producer.transaction():  # what fails ends the keeper: start it again
                    progress = {}
                    for record in consumer.poll(1, max_records=25):
                        decide(producer, now, record)
                        progress[record.topic, record.partition] = record.offset + 1
                        decided += 1
                    producer.send_offsets_to_transaction(progress, consumer.group_metadata())
    return decided


def decide(producer: Producer, now: dict[str, int], record: ConsumerRecord) -> None:
    """What an event does to a level, and who is told."""
    item, event = (record.key or b"").decode(), json.loads(record.value or b"")
    level = now.get(item, 0)
    if event["kind"] == "delivered":
        level += event["count"]
    elif event["kind"] == "sold":
        answer = {"sale": event["sale"], "accepted": level > 0}
        producer.send(ANSWERS, json.dumps(answer), key=item, headers={"shop": event["shop"]})
        level -= level > 0
    elif event["count"] != level:
        producer.send(CORRECTIONS, str(event["count"] - level), key=item)
        level = event["count"]
    now[item] = level
    producer.send(LEVELS, str(level), key=item)


def levels(servers: str) -> dict[str, int]:
    """The table as everybody has it who reads the topic."""
    return {(one.key or b"").decode(): int(one.value or b"0") for one in read(servers, LEVELS)}


def read(servers: str, topic: str) -> list[ConsumerRecord]:
    """What a topic holds now of what is committed."""
    found: list[ConsumerRecord] = []
    with Consumer(servers, isolation_level="read_committed") as consumer:
        consumer.assign([(topic, number, 0) for number in consumer.partitions_for(topic)])
        ends = consumer.end_offsets(consumer.assignment)
        while any(consumer.position(place) < end for place, end in ends.items()):
            found += consumer.poll(1)
    return found
