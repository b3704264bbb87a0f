"""The four services that bring a claim from its form to its payment, each a process of its own.

    python examples/claims/services.py SERVERS intake|assessor|expert|payer

Each is a group that reads one topic, and a function from an event to the next one. What it reads
and what it writes is one transaction: a service that is killed is started again, and no step is
done twice or left out. What the function can't take goes to `claims.dlq`, with the reason.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

from states import CLAIMS, histories

from ottla.client import Consumer, ConsumerRecord, Producer

INBOX, PAYMENTS, DEAD = "claims.inbox", "claims.payments", "claims.dlq"
Event = dict[str, Any]


class BadClaim(Exception):
    """What no service can take."""


def intake(form: Event, known: set[str]) -> Event:
    """Take a form in, once."""
    if not isinstance(form, dict):
        raise BadClaim("no form")
    if not isinstance(form.get("cents"), int) or form["cents"] <= 0:
        raise BadClaim(f"no amount: {form.get('cents')!r}")
    if not str(form.get("policy", "")).startswith("P-"):
        raise BadClaim(f"no policy: {form.get('policy')!r}")
    if form["claim"] in known:
        raise BadClaim(f"{form['claim']} came before")
    known.add(form["claim"])
    return {"event": "submitted", **form}


def assessor(event: Event, _: set[str]) -> Event | None:
    """Decide; large ones after an expert has seen them."""
    if event["event"] == "submitted" and event["cents"] > 200_000:
        return {**event, "event": "report asked"}
    if event["event"] == "report given" and event["damage"] < event["cents"] // 2:
        return {**event, "event": "rejected", "why": "less than half of it was damaged"}
    if event["event"] in ("submitted", "report given"):
        payable = min(event["cents"], event.get("damage", event["cents"]))
        return {**event, "event": "assessed", "payable": payable}
    return None


def expert(event: Event, _: set[str]) -> Event | None:
    """Look at the damage."""
    if event["event"] != "report asked":
        return None
    return {**event, "event": "report given", "damage": event["cents"] * event["seen"] // 100}


def payer(event: Event, _: set[str]) -> Event | None:
    """Pay what was assessed."""
    return {**event, "event": "paid"} if event["event"] == "assessed" else None


SERVICES: dict[str, Callable[[Event, set[str]], Event | None]] = {
    "intake": intake,
    "assessor": assessor,
    "expert": expert,
    "payer": payer,
}


def handle(producer: Producer, name: str, record: ConsumerRecord, known: set[str]) -> None:
    """One record: the next event, nothing, or a dead letter."""
    try:
        event = SERVICES[name](json.loads(record.value or b""), known)
    except (BadClaim, ValueError, KeyError) as error:
        place = f"{record.topic}-{record.partition} at {record.offset}"
        headers = {"reason": f"{type(error).__name__}: {error}", "service": name, "from": place}
        producer.send(DEAD, record.value, key=record.key, headers=headers)
        return
    if event is not None:
        producer.send(CLAIMS, json.dumps(event), key=event["claim"])
        if event["event"] == "paid":  # money and the word of it go together
            producer.send(PAYMENTS, str(event["payable"]), key=event["claim"])


def serve(servers: str, name: str) -> None:
    """Handle what comes, for ever. What is raised ends the process: start it again."""
    base = {"bootstrap.servers": servers, "client.id": name}
    with Producer({**base, "transactional.id": f"claims-{name}"}) as producer:
        producer.init_transactions()
        group = {"group.id": f"claims-{name}", "group.instance.id": name}
        own = {"auto.offset.reset": "earliest", "enable.auto.commit": False}
        with Consumer({**base, **group, **own}, isolation_level="read_committed") as consumer:
            consumer.subscribe([INBOX if name == "intake" else CLAIMS])
            known = set(histories(servers)) if name == "intake" else set()
            while True:
                if not (records := consumer.poll(60, max_records=20)):
                    continue
                with producer.transaction():
                    for record in records:
                        handle(producer, name, record, known)
                    ends = {(r.topic, r.partition): r.offset + 1 for r in records}
                    producer.send_offsets_to_transaction(ends, consumer.group_metadata())


if __name__ == "__main__":
    serve(*sys.argv[1:])
