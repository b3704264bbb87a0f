"""Nodes that lie, and the producer and the consumer that have to live with them.

Whatever a node says: a call ends within the time that it was given, with one error that says what
is wrong, and nothing is left after `close`. No test asserts on time: one that hangs runs into the
suite's own deadline.
"""

from __future__ import annotations

import random
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from client.peers import HOST, Asked, HangUp, Leads, Peer, frame, metadata_of, versions
from ottla.client import Client, Consumer, Producer
from ottla.errors import BrokenInvariant, OttlaError
from ottla.wire.errors import ErrorCode
from ottla.wire.messages import (
    fetch,
    find_coordinator,
    init_producer_id,
    list_offsets,
    metadata,
    offset_fetch,
    produce,
)
from ottla.wire.records import Record, build_batch
from ottla.wire.schema import encode

TOPIC = "t"
PRODUCER = {
    "max_block_ms": 300,
    "request_timeout_ms": 150,
    "delivery_timeout_ms": 300,
    "retry_backoff_ms": 20,
    "linger_ms": 0,
}
CONSUMER = {"default_api_timeout_ms": 300, "request_timeout_ms": 150, "retry_backoff_ms": 20}
NOBODY_LISTENS = 1
"""A port, which needs a right to be listened on that no test has asked for."""


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    """Whatever happened, `close` ends all that was started."""
    before = set(threading.enumerate())
    yield
    left = [t for t in threading.enumerate() if t not in before]
    for thread in left:
        if thread.name.startswith("ottla-lookup-"):
            thread.join(20)  # the system's resolver can't be told to stop
    assert [t.name for t in left if t.is_alive()] == []


class Node:
    """One node that answers well, but for what a test puts in the way."""

    def __init__(self, *lies: Callable[[Node, Asked], Any], versions: Any = versions) -> None:
        self._lies = lies
        self.written: list[bytes] = []
        self.peer = Peer(self._answer, versions=lambda asked: self._versions(versions, asked))
        self.bootstrap = f"{HOST}:{self.peer.port}"

    def _versions(self, honest: Any, asked: Asked) -> Any:
        for lie in self._lies:
            if (said := lie(self, asked)) is not None:
                return said
        return honest(asked)

    def _answer(self, asked: Asked) -> Any:
        for lie in self._lies:
            if (said := lie(self, asked)) is not None:
                return said
        return self.honest(asked)

    def honest(self, asked: Asked) -> Any:
        """What a good node says."""
        match asked.message:
            case metadata.MetadataRequest():
                return metadata_of([self.peer.port], [Leads(TOPIC, 0, 1)], asked)
            case init_producer_id.InitProducerIdRequest():
                return init_producer_id.InitProducerIdResponse(producer_id=7, producer_epoch=0)
            case find_coordinator.FindCoordinatorRequest(coordinator_keys=keys):
                row = find_coordinator.Coordinator(
                    key=keys[0], node_id=1, host=HOST, port=self.peer.port
                )
                return find_coordinator.FindCoordinatorResponse(coordinators=[row])
            case produce.ProduceRequest(topic_data=topics):
                self.written += [p.records for t in topics for p in t.partition_data]
                return produced(topics[0].topic_id)
            case list_offsets.ListOffsetsRequest():
                return located(0)
            case offset_fetch.OffsetFetchRequest():
                return offset_fetch.OffsetFetchResponse(
                    groups=[offset_fetch.OffsetFetchResponseGroup(group_id="g")]
                )
            case fetch.FetchRequest():
                return fetched(asked)
        raise HangUp

    def __enter__(self) -> Node:
        return self

    def __exit__(self, *_: object) -> None:
        self.peer.close()


def produced(topic_id: bytes, error: int = 0, index: int = 0, offset: int = 5) -> Any:
    """An answer to a Produce."""
    row = produce.PartitionProduceResponse(index=index, error_code=error, base_offset=offset)
    topic = produce.TopicProduceResponse(name=TOPIC, topic_id=topic_id, partition_responses=[row])
    return produce.ProduceResponse(responses=[topic])


def located(offset: int, error: int = 0, index: int = 0) -> Any:
    """An answer to ListOffsets."""
    row = list_offsets.ListOffsetsPartitionResponse(
        partition_index=index, error_code=error, offset=offset
    )
    topic = list_offsets.ListOffsetsTopicResponse(name=TOPIC, partitions=[row])
    return list_offsets.ListOffsetsResponse(topics=[topic])


