"""What conversations about transactions say, and how they wait for what happens by itself.

It holds no cases. An answer that Apache gathers from a hash map comes in any order, so answers are
put in order before they are noted. A coordinator answers EndTxn before its markers are written and
ends what timed out in its own time: who needs the end asks `until`, which notes nothing. What a
transaction is like between PrepareCommit and CompleteCommit is seen in one that `stuck` holds
there: a marker of a later coordinator is written by hand, so that the coordinator's own is refused
as a fenced one's and the coordinator gives up for good, as Apache's does.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from conformance.cases_records import THEN
from conformance.talk import Talk
from ottla.wire.messages import (
    add_offsets_to_txn,
    add_partitions_to_txn,
    describe_producers,
    end_txn,
    find_coordinator,
    init_producer_id,
    produce,
    txn_offset_commit,
    write_txn_markers,
)
from ottla.wire.messages import describe_transactions as describe_message
from ottla.wire.messages import fetch as fetch_message
from ottla.wire.messages import list_offsets as list_message
from ottla.wire.messages.api_versions import ApiVersionsRequest
from ottla.wire.records import Record, build_batch, read_batches
from ottla.wire.schema import Request, Struct

TRANSACTION = 1
PRODUCE, ADD_PARTITIONS, END, COMMIT_OFFSETS = "Produce", "AddPartitionsToTxn", "EndTxn", "Offsets"
OLDER = {PRODUCE: 11, ADD_PARTITIONS: 3, END: 4, COMMIT_OFFSETS: 4}
"""The last versions of the older way: clients go no further where transaction.version is not 2, and
4.3.1 there answers UNSUPPORTED_VERSION and holds the transactional id for good.
"""
STILL_LOADING = {14, 15, 16}
CONCURRENT_TRANSACTIONS = 51
COMPLETE = ("CompleteCommit", "CompleteAbort")
LATELY_MS = 600_000
WAIT_S = 10
NAMES = ("name", "topic", "transactional_id", "group_id")
NUMBERS = ("producer_id", "partition_index", "partition", "index")
NO_TOPIC_ID = bytes(16)


class Producer(NamedTuple):
    """Who speaks: a transactional id and what InitProducerId gave it."""

    key: str
    id: int
    epoch: int

    def at(self, epoch: int) -> Producer:
        """The same producer with another epoch."""
        return self._replace(epoch=epoch)


def ordered(value: Any) -> Any:
    """An answer with the rows of each list by name and number, whatever map they came from."""
    if isinstance(value, Struct):
        for name in value.__fields__:
            setattr(value, name, ordered(getattr(value, name)))
    if isinstance(value, list):
        return sorted(map(ordered, value), key=_place)
    return value


def _place(row: Any) -> tuple[str, int, int]:
    if isinstance(row, int):
        return ("", row, 0)
    if not isinstance(row, Struct):
        return (str(row), 0, 0)
    names = [str(getattr(row, name)) for name in NAMES if hasattr(row, name)]
    numbers = [getattr(row, name) for name in NUMBERS if hasattr(row, name)]
    return (names[0] if names else "", *[*numbers, 0, 0][:2])


def ask(talk: Talk, request: Request, version: int, *, note: bool = True) -> Any:
    """Ask, put the answer in order and note it."""
    answer = ordered(talk.ask(request, version, note=False))
    if note:
        talk.note(answer)
    return answer


def patience(what: str) -> Iterator[None]:
    """A loop's deadline: `for _ in patience(what)` asks again until it is passed."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        yield
    raise AssertionError(f"not within {WAIT_S} s: {what}")


def is_newer(talk: Talk) -> bool:
    """Whether transaction.version 2 is final where we talk to."""
    request = ApiVersionsRequest(client_software_name="c", client_software_version="1")
    final = talk.ask(request, 4, note=False).finalized_features
    return any(f.name == "transaction.version" and f.max_version_level >= 2 for f in final)


def spoken(talk: Talk, kind: str, wanted: Iterable[int]) -> list[int]:
    """The versions that clients use where we talk to."""
    last = 99 if is_newer(talk) else OLDER[kind]
    return [version for version in wanted if version <= last]


