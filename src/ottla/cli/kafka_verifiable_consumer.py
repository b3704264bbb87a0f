"""kafka-verifiable-consumer.sh: a member of a group that tells, in JSON, what happens to it.

Made for tests that hold what was read and committed against what was written. What ends it, a
signal, enough records or an error, it leaves its group first.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from ottla.cli.interrupts import Interrupts
from ottla.cli.java_text import java_text
from ottla.cli.load_clients import LoadConsumer
from ottla.cli.load_events import emit, flush, tell_event
from ottla.cli.options import BadValue, Command, Option, Parsed, UsageError, is_java_int, whole
from ottla.cli.properties import read_properties
from ottla.cli.run import Asked, run, tell
from ottla.cli.waiting import require_topic_name
from ottla.client.consuming.consumer import Consumer
from ottla.client.places import TopicPartition
from ottla.errors import OttlaError
from ottla.wire.fetched import ConsumerRecord

PROTOCOLS = ("classic", "consumer")
RESETS = ("earliest", "latest", "none")
RANGE = "org.apache.kafka.clients.consumer.RangeAssignor"
HEARTBEAT_MS = 3000
WAIT_S = 0.1
QUIET_S = 5.0
"""How long nothing may come until that is said."""

COMMAND = Command(
    "kafka-verifiable-consumer.sh",
    "read a topic as a member of a group, and tell of all that happens in JSON",
    (
        Option("--bootstrap-server", "Nodes to connect to.", "host:port"),
        Option("--topic", "The topic to read.", "name"),
        Option("--group-id", "The group.", "name"),
        Option("--group-protocol", "classic, which is the default, or consumer.", "protocol"),
        Option("--group-remote-assignor", "With the protocol consumer: the assignor.", "name"),
        Option("--group-instance-id", "Who it is, also after it was away.", "id"),
        Option("--max-messages", "So many, or below 0 until it is stopped; -1.", "count"),
        Option("--session-timeout", "Silent for so long, it counts as gone.", "ms"),
        Option("--verbose", "Tell of each record."),
        Option("--enable-autocommit", "Commit now and then, and tell nothing of it."),
        Option(
            "--reset-policy",
            "Where a new group begins: earliest, which is the default, latest or none.",
            "policy",
        ),
        Option("--assignment-strategy", f"With the protocol classic; {RANGE}.", "class"),
        Option("--command-config", "A file with consumer settings.", "file"),
        Option("--consumer.config", "", "file", deprecated_for="--command-config"),
    ),
    (
        (
            "read until Ctrl-C",
            "kafka-verifiable-consumer.sh --topic my-events --group-id audit "
            "--bootstrap-server localhost:9092",
        ),
    ),
    (
        (0, "enough was read, or reading failed, which is told on stderr"),
        (1, "it could not begin; the reason is printed"),
        (130, "ended by Ctrl-C, SIGTERM (143) or SIGHUP (129), with its group left"),
    ),
    bare_exit_code=0,
)


def main(parsed: Parsed) -> int:
    """Read until there is enough, or a signal comes."""
    topic = parsed.required("--topic")
    settings = _settings(parsed)
    most = _number(parsed, "--max-messages", -1)
    with Interrupts("the cluster to let the group go") as interrupts:
        member = Member(most, verbose=parsed.has("--verbose"))
        member.commits = not parsed.has("--enable-autocommit")
        consumer = LoadConsumer(settings)
        interrupts.wakes = consumer.wakeup
        asked: Asked | None = None
        try:
            # What is printed is not cut off in its midst.
            interrupts.call(tell_event, "startup_complete")
            _require_served(topic, settings)
            consumer.subscribe([topic], on_assign=member.assigned, on_revoke=member.revoked)
            while not member.is_finished:
                interrupts.call(member.turn, consumer)
        except OttlaError as error:
            tell(error)
        except Asked as one:
            asked = one
            tell_event("shutdown_requested")
        interrupts.call(_end, consumer, asked)
    if asked is not None:
        raise asked
    return 0


def _end(consumer: LoadConsumer, asked: Asked | None) -> None:
    consumer.close()
    tell_event("shutdown_complete")
    if asked is None:
        tell_event("shutdown_requested")


class Member:
    """Tells what happens to it, and counts."""

    def __init__(self, most: int, *, verbose: bool) -> None:
        self._most, self._verbose = most, verbose
        self._count = 0
        self._quiet_at: float | None = time.monotonic() + QUIET_S
        self.commits = True

    @property
    def is_finished(self) -> bool:
        """Whether there were enough."""
        return 0 <= self._most <= self._count

    def assigned(self, places: list[TopicPartition]) -> None:
        """The group gave it these partitions."""
        tell_event("partitions_assigned", partitions=_rows(places))

    def revoked(self, places: list[TopicPartition]) -> None:
        """The group took these partitions back."""
        tell_event("partitions_revoked", partitions=_rows(places))

    def turn(self, consumer: Consumer) -> None:
        """Read what there is, if anything comes."""
        records = consumer.poll(WAIT_S)
        if records:
            self._quiet_at = None
            self._take(consumer, records)
            flush()
        elif self._quiet_at is not None and time.monotonic() > self._quiet_at:
            self._quiet_at = None
            text = "nothing to read yet: waiting for records; Ctrl-C to leave"
            print(text, file=sys.stderr, flush=True)

    def _take(self, consumer: Consumer, records: list[ConsumerRecord]) -> None:
        """Tell of what came at once, and commit it."""
        by_place: dict[TopicPartition, list[ConsumerRecord]] = {}
        for record in records:
            by_place.setdefault((record.topic, record.partition), []).append(record)
        summaries, offsets = [], {}
        for (topic, partition), found in by_place.items():
            if self._most >= 0:
                found = found[: self._most - self._count]
            if not found:
                continue
            if self._verbose:
                for record in found:
                    _tell_record(record)
            first, last = found[0].offset, found[-1].offset
            summaries.append(
                {
                    "topic": topic,
                    "partition": partition,
                    "count": len(found),
                    "minOffset": first,
                    "maxOffset": last,
                }
            )
            offsets[topic, partition] = last + 1
            self._count += len(found)
        emit("records_consumed", count=len(records), partitions=summaries)
        if self.commits:
            _commit(consumer, offsets)


def _commit(consumer: Consumer, offsets: dict[TopicPartition, int]) -> None:
    rows = [
        {"topic": topic, "partition": partition, "offset": offset}
        for (topic, partition), offset in offsets.items()
    ]
    try:
        consumer.commit(offsets)
    except OttlaError as error:
        emit("offsets_committed", offsets=rows, error=str(error), success=False)
    else:
        emit("offsets_committed", offsets=rows, success=True)


def _tell_record(record: ConsumerRecord) -> None:
    key, value = record.key, record.value
    emit(
        "record_data",
        key=None if key is None else java_text(key),
        value=None if value is None else java_text(value),
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
    )


def _rows(places: list[TopicPartition]) -> list[dict[str, object]]:
    return [{"topic": topic, "partition": partition} for topic, partition in places]


def _require_served(topic: str, settings: dict[str, str]) -> None:
    """Refuse what no cluster would take, once it has started, as Apache's tool does."""
    require_topic_name(topic)
    if settings["group.protocol"] == "consumer":
        from ottla.cli.kafka_console_consumer import require_consumer_protocol

        require_consumer_protocol(settings["bootstrap.servers"])


