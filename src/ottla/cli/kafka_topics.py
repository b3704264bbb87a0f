"""kafka-topics.sh: create, list, describe, alter and delete topics."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

from ottla.cli.connect import connect
from ottla.cli.options import (
    BOOTSTRAP,
    COMMAND_CONFIG,
    BadValue,
    Command,
    Option,
    Parsed,
    UsageError,
)
from ottla.cli.run import Failed, run
from ottla.cli.topic_filter import topic_filter
from ottla.client.admin import topics
from ottla.client.client import Client
from ottla.client.errors import ApiNotSupported, BrokerError
from ottla.errors import OttlaError
from ottla.wire.errors import ErrorCode
from ottla.wire.types import uuid_from_text, uuid_text

if TYPE_CHECKING:
    from ottla.client.admin import configs

ACTIONS = ("--list", "--describe", "--create", "--alter", "--delete")
FAILED = "Error while executing topic command : "
"""What a refusal opens with; Apache's tool says it on stdout, and scripts look for it."""
_REPORT = ("--describe",)

COMMAND = Command(
    "kafka-topics.sh",
    "create, list, describe, change and delete topics",
    (
        BOOTSTRAP,
        COMMAND_CONFIG,
        Option("--list", "Print the names of all topics, or of those that --topic matches."),
        Option("--describe", "Print topics with their partitions, replicas and configs."),
        Option("--create", "Make a topic."),
        Option("--alter", "Raise a topic's number of partitions."),
        Option("--delete", "Delete topics with all their records."),
        Option(
            "--topic", "The topic; a regular expression, except with --create.", "name", many=False
        ),
        Option("--topic-id", "Describe the topic with this id.", "id", only_with=_REPORT),
        Option(
            "--partitions",
            "How many partitions; the cluster's default if left out.",
            "count",
            number=True,
            only_with=("--create", "--alter"),
        ),
        Option(
            "--replication-factor",
            "How many replicas of each partition.",
            "count",
            number=True,
            only_with=("--create",),
        ),
        Option(
            "--replica-assignment",
            "Brokers of each partition's replicas, by hand: 1:2,2:3 puts the first partition on "
            "brokers 1 and 2.",
            "brokers",
            only_with=("--create", "--alter"),
        ),
        Option(
            "--config",
            "A config of the new topic.",
            "key=value",
            many=True,
            only_with=("--create",),
        ),
        Option(
            "--delete-config",
            "",
            "key",
            many=True,
            refused="Apache's tool gave it up in 4.0; kafka-configs.sh --alter has it",
        ),
        Option(
            "--if-exists",
            "No error when there is no such topic.",
            only_with=("--alter", "--delete", "--describe"),
        ),
        Option("--if-not-exists", "No error when the topic is there.", only_with=("--create",)),
        Option(
            "--exclude-internal",
            "Leave out Kafka's own topics.",
            only_with=("--list", "--describe"),
        ),
        Option(
            "--under-replicated-partitions",
            "Only partitions with fewer in-sync replicas than replicas.",
            only_with=_REPORT,
        ),
        Option("--unavailable-partitions", "Only partitions without a leader.", only_with=_REPORT),
        Option(
            "--under-min-isr-partitions",
            "Only partitions with fewer in-sync replicas than min.insync.replicas.",
            only_with=_REPORT,
        ),
        Option(
            "--at-min-isr-partitions",
            "Only partitions with exactly min.insync.replicas in-sync replicas.",
            only_with=_REPORT,
        ),
        Option(
            "--topics-with-overrides",
            "Only topics with configs of their own, without partitions.",
            only_with=_REPORT,
        ),
        Option(
            "--partition-size-limit-per-response",
            "How many partitions one answer of the node may hold.",
            "count",
            number=True,
            only_with=_REPORT,
        ),
        Option("--json", "Print JSON (Ottla only).", only_with=("--list", "--describe")),
    ),
    (
        (
            "a topic with three partitions",
            "kafka-topics.sh --create --topic my-events --partitions 3 --replication-factor 1 "
            "--bootstrap-server localhost:9092",
        ),
        ("which topics are there", "kafka-topics.sh --list --bootstrap-server localhost:9092"),
        (
            "where its partitions are, and its configs",
            "kafka-topics.sh --describe --topic my-events --bootstrap-server localhost:9092",
        ),
        ("gone", "kafka-topics.sh --delete --topic my-events --bootstrap-server localhost:9092"),
    ),
    bad_value=FAILED,
)


_PARTITION_REPORTS = (
    "--under-replicated-partitions",
    "--unavailable-partitions",
    "--under-min-isr-partitions",
    "--at-min-isr-partitions",
)


class Reports(NamedTuple):
    """Which partitions --describe is asked for; all if none is true."""

    under_replicated: bool
    unavailable: bool
    under_min_isr: bool
    at_min_isr: bool


