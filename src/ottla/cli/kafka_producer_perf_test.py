"""kafka-producer-perf-test.sh: how many records a second a topic takes, and how late they are.

A record that is not written is told on stderr and counted nowhere; as Apache's tool does, this one
leaves with 0 all the same.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from functools import partial
from random import Random
from typing import Any

from ottla.cli.interrupts import Interrupts
from ottla.cli.load_clients import LoadProducer
from ottla.cli.load_figures import SendStats, Throttle
from ottla.cli.load_metrics import metrics_table
from ottla.cli.options import BadValue, Command, Option, Parsed, UsageError, is_java_int, whole
from ottla.cli.properties import key_values, read_properties
from ottla.cli.run import Failed, run, tell
from ottla.client.errors import BrokerError, TimedOut
from ottla.client.producing.producer import BadRecord
from ottla.config.whole_number import whole_number
from ottla.wire.outbox import Delivery

LETTERS = bytes(ord("A") + number % 26 for number in range(256))
TRANSACTION_MS = 3000
WAIT_S_MAX = 3600.0
LONG_MAX = 2**63 - 1
SWITCH_S = 0.0005
"""How soon the client's thread may run while this one makes records; in 5 ms, as Python has it,
hundreds of small ones would wait to be sent.
"""
TOLD_MAX = 10
"""So many different reasons why a record was not written are told."""

COMMAND = Command(
    "kafka-producer-perf-test.sh",
    "send records as fast as they are taken, or at a rate, and tell rates and latencies",
    (
        Option("--bootstrap-server", "Nodes to connect to; counts before settings.", "host:port"),
        Option("--topic", "The topic to write to.", "name"),
        Option("--num-records", "How many records to send.", "count"),
        Option("--record-size", "Bytes of each record, random letters.", "bytes"),
        Option("--payload-file", "Send parts of this file, drawn at random.", "file"),
        Option(
            "--payload-delimiter",
            "A regular expression: what lies between the parts of --payload-file; \\n if left out.",
            "regex",
        ),
        Option("--payload-monotonic", "Send the numbers 0, 1, 2 and so on."),
        Option(
            "--throughput",
            "Records a second at most; below 0 as many as possible, at 0 none after the first.",
            "number",
        ),
        Option(
            "--command-property",
            "Producer settings, several with blanks between.",
            "key=value",
            many=True,
            words=True,
        ),
        Option(
            "--producer-props",
            "",
            "key=value",
            many=True,
            words=True,
            deprecated_for="--command-property",
        ),
        Option("--command-config", "A file with producer settings.", "file"),
        Option("--producer.config", "", "file", deprecated_for="--command-config"),
        Option("--print-metrics", "Print what the client counted, at the end."),
        Option("--transactional-id", "Send in transactions of this id.", "id"),
        Option(
            "--transaction-duration-ms",
            f"Commit after this time, {TRANSACTION_MS} if left out; without an id one is made up.",
            "ms",
        ),
        Option(
            "--warmup-records",
            "So many records first are left out of a second line of totals.",
            "count",
        ),
        Option("--reporting-interval", "A line of progress this often; 5000.", "ms"),
    ),
    (
        (
            "as fast as it goes",
            "kafka-producer-perf-test.sh --topic my-events --num-records 100000 --record-size 100 "
            "--throughput -1 --bootstrap-server localhost:9092",
        ),
        (
            "a thousand a second, in larger batches",
            "kafka-producer-perf-test.sh --topic my-events --num-records 5000 --record-size 100 "
            "--throughput 1000 --command-property linger.ms=20 batch.size=65536 "
            "--bootstrap-server localhost:9092",
        ),
    ),
    (
        (0, "all was tried; records that were not written are told on stderr"),
        (1, "nothing was tried, or a transaction failed; the reason is printed"),
        (130, "ended by Ctrl-C, SIGTERM (143) or SIGHUP (129)"),
    ),
    bare_exit_code=0,
)
_KINDS = ("--record-size", "--payload-file", "--payload-monotonic")
_WAYS = (
    *("--bootstrap-server", "--command-property", "--producer-props"),
    *("--command-config", "--producer.config"),
)


def main(parsed: Parsed) -> int:
    """Send all, print lines meanwhile and at the end."""
    parsed.exactly_one(*_KINDS)
    topic = parsed.required("--topic")
    records = _whole(parsed, "--num-records", least=1)
    throughput = _throughput(parsed)
    interval_ms = _whole(parsed, "--reporting-interval", 5000, least=1)
    warmup = max(0, _whole(parsed, "--warmup-records", 0))
    if warmup >= records:
        raise UsageError("--warmup-records takes fewer than --num-records")
    duration_ms = None
    if parsed.has("--transaction-duration-ms"):
        duration_ms = _whole(parsed, "--transaction-duration-ms", least=1)
    settings = _settings(parsed)
    payloads = _payloads(parsed)
    if duration_ms is not None or "transactional.id" in settings:
        settings.setdefault("transactional.id", f"performance-producer-{_random_id()}")
        duration_ms = duration_ms or TRANSACTION_MS
    sys.setswitchinterval(SWITCH_S)
    with Interrupts("nothing but the producer's end"), LoadProducer(settings) as producer:
        if duration_ms is not None:
            producer.init_transactions()
        load = Load(producer, topic, records, interval_ms, warmup)
        load.send_all(payloads, throughput, duration_ms)
        if parsed.has("--print-metrics"):
            print("\n".join(metrics_table(producer.metrics())))
    return 0


class Load:
    """Records on their way, and what became of those that were."""

    def __init__(
        self, producer: LoadProducer, topic: str, records: int, interval_ms: int, warmup: int
    ) -> None:
        self._producer, self._topic = producer, topic
        self._records, self._interval_ms, self._warmup = records, interval_ms, warmup
        self._stats = self._begun()
        self._steady: SendStats | None = None
        self._failed = 0
        self._told: set[str] = set()

    def _begun(self) -> SendStats:
        return SendStats(self._records, self._interval_ms, _now_ms(), steady=False)

    def send_all(
        self,
        payloads: Iterator[bytes],
        throughput: float,
        duration_ms: int | None,
    ) -> None:
        """Send, and print; at the end all is acknowledged or given up."""
        if self._warmup:
            print(f"Warmup first {self._warmup} records. Steady state has a line of its own below.")
        try:
            self._producer.wait_for_topic(self._topic)
        except Failed as error:
            tell(error)
            self._failed = self._records
        else:
            self._stats = self._begun()
            self._send_each(payloads, Throttle(throughput, time.monotonic()), duration_ms)
            self._producer.flush()
        if self._failed:
            print(f"{self._failed} records were not written", file=sys.stderr)
        print(self._stats.total_line(_now_ms()))
        if self._steady is not None:
            print(self._steady.total_line(_now_ms()))

    def _send_each(
        self,
        payloads: Iterator[bytes],
        throttle: Throttle,
        duration_ms: int | None,
    ) -> None:
        began_ms: int | None = None
        for number in range(self._records):
            if duration_ms is not None and began_ms is None:
                self._producer.begin_transaction()
                began_ms = _now_ms()
            sent_ms = _now_ms()
            if self._warmup and number == self._warmup:
                self._begin_steady(sent_ms)
            self._send(next(payloads), sent_ms)
            if began_ms is not None and sent_ms - began_ms >= (duration_ms or 0):
                self._producer.commit_transaction()
                began_ms = None
            wait_s = throttle.wait_s(number, time.monotonic())
            while wait_s > 0:
                time.sleep(min(wait_s, WAIT_S_MAX))
                wait_s = throttle.wait_s(number, time.monotonic())
        if began_ms is not None:
            self._producer.commit_transaction()

    def _begin_steady(self, now_ms: int) -> None:
        left = self._records - self._warmup
        self._steady = SendStats(left, self._interval_ms, now_ms, steady=True)
        self._stats.prints = False

    def _send(self, payload: bytes, sent_ms: int) -> None:
        told = partial(self._delivered, sent_ms, len(payload), self._steady)
        try:
            self._producer.send(self._topic, payload, on_delivery=told)
        except (BadRecord, BrokerError, TimedOut) as error:
            self._fail(error)

    def _delivered(
        self, sent_ms: int, size: int, steady: SendStats | None, delivery: Delivery
    ) -> None:
        """In the client's thread, which alone counts what was acknowledged."""
        if delivery.error is not None:
            self._fail(delivery.error)
            return
        now_ms = _now_ms()
        for stats in (self._stats, steady):
            if stats is not None:
                for line in stats.record(now_ms - sent_ms, size, now_ms):
                    print(line, flush=True)

    def _fail(self, error: BaseException) -> None:
        self._failed += 1
        text = str(error)
        if text not in self._told and len(self._told) < TOLD_MAX:
            self._told.add(text)
            print(f"ERROR a record was not written: {text}", file=sys.stderr, flush=True)


