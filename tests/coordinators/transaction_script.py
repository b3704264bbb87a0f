"""Scripts: commands to a coordinator of transactions and the trace that they must leave.

A script is a text file of blocks, as in `scripted.py`. Every command ends its turn, and the trace
holds what it caused, in order: records as they are appended (`+`), what is asked of others (`>`),
and replies as they are let go (`name <- ...`).

    python tests/coordinators/transaction_script.py --rewrite    # and read the diff

A record is `id vVERSION STATE PRODUCER/EPOCH`, and what is not as it is by default: the producer
ids before and after, the time-out, the partitions, the start, the client's version (`tv`).

Commands. Arguments are key=value; the id is `x` and the producer the one that was told last for
that id, if nothing else is said.

    config KEY=VALUE ... [level=2]       a new world with these fields; comes first
    init A [v=5] [id=x] [timeout=60000] [given=PRODUCER,EPOCH|own] [2pc=1] [keep=1] [connection=N]
    add A [id=x] [by=PRODUCER,EPOCH] parts=t-0,u-1 [tv=2] [patient=1] [verify=1]
    end A commit|abort [v=5] [id=x] [by=PRODUCER,EPOCH] [connection=N]
    describe A ID... | list A [states=Ongoing,...] [producers=1,...] [older=MS]
    markers hold|hold=TOPIC,...|go [PARTITION=ERROR ...]
                                         whether leaders answer at once, each of a topic's for
                                         themselves, and what they say
    again [N]                            who answered last (the Nth before) answers once more
    ids hold|go [error=ERROR] [next=N]      the same of who hands out producer ids
    craft STATE PRODUCER EPOCH [id=x] [parts=] [timeout=60000] [start=-1] [updated=0] [next=-1]
         [previous=PRODUCER] [tv=2] [level=1]
                                         a record that somebody else wrote; needs a restart
    advance MS | wait MS | jump MS | leap MS [connected=N]
                                         the node's clock, the machine's time, the wall clock alone,
                                         the node's clock of which no producer knows
    hold | release                       the high watermark
    fail COMMAND | restart [load=no] | load | resign [id=x] | elect [id=x]
    level N | topic-deleted NAME | topic NAME | epoch N    the cluster, of which it is told
    state [id=x] | soft | timers | notes
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import scripted
from coordinators import trace
from coordinators.transaction_world import TransactionWorld
from ottla.coordinators.questions import (
    AddPartitions,
    NewProducerId,
    PartitionsAdded,
    WriteMarkers,
)
from ottla.coordinators.transaction import records
from ottla.coordinators.transaction.config import TransactionConfig
from ottla.coordinators.transaction.shard import TransactionShard
from ottla.coordinators.transaction.transaction import TITLES, Transaction
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.describe_transactions import DescribeTransactionsRequest
from ottla.wire.messages.end_txn import EndTxnRequest
from ottla.wire.messages.init_producer_id import InitProducerIdRequest
from ottla.wire.messages.list_transactions import ListTransactionsRequest
from ottla.wire.records import Record, build_batch, read_batches
from ottla.wire.schema import Response, decode, encode
from ottla.wire.stored.frame import TRANSACTION_STATE

ROOM = "transactions"
FOLDER = scripted.folder(ROOM)

Words = list[str]
Args = dict[str, str]


class Script:
    """Runs commands against one world and gathers the trace."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.told: dict[str, tuple[int, int]] = {}
        """The producer that was told last, by transactional id."""
        self._begin({}, 2)

    def run(self, command: str) -> list[str]:
        """The trace of one command."""
        self.lines = []
        name, *words = command.split()
        args = dict(word.split("=", 1) for word in words if "=" in word)
        names = [word for word in words if "=" not in word]
        getattr(self, "_do_" + name.replace("-", "_"))(names, args)
        self.world.settle()
        return self.lines

    def _begin(self, config: dict[str, int], level: int) -> None:
        settings = TransactionConfig()._replace(**cast(Any, config))
        self.world = TransactionWorld(settings, level=level)
        self.world.log.appended = self._appended
        self.world.asked = self._asked
        self.told.clear()

    def _appended(self, _partition: int, batch: bytes) -> None:
        (one,) = read_batches(batch)
        for record in one.records:
            self.lines.append("+ " + record_line(record.key or b"", record.value))

    def _asked(self, body: Any) -> None:
        self.lines.append(f"> {question_line(body)}")

    def _answer(self, name: str, version: int, transactional_id: str = "") -> Callable[[Any], None]:
        def done(response: Any) -> None:
            if isinstance(response, PartitionsAdded):
                told = " ".join(ErrorCode(one).name for one in response.errors)
                self.lines.append(f"{name} <- {told}")
                return
            assert isinstance(response, Response)
            # What the client reads: fields that its version does not carry are gone.
            response = decode(type(response), encode(response, version), version)
            if getattr(response, "producer_id", -1) >= 0:
                self.told[transactional_id] = (response.producer_id, response.producer_epoch)
            self.lines.append(f"{name} <- {trace.message(response)}")

        return done

    def _by(self, args: Args) -> tuple[int, int]:
        if "by" in args:
            return pair(args["by"])
        return self.told.get(args.get("id", "x"), (-1, -1))

    # ------------------------------------------------------------ requests

    def _do_config(self, _names: Words, args: Args) -> None:
        level = int(args.pop("level", "2"))
        self._begin({key: int(value) for key, value in args.items()}, level)

    def _do_init(self, names: Words, args: Args) -> None:
        transactional_id = args.get("id", "x")
        given = args.get("given", "-1,-1")
        producer = self.told[transactional_id] if given == "own" else pair(given)
        request = InitProducerIdRequest(
            transactional_id=transactional_id,
            transaction_timeout_ms=int(args.get("timeout", "60000")),
            producer_id=producer[0],
            producer_epoch=producer[1],
            enable2_pc=args.get("2pc") == "1",
            keep_prepared_txn=args.get("keep") == "1",
        )
        version = int(args.get("v", "5"))
        self._submit(names[0], request, version, args)

    def _do_add(self, names: Words, args: Args) -> None:
        question = AddPartitions(
            args.get("id", "x"),
            *self._by(args),
            partitions=tuple(place(one) for one in args.get("parts", "t-0").split(",") if one),
            transaction_version=int(args.get("tv", "2")),
            verify_only=args.get("verify") == "1",
            patient=args.get("patient") == "1",
        )
        self._submit(names[0], question, 0, args)

    def _do_end(self, names: Words, args: Args) -> None:
        producer_id, epoch = self._by(args)
        request = EndTxnRequest(
            transactional_id=args.get("id", "x"),
            producer_id=producer_id,
            producer_epoch=epoch,
            committed=names[1] == "commit",
        )
        self._submit(names[0], request, int(args.get("v", "5")), args)

    def _submit(self, name: str, body: Any, version: int, args: Args) -> None:
        connection = int(args["connection"]) if "connection" in args else None
        done = self._answer(name, version, args.get("id", "x"))
        self.world.submit(body, version, done, connection=connection)

    def _do_describe(self, names: Words, _args: Args) -> None:
        body = DescribeTransactionsRequest(transactional_ids=names[1:])
        self._look(names[0], body, 0, self.world.coordinator.describe)

    def _do_list(self, names: Words, args: Args) -> None:
        body = ListTransactionsRequest(
            state_filters=args["states"].split(",") if "states" in args else [],
            producer_id_filters=[int(one) for one in args.get("producers", "").split(",") if one],
            duration_filter=int(args.get("older", "-1")),
        )
        self._look(
            names[0],
            body,
            2,
            lambda ask: self.world.coordinator.list_all(ask, None, lambda _: True),
        )

    def _look(self, name: str, body: Any, version: int, how: Callable[[Any], None]) -> None:
        how(self.world.ask(body, version, self._answer(name, version)))

    # ------------------------------------------------------------ who is asked

    def _do_markers(self, names: Words, args: Args) -> None:
        kept = args.pop("hold", None)
        self.world.marker_errors = {
            place(one): int(getattr(ErrorCode, error)) for one, error in args.items()
        }
        self.world.markers_wait = names == ["hold"] if kept is None else set(kept.split(","))
        self.world.answer_waiting()

    def _do_again(self, names: Words, _args: Args) -> None:
        self.world.answer(self.world.answered[-1 - int(names[0] if names else "0")])

    def _do_ids(self, names: Words, args: Args) -> None:
        self.world.id_error = int(getattr(ErrorCode, args.get("error", "NONE")))
        self.world.next_id = int(args.get("next", str(self.world.next_id)))
        self.world.ids_wait = names == ["hold"]
        self.world.answer_waiting()

    # ------------------------------------------------------------ what happens

    def _do_craft(self, names: Words, args: Args) -> None:
        title, producer_id, epoch = names
        transaction = Transaction(
            producer_id=int(producer_id),
            producer_epoch=int(epoch),
            timeout_ms=int(args.get("timeout", "60000")),
            state=TITLES[title],
            partitions=frozenset(place(one) for one in args.get("parts", "").split(",") if one),
            start_ms=int(args.get("start", "-1")),
            updated_ms=int(args.get("updated", "0")),
            previous_producer_id=int(args.get("previous", producer_id)),
            next_producer_id=int(args.get("next", "-1")),
            client_version=int(args.get("tv", "2")),
        )
        transactional_id = args.get("id", "x")
        record = records.state_of(transactional_id, transaction, int(args.get("level", "1")))
        batch = build_batch([Record(record.key, record.value)])
        hears, self.world.log.appended = self.world.log.appended, lambda partition, batch: None
        partition = self.world.coordinator.partition_for(transactional_id)
        self.world.log.append(TRANSACTION_STATE, partition, batch)
        self.world.log.appended = hears
        self.told[transactional_id] = (transaction.producer_id, transaction.producer_epoch)

    def _do_advance(self, names: Words, _args: Args) -> None:
        self.world.advance(int(names[0]))

    def _do_wait(self, names: Words, _args: Args) -> None:
        self.world.wait(int(names[0]))

    def _do_jump(self, names: Words, _args: Args) -> None:
        self.world.wall_ahead_ms += int(names[0])

    def _do_leap(self, names: Words, args: Args) -> None:
        connected = [int(one) for one in args.get("connected", "").split(",") if one]
        self.world.leap(int(names[0]), connected)

    def _do_hold(self, _names: Words, _args: Args) -> None:
        self.world.log.held = True

    def _do_release(self, _names: Words, _args: Args) -> None:
        self.world.release()

    def _do_fail(self, names: Words, args: Args) -> None:
        self.world.log.failing = True
        words = [*names[1:], *(f"{key}={value}" for key, value in args.items())]
        lines = self.run(" ".join([names[0], *words]))
        self.world.log.failing = False
        self.lines = lines

    def _do_restart(self, _names: Words, args: Args) -> None:
        self.world.loads = args.get("load") != "no"
        self.world.boot()

    def _do_load(self, _names: Words, _args: Args) -> None:
        self.world.loads = True
        self.world.wake()

    def _do_resign(self, _names: Words, args: Args) -> None:
        self.world.runtime.resigned(self.world.coordinator.partition_for(args.get("id", "x")))

    def _do_elect(self, _names: Words, args: Args) -> None:
        self.world.elect(self.world.coordinator.partition_for(args.get("id", "x")))

    def _do_level(self, names: Words, _args: Args) -> None:
        self.world.finalize(int(names[0]))
        self.world.tell_image()

    def _do_epoch(self, names: Words, _args: Args) -> None:
        self.world.lead(TRANSACTION_STATE, int(names[0]))
        self.world.tell_image()

    def _do_topic(self, names: Words, _args: Args) -> None:
        self.world.know(names[0])
        self.world.tell_image()

    def _do_topic_deleted(self, names: Words, _args: Args) -> None:
        self.world.delete_topic(names[0])

    # ------------------------------------------------------------ looking

    def _do_state(self, _names: Words, args: Args) -> None:
        transactional_id = args.get("id", "x")
        transaction = self.world.state_of(transactional_id).transactions.get(transactional_id)
        self.lines.append("nothing" if transaction is None else state_line(transaction))

    def _do_soft(self, _names: Words, _args: Args) -> None:
        for partition in range(self.world.partitions):
            shard = self.world.runtime.decider(partition)
            if shard is None:
                self.lines.append("not here")
                continue
            assert isinstance(shard, TransactionShard)
            state = shard.state
            soft = {
                "last_epochs": state.last_epochs,
                "deadlines": state.deadlines,
                "connections": state.connections,
                "awaits_id": list(state.awaits_id),
                "endings": {
                    one: [f"{topic}-{index}" for topic, index in sorted(ending.missing)]
                    for one, ending in state.endings.items()
                },
                "patient": {one: len(asks) for one, asks in state.patient.items()},
            }
            self.lines.append(
                " ".join(f"{name}={one}" for name, one in soft.items() if one) or "none"
            )

    def _do_timers(self, _names: Words, _args: Args) -> None:
        self.lines.append(str(self.world.timers()))

    def _do_notes(self, _names: Words, _args: Args) -> None:
        self.lines += [*self.world.told, *self.world.reports]
        self.world.told.clear()
        self.world.reports.clear()