def main(parsed: Parsed) -> int:
    """Do the one action that was asked for."""
    action = parsed.exactly_one(*ACTIONS)
    parsed.required("--bootstrap-server")
    if action not in ("--list", "--describe"):
        parsed.required("--topic")
    if action == "--create":
        parsed.not_together("--replica-assignment", "--partitions")
        parsed.not_together("--replica-assignment", "--replication-factor")
    if action == "--alter" and not parsed.has("--partitions"):
        raise UsageError("--alter needs --partitions: nothing else of a topic changes here")
    parsed.not_together("--topic", "--topic-id")
    for report in _PARTITION_REPORTS:
        parsed.not_together("--topics-with-overrides", report)
    try:
        with connect(parsed) as client:
            return _DO[action](parsed, client)
    except UsageError:
        raise
    except OttlaError as error:
        # Apache's tool says it on stdout, and scripts look for these words.
        print(f"{FAILED}{error}")
        raise Failed("", hint=error.hint) from None


def _list(parsed: Parsed, client: Client) -> int:
    names = _matching(parsed, client)
    if parsed.has("--json"):
        import json

        print(json.dumps(names))
    else:
        print("\n".join(names))  # an empty line of none, as Apache's
    return 0


def _create(parsed: Parsed, client: Client) -> int:
    name = parsed.required("--topic")
    if "." in name or "_" in name:
        print(
            "WARNING: names of metrics hold '.' and '_' for the same: a topic that differs from "
            "this one only there would share its metrics."
        )
    partitions, replicas = _count(parsed, "--partitions"), parsed.number("--replication-factor")
    if replicas is not None and not 1 <= replicas <= 32767:
        raise BadValue("--replication-factor must be between 1 and 32767")
    text = parsed.text("--replica-assignment")
    placed = _assignments(text) if text is not None else []
    topic = topics.NewTopic(
        name,
        -1 if partitions is None else partitions,
        -1 if replicas is None else replicas,
        dict(enumerate(placed)),
        dict(_config(text) for text in parsed.all("--config")),
    )
    error = topics.create(client, [topic])[name]
    if error is not None:
        if error.code == ErrorCode.TOPIC_ALREADY_EXISTS and parsed.has("--if-not-exists"):
            return 0
        raise error
    print(f"Created topic {name}.")
    return 0


def _count(parsed: Parsed, option: str) -> int | None:
    count = parsed.number(option)
    if count is not None and not 0 < count < 1 << 31:
        raise BadValue(f"{option} must be greater than 0, and at most {(1 << 31) - 1}")
    return count


def _alter(parsed: Parsed, client: Client) -> int:
    count = _count(parsed, "--partitions")
    assert count is not None
    text = parsed.text("--replica-assignment")
    for topic in topics.describe(client, _matching(parsed, client)):
        placed = None
        if text is not None:
            placed = _assignments(text)[len(topic.partitions) :]
        topics.create_partitions(client, topic.name, count, placed)
    return 0


def _delete(parsed: Parsed, client: Client) -> int:
    for error in topics.delete(client, _matching(parsed, client)).values():
        if error is not None:
            raise error
    return 0


def _describe(parsed: Parsed, client: Client) -> int:
    limit = parsed.number("--partition-size-limit-per-response", topics.PARTITIONS_PER_RESPONSE)
    assert limit is not None
    names = _matching(parsed, client)
    found = topics.describe(client, names, partitions_per_response=limit)
    from ottla.client.admin import configs

    settings = configs.describe(client, configs.TOPIC, names)
    if parsed.has("--json"):
        _print_json(found, settings)
        return 0
    try:
        moving = topics.reassigning(client) if found else {}
    except (ApiNotSupported, BrokerError) as error:
        print(f"moving replicas are not shown: {error}", file=sys.stderr)
        moving = {}
    reports = Reports(*(parsed.has(report) for report in _PARTITION_REPORTS))
    brokers = set(client.nodes())
    for topic in found:
        overrides = [entry for entry in settings[topic.name] if not entry.is_default]
        if parsed.has("--topics-with-overrides"):
            if overrides:
                _print_topic(topic, overrides, moving)
            continue
        if not any(reports):
            _print_topic(topic, overrides, moving)
        values = {entry.name: entry.value for entry in settings[topic.name]}
        min_isr = int(values.get("min.insync.replicas") or 1)
        for partition in topic.partitions:
            move = moving.get((topic.name, partition.number))
            if not any(reports) or _wanted(partition, reports, min_isr, brokers, move):
                _print_partition(topic.name, partition, move)
    return 0


