"""A whole node in a world that a test brings: its own entropy, its own time, one turn at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ottla
from attack.line import Line
from coordinators.world import Counter
from ottla.node.format import ensure_formatted
from ottla.node.node import Node
from ottla.node.turner import ByHand
from ottla.node.world import machine
from ottla.wire.messages.create_topics import CreatableTopic, CreateTopicsRequest
from servers import eventually

VERSION = 7


class Held:
    """A node that nothing drives but the test."""

    def __init__(
        self, folder: Path, make_core: Any = None, config: dict[str, str] | None = None
    ) -> None:
        properties = ottla.Broker(dir=folder, config=config)._properties
        ensure_formatted(properties)
        self.real_ms = 0
        self.drivers: list[ByHand] = []
        usual = machine(power_cuts=True)
        world = usual._replace(
            make_core=make_core or usual.make_core,
            entropy=Counter(),
            real_ms=lambda: self.real_ms,
            drive=self._drive,
        )
        self.node = Node(properties, world=world)

    def _drive(self, loop: Any) -> ByHand:
        self.drivers.append(ByHand(loop))
        return self.drivers[-1]

    def create(self, name: str) -> Any:
        """The answer to a CreateTopics, after as many turns as it takes."""
        topic = CreatableTopic(name=name, num_partitions=1, replication_factor=1)
        line = Line(self.node.ports["PLAINTEXT"])
        line.send(CreateTopicsRequest(topics=[topic], timeout_ms=1000), VERSION)
        eventually(lambda: self.drivers[0].turn() and line.has_more(0), "there is an answer")
        return line.answer()


@contextmanager
def held(
    folder: Path, make_core: Any = None, config: dict[str, str] | None = None
) -> Iterator[Held]:
    """A node in the test's own world, which is killed at the end."""
    found = Held(folder, make_core, config)
    found.node.start()
    try:
        yield found
    finally:
        found.node.kill()