def _payloads(parsed: Parsed) -> Iterator[bytes]:
    """What is sent, without an end; the same in every run."""
    random = Random(0)
    path = parsed.text("--payload-file")
    if path is not None:
        parts = _parts_of_file(path, parsed.text("--payload-delimiter", "\\n") or "")
        return iter(lambda: parts[random.randrange(len(parts))], None)
    if parsed.has("--payload-monotonic"):
        return (str(number).encode() for number in range(LONG_MAX))
    size = _whole(parsed, "--record-size", least=1)
    if not is_java_int(str(size)):
        raise BadValue(f"--record-size takes a number of 32 bits, not '{size}'")
    return iter(lambda: random.randbytes(size).translate(LETTERS), None)


def _parts_of_file(path: str, delimiter: str) -> list[bytes]:
    import re
    from pathlib import Path

    print(f"Reading payloads from: {Path(path).absolute()}")
    try:
        text = Path(path).read_bytes().decode(errors="replace")
    except FileNotFoundError:
        text = ""
    if not text:
        raise Failed("File does not exist or empty file provided.", hint=f"--payload-file {path}")
    try:
        parts = [part.encode() for part in parts_between(text, re.compile(delimiter))]
    except re.error as error:
        raise UsageError(f"--payload-delimiter: no regular expression: {error}") from None
    print(f"Number of records read: {len(parts)}")
    if not parts:
        raise Failed(f"{path} has nothing but what stands between records")
    return parts


