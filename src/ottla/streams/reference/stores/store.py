"""What every store is: a row of the plan, the bytes of keys and values, and the changelog that
follows.

A store keeps bytes and gives values; each write of one that is logged is a record of its changelog.
The changelog's value is always the plain one: the time and the headers are the record's own.
"""

from __future__ import annotations

from typing import Any

from ottla.streams.execution import Headers
from ottla.streams.plan.stores import Store
from ottla.streams.reference.codec import Reader, Writer, reader, writer
from ottla.streams.reference.context import Context


class StateStore:
    """The base of all stores. `changelog` is the full name of its topic, or None."""

    def __init__(self, row: Store, context: Context, changelog: str | None) -> None:
        self.row = row
        self.name = row.name
        self.context = context
        self.logs_headers = row.with_headers or row.logs_headers
        self.changelog = (
            changelog if row.logged and not row.is_global and not row.changelog_topic else None
        )
        #: Serdes of a registry see this name as the topic.
        topic = changelog or f"{context.settings.app_id}-{row.name}-changelog"
        self.write_key: Writer = writer(row.key, topic, is_key=True)
        self.read_key: Reader = reader(row.key, topic, is_key=True)
        self.write_value: Writer = writer(row.value, topic)
        self.read_value: Reader = reader(row.value, topic)

    def log(self, key: bytes, value: bytes | None, timestamp: int, headers: Headers = ()) -> None:
        """Write to the changelog, where there is one."""
        if self.changelog is not None:
            self.context.produce(self.changelog, key, value, timestamp, headers)

    def dump(self) -> list[tuple[Any, Any]]:
        """Everything it holds that can be looked at, in the order of the bytes of keys."""
        return []

    def commit(self) -> None:
        """Write what waits for the commit: once a record, or all punctuations, are done."""

    def close(self) -> None:
        """Nothing is kept once a task is closed."""
