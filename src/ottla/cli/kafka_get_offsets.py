"""kafka-get-offsets.sh: the offset of each partition at its end, its beginning or a time."""

from __future__ import annotations

import sys
from collections.abc import Callable

from ottla.cli.connect import connect
from ottla.cli.options import BOOTSTRAP, COMMAND_CONFIG, Command, Option, Parsed, UsageError
from ottla.cli.run import Failed, run
from ottla.cli.topic_filter import topic_filter
from ottla.client.admin import offsets
from ottla.client.client import Client
from ottla.client.errors import BrokerError

TIMES = {
    "latest": offsets.LATEST,
    "earliest": offsets.EARLIEST,
    "max-timestamp": offsets.MAX_TIMESTAMP,
    "earliest-local": offsets.EARLIEST_LOCAL,
    "latest-tiered": offsets.LATEST_TIERED,
    "earliest-pending-upload": offsets.EARLIEST_PENDING_UPLOAD,
}

COMMAND = Command(
    "kafka-get-offsets.sh",
    "print topic:partition:offset",
    (
        BOOTSTRAP,
        COMMAND_CONFIG,
        Option("--topic", "The topic, or a regular expression of topics; all if left out.", "name"),
        Option("--partitions", "Only these partitions: 0,2,5.", "numbers"),
        Option(
            "--topic-partitions",
            "Topics and partitions at once: topic1:1,topic2:0-3,topic3,topic4:5-,topic5:-3 "
            "(a range leaves out its end).",
            "patterns",
        ),
        Option(
            "--time",
            "Which offset: latest (the default), earliest, max-timestamp, earliest-local, "
            "latest-tiered, earliest-pending-upload, or that of the first record at or after a "
            "timestamp in ms.",
            "time",
        ),
        Option("--exclude-internal-topics", "Leave out Kafka's own topics."),
        Option("--json", "Print JSON (Ottla only)."),
    ),
    (
        (
            "where each partition ends",
            "kafka-get-offsets.sh --topic my-events --bootstrap-server localhost:9092",
        ),
        (
            "where it begins",
            "kafka-get-offsets.sh --topic my-events --time earliest "
            "--bootstrap-server localhost:9092",
        ),
    ),
)

Filter = Callable[[str, int], bool]


def main(parsed: Parsed) -> int:
    """Print the offsets of all partitions that are meant."""
    parsed.required("--bootstrap-server")
    parsed.not_together("--topic-partitions", "--topic")
    parsed.not_together("--topic-partitions", "--partitions")
    accepts = _filter(parsed)
    at = _time(parsed.text("--time", "latest") or "latest")
    with connect(parsed) as client:
        return _print_offsets(parsed, client, accepts, at)


def _print_offsets(parsed: Parsed, client: Client, accepts: Filter, at: int) -> int:
    found = client.attempt(lambda: client.metadata().topics)
    places = sorted(
        (topic.name, partition.partition_index)
        for topic in found
        if not (topic.is_internal and parsed.has("--exclude-internal-topics"))
        for partition in topic.partitions
        if accepts(topic.name, partition.partition_index)
    )
    if not places:
        raise Failed(
            "Could not match any topic-partitions with the specified filters",
            hint="kafka-topics.sh --list shows the topics that exist",
        )
    rows = []
    for place, row in sorted(offsets.list_offsets(client, dict.fromkeys(places, at)).items()):
        if isinstance(row, BrokerError):
            print(
                f"Skip getting offsets for topic-partition {place[0]}-{place[1]} due to error: "
                f"{row}",
                file=sys.stderr,
            )
        elif row.offset >= 0:
            rows.append((*place, row.offset))
    if parsed.has("--json"):
        import json

        keys = ("topic", "partition", "offset")
        print(json.dumps([dict(zip(keys, row, strict=True)) for row in rows], indent=2))
    else:
        for topic, partition, offset in rows:
            print(f"{topic}:{partition}:{offset}")
    return 0


def _time(text: str) -> int:
    if text in TIMES:
        return TIMES[text]
    digits = text.removeprefix("-")
    if not digits.isascii() or not digits.isdigit():
        raise UsageError(f"--time takes {', '.join(TIMES)} or a timestamp in ms, not '{text}'")
    return int(text)


def _filter(parsed: Parsed) -> Filter:
    patterns = parsed.text("--topic-partitions")
    if patterns is not None:
        filters = [_pattern(text) for text in patterns.split(",")]
        return lambda topic, partition: any(f(topic, partition) for f in filters)
    text = parsed.text("--topic")
    topic_ok = (lambda name: True) if text is None else topic_filter(text)
    numbers = parsed.text("--partitions")
    if numbers is None:
        return lambda topic, partition: topic_ok(topic)
    wanted = {_number(part, "--partitions") for part in numbers.split(",") if part}
    return lambda topic, partition: partition in wanted and topic_ok(topic)


def _pattern(text: str) -> Filter:
    """`topic`, `topic:3`, `topic:2-5`, `topic:2-`, `topic:-5`; the topic may be left out."""
    name, colon, numbers = text.partition(":")
    topic_ok = topic_filter(name) if name else lambda topic: True
    if not colon or not numbers:
        return lambda topic, partition: topic_ok(topic)
    first, dash, last = numbers.partition("-")
    low = _number(first, "--topic-partitions") if first else 0
    if not dash:
        return lambda topic, partition: partition == low and topic_ok(topic)
    high = _number(last, "--topic-partitions") if last else None
    return lambda topic, partition: (
        low <= partition and (high is None or partition < high) and topic_ok(topic)
    )


def _number(text: str, option: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise UsageError(f"{option}: '{text}' is no partition number")
    return int(text)


def entry() -> int:
    """kafka-get-offsets.sh."""
    return run(COMMAND, main)
