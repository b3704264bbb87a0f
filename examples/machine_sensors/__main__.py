"""Machine sensors at the edge: a small broker beside the machines keeps what the link can't carry.

    python examples/machine_sensors

In the hall an Ottla node takes the readings of six machines, whatever the link to the centre does.
A forwarder (forwarder.py) carries them over, by machine and in their order. Where it stands is kept
at the centre, in the same transaction as the readings: whatever breaks, and whether an answer was
lost or not, it asks there where to go on, so nothing is lost or comes twice. At the centre a
watcher learns what is usual of each machine, and raises an alarm for what is not.

The story has the centre go down in the middle, readings pile up at the edge, and another forwarder
go on when it is back. Prints what lies at the edge meanwhile, what arrived, and the alarms, which
are the faults that were built in. With OTTLA_AT=host:port the centre is that cluster, which is not
taken down, and else a Broker of its own.
"""

from __future__ import annotations

import os
import random
import statistics
import time
from collections import defaultdict, deque

from forwarder import POSITIONS, READINGS, Forwarder, positions, read

import ottla
from ottla.client import Producer, connect
from ottla.client.admin import topics

ALARMS = "alarms"
MACHINES, ROUNDS = 6, 300
FAULTS = {(2, 70): 95.0, (0, 150): 5.0, (4, 260): 88.0}  # machine, round: what it then shows


def measure(edge: str, rounds: range, chance: random.Random) -> None:
    """The machines: one reading each, so many times."""
    with Producer(edge) as producer:
        for number in rounds:
            for machine in range(MACHINES):
                celsius = FAULTS.get((machine, number), 40 + machine + chance.gauss(0, 0.5))
                producer.send(READINGS, f"{celsius:.2f}", key=f"machine {machine}")


def wait_for(centre: str, count: int) -> None:
    """Wait until so many readings have arrived."""
    deadline = time.monotonic() + 60
    while sum(positions(centre).values()) < count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{positions(centre)} have arrived, not {count} together")
        time.sleep(0.02)


def watch(centre: str) -> list[tuple[str, float]]:
    """Raise an alarm for what is far from what the last fifty of a machine were."""
    usual: dict[bytes | None, deque[float]] = defaultdict(lambda: deque(maxlen=50))
    with Producer(centre) as producer:
        for record in read(centre, READINGS):
            celsius, past = float(record.value or b""), usual[record.key]
            if len(past) >= 20:
                mean, deviation = statistics.mean(past), statistics.stdev(past)
                if abs(celsius - mean) > 8 * deviation:
                    headers = {"usual": f"{mean:.1f}"}
                    producer.send(ALARMS, record.value, key=record.key, headers=headers)
                    continue  # it is no part of what is usual
            past.append(celsius)
    return sorted(
        ((one.key or b"").decode(), float(one.value or b"")) for one in read(centre, ALARMS)
    )


def main(servers: str, centre: ottla.Broker | None = None) -> None:
    """Measure while the centre is there, while it is down, and when it is back."""
    compacted = {"cleanup.policy": "compact"}
    new = [topics.NewTopic(READINGS, 4), topics.NewTopic(POSITIONS, 1, configs=compacted)]
    with connect(servers) as client:
        for error in topics.create(client, [*new, topics.NewTopic(ALARMS, 1)]).values():
            if error is not None:
                raise error
    chance, third = random.Random(11), ROUNDS // 3
    with ottla.Broker() as edge:
        edge.create_topic(READINGS, partitions=3)
        forwarder = Forwarder(edge.bootstrap_servers, servers)
        forwarder.start()
        for part in range(3):
            rounds = range(part * third, (part + 1) * third)
            measure(edge.bootstrap_servers, rounds, chance)
            if part == 0:
                wait_for(servers, 100)
            if part == 0 and centre is not None:
                centre.kill()
                print("the centre is down")
            if part == 1 and centre is not None:
                print(f"at the edge: {len(edge.records(READINGS))} readings")
                centre.start()
                print("the centre is back")
            if part == 1:  # another forwarder goes on where the centre says
                forwarder.end()
                forwarder = Forwarder(edge.bootstrap_servers, servers)
                forwarder.start()
        wait_for(servers, ROUNDS * MACHINES)
        forwarder.end()
        tell(edge.bootstrap_servers, servers)


def tell(edge: str, servers: str) -> None:
    """Check the answer: each machine's readings are the same on both sides, in the same order."""
    for number in range(MACHINES):
        key = b"machine %d" % number
        here = [one.value for one in read(edge, READINGS) if one.key == key]
        there = [one.value for one in read(servers, READINGS) if one.key == key]
        assert here == there
    print(f"at the centre: {len(read(servers, READINGS))} readings")
    alarms = watch(servers)
    print(f"alarms: {alarms}")
    assert alarms == sorted((f"machine {machine}", FAULTS[machine, n]) for machine, n in FAULTS)


if __name__ == "__main__":
    if at := os.environ.get("OTTLA_AT"):
        main(at)
    else:
        with ottla.Broker() as broker:
            main(broker.bootstrap_servers, broker)
