"""kafka-consumer-perf-test.sh: how many records a second a group reads."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial

from ottla.cli.interrupts import Interrupts
from ottla.cli.java_dates import date_format
from ottla.cli.load_clients import LoadConsumer, size_of
from ottla.cli.load_figures import ReadStats
from ottla.cli.load_metrics import metrics_table
from ottla.cli.options import BOOTSTRAP, BadValue, Command, Option, Parsed, UsageError, require_int
from ottla.cli.properties import key_values, read_properties
from ottla.cli.run import run
from ottla.cli.waiting import require_topic_name
from ottla.wire.fetched import ConsumerRecord

DATE_FORMAT = "yyyy-MM-dd HH:mm:ss:SSS"
WAIT_S = 0.1

COMMAND = Command(
    "kafka-consumer-perf-test.sh",
    "read records as fast as they come, and tell rates",
    (
        BOOTSTRAP,
        Option("--topic", "The topic to read.", "name"),
        Option("--include", "A regular expression of topics to read.", "regex"),
        Option("--num-records", "Leave after so many records.", "count", number=True),
        Option("--messages", "", "count", number=True, deprecated_for="--num-records"),
        Option("--group", "The group; one with a random name if left out.", "name"),
        Option("--from-latest", "A new group begins with the next new record, not the oldest."),
        Option("--fetch-size", "Bytes of one answer for a partition; 1048576.", "bytes"),
        Option("--socket-buffer-size", "The socket's receive buffer; 2097152.", "bytes"),
        Option(
            "--timeout",
            "Leave when nothing came for so long; 10000.",
            "ms",
            number=True,
            optional=True,
        ),
        Option("--show-detailed-stats", "A row per --reporting-interval instead of one row."),
        Option("--reporting-interval", "A row this often; 5000.", "ms"),
        Option(
            "--date-format", f"How times are written (SimpleDateFormat); {DATE_FORMAT}.", "text"
        ),
        Option("--hide-header", "Leave out the row that names the columns."),
        Option("--print-metrics", "Print what the client counted, at the end."),
        Option("--command-property", "A consumer setting.", "key=value", many=True),
        Option("--command-config", "A file with consumer settings.", "file"),
        Option("--consumer.config", "", "file", deprecated_for="--command-config"),
    ),
    (
        (
            "read what is there",
            "kafka-consumer-perf-test.sh --topic my-events --num-records 100000 "
            "--bootstrap-server localhost:9092",
        ),
    ),
    (
        (0, "the records were read, or nothing came for --timeout, which is said"),
        (1, "reading failed; the reason is printed"),
        (130, "ended by Ctrl-C, SIGTERM (143) or SIGHUP (129)"),
    ),
)


def main(parsed: Parsed) -> int:
    """Read, print rows meanwhile or one at the end."""
    _check(parsed)
    detailed = parsed.has("--show-detailed-stats")
    if not parsed.has("--hide-header"):
        print("time, threadId" if detailed else "start.time, end.time", ReadStats.HEADER, sep=", ")
    date = date_format(parsed.text("--date-format", DATE_FORMAT) or "")
    interval_ms = _interval_ms(parsed.text("--reporting-interval", "5000") or "")
    settings = _settings(parsed)
    topic = parsed.text("--topic")
    if topic is not None:
        require_topic_name(topic)
    pattern = parsed.text("--include")
    includes = None if pattern is None else _included(pattern)
    with Interrupts("the cluster to let the group go") as interrupts:
        reading = Reading(interval_ms if detailed else None, date)
        with LoadConsumer(settings) as consumer:
            interrupts.wakes = consumer.wakeup
            reading.begin()
            consumer.subscribe(
                [topic or ""] if includes is None else includes,
                on_assign=lambda _: reading.stats.assigned(_now_ms()),
                on_revoke=lambda _: reading.stats.revoked(_now_ms()),
            )
            poll = partial(interrupts.call, consumer.poll, WAIT_S)
            reading.read(poll, _limit(parsed), _timeout_ms(parsed))
            if parsed.has("--print-metrics"):
                print("\n".join(metrics_table(consumer.metrics())))
    return 0


class Reading:
    """What was read, and when rows are due."""

    def __init__(self, interval_ms: int | None, date: Callable[[int], str]) -> None:
        self._interval_ms, self._date = interval_ms, date
        self.stats = ReadStats(_now_ms())

    def begin(self) -> None:
        """From now on time counts."""
        self.stats = ReadStats(_now_ms())

    def read(self, poll: Callable[[], list[ConsumerRecord]], limit: int, timeout_ms: int) -> None:
        """Read until there are enough, or nothing came for so long."""
        stats = self.stats
        last_ms = now_ms = _now_ms()
        while stats.count < limit and now_ms - last_ms <= timeout_ms:
            records = poll()
            now_ms = _now_ms()
            if records:
                last_ms = now_ms
            self._count(records, now_ms)
        if stats.count < limit:
            print(
                "WARNING: Exiting before consuming the expected number of records: "
                f"timeout ({timeout_ms} ms) exceeded; --timeout sets another"
            )
        end_ms = _now_ms()
        if self._interval_ms is None:
            print(stats.total_row(end_ms, self._date(stats.start_ms), self._date(end_ms)))

    def _count(self, records: list[ConsumerRecord], now_ms: int) -> None:
        stats, interval_ms = self.stats, self._interval_ms
        for record in records:
            stats.read(size_of(record))
            if interval_ms is not None and stats.is_due(interval_ms, now_ms):
                print(stats.row(now_ms, self._date(now_ms)), flush=True)


def _check(parsed: Parsed) -> None:
    parsed.required("--bootstrap-server")
    parsed.exactly_one("--topic", "--include")
    parsed.exactly_one("--num-records", "--messages")
    parsed.not_together("--command-config", "--consumer.config")


def _limit(parsed: Parsed) -> int:
    return parsed.number("--num-records") or parsed.number("--messages") or 0


def _timeout_ms(parsed: Parsed) -> int:
    return 10_000 if (given := parsed.number("--timeout")) is None else given


def _interval_ms(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise BadValue(f"--reporting-interval takes a whole number, not '{text}'")
    if int(text) == 0:
        raise UsageError("Reporting interval must be greater than 0.")
    return int(text)


def _included(pattern: str) -> Callable[[str], bool]:
    from ottla.cli.console_reader import included

    return included(pattern)


def _settings(parsed: Parsed) -> dict[str, str]:
    """Java's settings: files first, then properties, then options."""
    path = parsed.text("--command-config") or parsed.text("--consumer.config")
    settings = read_properties(path) if path else {}
    settings.update(key_values("--command-property", parsed.all("--command-property")))
    group = parsed.text("--group", f"perf-consumer-{_random_number()}")
    if not group:
        raise UsageError("--group is empty")
    settings.setdefault("client.id", "perf-consumer-client")
    if parsed.has("--socket-buffer-size"):
        settings["receive.buffer.bytes"] = _bytes(parsed, "--socket-buffer-size", 2_097_152)
    return settings | {
        "bootstrap.servers": parsed.required("--bootstrap-server"),
        "group.id": group,
        "max.partition.fetch.bytes": _bytes(parsed, "--fetch-size", 1_048_576),
        "auto.offset.reset": "latest" if parsed.has("--from-latest") else "earliest",
        "check.crcs": "false",
    }


def _bytes(parsed: Parsed, name: str, default: int) -> str:
    return str(require_int(name, parsed.text(name) or default, min=1))


def _random_number() -> int:
    import os

    return int.from_bytes(os.urandom(4)) % 100_000


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def entry() -> int:
    """kafka-consumer-perf-test.sh."""
    return run(COMMAND, main, sys.argv[1:])
