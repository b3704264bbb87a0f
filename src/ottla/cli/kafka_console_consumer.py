"""kafka-console-consumer.sh: records of a topic as lines on standard output.

The work is librdkafka's. Nothing is committed unless a group is named; then, as Apache's consumer
does, the position in every partition that is assigned, and not only, as librdkafka does, in those
of which a record was read: where reading begins is found out when a partition is assigned.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ottla.cli.connect import VERB_PATIENCE_MS
from ottla.cli.librdkafka import (
    Complaints,
    Interrupts,
    ctrl_c_ends_it,
    in_words,
    require_topic_name,
    translate,
    wait_for_cluster,
)
from ottla.cli.options import BOOTSTRAP, NEAR, Command, Option, Parsed, UsageError
from ottla.cli.properties import key_values, read_properties
from ottla.cli.record_lines import Formatter, Printed
from ottla.cli.run import Failed, reader_is_gone, run, tell_waiting
from ottla.cli.topic_filter import topic_filter
from ottla.client.addresses import parse_bootstrap
from ottla.client.positions import Passed, Position, to_commit
from ottla.errors import OttlaError

if TYPE_CHECKING:
    from ottla.cli.formatters import CoordinatorFormatter
    from ottla.client.places import TopicPartition

PACKAGE = "org.apache.kafka.tools.consumer."
DEFAULT, LOGGING, NO_OP = (
    PACKAGE + "DefaultMessageFormatter",
    PACKAGE + "LoggingMessageFormatter",
    PACKAGE + "NoOpMessageFormatter",
)
ISOLATION_LEVELS = ("read_uncommitted", "read_committed")
RECORDS_PER_POLL = 500
TOPIC_S = 1.0
"""How long a cluster may take to say where a topic is; who is slower is asked again later."""
BEGINNING_S = 5.0
"""How long a cluster may take to say where reading begins."""
TERMINATED = 143

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
        (130, "ended by Ctrl-C"),
    ),
)


class Terminated(BaseException):
    """SIGTERM: leave the group and say how much was read, as Apache's tool does."""


