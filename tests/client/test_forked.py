"""Clients in a process that was forked."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import os, sys
import ottla
from ottla.client import Client, Closed, Consumer, Producer

with ottla.Broker() as broker:
    broker.create_topic("t")
    producer = Producer(broker.bootstrap_servers)
    producer.send("t", "before").result(20)
    consumer = Consumer(broker.bootstrap_servers, auto_offset_reset="earliest")
    consumer.assign([("t", 0)])
    consumer.poll(20)
    reads, writes = os.pipe()
    if (child := os.fork()) == 0:
        told = []
        for call in (
            lambda: producer.send("t", "x").result(5),
            lambda: consumer.poll(5),
            lambda: consumer.end_offsets([("t", 0)]),
        ):
            try:
                call()
                told.append("nothing")
            except Closed as error:
                told.append(str(error))
        with Producer(broker.bootstrap_servers) as own:
            own.send("t", "from the child").result(20)
        os.write(writes, "\\n".join(told).encode())
        os._exit(0)
    os.waitpid(child, 0)
    print(os.read(reads, 4096).decode())
    producer.send("t", "after").result(20)
    print([record.value.decode() for record in broker.records("t")])
    print(len(consumer.poll(20)) > 0)
    consumer.close()
    producer.close()
"""


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_who_was_forked_is_told_to_make_its_own() -> None:
    """If this failed, a worker of a web server would wait for a thread that did not come along, or
    break what its parent says to the nodes.
    """
    words = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    *told, values, reads = done.stdout.splitlines()
    assert told == ["this client was made before fork(): it is the parent's"] * 3
    assert values == "['before', 'from the child', 'after']"
    assert reads == "True"
