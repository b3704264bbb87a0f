"""Takes down what Apache Kafka 4.3.1 answers to admin requests and writes to its metadata log.

    PYTHONPATH=src:tests python tests/controller/record_admin_calls.py admin-calls-4.3.1.json

needs Java and the jars of `tests/java/pom.xml`. The node lives through: a first start, every call
of `admin_calls.py`, a clean stop and start, a kill and start. Identifiers are written as `<id n>`,
in the order in which they are first seen.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from admin_calls import CALLS
from plain_records import Plain

from conformance.talk import Talk
from oracle import Oracle
from ottla.wire.messages.init_producer_id import InitProducerIdRequest
from ottla.wire.records import read_batches
from ottla.wire.stored.frame import decode_metadata_record


class Metadata:
    """The metadata log of a running node, read a step at a time."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "__cluster_metadata-0" / f"{0:020d}.log"
        self._seen = 0
        self.ids: dict[str, bytes] = {}

    def new(self) -> list[list[tuple[Any, int]]]:
        """The (record, version) pairs of each batch that came since the last call."""
        batches = []
        for batch in read_batches(self._path.read_bytes()):
            if batch.base_offset < self._seen or batch.is_control:
                continue
            self._seen = batch.last_offset + 1
            pairs = [decode_metadata_record(record.value or b"") for record in batch.records]
            batches.append(pairs)
            for record, _ in pairs:
                if type(record).__name__ == "TopicRecord":
                    self.ids[record.name] = record.topic_id
        return batches

    def settled(self) -> list[list[tuple[Any, int]]]:
        """As `new`, after nothing was written for a second."""
        found = self.new()
        quiet = time.monotonic() + 1
        while time.monotonic() < quiet:
            time.sleep(0.1)
            more = self.new()
            if more:
                found += more
                quiet = time.monotonic() + 1
        return found


def main() -> None:
    plain = Plain()
    steps: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        node = Oracle(Path(folder), {"metadata.max.idle.interval.ms": "0"})
        node.format()
        node.start()
        metadata = Metadata(node.log_dir)

        def note(name: str, response: Any = None) -> None:
            batches = metadata.settled() if response is None else metadata.new()
            steps.append(
                {
                    "step": name,
                    **({} if response is None else {"response": plain.of(response)}),
                    "records": [[plain.record(*pair) for pair in batch] for batch in batches],
                }
            )

        note("start")
        talk = Talk(node.port, "recorded")
        for name, request, version in CALLS:
            made = request(metadata.ids) if callable(request) else request
            note(name, talk.ask(made, version, note=False))
        talk.ask(
            InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=1), 4, note=False
        )
        note("producer id")
        talk.hang_up()
        node.stop()
        note("stop")
        node.start()
        note("start after a clean stop")
        node.kill()
        note("kill")
        node.start()
        note("start after a kill")
        node.kill()
    lines = ",\n".join(json.dumps(step, ensure_ascii=False) for step in steps)
    Path(sys.argv[1]).write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
