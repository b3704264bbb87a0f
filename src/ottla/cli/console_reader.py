"""Reading for the console consumer: records come, are printed, and count as read.

Nothing is committed unless a group is named; then, as Apache's consumer does, the position in every
partition that is assigned, also in those of which no record was read. What was handed out and not
printed does not count: before the consumer commits, it goes back behind the last that was.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ottla.cli.client_settings import beside_client, client_of
from ottla.cli.interrupts import Interrupts
from ottla.cli.options import Parsed, UsageError
from ottla.cli.printing import look_for_reader, print_records
from ottla.cli.record_lines import Formatter, Printed
from ottla.cli.run import Failed
from ottla.client.consuming.consumer import Consumer
from ottla.errors import OttlaError
from ottla.wire.coordinator_types import GROUP
from ottla.wire.errors import ErrorCode
from ottla.wire.fetched import ConsumerRecord

if TYPE_CHECKING:
    from ottla.cli.formatters import CoordinatorFormatter
    from ottla.client.places import TopicPartition

LOGGING = "org.apache.kafka.tools.consumer.LoggingMessageFormatter"
RECORDS_PER_POLL = 500
INTERNAL = ("__consumer_offsets", "__share_group_state", "__transaction_state")
WAIT_S = 0.1
"""How long is waited for records while nothing else is looked at."""


class Reader:
    """A consumer, what it prints with, and how many records it printed."""

    def __init__(
        self,
        parsed: Parsed,
        settings: dict[str, str],
        formatter: Formatter | CoordinatorFormatter | None,
        interrupts: Interrupts,
    ) -> None:
        self._parsed, self._settings = parsed, settings
        self._formatter = formatter
        self._call = interrupts.call
        self._logs = (parsed.text("--formatter") or "") == LOGGING
        self._skips = parsed.has("--skip-message-on-error")
        left = parsed.number("--max-messages", -1)
        assert left is not None
        self._left = left if left >= -1 else 0  # as Apache's, which reads while it has read fewer
        timeout_ms = parsed.number("--timeout-ms")
        self._timeout_s = None if timeout_ms is None or timeout_ms < 0 else timeout_ms / 1000
        self._topic = parsed.text("--topic")
        self._is_begun = self._is_assigned = self._is_missing = False
        self._count = 0
        self._client = client_of("consumer", settings)
        try:
            self._consumer = Consumer(beside_client(settings), client=self._client)
        except OttlaError:
            self._client.close()
            raise
        interrupts.wakes = self._consumer.wakeup

    def _begin(self) -> None:
        self._is_begun = True
        partition = self._parsed.number("--partition")
        pattern = self._parsed.text("--include")
        if partition is not None:
            offset = self._parsed.text("--offset", "") or ""
            place = (self._topic or "", partition)
            self._consumer.assign([(*place, int(offset)) if offset.isdigit() else place])
            self._is_assigned = True
            return
        topics = [self._topic or ""] if pattern is None else included(pattern)
        self._consumer.subscribe(topics, on_assign=self._assigned)

    def _assigned(self, _: list[TopicPartition]) -> None:
        self._is_assigned = True

    def read(self) -> None:
        """Print until there are enough or nothing came for the time given."""
        self._begin()
        last = time.monotonic()
        wait_s = WAIT_S if self._timeout_s is None else min(WAIT_S, self._timeout_s)
        while self._left:
            # What was printed counts as read, so no signal comes between.
            if self._call(self._turn, wait_s):
                last = time.monotonic()
            elif self._timeout_s is not None and time.monotonic() - last >= self._timeout_s:
                self._tell_silence(round(self._timeout_s * 1000))
                return

    def _turn(self, wait_s: float) -> bool:
        """Print what there is; whether there was anything."""
        room = RECORDS_PER_POLL if self._left < 0 else min(RECORDS_PER_POLL, self._left)
        records = self._consumer.poll(wait_s, max_records=room)
        if not records:
            self._look_for_topic()
            look_for_reader()
            return False
        print_records(self._consumer, records, self._print)
        return True

    def _print(self, record: ConsumerRecord) -> None:
        self._count += 1
        if self._left > 0:
            self._left -= 1
        if self._formatter is None:
            return
        try:
            line = self._formatter.line(_printed(record))
        except OttlaError as problem:
            if not self._skips:
                raise
            print(f"skipped offset {record.offset}: {problem}", file=sys.stderr)
            return
        sys.stdout.buffer.write(line)
        if self._logs:
            print(f"INFO {line.decode(errors='replace').rstrip()}", file=sys.stderr)

    def _look_for_topic(self) -> None:
        """Whether it is there, and --partition of it, which never comes if it is not.

        Raises:
            Failed: the topic has no such partition.
        """
        known = None if self._topic is None else self._client.places.topic(self._topic)
        if known is None:
            return
        self._is_missing = known.error == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
        partition = self._parsed.number("--partition")
        if partition is not None and not known.error and partition not in known.partitions:
            raise Failed(
                f"topic {self._topic} has no partition {partition}",
                hint=f"it has {len(known.partitions)}, numbered from 0",
            )

    def _tell_silence(self, timeout_ms: int) -> None:
        """Nothing came: say so, and why, if reading had not even begun."""
        print(f"nothing came for {timeout_ms} ms", end="", file=sys.stderr)
        if self._is_assigned or self._is_missing:
            print(self._why_held_back(), file=sys.stderr)
            return
        if self._client.places.coordinator(GROUP, self._settings["group.id"]) is None:
            print(
                ": no coordinator of the group was found in that time, and no partition was read; "
                "if one is not found at all, the log of the server says why",
                file=sys.stderr,
            )
            return
        print(
            ": the group was still forming, and no partition was read. A new group waits for "
            "group.initial.rebalance.delay.ms of the node, 3000 by default; --timeout-ms has to be "
            "longer",
            file=sys.stderr,
        )

    def _why_held_back(self) -> str:
        """What an open transaction keeps from who reads only what is committed."""
        if self._settings["isolation.level"] != "read_committed":
            return ""
        from ottla.cli.held_back import what_holds_back

        found = what_holds_back(self._client, self._consumer)
        return "" if found is None else f": {found}; kafka-transactions.sh list shows whose"

    def close(self) -> None:
        """Leave the group and say how many records were printed."""
        try:
            self._consumer.close()
        finally:
            self._client.close()
        if not self._is_begun:
            return
        print(f"Processed a total of {self._count} messages", file=sys.stderr)
        if self._parsed.has("--enable-systest-events"):
            print("shutdown_complete", flush=True)


def included(pattern: str) -> Callable[[str], bool]:
    """Whether --include means a topic: its whole name matches, and it is not Kafka's own. A comma
    is a comma here, unlike in the other tools.

    Raises:
        UsageError: it is no regular expression.
    """
    import re

    try:
        matches = re.compile(pattern, re.ASCII).fullmatch  # \d is 0 to 9 to Java
    except re.error as error:
        raise UsageError(f"'{pattern}' is no regular expression: {error}") from None
    return lambda name: name not in INTERNAL and matches(name) is not None


def _printed(record: ConsumerRecord) -> Printed:
    kind: Any = "LogAppendTime" if record.is_log_append_time else "CreateTime"
    return Printed(
        None if record.timestamp_ms < 0 else kind,
        record.timestamp_ms,
        record.partition,
        record.offset,
        list(record.headers),
        record.key,
        record.value,
    )
