"""kafka-e2e-latency.sh: how long records take from a producer to a consumer, one by one."""

from __future__ import annotations

import sys
import time
from random import Random
from typing import NamedTuple

from ottla.cli.interrupts import Interrupts
from ottla.cli.load_clients import LoadConsumer, LoadProducer
from ottla.cli.load_figures import double, latency_lines
from ottla.cli.options import BOOTSTRAP, Command, Option, Parsed, UsageError, require_int
from ottla.cli.properties import read_properties
from ottla.cli.run import Failed, failing_to, run
from ottla.client.client import Client
from ottla.errors import OttlaError
from ottla.wire.errors import ErrorCode
from ottla.wire.fetched import ConsumerRecord

LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
ANSWER_S = 60.0

COMMAND = Command(
    "kafka-e2e-latency.sh",
    "send records one after another, and tell how long each took to a consumer",
    (
        BOOTSTRAP,
        Option("--topic", "The topic; it is made, with one partition, if it is not there.", "name"),
        Option("--num-records", "How many records to send.", "count", number=True),
        Option("--producer-acks", "1 or all.", "acks"),
        Option("--record-size", "Bytes of each record.", "bytes", number=True),
        Option("--record-key-size", "Bytes of its key; none if 0.", "bytes", number=True),
        Option("--num-headers", "How many headers it has.", "count", number=True),
        Option("--record-header-key-size", "Bytes of a header's key.", "bytes", number=True),
        Option(
            "--record-header-size", "Bytes of a header's value; -1: null.", "bytes", number=True
        ),
        Option("--command-config", "A file with settings of the clients.", "file", optional=True),
    ),
    (
        (
            "a thousand records, on each the next one waits",
            "kafka-e2e-latency.sh --topic my-events --num-records 1000 --producer-acks 1 "
            "--record-size 100 --bootstrap-server localhost:9092",
        ),
    ),
    (
        (0, "done"),
        (1, "not done, or a record came back otherwise than it was sent"),
        (130, "ended by Ctrl-C, SIGTERM (143) or SIGHUP (129)"),
    ),
    words="argument",
)
_IN_ORDER = ("--bootstrap-server", "--topic", "--num-records", "--producer-acks", "--record-size")
_LEAST = {
    "--num-records": 1,
    "--record-size": 0,
    "--record-key-size": 0,
    "--num-headers": 0,
    "--record-header-key-size": 0,
    "--record-header-size": -1,
}


def main(parsed: Parsed) -> int:
    """Send and read, one by one; print some of them and the sums."""
    if parsed.words:
        raise UsageError(f"'{parsed.words[0]}' is no option", hint="options open with --")
    for name in _IN_ORDER:
        parsed.required(name)
    if parsed.text("--producer-acks") not in ("1", "all"):
        raise UsageError(
            f"--producer-acks takes 1 or all, not '{parsed.text('--producer-acks')}': "
            "what nobody acknowledges has no latency"
        )
    sizes = {name: _size(parsed, name, least) for name, least in _LEAST.items()}
    path = parsed.text("--command-config")
    given = read_properties(path) if path else {}
    given["bootstrap.servers"] = parsed.required("--bootstrap-server")
    topic, acks = parsed.required("--topic"), parsed.required("--producer-acks")
    with (
        Interrupts("nothing but the clients' end"),
        LoadConsumer(_of("consumer", given)) as consumer,
        LoadProducer(_of("producer", given) | {"acks": acks}) as producer,
    ):
        _make(topic, consumer.client)
        producer.wait_for_topic(topic)
        ends = consumer.end_offsets((topic, n) for n in producer.partitions_for(topic))
        consumer.assign((*place, end) for place, end in ends.items())
        measure(producer, consumer, topic, sizes)
    return 0


class Sent(NamedTuple):
    """What is sent, and has to come back."""

    value: bytes | None
    key: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