def pair(text: str) -> tuple[int, int]:
    """A producer id and an epoch."""
    producer_id, epoch = text.split(",")
    return int(producer_id), int(epoch)


def place(text: str) -> tuple[str, int]:
    """A topic and a partition: `t-0`."""
    topic, _, index = text.rpartition("-")
    return topic, int(index)


def record_line(key: bytes, value: bytes | None) -> str:
    """A record of `__transaction_state`."""
    transactional_id = records.read_key(key)
    if value is None:
        return f"{transactional_id} tombstone"
    version = int.from_bytes(value[:2], "big")
    return f"{transactional_id} v{version} {state_line(records.read_state(value))}"


def state_line(one: Transaction) -> str:
    """Where an id stands."""
    shown = [f"{one.state.title} {one.producer_id}/{one.producer_epoch}"]
    if one.previous_producer_id not in (-1, one.producer_id):
        shown.append(f"previous={one.previous_producer_id}")
    if one.next_producer_id != -1:
        shown.append(f"next={one.next_producer_id}")
    if one.timeout_ms != 60000:
        shown.append(f"timeout={one.timeout_ms}")
    if one.partitions:
        places = ",".join(f"{topic}-{index}" for topic, index in sorted(one.partitions))
        shown.append(f"parts={places}")
    if one.start_ms != -1:
        shown.append(f"start={one.start_ms}")
    shown.append(f"updated={one.updated_ms}")
    if one.client_version:
        shown.append(f"tv={one.client_version}")
    return " ".join(shown)


def question_line(body: Any) -> str:
    """What is asked of others."""
    if isinstance(body, NewProducerId):
        return "a producer id"
    assert isinstance(body, WriteMarkers)
    return (
        f"{'commit' if body.committed else 'abort'} of "
        f"{body.producer_id}/{body.producer_epoch} tv={body.transaction_version} "
        f"coordinator={body.coordinator_epoch} to "
        + ",".join(f"{topic}-{index}" for topic, index in body.partitions)
    )


def replayed(text: str) -> str:
    """The script with the trace that it leaves now."""
    return scripted.replayed(text, Script().run)


if __name__ == "__main__":
    scripted.main(ROOM, lambda: Script().run)