def ready(talk: Talk, *keys: str) -> None:
    """Ask until the ids' coordinator has its partition and the broker its first producer ids."""
    for key in keys or ("any",):
        for _ in patience(f"a coordinator of {key}"):
            row = find_coordinator.FindCoordinatorRequest(
                key_type=TRANSACTION, coordinator_keys=[key]
            )
            if talk.ask(row, 4, note=False).coordinators[0].error_code == 0:
                break
        for _ in patience(f"{key} loaded"):
            if state_of(talk, key).error_code not in STILL_LOADING:
                break
    plain = init_producer_id.InitProducerIdRequest(transactional_id=None)
    for _ in patience("producer ids"):
        if talk.ask(plain, 4, note=False).error_code == 0:
            break


def init(
    talk: Talk,
    key: str | None,
    version: int = 5,
    *,
    given: tuple[int, int] = (-1, -1),
    timeout_ms: int = 60_000,
    note: bool = True,
) -> Any:
    """InitProducerId."""
    more = {"producer_id": given[0], "producer_epoch": given[1]} if version >= 3 else {}
    request = init_producer_id.InitProducerIdRequest(
        transactional_id=key, transaction_timeout_ms=timeout_ms, **more
    )
    return ask(talk, request, version, note=note)


def begin(talk: Talk, stem: str, version: int = 5, **more: Any) -> Producer:
    """A producer of a new transactional id, whose coordinator is ready; nothing is noted."""
    key = talk.topic(stem)
    ready(talk, key)
    got = init(talk, key, version, note=False, **more)
    assert got.error_code == 0, got
    return Producer(key, got.producer_id, got.producer_epoch)


def again(talk: Talk, who: Producer, **more: Any) -> Producer:
    """The producer after another InitProducerId, which is not noted."""
    got = init(talk, who.key, note=False, **more)
    assert got.error_code == 0, got
    return Producer(who.key, got.producer_id, got.producer_epoch)


def add(
    talk: Talk, who: Producer, topics: dict[str, list[int]], version: int = 3, *, note: bool = True
) -> Any:
    """AddPartitionsToTxn as clients ask it."""
    rows = [
        add_partitions_to_txn.AddPartitionsToTxnTopic(name=name, partitions=partitions)
        for name, partitions in topics.items()
    ]
    request = add_partitions_to_txn.AddPartitionsToTxnRequest(
        v3_and_below_transactional_id=who.key,
        v3_and_below_producer_id=who.id,
        v3_and_below_producer_epoch=who.epoch,
        v3_and_below_topics=rows,
    )
    return ask(talk, request, version, note=note)


def broker_adds(
    talk: Talk, *rows: tuple[Producer, dict[str, list[int]], bool], version: int = 5
) -> Any:
    """AddPartitionsToTxn as brokers ask it: (who, partitions, verify only), several at once."""
    transactions = [
        add_partitions_to_txn.AddPartitionsToTxnTransaction(
            transactional_id=who.key,
            producer_id=who.id,
            producer_epoch=who.epoch,
            verify_only=verify_only,
            topics=[
                add_partitions_to_txn.AddPartitionsToTxnTopic(name=name, partitions=partitions)
                for name, partitions in topics.items()
            ],
        )
        for who, topics, verify_only in rows
    ]
    request = add_partitions_to_txn.AddPartitionsToTxnRequest(transactions=transactions)
    return ask(talk, request, version)


def add_offsets(talk: Talk, who: Producer, group: str, version: int = 4) -> Any:
    """AddOffsetsToTxn."""
    request = add_offsets_to_txn.AddOffsetsToTxnRequest(
        transactional_id=who.key, producer_id=who.id, producer_epoch=who.epoch, group_id=group
    )
    return ask(talk, request, version)


