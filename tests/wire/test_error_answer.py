"""An error as the answer to a request of any API: to each thing that was asked for, by its name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ottla.wire import api as wire_api
from ottla.wire.clip import encode_reply
from ottla.wire.error_answer import error_answer
from ottla.wire.messages.produce import ProduceRequest
from ottla.wire.schema import Struct, StructType, decode, encode

ERROR = 29
VERSIONS = [
    (row.name, row.key, version)
    for row in wire_api.apis()
    for version in range(row.min_version, row.max_version + 1)
]
SAMPLES = {"bool": True, "string": "of its own", "bytes": b"b", "records": b"", "float64": 1.0}


def filled(kind: StructType, version: int) -> Any:
    """One with an element in every array, and something in every field."""
    given: dict[str, Any] = {}
    for name, field in kind.__fields__.items():
        if not field.versions[0] <= version <= field.versions[1]:
            continue
        of = field.kind.removeprefix("[]")
        value: Any
        if of == "struct":
            value = filled(field.nested, version)
        elif of == "uuid":
            value = b"of its own: uuid"
        else:
            value = SAMPLES.get(of, 1)
        given[name] = [value] if field.kind[:2] == "[]" else value
    return kind(**given)


def errors(one: Any, path: str = "") -> Iterator[tuple[str, Struct]]:
    """Where the error stands, and in what; with the names of arrays above it."""
    for name in one.__fields__:
        value = getattr(one, name)
        if name in ("error_code", "partition_error_code") and value == ERROR:
            yield path, one
        for inner in value if isinstance(value, list) else []:
            if isinstance(inner, Struct):
                yield from errors(inner, f"{path}.{name}".lstrip("."))


IN_ROWS: dict[str, str | dict[int, str]] = {
    "Produce": "responses.partition_responses",
    "Fetch": "responses.partitions",
    "ListOffsets": "topics.partitions",
    "Metadata": "topics",
    "OffsetCommit": "topics.partitions",
    "OffsetFetch": {8: "groups.topics.partitions", 0: "topics.partitions"},
    "FindCoordinator": {4: "coordinators", 0: ""},
    "LeaveGroup": {3: "members", 0: ""},
    "DescribeGroups": "groups",
    "CreateTopics": "topics",
    "DeleteTopics": "responses",
    "DeleteRecords": "topics.partitions",
    "OffsetForLeaderEpoch": "topics.partitions",
    "AddPartitionsToTxn": {
        4: "results_by_transaction.topic_results.results_by_partition",
        0: "results_by_topic_v3_and_below.results_by_partition",
    },
    "WriteTxnMarkers": "markers.topics.partitions",
    "TxnOffsetCommit": "topics.partitions",
    "CreateAcls": "results",
    "DeleteAcls": "filter_results",
    "DescribeConfigs": "results",
    "AlterConfigs": "responses",
    "AlterReplicaLogDirs": "results.partitions",
    "DescribeLogDirs": {3: "", 0: "results"},
    "CreatePartitions": "results",
    "DeleteGroups": "results",
    "ElectLeaders": "replica_election_results.partition_result",
    "IncrementalAlterConfigs": "responses",
    "AlterPartitionReassignments": "responses.partitions",
    "OffsetDelete": "topics.partitions",
    "AlterClientQuotas": "entries",
    "DescribeUserScramCredentials": "results",
    "AlterUserScramCredentials": "results",
    "Vote": "topics.partitions",
    "BeginQuorumEpoch": "topics.partitions",
    "EndQuorumEpoch": "topics.partitions",
    "DescribeQuorum": "topics.partitions",
    "AlterPartition": "topics.partitions",
    "UpdateFeatures": {2: "", 0: "results"},
    "FetchSnapshot": "topics.partitions",
    "DescribeProducers": "topics.partitions",
    "DescribeTransactions": "transaction_states",
    "ConsumerGroupDescribe": "groups",
    "AssignReplicasToDirs": "directories.topics.partitions",
    "DescribeTopicPartitions": "topics",
    "ShareGroupDescribe": "groups",
    "ShareFetch": "responses.partitions",
    "ShareAcknowledge": "responses.partitions",
    "InitializeShareGroupState": "results.partitions",
    "ReadShareGroupState": "results.partitions",
    "WriteShareGroupState": "results.partitions",
    "DeleteShareGroupState": "results.partitions",
    "ReadShareGroupStateSummary": "results.partitions",
    "StreamsGroupDescribe": "groups",
    "DescribeShareGroupOffsets": "groups.topics.partitions",
    "AlterShareGroupOffsets": "responses.partitions",
    "DeleteShareGroupOffsets": "responses",
}
"""Where the error of an API stands (by the first version) if it has a place in each thing that was
asked for; that of all others stands for the whole.
"""


def place(name: str, version: int) -> str:
    """Where the error is to stand."""
    found = IN_ROWS.get(name, "")
    if isinstance(found, str):
        return found
    return next(where for first, where in found.items() if version >= first)


NAMELESS = {"CreateAcls", "DeleteAcls", "DescribeLogDirs"}
"""Rows of these are told apart by their order, or are of nothing."""


def is_named(row: Any) -> bool:
    """Whether a row says what it is about, as the request did."""
    said = [getattr(row, name) for name in row.__fields__ if "error" not in name]
    parts = [one for value in said if isinstance(value, list) for one in value]
    return any(value in ("of its own", b"of its own: uuid", 1) for value in said) or any(
        is_named(part) for part in parts if isinstance(part, Struct)
    )


@pytest.mark.parametrize(("name", "key", "version"), VERSIONS)
def test_every_api_has_an_answer_that_can_be_sent(name: str, key: int, version: int) -> None:
    """If this failed, an error for some API would end its connection, or be told of nothing that
    its client had asked for.
    """
    kind = wire_api.request_class(key)
    request = filled(kind, version)
    assert decode(kind, encode(request, version), version) == request
    answer = error_answer(request, version, ERROR)
    assert answer is not None
    encode_reply(answer, version)
    found = list(errors(answer))
    assert {path for path, _ in found} == {place(name, version)}
    for path, row in found:
        assert not path or is_named(row) or name in NAMELESS, row


def test_what_names_nothing_is_answered_as_a_whole() -> None:
    """If this failed, a request that asks for all there is would get no answer that could be had,
    or one that says nothing of the error.
    """
    for name, key, version in VERSIONS:
        first, last = getattr(
            wire_api.response_class(key).__fields__.get("error_code"), "versions", (0, -1)
        )
        answer = error_answer(wire_api.request_class(key)(), version, ERROR)
        if answer is None:
            assert not first <= version <= last, (name, version)
            assert place(name, version), "it stands in rows alone"
        else:
            encode_reply(answer, version)
            assert list(errors(answer)), (name, version)


def test_who_wants_no_answer_gets_none() -> None:
    """If this failed, a producer would take it for the answer to its next request."""
    assert error_answer(ProduceRequest(acks=0), 9, ERROR) is None
