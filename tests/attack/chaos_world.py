"""The node under attack, and what is known of the attack: how often what happened, and which
promise was broken first.
"""

from __future__ import annotations

import random
import threading
import warnings
from collections import Counter
from pathlib import Path

import ottla
from oracle import SMALL, free_port
from ottla.errors import OttlaError

TOPIC = "audited"
CONFIG = {
    **SMALL,
    "log.flush.interval.messages": "1",
    "log.segment.bytes": "1048576",
    "log.roll.ms": "60000",
    "log.retention.ms": "-1",
    "log.flush.offset.checkpoint.interval.ms": "300",
    "log.segment.delete.delay.ms": "1000",
    "metadata.log.max.record.bytes.between.snapshots": "4096",
    "producer.id.expiration.ms": "2000000000",
    "offsets.retention.minutes": "2000000",
    "connections.max.idle.ms": "20000",
}


class Broken(AssertionError):
    """A promise that was not kept."""


class World:
    """The node under attack, and whether the attack goes on."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.dice = random.Random(seed)
        self.port = free_port()
        self.broker = ottla.Broker(dir=folder, port=self.port, config=CONFIG)
        self.over = threading.Event()
        self.counts: Counter[str] = Counter()
        self.broken: list[str] = []

    def start(self, tries: int = 40) -> None:
        """Bring the node up, whatever state it is in; what starts may refuse is only trouble that
        is still there.
        """
        for left in reversed(range(tries)):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # what of the configuration has no effect
                    self.broker.start()
                return
            except OttlaError as problem:
                self.counts[f"start refused: {type(problem).__name__}"] += 1
                if not left:
                    raise Broken(f"the node does not start again: {problem}") from problem
                threading.Event().wait(0.25)  # its own: the attack may be over

    def blame(self, text: str) -> None:
        """A promise was broken: end the run."""
        self.broken.append(text)
        self.over.set()
