"""Insurance claims: a state machine over events, brought on by four services.

    python examples/claims

Forms come into `claims.inbox`. Intake takes them in, the assessor decides, an expert looks at the
large ones, the payer pays: each a process that reads events from `claims` and writes the next one
(services.py). Which may follow which says states.py, which also tells a claim's history. Forms that
nobody can take, or that came before, are dead letters.

The story sends a hundred and twenty forms, of which some are bad, and kills the payer and the
intake on the way. Prints what became of the claims, one claim's history, and that what was paid is
what was assessed. With OTTLA_AT=host:port it runs on that cluster, and else on a Broker of its own.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from services import DEAD, INBOX, PAYMENTS, SERVICES
from states import CLAIMS, FINAL, histories, read

import ottla
from ottla.client import Consumer, Producer, connect
from ottla.client.admin import topics

COUNT, BAD = 120, 12


def forms(seed: int) -> list[str]:
    """A hundred and eight good ones, and twelve that are not, among them four that come twice."""
    chance = random.Random(seed)
    good = [
        json.dumps(
            {
                "claim": f"claim {number}",
                "policy": f"P-{chance.randrange(1000)}",
                "cents": chance.randrange(10_000, 300_000),
                "seen": chance.randrange(20, 110),  # of a hundred: what an expert will see
            }
        )
        for number in range(COUNT - BAD)
    ]
    bad = ["{no json", "[]", '{"claim": "x", "cents": -5}', '{"claim": "y", "cents": 500}'] * 2
    for form in bad + good[:4]:
        good.insert(chance.randrange(10, len(good)), form)
    return good


class Services(ExitStack):
    """The processes, by name; they end with the block."""

    def __init__(self, servers: str) -> None:
        super().__init__()
        self.servers = servers
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        """Start one, or start it again."""
        path = Path(__file__).with_name("services.py")
        self.running[name] = subprocess.Popen([sys.executable, path, self.servers, name])
        self.callback(self.kill, name)

    def kill(self, name: str) -> None:
        """As kill -9 does."""
        self.running[name].kill()
        self.running[name].wait()


def run(servers: str) -> None:
    """Send the forms, and wait until every claim is at its end."""
    with (
        Services(servers) as services,
        Producer(servers) as producer,
        Consumer(servers, isolation_level="read_committed") as reader,
    ):
        for name in SERVICES:
            services.start(name)
        reader.assign([(CLAIMS, number, 0) for number in reader.partitions_for(CLAIMS)])
        for form in forms(seed=8):
            producer.send(INBOX, form, key=form)
        producer.flush()
        ended = 0
        for name, until in (("payer", 10), ("intake", 30), ("", COUNT - BAD)):
            while ended < until:
                for record in reader.poll(20):
                    ended += json.loads(record.value or b"")["event"] in FINAL
            if name:
                services.kill(name)
                services.start(name)
                print(f"{name} was killed, and started again")


def main(servers: str) -> None:
    """Make the topics, run, and look."""
    new = [topics.NewTopic(name, 3) for name in (INBOX, CLAIMS)]
    new += [topics.NewTopic(name, 1) for name in (PAYMENTS, DEAD)]
    with connect(servers) as client:
        for error in topics.create(client, new).values():
            if error is not None:
                raise error
    run(servers)
    found = histories(servers)  # of which each event follows from the one before
    states = Counter(events[-1]["event"] for events in found.values())
    print(f"claims: {len(found)}, paid: {states['paid']}, rejected: {states['rejected']}")
    longest = max(found.values(), key=len)
    print(f"{longest[0]['claim']}: {' > '.join(event['event'] for event in longest)}")
    dead = [dict(record.headers)["reason"] or b"" for record in read(servers, DEAD)]
    print(f"dead letters: {len(dead)}, such as {min(dead).decode()}")
    paid = sum(int(record.value or b"0") for record in read(servers, PAYMENTS))
    assessed = sum(events[-1].get("payable", 0) for events in found.values())
    print(f"assessed: {assessed} cents, paid: {paid} cents")
    assert len(found) == states["paid"] + states["rejected"] == COUNT - BAD
    assert len(dead) == BAD
    assert paid == assessed


if __name__ == "__main__":
    if at := os.environ.get("OTTLA_AT"):
        main(at)
    else:
        with ottla.Broker() as broker:
            main(broker.bootstrap_servers)
