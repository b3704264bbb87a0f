"""Payments with fraud rules: every payment is decided once, and the sums add up, whoever is killed.

    python examples/payments

Shops write to `payments`, by card. Two judges share the partitions; each payment goes to
`payments.approved` or, with a reason, to `payments.declined`, in a transaction with the group's
progress. rules.py is what is decided, judge.py the program that may be killed.

The story sends nine hundred payments of twenty cards, among them bursts, large ones, and cards that
are in two countries at once. Twice a judge is killed and started again. Prints what was declined
and why, and that every payment was decided once, as the rules alone decide it. With
OTTLA_AT=host:port it runs on that cluster, and else on a Broker of its own.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from judge import APPROVED, DECLINED, PAYMENTS
from rules import Card, Payment

import ottla
from ottla.client import Consumer, ConsumerRecord, Producer, connect
from ottla.client.admin import topics

COUNT, PARTS = 900, 3


def invent(seed: int) -> list[Payment]:
    """A day of payments, in the order of their time."""
    chance = random.Random(seed)
    found: list[Payment] = []
    at_ms = int(time.time() * 1000) - 24 * 3_600_000
    while len(found) < COUNT:
        at_ms += chance.randrange(20_000, 60_000)
        card, country = f"card {chance.randrange(20)}", "no"
        kind = chance.random()
        cents = chance.randrange(300_000 if kind < 0.1 else 20_000)
        if kind > 0.85:
            country = "pe"
        for _ in range(6 if 0.1 < kind < 0.13 else 1):  # a burst is somebody with a stolen card
            found.append(Payment(f"{len(found):04}", card, cents, country, at_ms))
            at_ms += 5000
    return found[:COUNT]


def expected(payments: list[Payment]) -> dict[str, str | None]:
    """What the rules alone say: the reason for each payment, or None."""
    cards: dict[str, Card] = {}
    return {one.id: cards.setdefault(one.card, Card()).judge(one) for one in payments}


def start(servers: str, name: str) -> subprocess.Popen[bytes]:
    """A judge as a process."""
    return subprocess.Popen([sys.executable, Path(__file__).with_name("judge.py"), servers, name])


def run(servers: str, payments: list[Payment]) -> list[ConsumerRecord]:
    """Send the payments in three parts, kill a judge after each but the last; the decisions."""
    decisions: list[ConsumerRecord] = []
    judges = {name: start(servers, name) for name in ("judge-1", "judge-2")}
    try:
        with (
            Producer(servers) as shop,
            Consumer(servers, isolation_level="read_committed") as reader,
        ):
            reader.assign([(APPROVED, 0, 0), (DECLINED, 0, 0)])
            for part in range(1, PARTS + 1):
                for one in payments[(part - 1) * COUNT // PARTS : part * COUNT // PARTS]:
                    shop.send(PAYMENTS, one.to_json(), key=one.card, timestamp_ms=one.at_ms)
                until = COUNT if part == PARTS else part * COUNT // PARTS - 200
                while len(decisions) < until:
                    decisions += reader.poll(20)
                if part < PARTS:
                    name = f"judge-{part}"
                    judges[name].kill()
                    judges[name].wait()
                    print(f"{name} was killed when {len(decisions)} were decided")
                    judges[name] = start(servers, name)
            return decisions + reader.poll(0.2)
    finally:
        for judge in judges.values():
            judge.kill()
            judge.wait()


def main(servers: str) -> None:
    """Make the topics, run, and compare."""
    new = [topics.NewTopic(PAYMENTS, 4), topics.NewTopic(APPROVED, 1), topics.NewTopic(DECLINED, 1)]
    with connect(servers) as client:
        for error in topics.create(client, new).values():
            if error is not None:
                raise error
    payments = invent(seed=42)
    decisions = run(servers, payments)
    cents: Counter[str] = Counter()
    found: dict[str, str | None] = {}
    for record in decisions:
        fields = json.loads(record.value or b"")
        cents[record.topic] += fields["cents"]
        reason = dict(record.headers).get("reason")
        found[fields["id"]] = None if reason is None else reason.decode()
    for reason_, count in Counter(filter(None, found.values())).most_common():
        print(f"declined, {reason_}: {count}")
    total = sum(one.cents for one in payments)
    print(f"payments: {COUNT}, decisions: {len(decisions)}")
    print(f"approved {cents[APPROVED]} + declined {cents[DECLINED]} = {total} cents")
    assert cents[APPROVED] + cents[DECLINED] == total
    assert len(decisions) == COUNT
    assert found == expected(payments)


if __name__ == "__main__":
    if at := os.environ.get("OTTLA_AT"):
        main(at)
    else:
        with ottla.Broker() as broker:
            main(broker.bootstrap_servers)
