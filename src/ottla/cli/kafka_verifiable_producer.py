"""kafka-verifiable-producer.sh: numbers become records, and JSON tells what became of each.

Made for tests that hold what was acknowledged against what is read. It ends when all are sent, or
when it is asked to; either way what was sent is waited for, and the sums are printed.
"""

from __future__ import annotations

import sys
import time
from functools import partial
from itertools import count
from typing import Any

from ottla.cli.interrupts import Interrupts
from ottla.cli.load_clients import LoadProducer, exception_class
from ottla.cli.load_events import tell_event
from ottla.cli.load_figures import Throttle
from ottla.cli.options import BadValue, Command, Option, Parsed, is_java_int, whole
from ottla.cli.properties import read_properties
from ottla.cli.run import Asked, Failed, run
from ottla.config.whole_number import whole_number
from ottla.errors import OttlaError
from ottla.wire.outbox import Delivery

ACKS = ("0", "1", "-1")
LONG_MAX = 2**63 - 1
TIMEOUT = "org.apache.kafka.common.errors.TimeoutException"
INVALID_TOPIC = "org.apache.kafka.common.errors.InvalidTopicException"
WAIT_MAX_S = 3600.0

COMMAND = Command(
    "kafka-verifiable-producer.sh",
    "send the numbers 0, 1, 2 and so on, and tell of each, in JSON, what became of it",
    (
        Option("--bootstrap-server", "Nodes to connect to.", "host:port"),
        Option("--topic", "The topic to write to.", "name"),
        Option("--max-messages", "So many, or below 0 until it is stopped; -1.", "count"),
        Option("--throughput", "Records a second at most; below 0 as many as possible.", "count"),
        Option("--acks", "0, 1 or -1 (all); -1 if left out.", "acks"),
        Option(
            "--message-create-time",
            "The first record's timestamp, in ms since 1970; those that follow come after it.",
            "ms",
        ),
        Option("--value-prefix", "A number that stands before each value, and a dot.", "number"),
        Option("--repeating-keys", "Keys 0, 1 and so on; so many, then from 0 again.", "count"),
        Option("--command-config", "A file with producer settings, which count first.", "file"),
        Option("--producer.config", "", "file", deprecated_for="--command-config"),
    ),
    (
        (
            "a hundred a second until Ctrl-C",
            "kafka-verifiable-producer.sh --topic my-events --throughput 100 "
            "--bootstrap-server localhost:9092",
        ),
    ),
    (
        (0, "all were tried; what became of each is printed"),
        (1, "nothing was tried; the reason is printed"),
        (130, "ended by Ctrl-C, SIGTERM (143) or SIGHUP (129), with the sums printed"),
    ),
    bare_exit_code=0,
)


def main(parsed: Parsed) -> int:
    """Send until all are, or a signal comes; then print the sums."""
    topic = parsed.required("--topic")
    settings = _settings(parsed)
    most = _number(parsed, "--max-messages", -1)
    target = _number(parsed, "--throughput", -1)
    began_ms = _now_ms()
    with (
        Interrupts("the cluster to take what was sent") as interrupts,
        LoadProducer(settings) as producer,
    ):
        numbers = Numbers(parsed, topic, producer, interrupts)
        asked: Asked | None = None
        try:
            # What is printed is not cut off in its midst.
            interrupts.call(tell_event, "startup_complete")
            numbers.send(None if most < 0 else most, Throttle(target, time.monotonic()))
        except Asked as one:
            asked = one
        interrupts.call(_end, producer, numbers, target, began_ms)
    if asked is not None:
        raise asked
    return 0


def _end(producer: LoadProducer, numbers: Numbers, target: int, began_ms: int) -> None:
    producer.flush()
    tell_event("shutdown_complete")
    tell_event(
        "tool_data",
        sent=numbers.sent,
        acked=numbers.acked,
        target_throughput=target,
        avg_throughput=1000.0 * numbers.acked / max(1, _now_ms() - began_ms),
    )


