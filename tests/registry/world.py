"""A registry without a broker: what is decided is applied at once, as bytes of the topic."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from typing import Any

from ottla.registry.deciding.associating import Clock
from ottla.registry.deciding.decision import Decision
from ottla.registry.deciding.draft import Draft
from ottla.registry.deciding.registering import register
from ottla.registry.languages import Reading
from ottla.registry.state import State
from ottla.registry.stored import Entry, encoded


def record(*fields: str, name: str = "R") -> str:
    """An Avro record with fields of type int; one named "f=" has the default 0."""
    rows = [
        {"name": field.rstrip("="), "type": "int", **({"default": 0} if "=" in field else {})}
        for field in fields
    ]
    told = {"type": "record", "name": name, "fields": rows}
    return json.dumps(told, separators=(",", ":"))


class World:
    """A state, and what changes it."""

    def __init__(self) -> None:
        self.state = State()
        self.reading = Reading(self.state)
        self.log: list[tuple[bytes | None, bytes | None]] = []
        self.now_ms = 1_000
        self._guids = itertools.count(1)

    def apply(self, entries: Iterable[Entry]) -> None:
        """Take records as if they came from the topic."""
        for key, value in entries:
            self.log.append((encoded(key), encoded(value)))
            assert self.state.apply(*self.log[-1], self.now_ms), key

    def do(self, decision: Decision) -> Any:
        """Do what was decided, and give the answer."""
        self.apply(decision.entries)
        return decision.answer

    def register(self, subject: str, text: str, **told: Any) -> Any:
        """Register a schema."""
        body = {"schema": text, **told}
        return self.do(register(self.state, self.reading, subject, body, normalize=False))

    def draft(self) -> Draft:
        """A draft of changes to the state as it is."""
        return Draft(self.state, self.reading)

    def clock(self) -> Clock:
        """A clock that is told, and GUIDs that are counted."""
        return Clock(self.now_ms, lambda: f"guid-{next(self._guids)}")

    def again(self) -> World:
        """Another registry that read the same topic from its beginning."""
        other = World()
        for key, value in self.log:
            other.log.append((key, value))
            assert other.state.apply(key, value, self.now_ms), key
        return other