def measure(
    producer: LoadProducer, consumer: LoadConsumer, topic: str, sizes: dict[str, int]
) -> None:
    """Send one record, read it, send the next one."""
    random = Random(0)
    latencies: list[int] = []
    for number in range(sizes["--num-records"]):
        record = _record(random, sizes)
        began = time.perf_counter_ns()
        _send(producer, topic, record)
        found = _read(consumer)
        latencies.append(time.perf_counter_ns() - began)
        _compare(record, found)
        if number % 1000 == 0:
            print(f"{number}\t{double(latencies[-1] / 1000.0 / 1000.0)}", flush=True)
    print("\n".join(latency_lines(latencies)))


def _send(producer: LoadProducer, topic: str, record: Sent) -> None:
    try:
        producer.send(topic, record.value, record.key, headers=record.headers).result()
    except OttlaError as error:
        raise Failed(f"a record was not written: {error}", hint=error.hint) from None


def _read(consumer: LoadConsumer) -> ConsumerRecord:
    found = consumer.poll(ANSWER_S)
    if not found:
        raise Failed(f"the record did not come within {ANSWER_S * 1000:.0f} ms")
    if len(found) > 1:
        raise Failed(
            f"{len(found)} records came where one was sent",
            hint="somebody else writes to the topic: take another one",
        )
    return found[0]


def _compare(sent: Sent, found: ConsumerRecord) -> None:
    came = Sent(found.value, found.key, found.headers)
    for what, one, other in zip(Sent._fields, sent, came, strict=True):
        if one != other:
            raise Failed(
                f"The record's {what} came back as {other!r}, and was sent as {one!r}",
                hint="somebody else writes to the topic: take another one",
            )


def _record(random: Random, sizes: dict[str, int]) -> Sent:
    def letters(size: int) -> bytes:
        return bytes(random.choices(LETTERS, k=size))

    size = sizes["--record-header-size"]
    headers = tuple(
        (letters(sizes["--record-header-key-size"]).decode(), letters(size) if size >= 0 else None)
        for _ in range(sizes["--num-headers"])
    )
    key = letters(sizes["--record-key-size"]) if sizes["--record-key-size"] else None
    return Sent(letters(sizes["--record-size"]), key, headers)


def _of(kind: str, given: dict[str, str]) -> dict[str, str]:
    """The settings of one client out of a file for several, with what is measured by."""
    from ottla.config.row import client_rows

    other = client_rows("producer" if kind == "consumer" else "consumer")
    others = {key for key in {**other, **client_rows("admin")} if key not in client_rows(kind)}
    settings = {key: text for key, text in given.items() if key not in others}
    if kind == "producer":
        return settings | {"linger.ms": "0", "max.block.ms": str(2**63 - 1)}
    return settings | {
        "auto.offset.reset": "latest",
    }


def _make(topic: str, client: Client) -> None:
    """Make the topic, if it is not there."""
    from ottla.client.admin import topics

    (row,) = client.attempt(lambda: client.metadata(topics=[topic])).topics
    if row.error_code != ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
        return
    print(
        f'Topic "{topic}" does not exist. Making it with 1 partition(s) and replication factor = 1'
    )
    with failing_to(f"make topic {topic}"):
        for error in topics.create(client, [topics.NewTopic(topic, 1, 1, {}, {})]).values():
            if error is not None:
                raise error


def _size(parsed: Parsed, name: str, least: int) -> int:
    return require_int(name, parsed.text(name, "0") or "0", min=least)


def _named(arguments: list[str]) -> list[str]:
    """The words as options, if they are the five or six that came without names once."""
    if not arguments or {*arguments} & {*_IN_ORDER, "--help", "--version"}:
        return arguments
    if len(arguments) not in (5, 6) or any(word.startswith("--") for word in arguments):
        return arguments
    print(
        f"words without options are the older way; write {' '.join(_IN_ORDER)} --command-config",
        file=sys.stderr,
    )
    named = zip((*_IN_ORDER, "--command-config"), arguments, strict=False)
    return [word for pair in named for word in pair]


def entry() -> int:
    """kafka-e2e-latency.sh."""
    return run(COMMAND, main, _named(sys.argv[1:]))