def fetched(asked: Asked, error: int = 0, index: int = 0, records: bytes | None = None) -> Any:
    """An answer to a Fetch, without a session."""
    row = fetch.PartitionData(
        partition_index=index, error_code=error, high_watermark=0, records=records
    )
    named = asked.message.topics[0] if asked.message.topics else fetch.FetchTopic()
    topic = fetch.FetchableTopicResponse(topic=TOPIC, topic_id=named.topic_id, partitions=[row])
    return fetch.FetchResponse(responses=[topic])


Lie = Callable[[Node, Asked], Any]


def to(kind: Any, say: Lie) -> Lie:
    """A lie that is told to requests of a kind."""
    return lambda node, asked: say(node, asked) if isinstance(asked.message, kind) else None


def wrong_correlation_id(node: Node, asked: Asked) -> Any:
    """The answer to what nobody asked."""
    return frame(asked._replace(correlation_id=asked.correlation_id + 1000), node.honest(asked))


def cut_frame(node: Node, asked: Asked) -> Any:
    """Half of an answer with the length of half: what is in it ends too soon."""
    whole = frame(asked, node.honest(asked))[4:]
    half = whole[: max(5, len(whole) // 2)]
    return struct.pack(">i", len(half)) + half


def absurd_length(node: Node, asked: Asked) -> Any:
    """Two gibibytes are to come."""
    return struct.pack(">i", 2**31 - 1) + b"\0" * 100


def negative_length(node: Node, asked: Asked) -> Any:
    """Less than nothing is to come."""
    return struct.pack(">i", -1)


def no_end(node: Node, asked: Asked) -> Any:
    """A hundred mebibytes are to come, and do not."""
    return struct.pack(">i", 100 << 20) + b"\0" * 100


def answer_of_another_api(node: Node, asked: Asked) -> Any:
    """What another question would be answered with."""
    body = encode(init_producer_id.InitProducerIdResponse(), 4)
    payload = struct.pack(">i", asked.correlation_id) + b"\0" + body
    return struct.pack(">i", len(payload)) + payload


def noise(node: Node, asked: Asked) -> Any:
    """The right frame, and anything in it."""
    data = struct.pack(">i", asked.correlation_id) + random.Random(7).randbytes(200)
    return struct.pack(">i", len(data)) + data


def hang_up(node: Node, asked: Asked) -> Any:
    """No answer, and no connection."""
    raise HangUp


FRAMES: list[Lie] = [
    wrong_correlation_id,
    cut_frame,
    absurd_length,
    negative_length,
    no_end,
    answer_of_another_api,
    noise,
    hang_up,
]


def outcome_of_sending(bootstrap: str, **more: Any) -> tuple[OttlaError | None, int]:
    """How one record that is sent ends, and its offset."""
    with Producer(bootstrap, **{**PRODUCER, **more}) as producer:
        try:
            delivery = producer.send(TOPIC, "x", partition=0)
            delivery.result(None)
        except OttlaError as error:
            return error, -1
        return None, delivery.offset


@pytest.mark.parametrize("lie", FRAMES)
@pytest.mark.parametrize(
    "kind",
    [produce.ProduceRequest, metadata.MetadataRequest, init_producer_id.InitProducerIdRequest],
)
def test_a_producer_survives_frames_that_are_wrong(kind: Any, lie: Lie) -> None:
    """If this failed, bytes of a broken node would hang a producer, or end its thread."""
    with Node(to(kind, lie)) as node:
        error, _ = outcome_of_sending(node.bootstrap)
        assert error is not None
        assert TOPIC in str(error)


@pytest.mark.parametrize("lie", FRAMES)
def test_a_producer_goes_on_behind_one_wrong_frame(lie: Lie) -> None:
    """If this failed, one broken answer would cost a record."""
    told: list[Asked] = []

    def once(node: Node, asked: Asked) -> Any:
        if told:
            return None
        told.append(asked)
        return lie(node, asked)

    with Node(to(produce.ProduceRequest, once)) as node:
        assert outcome_of_sending(node.bootstrap, delivery_timeout_ms=20_000) == (None, 5)
        first, second = node.written[-2:] if len(node.written) > 1 else node.written * 2
        assert first == second, "it was sent again as it was, numbers too"


def poll_it(bootstrap: str, **more: Any) -> OttlaError | None:
    """What a short poll and a question for the position run into."""
    with Consumer(bootstrap, **{**CONSUMER, **more}) as consumer:
        consumer.assign([(TOPIC, 0)])
        try:
            assert consumer.poll(0.2) == []
            consumer.position((TOPIC, 0), timeout=0.2)
        except OttlaError as error:
            return error
        return None


@pytest.mark.parametrize("lie", FRAMES)
@pytest.mark.parametrize(
    "kind", [metadata.MetadataRequest, list_offsets.ListOffsetsRequest, fetch.FetchRequest]
)
def test_a_consumer_survives_frames_that_are_wrong(kind: Any, lie: Lie) -> None:
    """If this failed, bytes of a broken node would hang a consumer, or end its thread."""
    with Node(to(kind, lie)) as node:
        error = poll_it(node.bootstrap)
        assert (error is None) == (kind is fetch.FetchRequest)


@pytest.mark.parametrize("lie", FRAMES)
@pytest.mark.parametrize(
    "kind", [find_coordinator.FindCoordinatorRequest, offset_fetch.OffsetFetchRequest]
)
def test_a_coordinator_may_lie(kind: Any, lie: Lie) -> None:
    """If this failed, a broken coordinator would hang whoever asks where a group is."""
    with Node(to(kind, lie)) as node, Consumer(node.bootstrap, group_id="g", **CONSUMER) as one:
        with pytest.raises(OttlaError) as caught:
            one.committed([(TOPIC, 0)])
        assert not isinstance(caught.value, BrokenInvariant)


# ------------------------------------------------------------ answers that are whole, and wrong


ENDLESS = [
    ErrorCode.NOT_LEADER_OR_FOLLOWER,
    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    ErrorCode.UNKNOWN_TOPIC_ID,
    ErrorCode.NOT_ENOUGH_REPLICAS,
    ErrorCode.REQUEST_TIMED_OUT,
    ErrorCode.CORRUPT_MESSAGE,
    ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
    ErrorCode.UNKNOWN_PRODUCER_ID,
    ErrorCode.INVALID_PRODUCER_EPOCH,
]


@pytest.mark.parametrize("code", ENDLESS, ids=lambda code: code.name)
def test_what_never_passes_ends_in_its_time(code: ErrorCode) -> None:
    """If this failed, an error that is always told to come again would be tried for ever."""
    lie = to(produce.ProduceRequest, lambda _, a: produced(a.message.topic_data[0].topic_id, code))
    with Node(lie) as node:
        error, _ = outcome_of_sending(node.bootstrap)
        assert error is not None
        assert "not acknowledged within 300 ms" in str(error)
        assert "delivery.timeout.ms" in (error.hint or "")


@pytest.mark.parametrize("code", [9999, -77, -1])
def test_an_error_that_nobody_knows_is_an_error(code: int) -> None:
    """If this failed, a code of a newer node would be taken for success, or end the thread."""
    lie = to(produce.ProduceRequest, lambda _, a: produced(a.message.topic_data[0].topic_id, code))
    with Node(lie) as node:
        error, _ = outcome_of_sending(node.bootstrap)
        assert error is not None
        assert "did not expect" in str(error)
    with Node(to(list_offsets.ListOffsetsRequest, lambda *_: located(0, code))) as node:
        assert "did not expect" in str(poll_it(node.bootstrap))
    with Node(to(fetch.FetchRequest, lambda _, asked: fetched(asked, code))) as node:
        assert "did not expect" in str(poll_it(node.bootstrap))


@pytest.mark.parametrize(
    "answer",
    [
        produce.ProduceResponse(responses=[]),
        produced(b"\1" * 16, index=7),
        produced(b"\1" * 16),
    ],
)
def test_a_partition_that_is_left_out_is_not_acknowledged(answer: Any) -> None:
    """If this failed, what nobody wrote would count as written."""
    if answer.responses and answer.responses[0].partition_responses[0].index == 0:
        answer.responses[0].name = ""
    with Node(to(produce.ProduceRequest, lambda *_: answer)) as node:
        error, _ = outcome_of_sending(node.bootstrap)
        assert error is not None
        assert "left t-0 out" in str(error)


@pytest.mark.parametrize(
    "lie",
    [
        to(list_offsets.ListOffsetsRequest, lambda *_: list_offsets.ListOffsetsResponse()),
        to(list_offsets.ListOffsetsRequest, lambda *_: located(0, index=9)),
        to(list_offsets.ListOffsetsRequest, lambda *_: located(-1)),
    ],
)
def test_an_end_that_nobody_tells_is_waited_for_in_peace(lie: Lie) -> None:
    """If this failed, a consumer would ask thousands of times a second."""
    with Node(lie) as node:
        assert "position" in str(poll_it(node.bootstrap))
        assert node.peer.count(list_offsets.ListOffsetsRequest) < 100


@pytest.mark.parametrize(
    "lie",
    [
        to(fetch.FetchRequest, lambda *_: fetch.FetchResponse()),
        to(fetch.FetchRequest, lambda _, asked: fetched(asked, index=9)),
        to(fetch.FetchRequest, lambda *_: fetch.FetchResponse(session_id=-5)),
    ],
)
def test_a_fetch_that_says_nothing_of_what_was_asked(lie: Lie) -> None:
    """If this failed, a partition that a node leaves out would end the reading."""
    with Node(lie) as node:
        assert poll_it(node.bootstrap) is None


def test_a_node_without_room_for_sessions() -> None:
    """If this failed, nothing could be read from a node whose fetch sessions are all taken."""
    data = build_batch([Record(b"k", b"v")])
    lie = to(fetch.FetchRequest, lambda _, asked: fetched(asked, records=data))
    with Node(lie) as node, Consumer(node.bootstrap, **CONSUMER) as consumer:
        consumer.assign([(TOPIC, 0)])
        assert [record.value for record in consumer.poll(20)] == [b"v"]


@pytest.mark.parametrize("data", [b"\0" * 10, b"\xff" * 100, b"\0" * 61])
def test_records_that_are_none_are_told(data: bytes) -> None:
    """If this failed, bytes that are no records would be records, or nothing would be said."""
    told = []
    lie = to(fetch.FetchRequest, lambda _, asked: fetched(asked, records=data))
    with Node(lie) as node, Consumer(node.bootstrap, **CONSUMER) as consumer:
        consumer.assign([(TOPIC, 0)])
        for _ in range(2):
            try:
                assert consumer.poll(0.3) == []
            except OttlaError as error:
                told.append(error)
    assert all("offset 0" in str(error) and "seek()" in (error.hint or "") for error in told)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (ErrorCode.TOPIC_AUTHORIZATION_FAILED, "t-0"),
        (ErrorCode.UNKNOWN_SERVER_ERROR, "t-0"),
    ],
)
def test_what_stands_in_the_way_is_told_by_poll(code: ErrorCode, words: str) -> None:
    """If this failed, a consumer that may not read would get nothing, and never hear why."""
    for lie in (
        to(list_offsets.ListOffsetsRequest, lambda *_: located(0, code)),
        to(fetch.FetchRequest, lambda _, asked: fetched(asked, code)),
    ):
        with Node(lie) as node, Consumer(node.bootstrap, **CONSUMER) as consumer:
            consumer.assign([(TOPIC, 0)])
            for _ in range(2):
                with pytest.raises(OttlaError, match=words):
                    consumer.poll(20)


