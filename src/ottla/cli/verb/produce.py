"""`ottla produce`: lines, JSON or files become records."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import click

from ottla.cli.options import WrongWords
from ottla.cli.reach import PATIENCE_MS, Where
from ottla.cli.verb import record_text
from ottla.cli.verb.grammar import verb
from ottla.cli.verb.reach import complete_topic, reaches
from ottla.cli.verb.record_text import Given, Header
from ottla.cli.verb.shown import note, progress

if TYPE_CHECKING:
    from ottla.client.client import Client
    from ottla.client.producing.producer import Producer
    from ottla.wire.outbox import Delivery

TOLD_MAX = 10
"""So many refused records are told one by one."""
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


class _How(NamedTuple):
    """How input becomes records."""

    key: bytes | None
    key_separator: bytes | None
    headers: list[Header]
    partition: int
    timestamp_ms: int
    null: bool
    as_json: bool


@verb(
    "produce",
    "lines, JSON or files become records",
    ("type lines, end with Ctrl-D", "ottla produce my-events"),
    ("a line", "echo hello | ottla produce my-events"),
    ("lines with keys", "echo key:value | ottla produce my-events --key-separator :"),
    ("with a header", "echo hello | ottla produce my-events -H source=shop"),
    (
        "JSON, with all that a record has",
        """echo '{"key": "k", "value": {"n": 1}}' | ottla produce my-events --json""",
    ),
    ("a hundred lines a second of a file", "ottla produce my-events access.log --rate 100"),
    ("a whole file as one record", "ottla produce pictures cat.png --whole --key cat"),
    exit_codes=(
        (0, "every record was acknowledged"),
        (1, "some were not, or a line could not be read; the reason is printed"),
        (2, "the command line is wrong"),
        (130, "ended by Ctrl-C, SIGTERM (143) or SIGHUP (129); what was read is written"),
    ),
)
@click.argument("topic", metavar="TOPIC", shell_complete=complete_topic)
@click.argument(
    "files", metavar="[FILE]...", nargs=-1, type=click.Path(allow_dash=True, dir_okay=False)
)
@click.option("-k", "--key", metavar="KEY", help="The key of every record.")
@click.option(
    "-K",
    "--key-separator",
    metavar="TEXT",
    help="A line is key, TEXT, value; \\t is a tab.",
)
@click.option(
    "-H",
    "--header",
    "headers",
    metavar="NAME=VALUE",
    multiple=True,
    help="A header of every record; repeatable.",
)
@click.option(
    "-p",
    "--partition",
    type=click.IntRange(0, record_text.PARTITION_MAX),
    default=None,
    metavar="N",
    help="To this partition; the key decides if left out.",
)
@click.option(
    "--timestamp",
    type=click.IntRange(0, record_text.TIMESTAMP_MAX),
    metavar="MS",
    help="The records' time; now if left out.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Each line is a record, as consume --json prints them."
)
@click.option("--whole", is_flag=True, help="Each FILE (or all of the input) is one record.")
@click.option("-Z", "--null", is_flag=True, help="An empty value is none: deletes its key.")
@click.option(
    "--rate", type=click.FloatRange(0, min_open=True), metavar="N", help="So many records a second."
)
@click.option(
    "-z",
    "--compression",
    type=click.Choice(CODECS),
    default="none",
    help="How batches are compressed.",
)
@click.option(
    "--acks",
    type=click.Choice(["all", "1", "0"]),
    default="all",
    help="Who has to have it: all in sync, the leader, nobody.",
)
@reaches
def VERB(
    where: Where,
    topic: str,
    files: tuple[str, ...],
    key: str | None,
    key_separator: str | None,
    headers: tuple[str, ...],
    partition: int | None,
    timestamp: int | None,
    as_json: bool,
    whole: bool,
    null: bool,
    rate: float | None,
    compression: str,
    acks: str,
) -> int:
    """Send every record and wait until all are acknowledged."""
    from ottla.cli.interrupts import Interrupts
    from ottla.cli.run import Failed
    from ottla.cli.waiting import require_topic_name

    if key_separator == "":
        raise WrongWords("--key-separator is empty: every line would begin with it")
    if key is not None and key_separator is not None:
        raise WrongWords("--key and --key-separator say different things")
    if as_json and (whole or null or key_separator is not None):
        raise WrongWords("--json lines say all of a record: no --whole, --key-separator, --null")
    separator = (key_separator or "").replace("\\t", "\t").encode() or None
    how = _How(
        None if key is None else key.encode(),
        separator,
        [_header(word) for word in headers],
        -1 if partition is None else partition,
        -1 if timestamp is None else timestamp,
        null,
        as_json,
    )
    require_topic_name(topic, "TOPIC")
    if not files and sys.stdin is None:
        raise Failed("there is no standard input to read from", hint="it is closed: `<&-`")
    own = {"acks": acks, "compression.type": compression, "max.block.ms": str(PATIENCE_MS)}
    with Interrupts("the cluster to take what was read") as interrupts:
        client, producer = where.producer(own)
        with client, producer:
            _make_topic(client, producer, topic)
            sender = Sender(producer, topic, how, interrupts.call, rate)
            return sender.send(files, whole)


def _header(word: str) -> Header:
    name, equals, value = word.partition("=")
    if not equals or not name:
        raise WrongWords(f"--header takes name=value, not '{word}'")
    return name, value.encode()


def _make_topic(client: Client, producer: Producer, topic: str) -> None:
    """Tell people if asking has made the topic: it may have been a slip."""
    from ottla.cli.run import Failed
    from ottla.cli.waiting import wait_for_topic
    from ottla.client.errors import Unreachable
    from ottla.wire.errors import ErrorCode

    try:
        (row,) = client.metadata(topics=[topic]).topics
    except Unreachable as error:
        raise Failed(f"topic {topic} is not known: {error}", hint=error.hint) from None
    wait_for_topic(client, producer, topic, PATIENCE_MS)
    if row.error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
        note(f"there was no topic {topic}: made it")


class Sender:
    """Sends records, and knows how many failed."""

    def __init__(
        self,
        producer: Producer,
        topic: str,
        how: _How,
        call: Callable[..., Any],
        rate: float | None,
    ) -> None:
        self._producer, self._topic, self._how, self._call = producer, topic, how, call
        self._rate = rate
        self._sent = self._failed = 0
        self._told_larger = False

    def send(self, files: tuple[str, ...], whole: bool) -> int:
        """Send until the input ends or a signal does; the command's exit code. Either way what was
        read is written.
        """
        from ottla.cli.run import Failed

        names = files or ("-",)
        if not files and sys.stdin.isatty():
            note(f"type lines for {self._topic}; Ctrl-D ends")
        began = time.monotonic()
        try:
            with progress(f"records to {self._topic}") as advance:
                for name in names:
                    for record in self._records(name, whole):
                        try:
                            self._keep_rate(began)
                        except KeyboardInterrupt:
                            self._call(self._send, record)
                            raise
                        # A line that was read is sent, whatever comes meanwhile.
                        self._call(self._send, record)
                        advance(1)
        finally:
            self._call(self._producer.flush)
        if self._failed:
            raise Failed(f"{self._failed} of {self._sent} records were not written")
        if sys.stderr.isatty():
            note(f"{self._sent} record(s) written to {self._topic}")
        return 0

    def _records(self, name: str, whole: bool) -> Iterator[Given]:
        from ottla.cli.run import Failed

        source: IO[bytes] = sys.stdin.buffer if name == "-" else open(name, "rb")  # noqa: SIM115
        try:
            if whole:
                yield self._record(source.read())
                return
            number = 0
            while line := source.readline():
                number += 1
                line = line.removesuffix(b"\n").removesuffix(b"\r")
                try:
                    yield self._record(line)
                except record_text.NotARecord as error:
                    where = "line" if name == "-" else f"{name}, line"
                    text = (
                        f"{where} {number}: {error}; {self._sent} record(s) before it are written"
                    )
                    raise Failed(text, hint=error.hint) from None
        finally:
            if name != "-":
                source.close()

    def _record(self, line: bytes) -> Given:
        """What a line, or a whole file, says.

        Raises:
            NotARecord: it is not in the form that was said.
        """
        how = self._how
        if how.as_json:
            found = record_text.from_json(line)
            return found._replace(
                key=found.key if how.key is None else how.key,
                headers=[*found.headers, *how.headers],
                partition=how.partition if how.partition >= 0 else found.partition,
                timestamp_ms=how.timestamp_ms if how.timestamp_ms >= 0 else found.timestamp_ms,
            )
        key, value = how.key, line
        if how.key_separator is not None:
            key, separator, value = line.partition(how.key_separator)
            if not separator:
                raise record_text.NotARecord(
                    f"there is no {how.key_separator.decode()!r} in it",
                    hint="--key-separator says what stands between key and value",
                )
        sent = None if how.null and not value else value
        return Given(sent, key, how.headers, how.partition, how.timestamp_ms)

    def _keep_rate(self, began: float) -> None:
        if self._rate is None:
            return
        due = began + self._sent / self._rate
        while (left := due - time.monotonic()) > 0:
            time.sleep(min(left, 0.2))

    def _send(self, record: Given) -> None:
        from ottla.client.producing.producer import BadRecord

        self._sent += 1
        try:
            self._producer.send(
                self._topic,
                record.value,
                record.key,
                headers=record.headers,
                partition=record.partition,
                timestamp_ms=record.timestamp_ms,
                on_delivery=self._delivered,
            )
        except BadRecord as error:
            self._tell(error)

    def _delivered(self, delivery: Delivery) -> None:
        if delivery.error is not None:
            self._tell(delivery.error)

    def _tell(self, error: BaseException) -> None:
        """In whichever thread it was found out."""
        from ottla.cli.waiting import is_too_large

        self._failed += 1
        if self._failed <= TOLD_MAX:
            note(f"a record was not written: {error}")
        if is_too_large(error) and not self._told_larger:
            self._told_larger = True
            note(
                "hint: -X max.request.size=BYTES lets larger ones out; the topic takes them with "
                f"ottla config set {self._topic} max.message.bytes=BYTES"
            )
