"""kafka-console-producer.sh: lines of standard input become records.

The work is librdkafka's. Keys land in the partitions that Java's producer would choose.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, BinaryIO

from ottla.cli.connect import VERB_PATIENCE_MS
from ottla.cli.librdkafka import (
    FIRST_PATIENCE_S,
    Complaints,
    Interrupts,
    in_our_words,
    in_words,
    kilobytes,
    require_int,
    require_topic_name,
    signals_end_it,
    translate,
    wait_for_cluster,
)
from ottla.cli.options import BOOTSTRAP, Command, Option, Parsed, UsageError
from ottla.cli.properties import key_values, read_properties
from ottla.cli.record_lines import LineReader, lines_of
from ottla.cli.run import Asked, Failed, run
from ottla.client.addresses import parse_bootstrap

READER = "org.apache.kafka.tools.LineMessageReader"
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
ACKS = ("all", "-1", "0", "1")
MAX_BLOCK_MS = 60_000
MAX_REQUEST_SIZE = 1_048_576
"""Java's; librdkafka's own limit is lower."""
LARGER = (
    "--command-property max.request.size=BYTES lets larger ones out; the topic has to take them: "
    "kafka-configs.sh --alter --topic NAME --add-config max.message.bytes=BYTES, or "
    "message.max.bytes of the node"
)
WAIT_S = 0.2
"""How long librdkafka may wait while nothing else is listened to."""

COMMAND = Command(
    "kafka-console-producer.sh",
    "write lines of standard input to a topic, one record a line",
    (
        BOOTSTRAP,
        Option("--topic", "The topic to write to.", "name"),
        Option("--sync", "Wait for each record before the next line is read."),
        Option(
            "--compression-codec",
            "none, gzip, snappy, lz4 or zstd; gzip if no value is given.",
            "codec",
            optional=True,
        ),
        Option("--batch-size", "Bytes of a batch at most.", "bytes", number=True),
        Option(
            "--max-partition-memory-bytes",
            "",
            "bytes",
            number=True,
            deprecated_for="--batch-size",
        ),
        Option("--message-send-max-retries", "How often to try again; 3.", "count", number=True),
        Option("--retry-backoff-ms", "Wait before trying again; 100.", "ms", number=True),
        Option("--timeout", "Wait for more lines to fill a batch; 5.", "ms", number=True),
        Option("--request-required-acks", "all, -1, 0 or 1; all if left out.", "acks"),
        Option("--request-timeout-ms", "Time for one answer; 1500.", "ms", number=True),
        Option("--metadata-expiry-ms", "Ask for leaders again after this time.", "ms", number=True),
        Option("--max-block-ms", "How long to wait for the topic to be known.", "ms", number=True),
        Option("--max-memory-bytes", "Bytes that may wait to be sent.", "bytes", number=True),
        Option("--socket-buffer-size", "The socket's send buffer.", "bytes", number=True),
        Option(
            "--reader-property",
            "How lines are cut: parse.key=true, key.separator=:, parse.headers=true, "
            "headers.delimiter, headers.separator, headers.key.separator, null.marker, "
            "ignore.error.",
            "key=value",
            many=True,
        ),
        Option("--property", "", "key=value", many=True, deprecated_for="--reader-property"),
        Option("--reader-config", "A file with reader properties.", "file"),
        Option("--line-reader", f"Only {READER}, which is the default.", "class"),
        Option("--command-property", "A producer setting.", "key=value", many=True),
        Option(
            "--producer-property", "", "key=value", many=True, deprecated_for="--command-property"
        ),
        Option("--command-config", "A file with producer settings.", "file"),
        Option("--producer.config", "", "file", deprecated_for="--command-config"),
    ),
    (
        (
            "type lines, end with Ctrl-D",
            "kafka-console-producer.sh --topic my-events --bootstrap-server localhost:9092",
        ),
        (
            "lines with keys",
            "echo 'key:value' | kafka-console-producer.sh --topic my-events "
            "--reader-property parse.key=true --reader-property key.separator=: "
            "--bootstrap-server localhost:9092",
        ),
    ),
    (
        (0, "every record was acknowledged"),
        (1, "some were not, or a line could not be read"),
        (130, "ended by Ctrl-C, SIGTERM (143) or SIGHUP (129); what was read is written"),
    ),
)


def main(parsed: Parsed) -> int:
    """Send every line and wait until all are acknowledged."""
    topic = parsed.required("--topic")
    settings = _settings(parsed)
    require_topic_name(topic)
    reader = _reader(parsed)
    if sys.stdin is None:
        raise Failed("there is no standard input to read lines from", hint="it is closed: `<&-`")
    text = parsed.text("--max-block-ms")
    max_block_ms = MAX_BLOCK_MS
    if text is not None:
        max_block_ms = require_int("--max-block-ms", text, min=0, max=2**63 - 1)
    hurried = not parsed.has("--max-block-ms") and parsed.is_verb
    waits_for = "the cluster to take what was read"
    with Interrupts(waits_for) as interrupts, in_words("a record was not written"):
        sender = Sender(settings, topic, max_block_ms, interrupts, sync=parsed.has("--sync"))
        sender.wait_for_topic(
            VERB_PATIENCE_MS if hurried else max_block_ms, tells_made=parsed.is_verb
        )
        return sender.send_lines(sys.stdin.buffer, reader.read)


class Sender:
    """A librdkafka producer, and how many records failed."""

    def __init__(
        self,
        settings: dict[str, Any],
        topic: str,
        max_block_ms: int,
        interrupts: Interrupts,
        *,
        sync: bool,
    ) -> None:
        from confluent_kafka import Producer

        self._complaints = settings["error_cb"] = Complaints()
        with in_words("the producer's settings are refused"):
            self._producer = Producer(settings)
        self._topic, self._sync, self._failed = topic, sync, 0
        self._interrupts, self._call = interrupts, interrupts.call
        self._told_larger = False
        self._max_request_size = settings["message.max.bytes"]
        self._max_block_s = max_block_ms / 1000

    def wait_for_topic(self, patience_ms: int, *, tells_made: bool) -> None:
        """Fail early and clearly when nobody answers; this also makes the topic where nodes may,
        which people are to be told: it may have been a slip.
        """
        was_there = True
        if tells_made:
            from confluent_kafka import KafkaException

            with suppress(KafkaException), signals_end_it():
                found = self._producer.list_topics(timeout=FIRST_PATIENCE_S)
                was_there = self._topic in found.topics
        wait_for_cluster(self._producer, self._interrupts, patience_ms, self._topic)
        if not was_there:
            print(f"there was no topic {self._topic}: made it", file=sys.stderr, flush=True)

    def send_lines(self, source: BinaryIO, read: Callable[[bytes], Any]) -> int:
        """Send until the input ends or a signal does; the command's exit code. Either way what was
        read is written.
        """
        prompt = sys.stdin.isatty() and sys.stdout is not None and sys.stdout.isatty()
        try:
            while True:
                if prompt:
                    sys.stdout.write(">")
                    sys.stdout.flush()
                line = source.readline()
                if not line:
                    break
                # A line that was read is sent, whatever comes meanwhile.
                self._call(self._send_all, [read(one) for one in lines_of(line)])
        finally:
            self._drain()
        if self._failed:
            raise Failed(f"{self._failed} records were not written")
        return 0

    def _drain(self) -> None:
        """Wait until all is written or given up, whatever signal comes first; a second one ends the
        process.
        """
        asked: Asked | None = None
        while len(self._producer):
            try:
                self._call(self._producer.flush, WAIT_S)
            except Asked as one:
                asked = one
        if asked is not None:
            raise asked

    def _send_all(self, records: list[Any]) -> None:
        for record in records:
            self._send(record)

    def _send(self, record: Any) -> None:
        import time

        from confluent_kafka import KafkaError, KafkaException

        deadline = time.monotonic() + self._max_block_s
        while True:
            try:
                self._producer.produce(
                    self._topic,
                    record.value,
                    record.key,
                    headers=record.headers or None,
                    on_delivery=self._delivered,
                )
                break
            except KafkaException as problem:
                if problem.args[0].code() != KafkaError.MSG_SIZE_TOO_LARGE:
                    raise
                size = len(record.key or b"") + len(record.value or b"")
                text = (
                    f"a record was not written: it is too large: {size} bytes, and "
                    f"max.request.size is {self._max_request_size}"
                )
                if self._sync:
                    raise Failed(text, hint=LARGER) from None
                self._tell_failed(f"ERROR {text}", hint=LARGER)
                return
            except BufferError:
                if time.monotonic() > deadline:
                    raise Failed("no room for more records: nobody takes them") from None
                self._call(self._producer.poll, 0.1)
        if self._sync:
            self._drain()
            if self._failed:
                raise Failed("a record was not written; the lines after it were not sent")
        else:
            self._call(self._producer.poll, 0)

    def _delivered(self, error: Any, _message: Any) -> None:
        if error is not None:
            too_large = error.name() == "MSG_SIZE_TOO_LARGE"
            text = f"ERROR a record was not written: {in_our_words(error)}"
            self._tell_failed(text, LARGER if too_large else None)
        else:
            self._complaints.answered()

    def _tell_failed(self, text: str, hint: str | None) -> None:
        self._failed += 1
        if self._failed <= 10:
            print(text, file=sys.stderr)
        if hint is not None and not self._told_larger:
            self._told_larger = True
            print(f"hint: {hint}", file=sys.stderr)


def _settings(parsed: Parsed) -> dict[str, Any]:
    """librdkafka's settings: files first, then properties, then options."""
    parsed.not_together("--command-property", "--producer-property")
    parsed.not_together("--command-config", "--producer.config")
    path = parsed.text("--command-config") or parsed.text("--producer.config")
    given = read_properties(path) if path else {}
    for option in ("--command-property", "--producer-property"):
        given.update(key_values(option, parsed.all(option)))
    bootstrap = parsed.required("--bootstrap-server")
    parse_bootstrap(bootstrap)
    settings: dict[str, Any] = {
        "client.id": "console-producer",
        "acks": _one_of(parsed.text("--request-required-acks", "all"), ACKS, "acks"),
        "retries": 3,
        "retry.backoff.ms": 100,
        "request.timeout.ms": 1500,
        "linger.ms": 5,
        "delivery.timeout.ms": 120_000,
        "partitioner": "murmur2_random",
        "message.max.bytes": MAX_REQUEST_SIZE,
        "log_level": 2,
    }
    settings.update(translate(given, consumer=False))
    settings["bootstrap.servers"] = bootstrap
    if parsed.has("--compression-codec"):
        codec = parsed.text("--compression-codec", "gzip")
        settings["compression.type"] = _one_of(codec, CODECS, "compression codec")
    for option, key in _NUMBERS.items():
        value = parsed.number(option)
        if value is not None:
            if value < 1 and option not in ("--timeout", "--message-send-max-retries"):
                raise UsageError(f"{option} takes a number above 0, not {value}")
            settings[key] = require_int(option, value)
    memory = parsed.number("--max-memory-bytes")
    if memory is not None:
        settings["queue.buffering.max.kbytes"] = kilobytes(memory)
    return settings


