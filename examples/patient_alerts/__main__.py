"""Patient alerts with an audit trail that can't be changed unseen.

    python examples/patient_alerts

Monitors write to `vitals`, by patient. The ward's program (ward.py) raises alerts, nurses answer
them (`acknowledgements`), and one that nobody answers for five minutes is escalated. Every step is
also an entry in `audit`, in the same transaction: no alert without an entry, no entry without its
alert. `audit` has one partition and no end of retention, and each entry names the hash of the one
before (audit.py); so whoever keeps the hash of the last one, the seal, can tell whether any entry
was changed, left out or added.

The story is two hours of eight patients, with the program started anew every five minutes. Prints
what became of the alerts, the seal, and how four forgeries are found. With OTTLA_AT=host:port it
runs on that cluster, and else on a Broker of its own.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections import Counter

from audit import AUDIT, Entry, entries, read, what_is_wrong
from ward import ALERTS, ANSWERS, MINUTE_MS, VITALS, Ward

import ottla
from ottla.client import Producer, connect
from ottla.client.admin import topics


def make_topics(servers: str) -> None:
    """The audit is kept for ever; who may write to it or delete it is for the cluster's ACLs."""
    new = [topics.NewTopic(VITALS, 3), topics.NewTopic(ALERTS, 1), topics.NewTopic(ANSWERS, 1)]
    new.append(topics.NewTopic(AUDIT, 1, configs={"retention.ms": "-1", "retention.bytes": "-1"}))
    with connect(servers) as client:
        for error in topics.create(client, new).values():
            if error is not None:
                raise error


def measure(producer: Producer, minute: int, begin_ms: int, chance: random.Random) -> None:
    """The monitors of eight beds; the patients of two are not well."""
    for bed in range(8):
        ill = bed in (2, 5)
        pulse, oxygen = chance.gauss(110 if ill else 80, 10), chance.gauss(95, 3 if ill else 1)
        value = {"minute": minute, "pulse": round(pulse), "oxygen": round(oxygen)}
        at_ms = begin_ms + minute * MINUTE_MS
        producer.send(VITALS, json.dumps(value), key=f"bed {bed}", timestamp_ms=at_ms)


def main(servers: str) -> None:
    """Two hours; then the audit is checked, and forged."""
    make_topics(servers)
    chance, begin_ms = random.Random(9), int(time.time() * 1000) - 120 * MINUTE_MS
    with Producer(servers) as producer:
        for minute in range(120):
            measure(producer, minute, begin_ms, chance)
            if minute % 5 < 4:
                continue
            producer.flush()
            ward = Ward(servers)
            ward.work()
            for alert, since_ms in ward.open.items():
                if chance.random() < 0.7:  # a nurse comes
                    producer.send(ANSWERS, "seen", key=alert, timestamp_ms=since_ms + MINUTE_MS)
            producer.flush()
    ward = Ward(servers)
    ward.work()
    tell(servers, ward)


def tell(servers: str, ward: Ward) -> None:
    """Check the answer, and forge."""
    trail, seal = entries(servers), ward.seal
    steps = Counter(Entry(**json.loads(entry)).step for entry in trail)
    print(f"alerts: {steps['raised']}, acknowledged: {steps['acknowledged']}, ", end="")
    print(f"escalated: {steps['escalated']}, open: {len(ward.open)}")
    assert steps["raised"] == steps["acknowledged"] + steps["escalated"] + len(ward.open)
    told = Counter((record.value or b"").decode() for record in read(servers, ALERTS))
    assert told == {"raised": steps["raised"], "escalated": steps["escalated"]}
    assert what_is_wrong(trail, seal) is None
    print(f"the audit holds: {len(trail)} entries, sealed by {seal}")
    changed = trail[3].replace(b"bed 2", b"bed 3").replace(b"bed 5", b"bed 6")
    added = Entry(len(trail), seal, "acknowledged", "bed 2/pulse/7", 0).to_json()
    forgeries = {
        "changed": [*trail[:3], changed, *trail[4:]],
        "left out": [*trail[:3], *trail[4:]],
        "cut off": trail[:-1],
        "added": [*trail, added],
    }
    for what, forged in forgeries.items():
        print(f"{what}: {what_is_wrong(forged, seal)}")
        assert what_is_wrong(forged, seal) is not None


if __name__ == "__main__":
    if at := os.environ.get("OTTLA_AT"):
        main(at)
    else:
        with ottla.Broker() as broker:
            main(broker.bootstrap_servers)