def parts_between(text: str, delimiter: Any) -> Iterator[str]:
    """The parts of a text as Java's Scanner cuts them: it has no empty one at the end, and what
    matches nothing at all cuts between letters.
    """
    at = 0
    while True:
        skipped = delimiter.match(text, at)
        at = at if skipped is None else skipped.end()
        if at == len(text):
            return
        found = delimiter.search(text, at)
        if found is not None and found.end() == at:
            found = delimiter.search(text, at + 1)
        end = len(text) if found is None else found.start()
        yield text[at:end]
        at = end


def _settings(parsed: Parsed) -> dict[str, str]:
    """Java's settings: files first, then properties, then options."""
    if not any(parsed.has(way) for way in _WAYS):
        raise UsageError(f"where to? give one of {', '.join(_WAYS)}")
    parsed.not_together("--command-property", "--producer-props")
    parsed.not_together("--command-config", "--producer.config")
    path = parsed.text("--command-config") or parsed.text("--producer.config")
    settings = read_properties(path) if path else {}
    for option in ("--producer-props", "--command-property"):
        settings.update(key_values(option, parsed.all(option)))
    settings.setdefault("client.id", "perf-producer-client")
    for option, key in (
        ("--bootstrap-server", "bootstrap.servers"),
        ("--transactional-id", "transactional.id"),
    ):
        text = parsed.text(option)
        if text is not None:
            settings[key] = text
    return settings


def _whole(
    parsed: Parsed, name: str, default: int | None = None, *, least: int | None = None
) -> int:
    text = parsed.required(name) if default is None else parsed.text(name, str(default)) or ""
    number = whole_number(text)
    if number is None or abs(number) > LONG_MAX:
        raise BadValue(f"{name} takes a whole number, not '{text}'")
    if least is not None and number < least:
        raise BadValue(f"{name} takes a number above {least - 1}, not {text}")
    return number


def _throughput(parsed: Parsed) -> float:
    text = parsed.required("--throughput")
    try:
        found = float(text)
    except ValueError:
        raise BadValue(f"--throughput takes a number, not '{text}'") from None
    return found if found == found else -1.0


def _random_id() -> str:
    from base64 import urlsafe_b64encode
    from os import urandom

    return urlsafe_b64encode(urandom(16)).decode().rstrip("=")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def entry() -> int:
    """kafka-producer-perf-test.sh."""
    return run(COMMAND, main, whole(COMMAND, sys.argv[1:]))
