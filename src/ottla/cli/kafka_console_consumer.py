"""kafka-console-consumer.sh: records of a topic as lines on standard output.

Options, settings and what prints; reading itself is console_reader.py's.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ottla.cli.client_settings import honoured
from ottla.cli.console_reader import LOGGING, Reader
from ottla.cli.interrupts import Interrupts
from ottla.cli.options import BOOTSTRAP, Command, Option, Parsed, UsageError, require_int
from ottla.cli.properties import key_values, read_properties
from ottla.cli.record_lines import Formatter
from ottla.cli.run import Failed, run, tell_waiting
from ottla.cli.waiting import require_topic_name

if TYPE_CHECKING:
    from ottla.cli.formatters import CoordinatorFormatter

PACKAGE = "org.apache.kafka.tools.consumer."
DEFAULT, NO_OP = PACKAGE + "DefaultMessageFormatter", PACKAGE + "NoOpMessageFormatter"
ISOLATION_LEVELS = ("read_uncommitted", "read_committed")
OFFSET_MAX = 2**63 - 1
LIST_AGAIN_MS = 10_000
"""How old a list of the topics that --include is held against gets, if nothing is said of that."""

COMMAND = Command(
    "kafka-console-consumer.sh",
    "print the records of a topic, one a line",
    (
        BOOTSTRAP,
        Option("--topic", "The topic to read.", "name"),
        Option("--include", "A regular expression of topics to read.", "regex"),
        Option("--from-beginning", "Begin with the oldest record, not with the next new one."),
        Option("--partition", "Read this partition only.", "number", number=True),
        Option(
            "--offset",
            "Where to begin in --partition: a number, earliest or latest.",
            "offset",
        ),
        Option("--group", "Read as a member of this group, and commit.", "name"),
        Option("--max-messages", "Leave after so many records.", "count", number=True),
        Option("--timeout-ms", "Leave when nothing came for so long.", "ms", number=True),
        Option("--isolation-level", "read_uncommitted or read_committed.", "level"),
        Option(
            "--formatter-property",
            "What is printed: print.key=true, print.timestamp, print.partition, print.offset, "
            "print.headers, print.value=false, key.separator, line.separator, headers.separator, "
            "null.literal, key.deserializer, value.deserializer, headers.deserializer.",
            "key=value",
            many=True,
        ),
        Option("--property", "", "key=value", many=True, deprecated_for="--formatter-property"),
        Option("--formatter-config", "A file with formatter properties.", "file"),
        Option("--formatter", "The class name of one of Apache's formatters.", "class"),
        Option("--key-deserializer", "What keys are: LongDeserializer, ...", "class"),
        Option("--value-deserializer", "What values are: LongDeserializer, ...", "class"),
        Option("--skip-message-on-error", "Go on after a record that can't be printed."),
        Option("--command-property", "A consumer setting.", "key=value", many=True),
        Option(
            "--consumer-property", "", "key=value", many=True, deprecated_for="--command-property"
        ),
        Option("--command-config", "A file with consumer settings.", "file"),
        Option("--consumer.config", "", "file", deprecated_for="--command-config"),
        Option("--enable-systest-events", "Print shutdown_complete, on a line, at the end."),
    ),
    (
        (
            "everything, then what comes (end with Ctrl-C)",
            "kafka-console-consumer.sh --topic my-events --from-beginning "
            "--bootstrap-server localhost:9092",
        ),
        (
            "ten records with their keys",
            "kafka-console-consumer.sh --topic my-events --from-beginning --max-messages 10 "
            "--formatter-property print.key=true --bootstrap-server localhost:9092",
        ),
    ),
    (
        (0, "done: --max-messages were printed, or --timeout-ms is over"),
        (1, "not done; the reason is printed"),
        (130, "ended by Ctrl-C, SIGTERM (143) or SIGHUP (129), with its group committed and left"),
    ),
)


def main(parsed: Parsed) -> int:
    """Print records until there are enough, it takes too long, or somebody stops it."""
    if sys.stdout is None:
        raise Failed("there is no standard output to print to", hint="it is closed: `>&-`")
    _check(parsed)
    settings = _settings(parsed)
    formatter = _formatter(parsed)
    if settings.get("group.protocol", "").lower() == "consumer" and not parsed.has("--partition"):
        require_consumer_protocol(settings["bootstrap.servers"])
    # From here on the signal ends the reading, not the process: the group is to be left.
    waits_for = "the cluster to take what was read, and to let the group go"
    with Interrupts(waits_for) as interrupts:
        reader = Reader(parsed, settings, formatter, interrupts)
        try:
            reader.read()
        finally:
            reader.close()
    return 0


def require_consumer_protocol(bootstrap: str) -> None:
    """Refuse what a cluster does not know, in Apache's words.

    Raises:
        Failed: the node that was asked does not know ConsumerGroupHeartbeat, or refuses it.
    """
    from ottla.client.client import Client
    from ottla.wire.errors import ErrorCode
    from ottla.wire.messages.consumer_group_heartbeat import ConsumerGroupHeartbeatRequest

    with Client(bootstrap, client_id="console-consumer", on_wait=tell_waiting) as client:
        served = client.connection().api_versions.api_keys
        speaks = any(row.api_key == ConsumerGroupHeartbeatRequest.api_key for row in served)
        if speaks:
            # No group has an empty name: where the protocol is on, that is what is refused.
            told = client.request(ConsumerGroupHeartbeatRequest(), version=0)
            speaks = told.error_code != ErrorCode.UNSUPPORTED_VERSION
    if not speaks:
        raise Failed(
            "The cluster does not support the new CONSUMER group protocol",
            hint="leave group.protocol out, or set group.protocol=classic",
        )


def _check(parsed: Parsed) -> None:
    parsed.exactly_one("--topic", "--include")
    parsed.required("--bootstrap-server")
    topic = parsed.text("--topic")
    if topic is not None:
        require_topic_name(topic)
    if parsed.text("--group") == "":
        raise UsageError("--group is empty")
    parsed.not_together("--group", "--partition")
    for option in ("--partition", "--max-messages"):
        text = parsed.text(option)
        if text is not None:
            require_int(option, text, **({"min": 0} if option == "--partition" else {}))
    parsed.not_together("--from-beginning", "--offset")
    parsed.not_together("--include", "--partition")
    for older, newer in (
        ("--consumer-property", "--command-property"),
        ("--consumer.config", "--command-config"),
        ("--property", "--formatter-property"),
    ):
        parsed.not_together(older, newer)
    offset = parsed.text("--offset")
    if offset is not None:
        if not parsed.has("--partition"):
            raise UsageError("--offset needs --partition")
        if offset not in ("earliest", "latest") and not (offset.isascii() and offset.isdigit()):
            raise UsageError(f"--offset takes a number from 0, earliest or latest, not '{offset}'")
        if offset not in ("earliest", "latest"):
            require_int("--offset", offset, max=OFFSET_MAX)
    level = parsed.text("--isolation-level", ISOLATION_LEVELS[0])
    if level not in ISOLATION_LEVELS:
        raise UsageError(f"--isolation-level takes {' or '.join(ISOLATION_LEVELS)}, not '{level}'")


def _settings(parsed: Parsed) -> dict[str, str]:
    """Java's settings: files first, then properties, then options."""
    path = parsed.text("--command-config") or parsed.text("--consumer.config")
    given = read_properties(path) if path else {}
    for option in ("--command-property", "--consumer-property"):
        given.update(key_values(option, parsed.all(option)))
    bootstrap = parsed.required("--bootstrap-server")
    groups = {name for name in (parsed.text("--group"), given.get("group.id")) if name}
    if len(groups) > 1:
        raise UsageError(f"two groups are named: {' and '.join(sorted(groups))}")
    if groups and parsed.has("--partition"):
        raise UsageError("a group and --partition can't be given together")
    beginning = parsed.has("--from-beginning")
    if parsed.has("--from-beginning") and given.get("auto.offset.reset", "earliest") != "earliest":
        raise UsageError("--from-beginning and auto.offset.reset say different things")
    settings = {
        "client.id": "console-consumer",
        "auto.offset.reset": "earliest" if beginning else "latest",
        # What is included is there already, and is not to come back when it is deleted.
        "allow.auto.create.topics": str(not parsed.has("--include")),
    }
    if not groups:
        # Nobody keeps the positions of such a member: it keeps what it has when topics come.
        settings["partition.assignment.strategy"] = "cooperative-sticky"
        settings["enable.auto.commit"] = "false"
    if parsed.has("--include"):
        settings["metadata.max.age.ms"] = str(LIST_AGAIN_MS)
    settings.update(honoured("consumer", given))
    settings["isolation.level"] = (
        parsed.text("--isolation-level", given.get("isolation.level", ISOLATION_LEVELS[0])) or ""
    )
    settings["bootstrap.servers"] = bootstrap
    if not parsed.has("--partition"):
        settings["group.id"] = groups.pop() if groups else f"console-consumer-{_random_number()}"
    elif not (parsed.text("--offset") or "").isdigit():
        named = "latest"
        if beginning:
            named = settings["auto.offset.reset"]
        settings["auto.offset.reset"] = parsed.text("--offset", named) or ""
    return settings


def _random_number() -> int:
    import os

    return int.from_bytes(os.urandom(4)) % 100_000


def _formatter(parsed: Parsed) -> Formatter | CoordinatorFormatter | None:
    """What prints; None prints nothing."""
    name = parsed.text("--formatter", DEFAULT) or DEFAULT
    if name not in (DEFAULT, LOGGING, NO_OP):
        from ottla.cli.formatters import FORMATTERS, CoordinatorFormatter

        if name in FORMATTERS:
            return CoordinatorFormatter(name)
        known = ", ".join((DEFAULT, LOGGING, NO_OP, *FORMATTERS))
        raise UsageError(f"--formatter {name} is not here", hint=f"there are {known}")
    path = parsed.text("--formatter-config")
    properties = read_properties(path) if path else {}
    for option in ("--property", "--formatter-property"):
        properties.update(key_values(option, parsed.all(option)))
    for option in ("--key-deserializer", "--value-deserializer"):
        value = parsed.text(option)
        if value is not None:
            properties[option.removeprefix("--").replace("-", ".")] = value
    return None if name == NO_OP else Formatter(properties)


def entry() -> int:
    """kafka-console-consumer.sh."""
    return run(COMMAND, main)