_NUMBERS = {
    "--max-partition-memory-bytes": "batch.size",
    "--batch-size": "batch.size",
    "--message-send-max-retries": "retries",
    "--retry-backoff-ms": "retry.backoff.ms",
    "--timeout": "linger.ms",
    "--request-timeout-ms": "request.timeout.ms",
    "--metadata-expiry-ms": "topic.metadata.refresh.interval.ms",
    "--socket-buffer-size": "socket.send.buffer.bytes",
}


def _reader(parsed: Parsed) -> LineReader:
    name = parsed.text("--line-reader", READER)
    if name != READER:
        raise UsageError(f"--line-reader {name}: only {READER} is here")
    parsed.not_together("--reader-property", "--property")
    path = parsed.text("--reader-config")
    properties = read_properties(path) if path else {}
    for option in ("--property", "--reader-property"):
        properties.update(key_values(option, parsed.all(option)))
    properties.pop("topic", None)  # Apache's tool passes it to the reader; ours knows it already
    return LineReader(properties)


def _one_of(value: str | None, known: tuple[str, ...], what: str) -> str:
    if value not in known:
        raise UsageError(f"'{value}' is no {what}; there are {', '.join(known)}")
    return value


def entry() -> int:
    """kafka-console-producer.sh."""
    return run(COMMAND, main)
