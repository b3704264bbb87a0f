"""`ottla transactions`: who has a transaction open, what hangs, and ending it.

An open transaction keeps read_committed consumers from going on. Its coordinator ends it when its
time-out is over; one that no coordinator knows of hangs for ever, and is ended here.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from ottla.cli import places
from ottla.cli.reach import Where
from ottla.cli.run import Failed
from ottla.cli.verb.grammar import Actions, verb
from ottla.cli.verb.reach import complete_topic, reaches
from ottla.cli.verb.shown import (
    Column,
    Row,
    confirm,
    done,
    duration,
    joined,
    json_option,
    note,
    number,
    show,
    show_facts,
    yes_option,
)

if TYPE_CHECKING:
    from ottla.client.admin import transactions
    from ottla.client.client import Client

VERB = Actions(
    "transactions",
    "who has a transaction open; abort what hangs",
    "list",
    {"show": "did you mean describe?", "end": "did you mean abort?", "kill": "did you mean abort?"},
)
_LIST = (
    Column("TRANSACTIONAL ID", "transactional_id"),
    Column("STATE", "state"),
    number("PRODUCER", "producer_id"),
    number("COORDINATOR", "coordinator"),
    number("OPEN FOR", "open_ms", duration),
    Column("PARTITIONS", "partitions", joined),
)
_FACTS = {
    "transactional_id": "transactional id",
    "state": "state",
    "producer_id": "producer id",
    "producer_epoch": "epoch",
    "coordinator": "coordinator",
    "timeout": "time-out",
    "open": "open for",
    "partitions": "partitions",
}
_HANGING = (
    Column("TOPIC", "topic"),
    number("PARTITION", "partition"),
    number("FROM", "start_offset"),
    number("PRODUCER", "producer_id"),
    number("EPOCH", "producer_epoch"),
    number("SILENT FOR", "idle_ms", duration),
)


@VERB.add
@verb(
    "list",
    "transactional ids and what they have open",
    ("what is open", "ottla transactions"),
    ("every id that is known", "ottla transactions --all"),
    too_many="ottla transactions describe {word}",
)
@reaches
@click.option("--all", "all_of_them", is_flag=True, help="Those with nothing open as well.")
@json_option
def _list(where: Where, all_of_them: bool, as_json: bool) -> None:
    from ottla.client.admin import transactions
    from ottla.client.errors import BrokerError

    with where.client() as client:
        listed = transactions.list_transactions(client)
        found = transactions.describe_transactions(client, [row.transactional_id for row in listed])
    now_ms = int(time.time() * 1000)
    rows: list[Row] = []
    for row in listed:
        described = found[row.transactional_id]
        if isinstance(described, BrokerError):
            continue  # gone meanwhile
        if all_of_them or described.start_ms is not None:
            rows.append(_row(described, now_ms))
    show(_LIST, rows, as_json=as_json, none="no transaction is open")


def _row(found: transactions.Described, now_ms: int) -> Row:
    open_ms = None if found.start_ms is None else max(0, now_ms - found.start_ms)
    partitions = [f"{topic}-{number}" for topic, number in sorted(found.partitions)]
    return {**found._asdict(), "open_ms": open_ms, "partitions": partitions}


@VERB.add
@verb(
    "describe",
    "one transactional id, as its coordinator knows it",
    ("what does it do, and for how long", "ottla transactions describe my-job"),
    too_many="one at a time",
)
@click.argument("name", metavar="TRANSACTIONAL_ID")
@reaches
@json_option
def _describe(where: Where, name: str, as_json: bool) -> None:
    with where.client() as client:
        row = _row(_found(client, name), int(time.time() * 1000))
    written = {
        **row,
        "timeout": duration(row["timeout_ms"]),
        "open": duration(row["open_ms"]),
        "partitions": joined(row["partitions"]) or "-",
    }
    show_facts(row if as_json else written, _FACTS, as_json=as_json)


def _found(client: Client, name: str) -> transactions.Described:
    from ottla.client.admin import transactions
    from ottla.client.errors import BrokerError
    from ottla.wire.errors import ErrorCode

    found = transactions.describe_transactions(client, [name])[name]
    if not isinstance(found, BrokerError):
        return found
    if found.code == ErrorCode.TRANSACTIONAL_ID_NOT_FOUND:
        raise Failed(
            f"no producer has the transactional id {name}",
            hint="ottla transactions --all shows those that are known",
        )
    raise found


@VERB.add
@verb(
    "hanging",
    "open transactions that no coordinator knows of, so nobody will end them",
    ("in all topics", "ottla transactions hanging"),
    ("in one, silent for an hour", "ottla transactions hanging my-events --silent 1h"),
)
@click.argument("topics", metavar="[TOPIC]...", nargs=-1, shell_complete=complete_topic)
@click.option(
    "--silent",
    default="15m",
    metavar="DURATION",
    help="Only what wrote nothing for so long; 15m, as brokers allow a transaction at most.",
)
@reaches
@json_option
def _hanging(where: Where, topics: tuple[str, ...], silent: str, as_json: bool) -> None:
    from ottla.cli.hanging_transactions import search
    from ottla.cli.options import WrongWords
    from ottla.client.admin import topics as of_topics

    idle_ms = places.duration_ms(silent)
    if idle_ms is None:
        raise WrongWords(f"--silent takes a duration like 15m or 2h, not '{silent}'")
    now_ms = int(time.time() * 1000)
    with where.client() as client:
        found = places.partitions_of(client, topics or of_topics.names(client))
        rows: list[Row] = [
            {
                "topic": one.place[0],
                "partition": one.place[1],
                **one.producer._asdict(),
                "idle_ms": now_ms - one.producer.last_timestamp_ms,
            }
            for one in search(client, found, None, idle_ms, now_ms)
        ]
    show(_HANGING, rows, as_json=as_json, none="no transaction hangs")
    if rows and not as_json:
        row = rows[0]
        note(
            f"ottla transactions abort --at-offset {row['topic']}:{row['partition']}:"
            f"{row['start_offset']} ends the first of them"
        )


@VERB.add
@verb(
    "abort",
    "end a transaction: of an id, whose producers are fenced; or one that hangs",
    ("of a job that is gone", "ottla transactions abort my-job"),
    ("that hangs, by where it begins", "ottla transactions abort --at-offset my-events:0:42"),
    too_many="one at a time",
)
@click.argument("name", required=False, metavar="[TRANSACTIONAL_ID]")
@click.option(
    "--at-offset",
    "at_offset",
    metavar="TOPIC:PARTITION:OFFSET",
    help="What `ottla transactions hanging` shows; never what `list` shows as open.",
)
@yes_option
@reaches
@json_option
def _abort(where: Where, name: str | None, at_offset: str | None, yes: bool, as_json: bool) -> None:
    from ottla.cli.options import WrongWords
    from ottla.client.admin import transactions

    if (name is None) == (at_offset is None):
        raise WrongWords("say which: TRANSACTIONAL_ID, or --at-offset TOPIC:PARTITION:OFFSET")
    with where.client() as client:
        if at_offset is not None:
            found = _open_at(client, at_offset)
            confirm(f"abort what producer {found.producer_id} has open there", yes=yes)
            transactions.abort_transaction(client, found)
            text = f"aborted the transaction at {at_offset}"
            done(text, {"aborted": at_offset}, as_json=as_json)
            return
        assert name is not None
        described = _found(client, name)
        if described.start_ms is None:
            note(f"{name} has nothing open")
            return
        confirm(f"abort the transaction of {name}, and fence its producers", yes=yes)
        transactions.force_terminate_transaction(client, name)
    done(f"aborted the transaction of {name}", {"aborted": name}, as_json=as_json)


def _open_at(client: Client, text: str) -> transactions.Open:
    """The transaction that begins there.

    Raises:
        OttlaError: the text is no place, or none begins there.
    """
    from ottla.cli.options import WrongWords
    from ottla.client.admin import transactions
    from ottla.client.errors import BrokerError

    topic, _, rest = text.partition(":")
    partition, _, offset = rest.partition(":")
    if not topic or not partition.isdigit() or not offset.isdigit():
        raise WrongWords(f"--at-offset takes TOPIC:PARTITION:OFFSET, not '{text}'")
    place = (topic, int(partition))
    found = transactions.describe_producers(client, [place])[place]
    if isinstance(found, BrokerError):
        raise found
    for row in found:
        if row.start_offset == int(offset):
            return transactions.Open(
                *place, row.producer_id, row.producer_epoch, row.coordinator_epoch or 0
            )
    raise Failed(f"no transaction begins at {text}", hint="ottla transactions hanging shows where")
