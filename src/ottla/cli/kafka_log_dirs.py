"""kafka-log-dirs.sh: what lies in the log dirs of brokers: two lines of words, one of JSON."""

from __future__ import annotations

import json
import sys

from ottla.cli.connect import connect
from ottla.cli.exceptions import exception_name
from ottla.cli.options import (
    BOOTSTRAP,
    COMMAND_CONFIG,
    Command,
    Option,
    Parsed,
    UsageError,
    is_java_int,
)
from ottla.cli.run import Failed, run
from ottla.client.admin import cluster
from ottla.client.errors import BrokerError

COMMAND = Command(
    "kafka-log-dirs.sh",
    "print what lies in the log dirs of brokers, as JSON",
    (
        BOOTSTRAP,
        COMMAND_CONFIG,
        Option("--describe", "Describe the log dirs; must be there."),
        Option("--topic-list", "Only these topics: a,b; all if left out.", "topics"),
        Option("--broker-list", "Only these brokers: 1,2; all if left out.", "ids"),
    ),
    (
        (
            "how many bytes each partition takes",
            "kafka-log-dirs.sh --describe --topic-list my-events --bootstrap-server localhost:9092",
        ),
    ),
)


def main(parsed: Parsed) -> int:
    """Ask the brokers and print."""
    parsed.required("--bootstrap-server")
    if not parsed.has("--describe"):
        raise UsageError('Missing required argument "[describe]"')
    wanted = {name for name in (parsed.text("--topic-list") or "").split(",") if name}
    ids = _ids(parsed.text("--broker-list") or "")
    with connect(parsed) as client:
        there = sorted(client.attempt(client.nodes))
        missing = [node for node in ids if node not in there]
        if missing:
            raise Failed(
                "ERROR: The given brokers do not exist from --broker-list: "
                f"{_commas(missing)}. Current existent brokers: {_commas(there)}"
            )
        asked = ids or there
        print("Querying brokers for log directories information", flush=True)
        found = cluster.log_dirs(client, asked)
    print(f"Received log directory information from brokers {_commas(asked)}")
    answer = {"brokers": [_broker(node, found, wanted) for node in asked], "version": 1}
    json.dump(answer, sys.stdout, separators=(",", ":"), ensure_ascii=False)
    print()
    return 0


def _broker(node: int, found: list[cluster.LogDir], topics: set[str]) -> dict[str, object]:
    return {
        "broker": node,
        "logDirs": [
            {
                "partitions": [
                    {
                        "partition": f"{row.topic}-{row.partition}",
                        "size": row.size,
                        "offsetLag": row.lag,
                        "isFuture": row.future,
                    }
                    for row in folder.rows
                    if not topics or row.topic in topics
                ],
                "error": exception_name(BrokerError(folder.error_code))
                if folder.error_code
                else None,
                "logDir": folder.path,
            }
            for folder in found
            if folder.broker == node
        ],
    }


def _ids(text: str) -> list[int]:
    parts = [part for part in text.split(",") if part]
    for part in parts:
        if not is_java_int(part):
            raise UsageError(f'For input string: "{part}"', hint="--broker-list takes ids: 1,2")
    return sorted({int(part) for part in parts})


def _commas(ids: list[int]) -> str:
    return ",".join(map(str, ids))


def entry() -> int:
    """kafka-log-dirs.sh."""
    return run(COMMAND, main)