def test_a_group_that_may_not_be_asked_is_asked_once_a_poll() -> None:
    """If this failed, a refusal would be answered by thousands of requests."""
    refusal = offset_fetch.OffsetFetchResponse(
        groups=[
            offset_fetch.OffsetFetchResponseGroup(
                group_id="g", error_code=ErrorCode.GROUP_AUTHORIZATION_FAILED
            )
        ]
    )
    lie = to(offset_fetch.OffsetFetchRequest, lambda *_: refusal)
    with Node(lie) as node, Consumer(node.bootstrap, group_id="g", **CONSUMER) as consumer:
        consumer.assign([(TOPIC, 0)])
        for _ in range(3):
            with pytest.raises(OttlaError, match="Group authorization"):
                consumer.poll(20)
        assert node.peer.count(offset_fetch.OffsetFetchRequest) <= 4


# ------------------------------------------------------------ metadata that is wrong


def wrong_metadata(change: Callable[[metadata.MetadataResponse], object]) -> Lie:
    """Metadata with something changed."""

    def say(node: Node, asked: Asked) -> Any:
        answer = node.honest(asked)
        change(answer)
        return answer

    return to(metadata.MetadataRequest, say)


def at_port(port: int, host: str = HOST) -> Lie:
    """The leader is there."""

    def change(answer: metadata.MetadataResponse) -> None:
        answer.brokers[0].port = port
        answer.brokers[0].host = host

    return wrong_metadata(change)