def main(parsed: Parsed) -> int:
    """Print records until there are enough, it takes too long, or somebody stops it."""
    _check(parsed)
    settings = _settings(parsed)
    formatter = _formatter(parsed)
    if settings.get("group.protocol", "").lower() == "consumer" and not parsed.has("--partition"):
        _require_consumer_protocol(settings["bootstrap.servers"])
    # From here on the signal ends the reading, not the process: the group is to be left.
    ends = {signal.SIGINT: KeyboardInterrupt, signal.SIGTERM: Terminated}
    with Interrupts(ends) as interrupts, in_words("the records can't be read"):
        reader = Reader(parsed, settings, formatter, interrupts)
        try:
            reader.read()
        except Terminated:
            return TERMINATED
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
        self._left = parsed.number("--max-messages", -1) or 0
        timeout_ms = parsed.number("--timeout-ms", -1) or -1
        self._timeout_s = timeout_ms / 1000 if timeout_ms >= 0 else None
        self._is_verb = parsed.is_verb
        self._topic = parsed.text("--topic")
        self._makes_topic = str(settings["allow.auto.create.topics"]).lower() == "true"
        self._is_assigned = False
        self._is_missing, self._asked = False, 0.0
        self._tells_end = parsed.has("--enable-systest-events")
        self._count = 0
        self._passed: dict[TopicPartition, Passed] = {}
        """What came last of each partition: a record that was written, or its end."""
        if parsed.is_verb:
            wait_for_cluster(self._consumer, interrupts, VERB_PATIENCE_MS)
        self._begin(parsed)

    def _begin(self, parsed: Parsed) -> None:
        from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, TopicPartition

        partition = parsed.number("--partition")
        if partition is not None:
            text = parsed.text(
                "--offset", "earliest" if parsed.has("--from-beginning") else "latest"
            )
            assert text is not None
            # Without knowing the leader, librdkafka would wait half a second to ask it for an end.
            self._ask_for_topic()
            named = {"earliest": OFFSET_BEGINNING, "latest": OFFSET_END}
            offset = named[text] if text in named else int(text)
            place = TopicPartition(parsed.required("--topic"), partition, offset)
            begun = self._found_begin([place]) if self._commits and offset < 0 else []
            self._consumer.assign(begun or [place])
            self._is_assigned = True
            self._begins(begun)
            return
        pattern = parsed.text("--include")
        if pattern is not None:
            topic_filter(pattern)
            # librdkafka takes what opens with ^ as a regular expression.
            topics = [f"^({pattern.replace(',', '|').strip()})$"]
        else:
            topics = [parsed.required("--topic")]
            if self._makes_topic:
                self._ask_for_topic()
        self._consumer.subscribe(topics, on_assign=self._assigned)

    def _ask_for_topic(self) -> None:
        """Learn where the topic is; if we may, and the node does, this makes it. What librdkafka
        asks by itself for the topics of a group makes none.
        """
        from confluent_kafka import KafkaError, KafkaException

        assert self._topic is not None
        self._asked = time.monotonic()
        with suppress(KafkaException), ctrl_c_ends_it():
            found = self._consumer.list_topics(self._topic, timeout=TOPIC_S).topics
            error = found[self._topic].error if self._topic in found else None
            if error is None:
                self._is_missing = False
            elif error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                self._miss_topic()

    def _look_again(self) -> None:
        """Ask for a topic that was not there: librdkafka, once it saw a list of all, does so every
        five minutes only.
        """
        if self._is_missing and time.monotonic() - self._asked > 1:
            self._ask_for_topic()

    def _miss_topic(self) -> None:
        """The topic is not there; once, to people, say so."""
        was_missing, self._is_missing = self._is_missing, True
        if was_missing or not self._is_verb:
            return
        print(f"no topic {self._topic}; waiting for it", file=sys.stderr, flush=True)
        from difflib import get_close_matches

        from confluent_kafka import KafkaException

        with suppress(KafkaException), ctrl_c_ends_it():
            names = self._consumer.list_topics(timeout=TOPIC_S).topics
            close = get_close_matches(str(self._topic), names, 1, NEAR)
            if close:
                print(f"hint: did you mean {close[0]}?", file=sys.stderr, flush=True)

    def _assigned(self, consumer: Any, places: list[Any]) -> None:
        """Begin where the group is, or else where the settings say, which is committed then:
        librdkafka itself would forget where it began in what it read nothing of.
        """
        from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, KafkaException

        self._is_assigned = True
        if not self._commits:
            return
        begun: list[Any] = []
        with suppress(KafkaException), ctrl_c_ends_it():
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
        self._begins(begun)

    def _found_begin(self, places: list[Any]) -> list[Any]:
        """Those of the places, each the first or the end of a partition, whose offset is known."""
        from confluent_kafka import KafkaException

        with suppress(KafkaException), ctrl_c_ends_it():
            found = self._consumer.offsets_for_times(places, timeout=BEGINNING_S)
            return [place for place in found if place.error is None and place.offset >= 0]
        return []

    def _begins(self, places: list[Any]) -> None:
        """Reading begins here, which is committed also by who leaves before anything was read."""
        self._store({(p.topic, p.partition): Position(p.offset, p.leader_epoch) for p in places})

    def _store(
        self, begun: Mapping[TopicPartition, Position], passed: Iterable[Passed] = ()
    ) -> None:
        """From now on these positions are what is committed."""
        from confluent_kafka import KafkaException, TopicPartition

        ours = [(place.topic, place.partition) for place in self._consumer.assignment()]
        for (topic, number), at in to_commit(ours, begun, passed).items():
            place = TopicPartition(topic, number, at.offset, leader_epoch=at.leader_epoch)
            with suppress(KafkaException):  # the partition may be another member's by now
                self._consumer.store_offsets(offsets=[place])

    def read(self) -> None:
        """Print until there are enough or nothing came for the time given."""
        last = time.monotonic()
        while self._left:
            message = self._call(self._consumer.poll, 0.1)
            if message is None or self._is_end(message):
                self._flush()
                if reader_is_gone():
                    raise BrokenPipeError
                self._look_again()
                if self._timeout_s is not None and time.monotonic() - last > self._timeout_s:
                    self._tell_silence(round(self._timeout_s * 1000))
                    return
                continue
            last = time.monotonic()
            try:
                self._print(message)
                # What came along with it needs no waiting.
                room = RECORDS_PER_POLL if self._left < 0 else min(RECORDS_PER_POLL, self._left)
                if room:
                    for more in self._call(self._consumer.consume, room, 0):
                        if not self._is_end(more):
                            self._print(more)
            finally:
                self._flush()

    def _tell_silence(self, timeout_ms: int) -> None:
        """Nothing came: say so, and why, if reading had not even begun."""
        print(f"nothing came for {timeout_ms} ms", end="", file=sys.stderr)
        if self._is_assigned or self._is_missing:
            print(file=sys.stderr)
            return
        print(
            ": the group was still forming, and no partition was read. A new group waits for "
            "group.initial.rebalance.delay.ms of the node, 3000 by default; --timeout-ms has to be "
            "longer",
            file=sys.stderr,
        )
        if self._is_verb and self._commits and self._resets_to == "latest":
            print(
                "if the group is new it begins at the end; --from-beginning begins a new group "
                "with the first record",
                file=sys.stderr,
            )

    def _flush(self) -> None:
        """Out with what was printed; from now on it may be committed."""
        sys.stdout.buffer.flush()
        if self._passed:
            self._store({}, self._passed.values())
            self._passed.clear()

    def close(self) -> None:
        """Leave the group and say how many records were printed."""
        self._consumer.close()
        print(f"Processed a total of {self._count} messages", file=sys.stderr)
        if self._tells_end:
            print("shutdown_complete", flush=True)

    def _is_end(self, message: Any) -> bool:
        """Whether this is no record, but word that a partition has no more now."""
        from confluent_kafka import KafkaError

        error = message.error()
        if error is None or error.code() != KafkaError._PARTITION_EOF:
            return False
        self._passes(message)
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
            self._passes(message)
            return
        try:
            line = self._formatter.line(_printed(message))
        except OttlaError as problem:
            if not self._skips:
                raise
            print(f"skipped offset {message.offset()}: {problem}", file=sys.stderr)
            self._passes(message)
            return
        sys.stdout.buffer.write(line)
        self._passes(message)
        if self._logs:
            print(f"INFO {line.decode(errors='replace').rstrip()}", file=sys.stderr)

    def _passes(self, message: Any) -> None:
        """This one is done: written, or the end of its partition."""
        if not self._commits:
            return
        place = (message.topic(), message.partition())
        is_record = message.error() is None
        self._passed[place] = Passed(place, message.offset(), message.leader_epoch(), is_record)

    def _handle(self, error: Any) -> None:
        from confluent_kafka import KafkaError

        passing = (
            KafkaError.UNKNOWN_TOPIC_OR_PART,
            KafkaError._UNKNOWN_TOPIC,
            KafkaError.LEADER_NOT_AVAILABLE,
        )
        if self._topic is not None and error.code() in passing[:2]:
            self._miss_topic()
            if self._is_verb:
                return
        if error.code() in passing or error.retriable():
            self._complaints.say(error.str())
            return
        raise Failed(error.str())


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
    parsed.not_together("--group", "--partition")
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
    beginning = parsed.has("--from-beginning")
    if beginning and given.get("auto.offset.reset", "earliest") != "earliest":
        raise UsageError("--from-beginning and auto.offset.reset say different things")
    settings: dict[str, Any] = {
        "client.id": "console-consumer",
        "auto.offset.reset": "earliest" if beginning else "latest",
        # A slip of a person's fingers makes no topic; a script of Apache's counts on it.
        "allow.auto.create.topics": not parsed.is_verb,
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
