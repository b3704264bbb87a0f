"""kafka-transactions.sh: list and describe transactions, show who writes to a partition, find the
transactions that hang and abort them. The searching lives in `hanging_transactions.py`.

What fails is told as Apache's does: `Failed to do what: why`, on stderr, with 1. Options stand in
any order; Apache's wants those of the connection before the verb.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from ottla.cli import hanging_transactions
from ottla.cli.connect import connect
from ottla.cli.options import (
    BOOTSTRAP,
    COMMAND_CONFIG,
    Command,
    Option,
    Parsed,
    UsageError,
    nearest,
    whole,
)
from ottla.cli.run import Failed, failing_to, run
from ottla.cli.table import print_table
from ottla.client.admin import transactions
from ottla.client.client import Client
from ottla.client.errors import BrokerError
from ottla.client.places import TopicPartition

_LIST, _DESCRIBE, _PRODUCERS, _TERMINATE, _HANGING, _ABORT = VERBS = (
    "list",
    "describe",
    "describe-producers",
    "forceTerminateTransaction",
    "find-hanging",
    "abort",
)
_DOES = (
    (_LIST, "All transactional ids, and where the transaction of each stands."),
    (_DESCRIBE, "One transactional id: since when its transaction is open, and where it writes."),
    (_PRODUCERS, "Who writes to a partition, and at which offset the open transactions begin."),
    (
        _TERMINATE,
        "Abort the transaction of an id in all its partitions, and fence its producer. It says "
        "nothing; an id that nobody knows is made by it, so look at list before and after.",
    ),
    (
        _HANGING,
        "What is open in a partition and unknown to every coordinator, so that nobody will end it, "
        "and wrote nothing for --max-transaction-timeout. A transaction that list shows is none.",
    ),
    (
        _ABORT,
        "End a transaction in one partition behind its coordinator's back: for what find-hanging "
        "shows. One that list shows as Ongoing loses what it wrote there and commits the rest: "
        "end that by forceTerminateTransaction.",
    ),
)
_REQUIRED = {
    _DESCRIBE: ("--transactional-id",),
    _PRODUCERS: ("--topic", "--partition"),
    _ABORT: ("--topic", "--partition"),
    _TERMINATE: ("--transactionalId",),
}
_BITS = {
    "--partition": 32,
    "--broker-id": 32,
    "--max-transaction-timeout": 32,
    "--coordinator-epoch": 32,
    "--producer-epoch": 16,
    "--producer-id": 64,
    "--start-offset": 64,
    "--duration-filter": 64,
}
"""How wide each number is in a request."""

_AT = "kafka-transactions.sh --bootstrap-server localhost:9092"

COMMAND = Command(
    "kafka-transactions.sh",
    "look at transactions and at who writes to partitions, abort what hangs",
    (
        BOOTSTRAP,
        COMMAND_CONFIG,
        Option(
            "--duration-filter",
            "Leave out what is open for no longer than that; what is not open stays. Below 0 all.",
            "ms",
            number=True,
            only_with=(_LIST,),
        ),
        Option(
            "--transactional-id-pattern",
            "Only ids that match this regular expression (RE2) as a whole.",
            "regex",
            only_with=(_LIST,),
        ),
        Option("--transactional-id", "The transactional id.", "id", only_with=(_DESCRIBE,)),
        Option(
            "--transactionalId",
            "The transactional id whose producers are fenced.",
            "id",
            only_with=(_TERMINATE,),
        ),
        Option("--topic", "The topic.", "name", only_with=(_PRODUCERS, _ABORT, _HANGING)),
        Option(
            "--partition",
            "The partition's number.",
            "n",
            number=True,
            only_with=(_PRODUCERS, _ABORT, _HANGING),
        ),
        Option(
            "--broker-id",
            "Ask this replica instead of the leader; search only what it has.",
            "id",
            number=True,
            only_with=(_PRODUCERS, _HANGING),
        ),
        Option(
            "--max-transaction-timeout",
            "Only what wrote nothing for longer than that; 15 if left out.",
            "minutes",
            number=True,
            only_with=(_HANGING,),
        ),
        Option(
            "--start-offset",
            "Where the transaction begins in the partition; enough since Kafka 3.0.",
            "offset",
            number=True,
            only_with=(_ABORT,),
        ),
        Option(
            "--producer-id",
            "Before Kafka 3.0: the producer of the transaction.",
            "id",
            number=True,
            only_with=(_ABORT,),
        ),
        Option(
            "--producer-epoch",
            "Before Kafka 3.0: its epoch.",
            "n",
            number=True,
            only_with=(_ABORT,),
        ),
        Option(
            "--coordinator-epoch",
            "Before Kafka 3.0: the epoch of its coordinator; -1 if it never ended one.",
            "n",
            number=True,
            only_with=(_ABORT,),
        ),
        Option(
            "--json",
            "Print JSON (Ottla only).",
            only_with=(_LIST, _DESCRIBE, _PRODUCERS, _HANGING),
        ),
    ),
    (
        ("which transactions are there", f"{_AT} list"),
        ("what does this one do, and for how long", f"{_AT} describe --transactional-id my-job"),
        (
            "who writes to a partition, and where does an open one begin",
            f"{_AT} describe-producers --topic my-events --partition 0",
        ),
        (
            "abort one whose job is gone, and fence the job",
            f"{_AT} forceTerminateTransaction --transactionalId my-job",
        ),
        (
            "is there one that no coordinator knows of, and that wrote nothing for 15 minutes",
            f"{_AT} find-hanging --topic my-events",
        ),
        (
            "abort what find-hanging has shown, and never what list shows as Ongoing",
            f"{_AT} abort --topic my-events --partition 0 --start-offset 42",
        ),
    ),
    words="verb",
    verbs=_DOES,
)


def main(parsed: Parsed) -> int:
    """Do what the verb says."""
    verb = _verb(parsed)
    parsed.required("--bootstrap-server")
    for name in _REQUIRED.get(verb, ()):
        parsed.required(name)
    for name, bits in _BITS.items():
        value = parsed.number(name)
        if value is not None and not -(1 << bits - 1) <= value < 1 << bits - 1:
            raise UsageError(f"{name} has {bits} bits, and {value} does not fit")
    if verb == _HANGING:
        hanging_transactions.check(parsed)
    elif verb == _ABORT:
        _check_abort(parsed)
    with connect(parsed) as client:
        _DO[verb](parsed, client)
    return 0


def _verb(parsed: Parsed) -> str:
    known = f"the verbs are {', '.join(VERBS)}"
    if not parsed.words:
        raise UsageError("what is to be done?", hint=known)
    verb, *others = parsed.words
    if verb not in VERBS:
        meant = "forceTerminate" if verb.startswith("force-") else verb
        raise UsageError(f"there is no verb '{verb}'", hint=nearest(meant, VERBS) or known)
    if others:
        raise UsageError(f"'{others[0]}' follows the verb '{verb}', and is no option")
    return verb


def _list(parsed: Parsed, client: Client) -> None:
    with failing_to("list transactions"):
        found = transactions.list_transactions(
            client,
            longer_than_ms=parsed.number("--duration-filter", -1) or 0,
            pattern=parsed.text("--transactional-id-pattern"),
        )
    if parsed.has("--json"):
        _print_json([row._asdict() for row in found])
        return
    print_table(
        ("TransactionalId", "Coordinator", "ProducerId", "TransactionState"),
        [
            (row.transactional_id, str(row.coordinator), str(row.producer_id), row.state)
            for row in found
        ],
    )


def _describe(parsed: Parsed, client: Client) -> None:
    import time

    name = parsed.required("--transactional-id")
    with failing_to(f"describe transaction state of transactional-id `{name}`"):
        row = transactions.describe_transactions(client, [name])[name]
        if isinstance(row, BrokerError):
            raise row
    open_ms = None if row.start_ms is None else int(time.time() * 1000) - row.start_ms
    places = sorted(row.partitions)
    if parsed.has("--json"):
        shown = {**row._asdict(), "open_ms": open_ms, "partitions": [list(p) for p in places]}
        _print_json(shown)
        return
    cells = {
        "CoordinatorId": row.coordinator,
        "TransactionalId": row.transactional_id,
        "ProducerId": row.producer_id,
        "ProducerEpoch": row.producer_epoch,
        "TransactionState": row.state,
        "TransactionTimeoutMs": row.timeout_ms,
        "CurrentTransactionStartTimeMs": row.start_ms,
        "TransactionDurationMs": open_ms,
        "TopicPartitions": ",".join(f"{topic}-{number}" for topic, number in places),
    }
    print_table(list(cells), [[str(cell) for cell in cells.values()]])


def _describe_producers(parsed: Parsed, client: Client) -> None:
    place, broker = _place(parsed), parsed.number("--broker-id")
    where = "leader" if broker is None else f"broker {broker}"
    with failing_to(f"describe producers for partition {place[0]}-{place[1]} on {where}"):
        found = transactions.describe_producers(client, [place], broker=broker)[place]
        if isinstance(found, BrokerError):
            raise found
    if parsed.has("--json"):
        _print_json([row._asdict() for row in found])
        return
    print_table(
        (
            "ProducerId",
            "ProducerEpoch",
            "LatestCoordinatorEpoch",
            "LastSequence",
            "LastTimestamp",
            "CurrentTransactionStartOffset",
        ),
        [
            (
                str(row.producer_id),
                str(row.producer_epoch),
                str(-1 if row.coordinator_epoch is None else row.coordinator_epoch),
                str(row.last_sequence),
                str(row.last_timestamp_ms),
                str(row.start_offset),
            )
            for row in found
        ],
    )


def _check_abort(parsed: Parsed) -> None:
    if parsed.has("--start-offset"):
        return
    if not parsed.has("--producer-id"):
        raise UsageError(
            "which transaction? give --start-offset, or, to a broker before 3.0, --producer-id, "
            "--producer-epoch and --coordinator-epoch"
        )
    for name in ("--producer-epoch", "--coordinator-epoch"):
        if not parsed.has(name):
            raise UsageError(f"Missing required argument {name}")


def _abort(parsed: Parsed, client: Client) -> None:
    place = _place(parsed)
    start = parsed.number("--start-offset")
    if start is not None:
        found = _open_at(client, place, start)
    else:
        producer_id, producer_epoch, coordinator_epoch = (
            parsed.number(f"--{name}", 0) or 0
            for name in ("producer-id", "producer-epoch", "coordinator-epoch")
        )
        # A leader that was never sent a marker tells -1.
        found = transactions.Open(*place, producer_id, producer_epoch, max(0, coordinator_epoch))
    named = (
        f"AbortTransactionSpec(topicPartition={place[0]}-{place[1]}, "
        f"producerId={found.producer_id}, producerEpoch={found.producer_epoch}, "
        f"coordinatorEpoch={found.coordinator_epoch})"
    )
    with failing_to(f"abort transaction {named}"):
        transactions.abort_transaction(client, found)


def _open_at(client: Client, place: TopicPartition, start: int) -> transactions.Open:
    """The transaction that begins at that offset of a partition."""
    name = f"{place[0]}-{place[1]}"
    with failing_to(f"validate producer state for partition {name}"):
        found = transactions.describe_producers(client, [place])[place]
        if isinstance(found, BrokerError):
            raise found
    for row in found:
        if row.start_offset == start:
            return transactions.Open(
                *place, row.producer_id, row.producer_epoch, row.coordinator_epoch or 0
            )
    raise Failed(
        f"Could not find any open transactions starting at offset {start} on partition {name}",
        hint="describe-producers shows where the open ones begin",
    )


def _terminate(parsed: Parsed, client: Client) -> None:
    name = parsed.required("--transactionalId")
    with failing_to(f"force terminate transactionalId `{name}`"):
        transactions.force_terminate_transaction(client, name)


def _place(parsed: Parsed) -> TopicPartition:
    return parsed.required("--topic"), parsed.number("--partition", 0) or 0


def _print_json(value: object) -> None:
    import json

    print(json.dumps(value, indent=2))


_DO: dict[str, Callable[[Parsed, Client], None]] = {
    _LIST: _list,
    _DESCRIBE: _describe,
    _PRODUCERS: _describe_producers,
    _ABORT: _abort,
    _HANGING: hanging_transactions.find,
    _TERMINATE: _terminate,
}


def entry() -> int:
    """kafka-transactions.sh."""
    return run(COMMAND, main, whole(COMMAND, sys.argv[1:]))