class Numbers:
    """Sends numbers, and prints what became of them."""

    def __init__(
        self, parsed: Parsed, topic: str, producer: LoadProducer, interrupts: Interrupts
    ) -> None:
        self._topic, self._producer, self._call = topic, producer, interrupts.call
        prefix = _number(parsed, "--value-prefix", None)
        self._prefix = "" if prefix is None else f"{prefix}."
        self._keys = _number(parsed, "--repeating-keys", None)
        self._key = 0
        created = _number(parsed, "--message-create-time", -1, wide=True)
        self._created_ms = None if created == -1 else created
        self._began_ms = _now_ms()
        self.sent = self.acked = 0

    def send(self, most: int | None, throttle: Throttle) -> None:
        """Send so many, or without an end."""
        for number in count() if most is None else range(most):
            problem = self._problem()
            self._call(self._send, self._next_key(), f"{self._prefix}{number}", problem)
            wait_s = throttle.wait_s(number, time.monotonic())
            while wait_s > 0:
                time.sleep(min(wait_s, WAIT_MAX_S))
                wait_s = throttle.wait_s(number, time.monotonic())

    def _next_key(self) -> str | None:
        if self._keys is None:
            return None
        key, self._key = self._key, self._key + 1
        if self._key == self._keys:
            self._key = 0
        return str(key)

    def _problem(self) -> tuple[str, str] | None:
        """Why the next record can't be sent, with Java's name of it; waits for the cluster."""
        from ottla.metadata.topic_names import topic_name_problem

        if topic_name_problem(self._topic) is not None:
            return INVALID_TOPIC, f"Invalid topics: [{self._topic}]"
        try:
            self._producer.wait_for_topic(self._topic)
        except Failed as error:
            return TIMEOUT, str(error)
        return None

    def _send(self, key: str | None, value: str, problem: tuple[str, str] | None) -> None:
        self.sent += 1
        if problem is not None:
            self._tell_failed(key, value, *problem)
            return
        stamp = -1
        if self._created_ms is not None:
            stamp = self._created_ms
            self._created_ms += _now_ms() - self._began_ms
        told = partial(self._delivered, key, value)
        try:
            self._producer.send(self._topic, value, key, timestamp_ms=stamp, on_delivery=told)
        except OttlaError as error:
            self._tell_failed(key, value, exception_class(error), str(error))

    def _delivered(self, key: str | None, value: str, delivery: Delivery) -> None:
        """In the client's thread."""
        error = delivery.error
        if error is not None:
            self._tell_failed(key, value, exception_class(error), str(error))
            return
        self.acked += 1
        tell_event(
            "producer_send_success",
            key=key,
            value=value,
            offset=delivery.offset,
            topic=self._topic,
            partition=delivery.partition,
        )

    def _tell_failed(self, key: str | None, value: str, kind: str, text: str) -> None:
        tell_event(
            "producer_send_error",
            topic=self._topic,
            key=key,
            value=value,
            exception=f"class {kind}",
            message=text,
        )


def _settings(parsed: Parsed) -> dict[str, str]:
    """Java's settings: those of a file count before the options, as in Apache's tool."""
    parsed.not_together("--producer.config", "--command-config")
    path = parsed.text("--command-config") or parsed.text("--producer.config")
    acks = parsed.text("--acks", "-1") or ""
    if acks not in ACKS:
        raise BadValue(f"--acks takes {', '.join(ACKS)}, not '{acks}'")
    settings = {
        "bootstrap.servers": parsed.required("--bootstrap-server"),
        "acks": acks,
        "retries": "0",
    }
    return settings | (read_properties(path) if path else {})


def _number(parsed: Parsed, name: str, default: int | None, *, wide: bool = False) -> Any:
    text = parsed.text(name)
    if text is None:
        return default
    number = whole_number(text)
    fits = number is not None and abs(number) <= LONG_MAX
    if not (fits if wide else is_java_int(text)):
        raise BadValue(f"{name} takes a whole number, not '{text}'")
    return number


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def entry() -> int:
    """kafka-verifiable-producer.sh."""
    return run(COMMAND, main, whole(COMMAND, sys.argv[1:]))