def led_by(node_id: int) -> Lie:
    """The leader is that node."""

    def change(answer: metadata.MetadataResponse) -> None:
        for topic in answer.topics:
            topic.partitions[0].leader_id = node_id

    return wrong_metadata(change)


def with_error(code: int) -> Lie:
    """A topic that can't be told of."""

    def change(answer: metadata.MetadataResponse) -> None:
        for topic in answer.topics:
            topic.error_code = code
            topic.partitions.clear()

    return wrong_metadata(change)


METADATA: dict[str, Lie] = {
    "nobody listens": at_port(NOBODY_LISTENS),
    "no port": at_port(0),
    "port too high": at_port(70_000),
    "port below zero": at_port(-5),
    "no host": at_port(9092, ""),
    "no such host": at_port(9092, "no-such-host.invalid"),
    "a host that is none": at_port(9092, "a\0b"),
    "a host that is too long": at_port(9092, "x" * 300),
    "no such node": led_by(99),
    "no node": led_by(-1),
    "no nodes": wrong_metadata(lambda answer: answer.brokers.clear()),
    "no topics": wrong_metadata(lambda answer: answer.topics.clear()),
    "no partitions": wrong_metadata(lambda a: [t.partitions.clear() for t in a.topics]),
    "another topic": wrong_metadata(lambda a: [setattr(t, "name", "other") for t in a.topics]),
    "a topic without a name": wrong_metadata(
        lambda a: [setattr(t, "name", None) for t in a.topics]
    ),
    "an error": with_error(ErrorCode.LEADER_NOT_AVAILABLE),
    "an error that stays": with_error(ErrorCode.TOPIC_AUTHORIZATION_FAILED),
    "an unknown error": with_error(999),
}


