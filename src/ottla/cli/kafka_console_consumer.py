"""kafka-console-consumer.sh: records of a topic as lines on standard output.

The work is librdkafka's. Nothing is committed unless a group is named; then, as Apache's consumer
does, the position in every partition that is assigned, and not only, as librdkafka does, in those
of which a record was read: where reading begins is found out when a partition is assigned.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ottla.cli.connect import VERB_PATIENCE_MS
from ottla.cli.librdkafka import (
    Complaints,
    Interrupts,
    in_words,
    require_int,
    require_topic_name,
    signals_end_it,
    translate,
    wait_for_cluster,
)
from ottla.cli.options import BOOTSTRAP, Command, Option, Parsed, UsageError
from ottla.cli.properties import key_values, read_properties
from ottla.cli.record_lines import Formatter, Printed
from ottla.cli.run import Failed, reader_is_gone, run, tell_waiting
from ottla.client.addresses import parse_bootstrap
from ottla.errors import OttlaError

if TYPE_CHECKING:
    from ottla.cli.formatters import CoordinatorFormatter

PACKAGE = "org.apache.kafka.tools.consumer."
DEFAULT, LOGGING, NO_OP = (
    PACKAGE + "DefaultMessageFormatter",
    PACKAGE + "LoggingMessageFormatter",
    PACKAGE + "NoOpMessageFormatter",
)
ISOLATION_LEVELS = ("read_uncommitted", "read_committed")
RECORDS_PER_POLL = 500
INTERNAL = ("__consumer_offsets", "__share_group_state", "__transaction_state")
OFFSET_MAX = 2**63 - 1
LIST_AGAIN_S = 10.0
"""How old a list of the topics that --include is held against gets, if metadata.max.age.ms does not
say; an unreachable cluster is asked at such intervals, too, whether it is back."""
BEGINNING_S = 5.0
"""How long a cluster may take to say where reading begins."""

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
        _require_consumer_protocol(settings["bootstrap.servers"])
    # From here on the signal ends the reading, not the process: the group is to be left.
    waits_for = "the cluster to take what was read, and to let the group go"
    with Interrupts(waits_for) as interrupts, in_words("the records can't be read"):
        reader = Reader(parsed, settings, formatter, interrupts)
        try:
            reader.read()
        finally:
            reader.close()
    return 0


def _require_consumer_protocol(bootstrap: str) -> None:
    """librdkafka would wait for ever, without a word, for a cluster that does not know it, and say
    of one where it is off only that some version is not supported.

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