def commit_offset(
    talk: Talk, who: Producer, group: str, topic: str, version: int = 5, **more: Any
) -> Any:
    """TxnOffsetCommit of one partition's position."""
    row = txn_offset_commit.TxnOffsetCommitRequestPartition(
        partition_index=more.pop("partition", 0),
        committed_offset=more.pop("offset", 7),
        committed_metadata=more.pop("metadata", "note"),
    )
    topics = [txn_offset_commit.TxnOffsetCommitRequestTopic(name=topic, partitions=[row])]
    request = txn_offset_commit.TxnOffsetCommitRequest(
        transactional_id=who.key,
        group_id=group,
        producer_id=who.id,
        producer_epoch=who.epoch,
        topics=topics,
        **more,
    )
    return ask(talk, request, version)


def end(
    talk: Talk, who: Producer, version: int = 5, *, commit: bool = True, note: bool = True
) -> Producer:
    """EndTxn; the producer as it goes on (v5 may say so)."""
    request = end_txn.EndTxnRequest(
        transactional_id=who.key, producer_id=who.id, producer_epoch=who.epoch, committed=commit
    )
    got = ask(talk, request, version, note=note)
    if version >= 5 and got.error_code == 0 and got.producer_id >= 0:
        return Producer(who.key, got.producer_id, got.producer_epoch)
    return who


def finish(talk: Talk, who: Producer, version: int = 5, *, commit: bool = True) -> Producer:
    """EndTxn, and wait until its markers are written."""
    found = end(talk, who, version, commit=commit)
    until(talk, who.key, *COMPLETE)
    return found


def state_of(talk: Talk, key: str) -> Any:
    """What DescribeTransactions says of one id, not noted."""
    request = describe_message.DescribeTransactionsRequest(transactional_ids=[key])
    return talk.ask(request, 0, note=False).transaction_states[0]


def until(talk: Talk, key: str, *states: str) -> None:
    """Wait until the id's transaction is in one of these states."""
    for _ in patience(f"{key} in {states}"):
        if state_of(talk, key).transaction_state in states:
            break


def described(talk: Talk, *keys: str) -> None:
    """Note what DescribeTransactions says of the ids; a start of late is `<lately>`."""
    request = describe_message.DescribeTransactionsRequest(transactional_ids=list(keys))
    answer = ordered(talk.ask(request, 0, note=False))
    rows = [plain(row, transaction_start_time_ms=lately) for row in answer.transaction_states]
    talk.note(rows)


def described_producers(talk: Talk, topics: dict[str, list[int]]) -> None:
    """Note what DescribeProducers says; the time of a marker is `<lately>`."""
    rows = [
        describe_producers.TopicRequest(name=name, partition_indexes=partitions)
        for name, partitions in topics.items()
    ]
    request = describe_producers.DescribeProducersRequest(topics=rows)
    for topic in ordered(talk.ask(request, 0, note=False)).topics:
        for partition in topic.partitions:
            producers = [plain(p, last_timestamp=lately) for p in partition.active_producers]
            talk.note({**plain(partition), "name": topic.name, "active_producers": producers})


def plain(row: Struct, **but: Any) -> dict[str, Any]:
    """A row's fields, some of them seen through a function."""
    found = {name: getattr(row, name) for name in row.__fields__}
    return {**found, **{name: see(found[name]) for name, see in but.items()}}


def lately(time_ms: int) -> Any:
    """A time of the last minutes as `<lately>`; another as it is."""
    return "<lately>" if 0 <= time.time() * 1000 - time_ms <= LATELY_MS else time_ms


def batch_of(who: Producer, sequence: int, *, count: int = 1, **header: Any) -> bytes:
    """A batch of some records in a producer's transaction."""
    records = [Record(b"k%d" % i, b"value", (), THEN + i * 1000) for i in range(count)]
    named = {
        "producer_id": who.id,
        "producer_epoch": who.epoch,
        "base_sequence": sequence,
        "transactional": True,
    }
    return build_batch(records, **{**named, **header})


class Place(NamedTuple):
    """A topic by name and id: Produce and Fetch name it by either."""

    name: str
    id: bytes