@pytest.mark.parametrize("lie", METADATA.values(), ids=METADATA)
def test_a_producer_survives_wrong_metadata(lie: Lie) -> None:
    """If this failed, a node that names another wrongly would hang a producer."""
    with Node(lie) as node:
        error, _ = outcome_of_sending(node.bootstrap)
        assert error is not None
        assert TOPIC in str(error)


@pytest.mark.parametrize("lie", METADATA.values(), ids=METADATA)
def test_a_consumer_survives_wrong_metadata(lie: Lie) -> None:
    """If this failed, a node that names another wrongly would hang a consumer."""
    with Node(lie) as node:
        error = poll_it(node.bootstrap)
        assert error is not None
        assert TOPIC in str(error)


def test_a_name_that_means_nothing_is_told_at_once() -> None:
    """If this failed, a typing error in bootstrap.servers would look like a cluster without
    records.
    """
    bootstrap = "no-such-host.invalid:9092"
    error, _ = outcome_of_sending(bootstrap, max_block_ms=3_600_000)
    with Consumer(bootstrap, **CONSUMER) as consumer:
        consumer.assign([(TOPIC, 0)])
        with pytest.raises(OttlaError) as caught:
            consumer.poll(3600)
    for found in (error, caught.value):
        assert found is not None
        assert "'no-such-host.invalid' can't be resolved" in str(found)
        assert "spelling" in (found.hint or "")


def test_nobody_at_all_is_told_in_its_time() -> None:
    """If this failed, a cluster that is away would be waited for without an end, or a word."""
    bootstrap = f"{HOST}:{NOBODY_LISTENS}"
    error, _ = outcome_of_sending(bootstrap)
    for found in (error, poll_it(bootstrap)):
        assert found is not None
        assert "refused" in str(found)
        assert found.hint


def test_a_throttle_without_an_end_ends_nothing() -> None:
    """If this failed, a number in an answer could stop a client for weeks."""

    def say(_: Node, asked: Asked) -> Any:
        answer = produced(asked.message.topic_data[0].topic_id)
        answer.throttle_time_ms = 2**31 - 1
        return answer

    with Node(to(produce.ProduceRequest, say)) as node, Producer(node.bootstrap) as producer:
        for _ in range(3):
            assert producer.send(TOPIC, "x", partition=0).result(20).offset == 5


def test_versions_that_no_one_shares_are_told() -> None:
    """If this failed, a node that is too old would be asked again and again."""

    def none_of_produce(asked: Asked) -> Any:
        answer = versions(asked)
        answer.api_keys = [row for row in answer.api_keys if row.api_key != 0]
        return answer

    with Node(versions=none_of_produce) as node:
        error, _ = outcome_of_sending(node.bootstrap)
        assert "does not serve Produce" in str(error)


def test_admin_calls_go_on_beside_a_producer_that_is_lied_to() -> None:
    """If this failed, one partition's trouble would be everybody's."""
    with (
        Node(to(produce.ProduceRequest, noise)) as node,
        Client(node.bootstrap) as client,
        Producer(client=client, **PRODUCER) as producer,
    ):
        delivery = producer.send(TOPIC, "x", partition=0)
        assert client.leader(TOPIC, 0) == 1
        with pytest.raises(OttlaError):
            delivery.result(None)