def _matching(parsed: Parsed, client: Client) -> list[str]:
    """The topics that --topic or --topic-id means.

    Raises:
        Failed: none, without --if-exists.
    """
    topic_id, pattern = parsed.text("--topic-id"), parsed.text("--topic")
    if topic_id is not None:
        try:
            name = topics.name_of(client, uuid_from_text(topic_id))
        except ValueError:
            raise BadValue(f"'{topic_id}' is no topic id (22 letters of base64)") from None
        if name is None and not parsed.has("--if-exists"):
            raise Failed(f"TopicId '{topic_id}' does not exist as expected")
        return [] if name is None else [name]
    names = topics.names(client, internal=not parsed.has("--exclude-internal"))
    if pattern is None:
        return names
    accepts = topic_filter(pattern)
    found = [name for name in names if accepts(name)]
    if not found and not parsed.has("--if-exists") and not parsed.has("--list"):
        raise Failed(f"Topic '{pattern}' does not exist as expected", hint=_similar(pattern, names))
    return found


def _similar(pattern: str, names: list[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(pattern, names, 1)
    if close:
        return f"did you mean {close[0]}?"
    return "kafka-topics.sh --list shows the topics that exist"


def _config(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise BadValue(f"--config takes key=value, not '{text}'")
    return key.strip(), value.strip()


def _assignments(text: str) -> list[list[int]]:
    """`1:2,2:3` as [[1, 2], [2, 3]]."""
    try:
        placed = [[int(part) for part in group.split(":")] for group in text.split(",")]
    except ValueError:
        raise BadValue(f"--replica-assignment takes 1:2,2:3, not '{text}'") from None
    for index, brokers in enumerate(placed):
        if len(set(brokers)) != len(brokers):
            raise Failed(f"Partition {index} has one broker for two of its replicas")
        if len(brokers) != len(placed[0]):
            raise Failed(f"Partition {index} has another number of replicas than partition 0")
    return placed


def _replication_factor(
    partition: topics.Partition, move: tuple[list[int], list[int]] | None
) -> int:
    """Replicas without those that a running reassignment is only adding."""
    return len(partition.replicas) - (len(move[0]) if move else 0)


def _wanted(
    partition: topics.Partition,
    reports: Reports,
    min_isr: int,
    brokers: set[int],
    move: tuple[list[int], list[int]] | None,
) -> bool:
    in_sync = len(partition.isr)
    return (
        (reports.under_replicated and in_sync < _replication_factor(partition, move))
        or (reports.unavailable and partition.leader not in brokers)
        or (reports.under_min_isr and in_sync < min_isr)
        or (reports.at_min_isr and in_sync == min_isr)
    )


def _print_topic(
    topic: topics.Topic,
    overrides: list[configs.Entry],
    moving: dict[tuple[str, int], tuple[list[int], list[int]]],
) -> None:
    first = topic.partitions[0]
    replicas = _replication_factor(first, moving.get((topic.name, first.number)))
    shown = ",".join(f"{entry.name}={entry.value}" for entry in overrides)
    print(
        f"Topic: {topic.name}\tTopicId: {uuid_text(topic.id)}\tPartitionCount: "
        f"{len(topic.partitions)}\tReplicationFactor: {replicas}\tConfigs: {shown}"
    )


def _print_partition(
    topic: str, partition: topics.Partition, move: tuple[list[int], list[int]] | None
) -> None:
    columns = [
        f"\tTopic: {topic}",
        f"Partition: {partition.number}",
        f"Leader: {partition.leader if partition.leader >= 0 else 'none'}",
        f"Replicas: {_ids(partition.replicas)}",
        f"Isr: {_ids(partition.isr)}",
    ]
    if move is not None:
        columns += [f"Adding Replicas: {_ids(move[0])}", f"Removing Replicas: {_ids(move[1])}"]
    columns += [
        f"Elr: {_ids(partition.eligible)}",
        f"LastKnownElr: {_ids(partition.last_known_eligible)}",
    ]
    print("\t".join(columns))


def _ids(ids: list[int] | None) -> str:
    return "N/A" if ids is None else ",".join(str(number) for number in ids)


def _print_json(found: list[topics.Topic], settings: dict[str, list[configs.Entry]]) -> None:
    import json

    rows = [
        {
            "topic": topic.name,
            "id": uuid_text(topic.id),
            "internal": topic.internal,
            "configs": {
                entry.name: entry.value for entry in settings[topic.name] if not entry.is_default
            },
            "partitions": [
                {
                    "partition": partition.number,
                    "leader": partition.leader if partition.leader >= 0 else None,
                    "replicas": partition.replicas,
                    "isr": partition.isr,
                    "eligible_leader_replicas": partition.eligible,
                    "last_known_elr": partition.last_known_eligible,
                }
                for partition in topic.partitions
            ],
        }
        for topic in found
    ]
    print(json.dumps(rows, indent=2))


_DO = {
    "--list": _list,
    "--describe": _describe,
    "--create": _create,
    "--alter": _alter,
    "--delete": _delete,
}


def entry() -> int:
    """kafka-topics.sh."""
    return run(COMMAND, main)