def _settings(parsed: Parsed) -> dict[str, str]:
    """Java's settings: those of a file first, then options."""
    parsed.not_together("--consumer.config", "--command-config")
    path = parsed.text("--command-config") or parsed.text("--consumer.config")
    settings = read_properties(path) if path else {}
    group = parsed.required("--group-id")
    if not group.strip():
        raise UsageError("--group-id is empty")
    protocol = (parsed.text("--group-protocol", "classic") or "").lower()
    if protocol not in PROTOCOLS:
        raise BadValue(f"--group-protocol takes {' or '.join(PROTOCOLS)}, not '{protocol}'")
    reset = parsed.text("--reset-policy", "earliest") or ""
    if reset not in RESETS:
        raise BadValue(f"--reset-policy takes {', '.join(RESETS)}, not '{reset}'")
    settings |= {
        "bootstrap.servers": parsed.required("--bootstrap-server"),
        "group.id": group,
        "group.protocol": protocol,
        "enable.auto.commit": str(parsed.has("--enable-autocommit")).lower(),
        "auto.offset.reset": reset,
    }
    assignor = parsed.text("--group-remote-assignor")
    if protocol == "classic":
        settings["partition.assignment.strategy"] = (
            parsed.text("--assignment-strategy", RANGE) or ""
        )
    elif assignor is not None:
        settings["group.remote.assignor"] = assignor
    instance = parsed.text("--group-instance-id")
    if instance is not None:
        settings["group.instance.id"] = instance
    return settings | _session(parsed, settings)


def _session(parsed: Parsed, settings: dict[str, str]) -> dict[str, str]:
    timeout_ms = _number(parsed, "--session-timeout", None)
    if timeout_ms is None:
        return {}
    if settings["group.protocol"] == "consumer":
        raise UsageError("session.timeout.ms cannot be set when group.protocol=CONSUMER")
    beat = settings.get("heartbeat.interval.ms", str(HEARTBEAT_MS))
    if beat.isdigit() and timeout_ms <= int(beat):
        raise BadValue(f"--session-timeout takes more than heartbeat.interval.ms, which is {beat}")
    return {"session.timeout.ms": str(timeout_ms)}


def _number(parsed: Parsed, name: str, default: int | None) -> Any:
    text = parsed.text(name)
    if text is None:
        return default
    if not is_java_int(text):
        raise BadValue(f"{name} takes a whole number, not '{text}'")
    return int(text)


def entry() -> int:
    """kafka-verifiable-consumer.sh."""
    return run(COMMAND, main, whole(COMMAND, sys.argv[1:]))