def send(
    talk: Talk,
    place: Place,
    key: str | None,
    *batches: bytes,
    version: int = 12,
    note: bool = True,
    wait: bool = False,
) -> Any:
    """Produce a batch to partition 0, and the next ones to the next; with `wait`, again while an
    earlier transaction is being ended.
    """
    rows = [produce.PartitionProduceData(index=i, records=data) for i, data in enumerate(batches)]
    topic = produce.TopicProduceData(name=place.name, topic_id=place.id, partition_data=rows)
    request = produce.ProduceRequest(
        transactional_id=key, acks=-1, timeout_ms=5000, topic_data=[topic]
    )
    for _ in patience("nothing concurrent"):
        answer = ask(talk, request, version, note=False)
        codes = [row.error_code for row in answer.responses[0].partition_responses]
        if not wait or CONCURRENT_TRANSACTIONS not in codes:
            break
    if note:
        talk.note(answer)
    return answer


def fetched(
    talk: Talk, place: Place, offset: int = 0, version: int = 12, *, committed: bool, part: int = 0
) -> None:
    """Fetch and note the answer, with its batches in words."""
    row = fetch_message.FetchPartition(
        partition=part, fetch_offset=offset, partition_max_bytes=1 << 20
    )
    topic = fetch_message.FetchTopic(topic=place.name, topic_id=place.id, partitions=[row])
    request = fetch_message.FetchRequest(
        max_wait_ms=0, min_bytes=0, isolation_level=int(committed), topics=[topic]
    )
    answer = talk.ask(request, version, note=False)
    talk.note(answer.error_code)
    for found in answer.responses:
        talk.note([plain(p, records=in_words) for p in found.partitions])


def in_words(data: bytes | None) -> Any:
    """Batches by what a transaction is about."""
    if data is None:
        return None
    return [
        {
            "offsets": [batch.base_offset, batch.last_offset],
            "producer_id": batch.producer_id,
            "producer_epoch": batch.producer_epoch,
            "base_sequence": batch.base_sequence,
            "transactional": batch.is_transactional,
            "control": [[r.key, r.value] for r in batch.records] if batch.is_control else None,
            "timestamp": lately(batch.max_timestamp_ms),
        }
        for batch in read_batches(data)
    ]


def offsets_of(
    talk: Talk, place: Place, timestamp: int, version: int = 10, *, committed: bool
) -> None:
    """Look one offset up by isolation level and note the answer."""
    row = list_message.ListOffsetsPartition(partition_index=0, timestamp=timestamp)
    rows = [list_message.ListOffsetsTopic(name=place.name, partitions=[row])]
    request = list_message.ListOffsetsRequest(
        replica_id=-1, isolation_level=int(committed), topics=rows
    )
    ask(talk, request, version)


def mark(
    talk: Talk,
    who: Producer,
    topics: dict[str, list[int]],
    version: int = 2,
    *,
    commit: bool = True,
    coordinator_epoch: int = 0,
    note: bool = True,
    transaction_version: int = 0,
) -> Any:
    """WriteTxnMarkers of one transaction."""
    rows = [
        write_txn_markers.WritableTxnMarkerTopic(name=name, partition_indexes=partitions)
        for name, partitions in topics.items()
    ]
    marker = write_txn_markers.WritableTxnMarker(
        producer_id=who.id,
        producer_epoch=who.epoch,
        transaction_result=commit,
        topics=rows,
        coordinator_epoch=coordinator_epoch,
        transaction_version=transaction_version,
    )
    request = write_txn_markers.WriteTxnMarkersRequest(markers=[marker])
    return ask(talk, request, version, note=note)


def stuck(
    talk: Talk, place: Place, stem: str, *, commit: bool = True, version: int = 4
) -> Producer:
    """A producer whose transaction stays in PrepareCommit (or PrepareAbort); nothing is noted."""
    who = begin(talk, stem)
    add(talk, who, {place.name: [0]}, note=False)
    sent = send(talk, place, who.key, batch_of(who, 0), version=11, note=False)
    assert sent.responses[0].partition_responses[0].error_code == 0, sent
    marked = mark(talk, who, {place.name: [0]}, 1, coordinator_epoch=1000, note=False)
    assert marked.markers[0].topics[0].partitions[0].error_code == 0, marked
    return end(talk, who, version, commit=commit, note=False)
