"""kafka-e2e-latency.sh: how long records take from a producer to a consumer, one by one."""

from __future__ import annotations

import sys
import time
from random import Random
from typing import Any

from ottla.cli.librdkafka import Interrupts, in_our_words, require_int
from ottla.cli.load_clients import LoadConsumer, LoadProducer, Record, Refused
from ottla.cli.load_figures import double, latency_lines
from ottla.cli.options import BOOTSTRAP, Command, Option, Parsed, UsageError
from ottla.cli.properties import read_properties
from ottla.cli.run import Failed, failing_to, run

LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
ANSWER_S = 60.0
WAIT_S = 0.1

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
    with Interrupts("nothing but librdkafka's end") as interrupts:
        consumer = LoadConsumer(_of("consumer", given), interrupts)
        acks = {"acks": parsed.required("--producer-acks")}
        producer = LoadProducer(_of("producer", given) | acks, interrupts, measures=True)
        topic = parsed.required("--topic")
        patience_ms = require_int("default.api.timeout.ms", given.get(_TIMEOUT, "60000"), min=1)
        if topic not in consumer.wait_for_cluster(patience_ms, interrupts):
            _create(topic, given["bootstrap.servers"])
        producer.wait_for_topic(topic)
        consumer.go_to_end(topic)
        measure(producer, consumer, topic, sizes)
        consumer.close()
    return 0


_TIMEOUT = "default.api.timeout.ms"


def measure(
    producer: LoadProducer, consumer: LoadConsumer, topic: str, sizes: dict[str, int]
) -> None:
    """Send one record, read it, send the next one."""
    random = Random(0)
    latencies: list[int] = []
    for number in range(sizes["--num-records"]):
        record = _record(topic, random, sizes)
        began = time.perf_counter_ns()
        _send(producer, record)
        found = _read(consumer)
        latencies.append(time.perf_counter_ns() - began)
        _compare(record, found)
        if number % 1000 == 0:
            print(f"{number}\t{double(latencies[-1] / 1000.0 / 1000.0)}", flush=True)
    print("\n".join(latency_lines(latencies)))


def _send(producer: LoadProducer, record: Record) -> None:
    problems: list[Any] = []
    done: list[Any] = []

    def heard(error: Any, report: Any) -> None:
        done.append(report)
        if error is not None:
            problems.append(error)

    try:
        producer.send(record, heard)
    except Refused as refusal:
        problems.append(refusal.error)
        done.append(None)
    producer.wait_until(lambda: done)
    if problems:
        raise Failed(f"a record was not written: {in_our_words(problems[0])}")


def _read(consumer: LoadConsumer) -> Any:
    deadline = time.monotonic() + ANSWER_S
    while time.monotonic() < deadline:
        found = consumer.poll(WAIT_S)
        if len(found) > 1:
            raise Failed(
                f"{len(found)} records came where one was sent",
                hint="somebody else writes to the topic: take another one",
            )
        if found:
            return found[0]
    raise Failed(f"the record did not come within {ANSWER_S * 1000:.0f} ms")


def _compare(sent: Record, found: Any) -> None:
    came = (found.value(), found.key(), found.headers() or None)
    for what, one, other in zip(
        ("value", "key", "headers"), (sent.value, sent.key, sent.headers), came, strict=True
    ):
        if one != other:
            raise Failed(
                f"The record's {what} came back as {other!r}, and was sent as {one!r}",
                hint="somebody else writes to the topic: take another one",
            )


def _record(topic: str, random: Random, sizes: dict[str, int]) -> Record:
    def letters(size: int) -> bytes:
        return bytes(random.choices(LETTERS, k=size))

    size = sizes["--record-header-size"]
    headers: list[tuple[str, str | bytes | None]] = [
        (letters(sizes["--record-header-key-size"]).decode(), letters(size) if size >= 0 else None)
        for _ in range(sizes["--num-headers"])
    ]
    key = letters(sizes["--record-key-size"]) if sizes["--record-key-size"] else None
    return Record(topic, letters(sizes["--record-size"]), key, headers or None)


def _of(kind: str, given: dict[str, str]) -> dict[str, str]:
    """The settings of one client out of a file for several, with what is measured by."""
    from ottla.config.row import client_rows

    other = client_rows("producer" if kind == "consumer" else "consumer")
    others = {key for key in {**other, **client_rows("admin")} if key not in client_rows(kind)}
    settings = {key: text for key, text in given.items() if key not in others and key != _TIMEOUT}
    if kind == "producer":
        return settings | {"linger.ms": "0", "max.block.ms": str(2**63 - 1)}
    return settings | {
        "group.id": f"test-group-{time.time_ns() // 1_000_000}",
        "enable.auto.commit": "false",
        "auto.offset.reset": "latest",
        "fetch.max.wait.ms": "0",
    }


def _create(topic: str, bootstrap: str) -> None:
    from ottla.cli.run import tell_waiting
    from ottla.client import topics
    from ottla.client.client import Client

    print(
        f'Topic "{topic}" does not exist. Making it with 1 partition(s) and replication factor = 1'
    )
    with (
        failing_to(f"make topic {topic}"),
        Client(bootstrap, client_id="e2e-latency", on_wait=tell_waiting) as client,
    ):
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
