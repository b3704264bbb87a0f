"""kafka-delete-records.sh: drop the records of partitions below an offset, as a JSON file says.

    {"partitions": [{"topic": "my-events", "partition": 0, "offset": 10}], "version": 1}

Offset -1 means all that there are. What one partition is refused for is told in its own row, and
the exit code stays 0, as with Apache's. A partition that does not exist is told at once.
"""

from __future__ import annotations

from typing import Any

from ottla.cli.connect import connect
from ottla.cli.exceptions import exception_text
from ottla.cli.options import BOOTSTRAP, COMMAND_CONFIG, Command, Option, Parsed
from ottla.cli.run import Failed, run
from ottla.client.admin import offsets
from ottla.client.admin.offsets import TopicPartition
from ottla.client.errors import BrokerError

FORM = '{"partitions": [{"topic": "foo", "partition": 1, "offset": 1}], "version": 1}'

COMMAND = Command(
    "kafka-delete-records.sh",
    "drop the records of partitions below an offset",
    (
        BOOTSTRAP,
        COMMAND_CONFIG,
        Option("--offset-json-file", f"A file with the offsets: {FORM}.", "file"),
    ),
    (
        (
            "drop what the file says",
            "kafka-delete-records.sh --offset-json-file offsets.json "
            "--bootstrap-server localhost:9092",
        ),
    ),
    (
        (0, "done; a row says which partitions were refused, and why"),
        (1, "the command line or the file is wrong, or nobody could be reached"),
    ),
)


def main(parsed: Parsed) -> int:
    """Delete what the file says, and print where each partition begins now."""
    parsed.required("--bootstrap-server")
    wanted = read_offsets(parsed.required("--offset-json-file"))
    with connect(parsed) as client:
        print("Executing records delete operation", flush=True)
        rows = offsets.delete_records(client, wanted)
        print("Records delete operation completed:")
        for topic, partition in wanted:
            row = rows[topic, partition]
            if isinstance(row, BrokerError):
                said = f"error: {exception_text(row)}"
            else:
                said = f"low_watermark: {row}"
            print(f"partition: {topic}-{partition}\t{said}")
    return 0


def read_offsets(path: str) -> dict[TopicPartition, int]:
    """The offsets of a file.

    Raises:
        Failed: it can't be read, or is not in its form; the words are Apache's.
    """
    import json

    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read().lstrip(" \t\r\n")
        # What follows the value is passed over, as Apache's tool does.
        found, _ = json.JSONDecoder(parse_constant=_no_json).raw_decode(text)
    except OSError:
        raise Failed(f"Unable to read file {path}") from None
    except (ValueError, RecursionError):
        raise Failed("The input string is not a valid JSON", hint=f"write {FORM}") from None
    version = found.get("version", 1) if isinstance(found, dict) else 1
    if version != 1:
        raise Failed(f"Not supported version field value {version}")
    wanted: dict[TopicPartition, int] = {}
    twice: dict[TopicPartition, None] = {}
    for row in _field(found, "partitions", list):
        # Half of a pair of surrogates is no text that a request could hold.
        topic = _field(row, "topic", str).encode(errors="replace").decode()
        place = topic, _field(row, "partition", int)
        if place in wanted:
            twice[place] = None
        wanted[place] = _field(row, "offset", int)
    if twice:
        shown = ",".join(f"{topic}-{partition}" for topic, partition in twice)
        raise Failed(f"Offset json file contains duplicate topic partitions: {shown}")
    return wanted


_JAVA = {str: "String", int: "Integer", list: "array"}
_INT_MAX = {"partition": (1 << 31) - 1, "offset": (1 << 63) - 1}


def _no_json(constant: str) -> Any:
    raise ValueError(f"{constant} is Python's, not JSON's")


def _field(row: Any, name: str, kind: type) -> Any:
    import json

    if not isinstance(row, dict):
        raise Failed(f"Expected JSON object, received {json.dumps(row)}", hint=f"write {FORM}")
    if name not in row:
        raise Failed(f"No such field exists: `{name}`", hint=f"write {FORM}")
    value = row[name]
    wrong = not isinstance(value, kind) or isinstance(value, bool)
    if wrong or (kind is int and not ~_INT_MAX[name] <= value <= _INT_MAX[name]):
        java = "Long" if name == "offset" else _JAVA[kind]
        raise Failed(f"Expected `{java}` value, received {json.dumps(value)}", hint=f"write {FORM}")
    return value


def entry() -> int:
    """kafka-delete-records.sh."""
    return run(COMMAND, main)
