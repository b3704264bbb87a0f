"""`ottla consume`: records as lines, from where one likes, until one has enough.

Without a group every partition is read and nothing committed. With one it is a member: what was
printed is committed. A topic that does not exist is waited for, and never made.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import click

from ottla.cli import places
from ottla.cli.options import WrongWords
from ottla.cli.reach import Where
from ottla.cli.verb import record_text
from ottla.cli.verb.grammar import verb
from ottla.cli.verb.reach import complete_group, complete_topic, reaches
from ottla.cli.verb.shown import note, progress

if TYPE_CHECKING:
    from ottla.cli.interrupts import Interrupts
    from ottla.client.client import Client
    from ottla.client.consuming.consumer import Consumer
    from ottla.client.places import TopicPartition
    from ottla.wire.fetched import ConsumerRecord

WAIT_S = 0.1
"""How long is waited for records while nothing else is looked at."""
RECORDS_PER_POLL = 500
USUAL_REGISTRY = "-"
"""What `--registry` without a URL is taken for."""
TOPIC_AGAIN_S, SLEEP_S = 0.25, 0.02
HELD_BACK_S = 2.0
"""After so long without records it is looked whether open transactions are why."""


class _Wanted(NamedTuple):
    """What the command line asked for."""

    topics: tuple[str, ...]
    group: str | None
    begin: places.Spot | None
    end: places.Spot | None
    last: int | None
    most: int | None
    ends: bool
    idle_s: float | None
    committed: bool


@verb(
    "consume",
    "print records: what is there, then what comes",
    ("everything, then what comes (Ctrl-C ends it)", "ottla consume my-events"),
    ("what is there, and no more", "ottla consume my-events --exit"),
    ("the last ten, then what comes", "ottla consume my-events --last 10"),
    ("from an hour ago, as JSON", "ottla consume my-events --from 1h --json"),
    ("in a form of your own", "ottla consume my-events -f '%p:%o %k -> %s\\n' --exit"),
    ("as a member of a group", "ottla consume my-events --group my-group --from beginning"),
    ("data of a schema registry, as JSON", "ottla consume orders --registry"),
    ("copy a topic", "ottla consume one --json --exit | ottla produce other --json"),
    exit_codes=(
        (0, "done: at the end, enough, or nothing came for --idle"),
        (1, "not done; the reason is printed"),
        (2, "the command line is wrong"),
        (130, "ended by Ctrl-C, SIGTERM (143) or SIGHUP (129); what was printed is committed"),
    ),
)
@click.argument(
    "topics",
    metavar="TOPIC[:PARTITIONS]...",
    nargs=-1,
    required=True,
    shell_complete=complete_topic,
)
@click.option(
    "-n", "--count", type=click.IntRange(0), metavar="N", help="Leave after so many records."
)
@click.option(
    "--from",
    "begin",
    metavar="PLACE",
    help=f"Where to begin: {places.TAKES}; -10 is ten before each partition's end. "
    "The beginning if left out; with a group: where it is.",
)
@click.option("--to", "end", metavar="PLACE", help="Where to end, said in the same way.")
@click.option(
    "--last", type=click.IntRange(1), metavar="N", help="The newest N records, the oldest first."
)
@click.option("-e", "--exit", "ends", is_flag=True, help="Leave at the end of what is there now.")
@click.option("--idle", metavar="DURATION", help="Leave when nothing came for so long: 5s.")
@click.option(
    "-g",
    "--group",
    metavar="NAME",
    shell_complete=complete_group,
    help="Read as a member of this group, and commit.",
)
@click.option("--committed", is_flag=True, help="Only what transactions have committed.")
@click.option("-k", "--keys", is_flag=True, help="Print the key and a tab before the value.")
@click.option("-f", "--format", "form", metavar="FORMAT", help=f"As kcat's: {record_text.TOKENS}.")
@click.option("--json", "as_json", is_flag=True, help="Print each record as a line of JSON.")
@click.option(
    "-r",
    "--registry",
    is_flag=False,
    flag_value=USUAL_REGISTRY,
    metavar="[URL]",
    help="Print keys and values that name a schema as JSON, by the schemas of this registry; "
    "without URL, behind TOPIC: OTTLA_REGISTRY of the environment, or that of the node here.",
)
@reaches
def VERB(
    where: Where,
    topics: tuple[str, ...],
    group: str | None,
    begin: str | None,
    end: str | None,
    last: int | None,
    count: int | None,
    ends: bool,
    idle: str | None,
    committed: bool,
    keys: bool,
    form: str | None,
    as_json: bool,
    registry: str | None,
) -> None:
    """Print until there are enough, or somebody stops it."""
    from ottla.cli.interrupts import Interrupts
    from ottla.cli.run import Failed

    if keys + as_json + (form is not None) > 1:
        raise WrongWords("--keys, --format and --json do not go together")
    idle_s = None if idle is None else _seconds(idle)
    wanted = _Wanted(
        topics,
        group,
        None if begin is None else places.spot("--from", begin),
        None if end is None else places.spot("--to", end),
        last,
        count,
        ends or end is not None,
        idle_s,
        committed,
    )
    _check(wanted)
    text = _text(keys, as_json, form)
    if sys.stdout is None:
        raise Failed("there is no standard output to print to", hint="it is closed: `>&-`")
    own = {
        "isolation.level": "read_committed" if committed else "read_uncommitted",
        "allow.auto.create.topics": "false",
        "enable.auto.commit": str(group is not None).lower(),
    }
    if group is not None:
        is_first = wanted.begin is not None and wanted.begin.kind == places.BEGINNING
        own |= {"group.id": group, "auto.offset.reset": "earliest" if is_first else "latest"}
    with (
        _decoding(registry, where, text) as text,
        Interrupts("the group to hear of its end") as interrupts,
    ):
        client, consumer = where.consumer(own)
        try:
            interrupts.wakes = consumer.wakeup
            Reading(wanted, client, consumer, text, interrupts).read()
        finally:
            try:
                consumer.close()
            finally:
                client.close()


def _text(keys: bool, as_json: bool, form: str | None) -> record_text.Text:
    if as_json or keys:
        return record_text.json_line if as_json else record_text.key_value_line
    return record_text.value_line if form is None else record_text.of_format(form)


@contextmanager
def _decoding(
    registry: str | None, where: Where, text: record_text.Text
) -> Iterator[record_text.Text]:
    """What writes records, after what names a schema has become JSON, if that was asked for."""
    if registry is None:
        yield text
        return
    from ottla.cli.registry_reach import registry_at
    from ottla.cli.schemas.decoding import Decoder

    url = None if registry == USUAL_REGISTRY else registry
    with registry_at(url, node=where.at).client() as client:
        decoder = Decoder(client, note, keys=text is not record_text.value_line)
        yield lambda record: text(decoder.decoded(record))


def _seconds(text: str) -> float:
    ms = places.duration_ms(text)
    if ms is None:
        raise WrongWords(f"--idle takes a duration like 5s, not '{text}'")
    return ms / 1000


def _check(wanted: _Wanted) -> None:
    """Whether the options go together.

    Raises:
        WrongWords: they don't.
    """
    if wanted.last is not None and wanted.begin is not None:
        raise WrongWords("--last and --from say different things")
    if wanted.group is None:
        return
    if wanted.last is not None or wanted.end is not None:
        raise WrongWords("a member of a group begins and ends where its group is: no --last, --to")
    if wanted.begin is not None and wanted.begin.kind not in (places.BEGINNING, places.END):
        raise WrongWords(
            "a group begins where it is; --from beginning, or end, is where a new one does",
            hint=f"ottla groups reset {wanted.group} --to ... moves it",
        )
    if any(":" in topic for topic in wanted.topics):
        raise WrongWords("a group shares partitions out by itself: name topics alone")


def _tell_moved(place: TopicPartition, said: int, is_at: int) -> None:
    note(f"{place[0]}-{place[1]} has no offset {said}; it is read from {is_at}")


class Reading:
    """A consumer, what it prints with, and when it has enough."""

    def __init__(
        self,
        wanted: _Wanted,
        client: Client,
        consumer: Consumer,
        text: record_text.Text,
        interrupts: Interrupts,
    ) -> None:
        self._wanted, self._client, self._consumer, self._text = wanted, client, consumer, text
        self._call = interrupts.call
        self._left = wanted.most
        self._ends: dict[TopicPartition, int] = {}
        """Where reading of a partition ends, if it does."""
        self._is_assigned = False
        self._advance: Callable[[int], None] = lambda more: None

    def read(self) -> None:
        """Print until there are enough, or nothing came for the time given."""
        self._begin()
        what = f"records of {', '.join(self._wanted.topics)}"
        if sys.stdout.isatty():
            self._go_on()
        else:
            with progress(what, self._left) as self._advance:
                self._go_on()
        if self._wanted.committed and self._wanted.ends:
            self._tell_what_holds_back()

    def _begin(self) -> None:
        from ottla.cli.reach import PATIENCE_MS
        from ottla.cli.waiting import wait_for_cluster

        wait_for_cluster(self._client, PATIENCE_MS)
        wanted = self._wanted
        if wanted.group is not None:
            for topic in wanted.topics:
                self._wait_for(topic)
            self._consumer.subscribe(list(wanted.topics), on_assign=self._assigned)
            return
        for word in wanted.topics:
            self._wait_for(word.partition(":")[0])
        found = places.partitions_of(self._client, wanted.topics)
        first, last = self._log_ends(found)
        ends = (first, last)
        if wanted.last is not None:
            self._begin_with_last(wanted.last, first, last)
        else:
            begin = wanted.begin or places.Spot(places.BEGINNING)
            at = places.resolve(self._client, found, begin, ends=ends, moved=_tell_moved)
            self._consumer.assign([(*place, at[place]) for place in found])
        self._ends = {}
        if wanted.ends:
            self._ends = last
            if wanted.end is not None:
                until = places.resolve(self._client, found, wanted.end, ends=ends)
                self._ends = {place: min(until[place], last[place]) for place in found}

    def _log_ends(
        self, found: Iterable[TopicPartition]
    ) -> tuple[dict[TopicPartition, int], dict[TopicPartition, int]]:
        """Where each begins, and ends for this reader: with --committed before what is open."""
        found = list(found)
        return self._consumer.beginning_offsets(found), self._consumer.end_offsets(found)

    def _wait_for(self, topic: str) -> None:
        """Until it exists: who reads first, and writes then, is no slip.

        Raises:
            Failed: its name is none that a topic can have.
        """
        from ottla.cli.waiting import require_topic_name
        from ottla.wire.errors import ErrorCode

        require_topic_name(topic, "TOPIC")
        told, began = False, time.monotonic()
        while True:
            (row,) = self._client.attempt(lambda: self._client.metadata(topics=[topic])).topics
            if row.error_code != ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
                return
            if self._wanted.ends:
                places.described(self._client, [topic])  # says that it does not exist
            if not told:
                told = True
                self._tell_missing(topic)
            waited_s = time.monotonic() - began
            if self._wanted.idle_s is not None and waited_s >= self._wanted.idle_s:
                places.described(self._client, [topic])
            until = time.monotonic() + TOPIC_AGAIN_S
            while time.monotonic() < until:
                self._call(time.sleep, SLEEP_S)

    def _tell_missing(self, topic: str) -> None:
        from ottla.cli.options import nearest
        from ottla.client.admin import topics

        note(f"no topic {topic}; waiting for it")
        hint = nearest(topic, topics.names(self._client, internal=False))
        if hint:
            note(f"hint: {hint}")

    def _assigned(self, given: list[TopicPartition]) -> None:
        """Tell people who might wonder why their new group prints nothing."""
        self._is_assigned = True
        if self._wanted.begin is not None:
            return
        new = len(given) - len(self._consumer.committed(given))
        if new:
            note(
                f"the group is new in {new} partition(s) and begins at their end; "
                "--from beginning begins a new group with the first record"
            )

    # ------------------------------------------------------------ the loop

    def _go_on(self) -> None:
        last = time.monotonic()
        idle_s = self._wanted.idle_s
        has_looked = False
        while self._left != 0 and not (self._ends_known() and self._is_at_end()):
            # What was printed counts as read, so no signal comes between.
            if self._call(self._turn):
                last, has_looked = time.monotonic(), False
                continue
            silent_s = time.monotonic() - last
            if idle_s is not None and silent_s >= idle_s:
                self._tell_forming()
                return
            if self._wanted.committed and silent_s >= HELD_BACK_S and not has_looked:
                has_looked = True
                self._tell_what_holds_back()

    def _tell_what_holds_back(self) -> None:
        from ottla.cli.held_back import what_holds_back

        found = what_holds_back(self._client, self._consumer)
        if found is not None:
            note(f"{found}: ottla transactions shows whose")

    def _tell_forming(self) -> None:
        """Say so if reading had not even begun."""
        if not self._consumer.assignment:
            note(
                "the group was still forming, and no partition was read: a new group waits for "
                "group.initial.rebalance.delay.ms of the node, 3 s by default; --idle has to be "
                "longer"
            )

    def _turn(self) -> bool:
        """Print what there is; whether there was anything."""
        from ottla.cli.printing import look_for_reader, print_records

        room = RECORDS_PER_POLL if self._left is None else min(RECORDS_PER_POLL, self._left)
        records = self._consumer.poll(WAIT_S, max_records=room)
        if not records:
            look_for_reader()
            return False
        wanted = [record for record in records if not self._is_beyond(record)]
        print_records(self._consumer, wanted, self._print)
        self._give_back([record for record in records if self._is_beyond(record)])
        return True

    def _is_beyond(self, record: ConsumerRecord) -> bool:
        """Whether reading of its partition ends before it."""
        end = self._ends.get((record.topic, record.partition))
        return end is not None and record.offset >= end

    def _give_back(self, records: Sequence[ConsumerRecord]) -> None:
        """These were not wanted: they are not read, and their partitions are done."""
        from ottla.cli.printing import go_back

        go_back(self._consumer, records)
        if done := {(record.topic, record.partition) for record in records}:
            self._consumer.pause(done)

    def _print(self, record: ConsumerRecord) -> None:
        sys.stdout.buffer.write(self._text(record))
        self._advance(1)
        if self._left is not None:
            self._left -= 1

    def _ends_known(self) -> bool:
        """With --exit, of a group too: where each partition that it has ended when it got it."""
        if not self._wanted.ends:
            return False
        mine = self._consumer.assignment
        new = [place for place in mine if place not in self._ends]
        if new:
            self._ends |= self._consumer.end_offsets(new)
        if self._is_assigned and not mine:
            note("the group has more members than partitions, and this one has none")
            return True
        return bool(mine)

    def _is_at_end(self) -> bool:
        return all(
            self._consumer.position(place) >= self._ends[place]
            for place in self._consumer.assignment
        )

    def _begin_with_last(
        self, count: int, first: dict[TopicPartition, int], last: dict[TopicPartition, int]
    ) -> None:
        """Print the newest of all partitions, by their time; read on behind them.

        Marks of transactions, and what compaction took, have offsets and are no records: so it is
        looked further back until there are enough.
        """
        self._ends, span = last, count
        while True:
            at = {place: max(first[place], last[place] - span) for place in last}
            self._consumer.assign([(*place, at[place]) for place in last])
            found: list[ConsumerRecord] = []
            while not self._is_at_end():
                more = self._call(self._consumer.poll, WAIT_S)
                found += [record for record in more if not self._is_beyond(record)]
                self._give_back([record for record in more if self._is_beyond(record)])
            if len(found) >= count or at == first:
                break
            span *= 4
        self._consumer.resume(self._consumer.paused)
        found.sort(key=lambda record: (record.timestamp_ms, record.partition, record.offset))
        for record in found[-count:]:
            if self._left != 0:
                self._print(record)
        sys.stdout.buffer.flush()
