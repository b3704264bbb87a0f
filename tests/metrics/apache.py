"""The metrics of a running Apache Kafka 4.3.1, as jmx_exporter's public KRaft rules show them.

`python tests/metrics/apache.py` records them in `tests/data/metrics-4.3.1.tsv`.

A name that has a part of the configuration in it is kept with LISTENER, N (a network thread), ID
(a node) or SOFTWARE in that place.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from jmx_rules import Attribute, metric

from oracle import Oracle, compiled, free_port, java

FILE: Final = Path(__file__).parents[1] / "data" / "metrics-4.3.1.tsv"
HEAD: Final = "# name, kind, labels of each: jmx_exporter's public KRaft rules on a running 4.3.1\n"
_PLACES: Final = (
    (re.compile("clientsoftwarename_.*_listener_"), "clientsoftwarename_SOFTWARE_listener_"),
    (re.compile("listener_(plaintext|controller)"), "listener_LISTENER"),
    (re.compile(r"networkprocessor_\d+"), "networkprocessor_N"),
    (re.compile(r"(brokerid|client_id)_\d+"), r"\1_ID"),
)


class Watched(Oracle):
    """A node of Apache Kafka 4.3.1 whose MBeans can be read."""

    def __init__(self, folder: Path) -> None:
        self.jmx_port = free_port()
        options = {
            "port": str(self.jmx_port),
            "rmi.port": str(self.jmx_port),
            "host": "127.0.0.1",
            "authenticate": "false",
            "ssl": "false",
        }
        jvm = [f"-Dcom.sun.management.jmxremote.{key}={text}" for key, text in options.items()]
        named = "-Djava.rmi.server.hostname=127.0.0.1"
        super().__init__(folder, quorum="dynamic", jvm=(*jvm, named))
        self._program = compiled(["BeansProgram"], folder / "classes")

    def attributes(self) -> list[Attribute]:
        """All numbers and texts of Kafka's own MBeans."""
        command = java("BeansProgram", str(self.jmx_port), "kafka.")
        command[command.index("-cp") + 1] += f":{self._program}"
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found = []
        for line in done.stdout.splitlines():
            domain, keys, name, value = line.split("\t")
            pairs = [key.partition("=") for key in keys.split(", ")]
            found.append(Attribute(domain, tuple((k, v) for k, _, v in pairs), name, value))
        return found


def traffic(bootstrap: str) -> None:
    """Something of all that makes metrics appear: topics, transactions, a group, a cleaned log."""
    from confluent_kafka import Consumer, Producer
    from confluent_kafka.admin import AdminClient, NewTopic

    quiet = {"bootstrap.servers": bootstrap, "log_level": 0}
    compacted = NewTopic("compacted", 1, 1, config={"cleanup.policy": "compact"})
    admin = AdminClient(quiet)
    for made in admin.create_topics([NewTopic("plain", 2, 1), compacted]).values():
        made.result()
    producer = Producer({**quiet, "transactional.id": "metrics"})
    producer.init_transactions()
    for number in range(3):
        producer.begin_transaction()
        producer.produce("plain", b"value")
        producer.produce("compacted", b"value", key=b"key")
        producer.flush()
        if number == 1:
            producer.abort_transaction()
        else:
            producer.commit_transaction()
    read = {"group.id": "metrics", "auto.offset.reset": "earliest"}
    consumer = Consumer({**quiet, **read})
    consumer.subscribe(["plain"])
    records = 0
    while records < 2:
        message = consumer.poll(1)
        records += message is not None and message.error() is None
    consumer.commit(asynchronous=False)
    message = consumer.poll(2)  # a fetch that waits in vain
    assert message is None, message
    consumer.close()


def metrics(attributes: list[Attribute]) -> str:
    """A line for each name: its kind, and the labels that it comes with."""
    found: dict[tuple[str, str], set[str]] = {}
    for attribute in attributes:
        shown = metric(attribute)
        if shown is not None:
            name = shown.name
            for place, word in _PLACES:
                name = place.sub(word, name)
            labels = ",".join(label for label, _ in shown.labels)
            found.setdefault((name, shown.kind), set()).add(labels or "-")
    rows = ("\t".join((*key, " ".join(sorted(of)))) for key, of in sorted(found.items()))
    return HEAD + "".join(f"{row}\n" for row in rows)


def ask(folder: Path) -> str:
    """Start a 4.3.1, let clients work with it, and see what it shows."""
    with Watched(folder) as node:
        traffic(node.bootstrap)
        return metrics(node.attributes())


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        FILE.write_text(ask(Path(place)), encoding="utf-8")