class Reader:
    """A librdkafka consumer, what it prints with, and how many records it printed."""

    def __init__(
        self,
        parsed: Parsed,
        settings: dict[str, Any],
        formatter: Formatter | CoordinatorFormatter | None,
        interrupts: Interrupts,
    ) -> None:
        from confluent_kafka import Consumer

        self._complaints = Complaints()
        settings["error_cb"] = self._complaints
        # Ours is told where partitions end, for whose sake is said at the top.
        self._commits = _commits(settings)
        settings["enable.partition.eof"] = self._commits
        # It hands over hundreds at once; what was not printed is not committed.
        settings["enable.auto.offset.store"] = False
        self._resets_to = settings["auto.offset.reset"]
        self._is_cooperative = (
            settings.get("partition.assignment.strategy") == "cooperative-sticky"
            or settings.get("group.protocol", "").lower() == "consumer"
        )
        with in_words("the consumer's settings are refused"):
            self._consumer = Consumer(settings)
        self._formatter = formatter
        self._call = interrupts.call
        self._logs = (parsed.text("--formatter") or "") == LOGGING
        self._skips = parsed.has("--skip-message-on-error")
        left = parsed.number("--max-messages", -1)
        assert left is not None
        self._left = left if left >= -1 else 0  # as Apache's, which reads while it has read fewer
        timeout_ms = parsed.number("--timeout-ms")
        self._timeout_s = None if timeout_ms is None or timeout_ms < 0 else timeout_ms / 1000
        age_ms = settings.get("metadata.max.age.ms")
        self._list_again_s = LIST_AGAIN_S if age_ms is None else int(age_ms) / 1000
        self._listed_at = self._asked_at = 0.0
        self._includes: Callable[[str], bool] | None = None
        self._subscribed: list[str] = []
        self._behind: dict[tuple[str, int], int] = {}
        """Where what was read of an included topic ends."""
        self._is_verb = parsed.is_verb
        self._tells_end = parsed.has("--enable-systest-events")
        self._count = 0
        self._written: dict[tuple[str, int], Any] = {}
        """What came last of each partition: a record that was written, or its end."""
        if parsed.is_verb:
            wait_for_cluster(self._consumer, interrupts, VERB_PATIENCE_MS)
        self._begin(parsed)

    def _begin(self, parsed: Parsed) -> None:
        from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, KafkaException, TopicPartition

        partition = parsed.number("--partition")
        if partition is not None:
            begins_first = parsed.has("--from-beginning") or parsed.is_verb
            text = parsed.text("--offset", self._resets_to if begins_first else "latest")
            assert text is not None
            # Without knowing the leader, librdkafka would wait half a second to ask it for an end.
            with suppress(KafkaException), signals_end_it():
                self._consumer.list_topics(parsed.required("--topic"), timeout=5)
            named = {"earliest": OFFSET_BEGINNING, "latest": OFFSET_END}
            offset = named[text] if text in named else int(text)
            place = TopicPartition(parsed.required("--topic"), partition, offset)
            begun = self._found_begin([place]) if self._commits and offset < 0 else []
            self._consumer.assign(begun or [place])
            self._store(begun)
            return
        pattern = parsed.text("--include")
        if pattern is not None:
            self._includes = included(pattern)
            self._include()
        else:
            self._subscribe([parsed.required("--topic")])

    def _include(self) -> None:
        """Subscribe to the topics that match by now. librdkafka would match in the dialect of the
        system's own library, which is neither Java's nor the one that was checked.
        """
        from confluent_kafka import KafkaException

        assert self._includes is not None
        self._listed_at = time.monotonic()
        try:
            found = self._call(self._listed, BEGINNING_S).topics
        except KafkaException:
            return  # whoever is away is complained about elsewhere
        topics = sorted(name for name in found if self._includes(name))
        if topics != self._subscribed:
            self._subscribed = topics
            self._subscribe(topics)

    def _listed(self, timeout_s: float) -> Any:
        return self._consumer.list_topics(timeout=timeout_s)

    def _subscribe(self, topics: list[str]) -> None:
        if not topics:
            self._consumer.unsubscribe()
        elif self._commits:
            self._consumer.subscribe(topics, on_assign=self._assigned)
        elif self._includes is not None:
            self._consumer.subscribe(topics, on_assign=self._resumed)
        else:
            self._consumer.subscribe(topics)

    def _assigned(self, consumer: Any, places: list[Any]) -> None:
        """Begin where the group is, or else where the settings say, which is committed then:
        librdkafka itself would forget where it began in what it read nothing of.
        """
        from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, KafkaException

        begun: list[Any] = []
        with suppress(KafkaException):
            places = consumer.committed(places, timeout=BEGINNING_S)
            named = dict.fromkeys(("earliest", "smallest", "beginning"), OFFSET_BEGINNING)
            named |= dict.fromkeys(("latest", "largest", "end"), OFFSET_END)
            offset = named.get(self._resets_to)
            new = [place for place in places if place.error is None and place.offset < 0]
            if new and offset is not None:
                for place in new:
                    place.offset = offset
                begun = self._found_begin(new)
            if begun and self._is_verb and offset == OFFSET_END:
                print(
                    f"the group is new in {len(begun)} partition(s) and begins at their end; "
                    "--from-beginning begins a new group with the first record",
                    file=sys.stderr,
                )
        found = {(place.topic, place.partition): place for place in begun}
        places = [found.get((place.topic, place.partition), place) for place in places]
        if self._is_cooperative:
            consumer.incremental_assign(places)
        else:
            consumer.assign(places)
        self._store(begun)

    def _resumed(self, consumer: Any, places: list[Any]) -> None:
        """More topics are read from now on: go on in the others, whose positions nobody keeps."""
        for place in places:
            place.offset = self._behind.get((place.topic, place.partition), place.offset)
        if self._is_cooperative:
            consumer.incremental_assign(places)
        else:
            consumer.assign(places)

    def _found_begin(self, places: list[Any]) -> list[Any]:
        """Those of the places, each the first or the end of a partition, whose offset is known."""
        from confluent_kafka import KafkaException

        with suppress(KafkaException):
            found = self._consumer.offsets_for_times(places, timeout=BEGINNING_S)
            return [place for place in found if place.error is None and place.offset >= 0]
        return []

    def _store(self, places: list[Any]) -> None:
        """From now on these are what is committed."""
        from confluent_kafka import KafkaException

        if places:
            with suppress(KafkaException):  # the partition may be another member's by now
                self._consumer.store_offsets(offsets=places)

    def read(self) -> None:
        """Print until there are enough or nothing came for the time given."""
        last = time.monotonic()
        wait_s = 0.1 if self._timeout_s is None else min(0.1, self._timeout_s)
        while self._left:
            # What was printed counts as read, so no signal comes between.
            if self._call(self._turn, wait_s):
                last = time.monotonic()
            elif self._timeout_s is not None and time.monotonic() - last >= self._timeout_s:
                print(f"nothing came for {round(self._timeout_s * 1000)} ms", file=sys.stderr)
                return

    def _turn(self, wait_s: float) -> bool:
        """Print what there is; whether there was anything."""
        if self._includes is not None or self._complaints.are_down:
            self._look_again()
        message = self._consumer.poll(wait_s)
        if message is None or self._is_end(message):
            self._flush()
            if reader_is_gone():
                raise BrokenPipeError
            return False
        try:
            self._print(message)
            # What came along with it needs no waiting.
            room = RECORDS_PER_POLL if self._left < 0 else min(RECORDS_PER_POLL, self._left)
            if room:
                for more in self._consumer.consume(room, 0):
                    if not self._is_end(more):
                        self._print(more)
        finally:
            self._flush()
        return True

    def _look_again(self) -> None:
        """Now and then: are there more topics to read, is a cluster back that was away."""
        from confluent_kafka import KafkaException

        now = time.monotonic()
        if self._includes is not None and now - self._listed_at >= self._list_again_s:
            self._include()
        elif self._complaints.are_down and now - self._asked_at >= 1:
            self._asked_at = now
            with suppress(KafkaException):
                self._listed(0.2)
                self._complaints.answered()

    def _flush(self) -> None:
        """Out with what was printed; from now on it may be committed."""
        from confluent_kafka import TopicPartition

        sys.stdout.buffer.flush()
        for message in self._written.values():
            after = message.offset() + (message.error() is None)
            place = TopicPartition(
                message.topic(), message.partition(), after, leader_epoch=message.leader_epoch()
            )
            self._store([place])
        self._written.clear()

    def close(self) -> None:
        """Leave the group and say how many records were printed."""
        self._consumer.close()
        print(f"Processed a total of {self._count} messages", file=sys.stderr)
        if self._tells_end:
            print("shutdown_complete", flush=True)

    def _is_end(self, message: Any) -> bool:
        """Whether this is no record, but word that a partition has no more now.

        Its offset is behind what closes a transaction, which is no record either.
        """
        from confluent_kafka import KafkaError

        error = message.error()
        if error is None or error.code() != KafkaError._PARTITION_EOF:
            return False
        self._has_written(message)
        return True

    def _print(self, message: Any) -> None:
        error = message.error()
        if error is not None:
            self._handle(error)
            return
        self._count += 1
        if self._left > 0:
            self._left -= 1
        if self._formatter is None:
            self._has_written(message)
            return
        try:
            line = self._formatter.line(_printed(message))
        except OttlaError as problem:
            # Read it is: a group that came back to it would never get behind it.
            self._has_written(message)
            if not self._skips:
                raise
            print(f"skipped offset {message.offset()}: {problem}", file=sys.stderr)
            return
        sys.stdout.buffer.write(line)
        self._has_written(message)
        if self._logs:
            print(f"INFO {line.decode(errors='replace').rstrip()}", file=sys.stderr)

    def _has_written(self, message: Any) -> None:
        if self._commits:
            self._written[message.topic(), message.partition()] = message
        elif self._includes is not None:
            self._behind[message.topic(), message.partition()] = message.offset() + 1

    def _handle(self, error: Any) -> None:
        from confluent_kafka import KafkaError

        passing = (
            KafkaError.UNKNOWN_TOPIC_OR_PART,
            KafkaError._UNKNOWN_TOPIC,
            KafkaError.LEADER_NOT_AVAILABLE,
        )
        if error.code() in passing or error.retriable():
            self._complaints(error)
            return
        raise Failed(error.str())


