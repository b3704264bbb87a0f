"""kafka-console-producer.sh: lines of standard input become records.

Keys land in the partitions that Java's producer would choose. What was read is written, whatever
ends the command.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, BinaryIO

from ottla.cli.client_settings import beside_client, client_of, honoured
from ottla.cli.interrupts import Interrupts
from ottla.cli.options import BOOTSTRAP, Command, Option, Parsed, UsageError, require_int
from ottla.cli.properties import key_values, read_properties
from ottla.cli.record_lines import Line, LineReader, lines_of
from ottla.cli.run import Failed, run
from ottla.cli.waiting import is_too_large, require_topic_name, wait_for_topic
from ottla.client.producing.producer import Producer, RecordTooLarge
from ottla.errors import OttlaError
from ottla.wire.outbox import Delivery

READER = "org.apache.kafka.tools.LineMessageReader"
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
ACKS = ("all", "-1", "0", "1")
MAX_BLOCK_MS = 60_000
LARGER = (
    "--command-property max.request.size=BYTES lets larger ones out; the topic has to take them: "
    "kafka-configs.sh --alter --topic NAME --add-config max.message.bytes=BYTES, or "
    "message.max.bytes of the node"
)

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
    patience_ms = int(settings["max.block.ms"])
    with (
        Interrupts("the cluster to take what was read") as interrupts,
        client_of("producer", settings, connect_timeout_ms=patience_ms) as client,
        Producer(beside_client(settings), client=client) as producer,
    ):
        wait_for_topic(client, producer, topic, patience_ms)
        sender = Sender(producer, topic, interrupts, sync=parsed.has("--sync"))
        return sender.send_lines(sys.stdin.buffer, reader.read)


class Sender:
    """Sends lines, and knows how many failed."""

    def __init__(
        self, producer: Producer, topic: str, interrupts: Interrupts, *, sync: bool
    ) -> None:
        self._producer, self._topic, self._sync = producer, topic, sync
        self._call = interrupts.call
        self._failed = 0
        self._told_larger = False

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
            self._call(self._producer.flush)
        if self._failed:
            raise Failed(f"{self._failed} records were not written")
        return 0

    def _send_all(self, records: list[Line]) -> None:
        for record in records:
            try:
                self._send(record)
            except RecordTooLarge as error:
                self._fail(error)

    def _send(self, record: Line) -> None:
        delivery = self._producer.send(
            self._topic,
            record.value,
            record.key,
            headers=record.headers,
            on_delivery=None if self._sync else self._delivered,
        )
        if self._sync:
            try:
                delivery.result()
            except OttlaError as error:
                self._fail(error)

    def _delivered(self, delivery: Delivery) -> None:
        if delivery.error is not None:
            self._tell(delivery.error)

    def _fail(self, error: OttlaError) -> None:
        self._tell(error)
        if self._sync:
            raise Failed("a record was not written; the lines after it were not sent")

    def _tell(self, error: BaseException) -> None:
        """In whichever thread it was found out."""
        self._failed += 1
        if self._failed <= 10:
            print(f"ERROR a record was not written: {error}", file=sys.stderr)
        if is_too_large(error) and not self._told_larger:
            self._told_larger = True
            print(f"hint: {LARGER}", file=sys.stderr)


def _settings(parsed: Parsed) -> dict[str, str]:
    """Java's settings: files first, then properties, then options."""
    parsed.not_together("--command-property", "--producer-property")
    parsed.not_together("--command-config", "--producer.config")
    path = parsed.text("--command-config") or parsed.text("--producer.config")
    given = read_properties(path) if path else {}
    for option in ("--command-property", "--producer-property"):
        given.update(key_values(option, parsed.all(option)))
    settings = {
        "client.id": "console-producer",
        "acks": _one_of(parsed.text("--request-required-acks", "all"), ACKS, "acks"),
        "retries": "3",
        "request.timeout.ms": "1500",
        "max.block.ms": str(MAX_BLOCK_MS),
    }
    settings.update(honoured("producer", given))
    settings["bootstrap.servers"] = parsed.required("--bootstrap-server")
    if parsed.has("--compression-codec"):
        codec = parsed.text("--compression-codec", "gzip")
        settings["compression.type"] = _one_of(codec, CODECS, "compression codec")
    options = {}
    for option, key in _NUMBERS.items():
        value = parsed.number(option)
        if value is not None:
            if value < 1 and option not in ("--timeout", "--message-send-max-retries"):
                raise UsageError(f"{option} takes a number above 0, not {value}")
            options[key] = str(require_int(option, value))
    text = parsed.text("--max-block-ms")
    if text is not None:
        options["max.block.ms"] = str(require_int("--max-block-ms", text, min=0, max=2**63 - 1))
    return settings | honoured("producer", options)


_NUMBERS = {
    "--max-partition-memory-bytes": "batch.size",
    "--batch-size": "batch.size",
    "--message-send-max-retries": "retries",
    "--retry-backoff-ms": "retry.backoff.ms",
    "--timeout": "linger.ms",
    "--request-timeout-ms": "request.timeout.ms",
    "--metadata-expiry-ms": "metadata.max.age.ms",
    "--max-memory-bytes": "buffer.memory",
    "--socket-buffer-size": "send.buffer.bytes",
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
