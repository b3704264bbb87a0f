"""Reading for the console consumer: records come, are printed, and count as read.

The work is librdkafka's. Nothing is committed unless a group is named; then, as Apache's consumer
does, the position in every partition that is assigned, and not only, as librdkafka does, in those
of which a record was read: where reading begins is found out when a partition is assigned.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ottla.cli.connect import VERB_PATIENCE_MS
from ottla.cli.librdkafka import (
    Complaints,
    Interrupts,
    in_words,
    signals_end_it,
    wait_for_cluster,
)
from ottla.cli.options import NEAR, Parsed, UsageError
from ottla.cli.record_lines import Formatter, Printed
from ottla.cli.run import Failed, reader_is_gone
from ottla.client.positions import Passed, Position, to_commit
from ottla.errors import OttlaError

if TYPE_CHECKING:
    from ottla.cli.formatters import CoordinatorFormatter
    from ottla.client.places import TopicPartition

LOGGING = "org.apache.kafka.tools.consumer.LoggingMessageFormatter"
RECORDS_PER_POLL = 500
INTERNAL = ("__consumer_offsets", "__share_group_state", "__transaction_state")
LIST_AGAIN_S = 10.0
"""How old a list of the topics that --include is held against gets, if metadata.max.age.ms does not
say; an unreachable cluster is asked at such intervals, too, whether it is back.
"""
TOPIC_S = 1.0
"""How long a cluster may take to say where a topic is; who is slower is asked again later."""
BEGINNING_S = 5.0
"""How long a cluster may take to say where reading begins."""


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
        self._topic = parsed.text("--topic")
        self._makes_topic = str(settings["allow.auto.create.topics"]).lower() == "true"
        self._is_assigned = self._is_missing = False
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
            begins_first = parsed.has("--from-beginning") or parsed.is_verb
            text = parsed.text("--offset", self._resets_to if begins_first else "latest")
            assert text is not None
            # Without knowing the leader, librdkafka would wait half a second to ask it for an end.
            with signals_end_it():
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
            self._includes = included(pattern)
            self._include()
        else:
            if self._makes_topic:
                with signals_end_it():
                    self._ask_for_topic()
            self._subscribe([parsed.required("--topic")])

    def _ask_for_topic(self) -> None:
        """Learn where the topic is; if we may, and the node does, this makes it. What librdkafka
        asks by itself for the topics of a group makes none.
        """
        from confluent_kafka import KafkaError, KafkaException

        assert self._topic is not None
        self._asked_at = time.monotonic()
        with suppress(KafkaException):
            found = self._consumer.list_topics(self._topic, timeout=TOPIC_S).topics
            error = found[self._topic].error if self._topic in found else None
            if error is None:
                self._is_missing = False
            elif error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                self._miss_topic()

    def _miss_topic(self) -> None:
        """The topic is not there; once, to people, say so."""
        was_missing, self._is_missing = self._is_missing, True
        if was_missing or not self._is_verb:
            return
        print(f"no topic {self._topic}; waiting for it", file=sys.stderr, flush=True)
        from difflib import get_close_matches

        from confluent_kafka import KafkaException

        with suppress(KafkaException):
            close = get_close_matches(str(self._topic), self._listed(TOPIC_S).topics, 1, NEAR)
            if close:
                print(f"hint: did you mean {close[0]}?", file=sys.stderr, flush=True)

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
        else:
            begin = self._assigned if self._commits else self._resumed
            self._consumer.subscribe(topics, on_assign=begin)

    def _assigned(self, consumer: Any, places: list[Any]) -> None:
        """Begin where the group is, or else where the settings say, which is committed then:
        librdkafka itself would forget where it began in what it read nothing of.
        """
        from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, KafkaException

        self._is_assigned = True
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
        self._assign(consumer, places)
        self._begins(begun)

    def _resumed(self, consumer: Any, places: list[Any]) -> None:
        """Perhaps more topics are read from now on: go on in the others, whose positions nobody
        keeps.
        """
        self._is_assigned = True
        for place in places:
            place.offset = self._behind.get((place.topic, place.partition), place.offset)
        self._assign(consumer, places)

    def _assign(self, consumer: Any, places: list[Any]) -> None:
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

    def _begins(self, places: list[Any]) -> None:
        """Reading begins here, which is committed also by who leaves before anything was read."""
        self._store({(p.topic, p.partition): Position(p.offset, p.leader_epoch) for p in places})

    def _store(
        self, begun: Mapping[TopicPartition, Position], passed: Iterable[Passed] = ()
    ) -> None:
        """From now on these positions are what is committed."""
        from confluent_kafka import KafkaException, TopicPartition

        try:
            assigned = self._consumer.assignment()
        except KafkaException:  # the partitions came as the consumer was being closed
            return
        ours = [(place.topic, place.partition) for place in assigned]
        for (topic, number), at in to_commit(ours, begun, passed).items():
            place = TopicPartition(topic, number, at.offset, leader_epoch=at.leader_epoch)
            with suppress(KafkaException):  # the partition may be another member's by now
                self._consumer.store_offsets(offsets=[place])

    def read(self) -> None:
        """Print until there are enough or nothing came for the time given."""
        last = time.monotonic()
        wait_s = 0.1 if self._timeout_s is None else min(0.1, self._timeout_s)
        while self._left:
            # What was printed counts as read, so no signal comes between.
            if self._call(self._turn, wait_s):
                last = time.monotonic()
            elif self._timeout_s is not None and time.monotonic() - last >= self._timeout_s:
                self._tell_silence(round(self._timeout_s * 1000))
                return

    def _turn(self, wait_s: float) -> bool:
        """Print what there is; whether there was anything."""
        if self._includes is not None or self._is_missing or self._complaints.are_down:
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
        """Now and then: are there more topics to read, is one there that was missing, for which
        librdkafka, once it saw a list of all, looks every five minutes only; is a cluster back that
        was away.
        """
        from confluent_kafka import KafkaException

        now = time.monotonic()
        if self._includes is not None and now - self._listed_at >= self._list_again_s:
            self._include()
        elif now - self._asked_at < 1:
            return
        elif self._is_missing:
            self._ask_for_topic()
        elif self._complaints.are_down:
            self._asked_at = now
            with suppress(KafkaException):
                self._listed(0.2)
                self._complaints.answered()

    def _tell_silence(self, timeout_ms: int) -> None:
        """Nothing came: say so, and why, if reading had not even begun."""
        print(f"nothing came for {timeout_ms} ms", end="", file=sys.stderr)
        if self._is_assigned or self._is_missing:
            print(file=sys.stderr)
            return
        # A member has its id from the first answer of a coordinator that takes it in.
        if not self._consumer.memberid():
            print(
                ": no coordinator of the group was found in that time, and no partition was read; "
                "if one is not found at all, the log of the server says why",
                file=sys.stderr,
            )
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
        """Whether this is no record, but word that a partition has no more now.

        Its offset is behind what closes a transaction, which is no record either.
        """
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
            # Read it is: a group that came back to it would never get behind it.
            self._passes(message)
            if not self._skips:
                raise
            print(f"skipped offset {message.offset()}: {problem}", file=sys.stderr)
            return
        sys.stdout.buffer.write(line)
        self._passes(message)
        if self._logs:
            print(f"INFO {line.decode(errors='replace').rstrip()}", file=sys.stderr)

    def _passes(self, message: Any) -> None:
        """This one is done: written, or the end of its partition."""
        place = (message.topic(), message.partition())
        if self._commits:
            is_record = message.error() is None
            self._passed[place] = Passed(place, message.offset(), message.leader_epoch(), is_record)
        elif self._includes is not None:
            self._behind[place] = message.offset() + 1

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