def included(pattern: str) -> Callable[[str], bool]:
    """Whether --include means a topic: its whole name matches, and it is not Kafka's own. A comma
    is a comma here, unlike in the other tools.

    Raises:
        UsageError: it is no regular expression.
    """
    import re

    try:
        matches = re.compile(pattern, re.ASCII).fullmatch  # \d is 0 to 9 to Java
    except re.error as error:
        raise UsageError(f"'{pattern}' is no regular expression: {error}") from None
    return lambda name: name not in INTERNAL and matches(name) is not None


def _commits(settings: dict[str, Any]) -> bool:
    """Whether what is read is to be committed."""
    return str(settings.get("enable.auto.commit", True)).lower() == "true"


def _printed(message: Any) -> Printed:
    kind, timestamp_ms = message.timestamp()
    return Printed(
        {1: "CreateTime", 2: "LogAppendTime"}.get(kind),
        timestamp_ms,
        message.partition(),
        message.offset(),
        message.headers() or [],
        message.key(),
        message.value(),
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


def _settings(parsed: Parsed) -> dict[str, Any]:
    """librdkafka's settings: files first, then properties, then options."""
    path = parsed.text("--command-config") or parsed.text("--consumer.config")
    given = read_properties(path) if path else {}
    for option in ("--command-property", "--consumer-property"):
        given.update(key_values(option, parsed.all(option)))
    bootstrap = parsed.required("--bootstrap-server")
    parse_bootstrap(bootstrap)
    groups = {name for name in (parsed.text("--group"), given.get("group.id")) if name}
    if len(groups) > 1:
        raise UsageError(f"two groups are named: {' and '.join(sorted(groups))}")
    if groups and parsed.has("--partition"):
        raise UsageError("a group and --partition can't be given together")
    beginning = parsed.has("--from-beginning")
    if parsed.is_verb and not groups and not parsed.has("--offset"):
        beginning = beginning or "auto.offset.reset" not in given
    if parsed.has("--from-beginning") and given.get("auto.offset.reset", "earliest") != "earliest":
        raise UsageError("--from-beginning and auto.offset.reset say different things")
    settings: dict[str, Any] = {
        "client.id": "console-consumer",
        "auto.offset.reset": "earliest" if beginning else "latest",
        # What is included is there already, and is not to come back when it is deleted.
        "allow.auto.create.topics": not parsed.has("--include"),
        "check.crcs": True,  # as Java's consumer does, and librdkafka does not
        "log_level": 2,
    }
    if not groups:
        settings["enable.auto.commit"] = False
    settings.update(translate(given, consumer=True))
    settings["isolation.level"] = parsed.text(
        "--isolation-level", given.get("isolation.level", ISOLATION_LEVELS[0])
    )
    settings["bootstrap.servers"] = bootstrap
    settings["group.id"] = groups.pop() if groups else f"console-consumer-{_random_number()}"
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
