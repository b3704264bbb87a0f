"""Every number, length, text, id and null of every request at its extremes, sent to a running node.

The requests are generated from the declarations: all served APIs in all their versions, filled
with names that exist (`talk.plausible`), and one field at a time changed. Then every byte of a
request is overwritten with what a length may claim, and every number in a record batch with its
extremes. After each the node must serve others as before, must have answered (or hung up, where
the bytes are no request), and must have nothing to say about a handler that failed.
"""

from __future__ import annotations

import itertools
import random
import re
import struct
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import ottla
from attack.extremes import extremes
from attack.line import Closed, Line, Silent, decoded
from attack.partition_client import client_of
from attack.plausible import METADATA, TRANSACTIONAL, Names, Shape, request_of, requests
from oracle import free_port
from ottla.wire import frame
from ottla.wire.api import api
from ottla.wire.errors import ErrorCode
from ottla.wire.messages.api_versions import ApiVersionsRequest
from ottla.wire.messages.create_topics import CreatableTopic, CreateTopicsRequest
from ottla.wire.messages.describe_groups import DescribeGroupsRequest
from ottla.wire.messages.fetch import FetchPartition, FetchRequest, FetchTopic
from ottla.wire.messages.join_group import JoinGroupRequest, JoinGroupRequestProtocol
from ottla.wire.messages.metadata import MetadataRequest, MetadataRequestTopic
from ottla.wire.messages.produce import PartitionProduceData, ProduceRequest, TopicProduceData
from ottla.wire.messages.sync_group import SyncGroupRequest, SyncGroupRequestAssignment
from ottla.wire.records import Record, build_batch
from ottla.wire.schema import EncodeError, Request
from servers import OttlaProcess, eventually
from transacting import Producer, Transacting

SEED = 20261125
SAMPLE = 2500
BYTES_SAMPLE = 700
CLAIMS = tuple(map(bytes.fromhex, ("ffffffff", "7fffffff", "80000000", "00000000", "ffffffff0f")))
"""What a length may say: -1, the most, the least, nothing, and the most of a compact one."""
PRODUCE, FETCH, JOIN, SYNC = 0, 1, 11, 14
MEMBERS = frozenset((8, 11, 12, 13, 14, 28))
"""APIs that are asked by a member of a group: each request has a group of its own."""
MAY_WAIT = {
    FETCH: ("max_wait_ms", "min_bytes"),
    JOIN: ("",),  # a rebalance that somebody else has to end
    SYNC: ("",),
}
"""Where Apache Kafka parks a request too: what the path begins with."""
ANSWER_S = 20
"""For an answer, or the node's word that the request is parked."""
MARKER = 77
"""The correlation id of what is asked after a request that may have no answer."""
PARKED = re.compile(
    r'^(?:ottla_requests_held|kafka_server_\w+_purgatorysize\{delayedOperation="Fetch"\}) (.+)$',
    re.MULTILINE,
)


class Attack(NamedTuple):
    """One request to send: what it is for people, and its frame."""

    key: int
    version: int
    what: str
    path: str
    payload: bytes


class Target:
    """A running node, a topic and a group in it, and what asks whether it serves."""

    def __init__(self, folder: Path) -> None:
        self.http = f"127.0.0.1:{free_port()}"
        config = {"log.retention.check.interval.ms": "600000", "ottla.http.listen": self.http}
        self.server = OttlaProcess(folder, config)
        self.server.start()
        self.line = Line(self.server.port)
        self.probe_line = Line(self.server.port)
        self.controller_line = Line(self.server.controller_port)
        self.transactions = Transacting(self.server.port)
        self.numbers = itertools.count(1)
        self.create("t", 2)
        self.create("probe", 1)
        self.ids = {name: self._topic_id(name) for name in ("t", "probe")}
        self.batch = build_batch([Record(b"k", b"v", (), 1000)])
        for _ in range(3):
            self.produce("t")
        self.transactions.ready("g", 0)
        self.member = ""
        eventually(lambda: self.settled("g"), "a group")
        self.transactions.ready("x")

    def create(self, name: str, partitions: int = 1) -> None:
        """A topic, if it is not there."""
        topic = CreatableTopic(name=name, num_partitions=partitions, replication_factor=1)
        result = self.line.ask(CreateTopicsRequest(topics=[topic]), 5).topics[0]
        assert result.error_code in (0, 36), result

    def _topic_id(self, name: str) -> bytes:
        asked = MetadataRequest(topics=[MetadataRequestTopic(name=name)])
        found: bytes = self.probe_line.ask(asked, 12).topics[0].topic_id
        return found

    def produce(self, name: str, line: Line | None = None) -> int:
        """One record; its offset."""
        data = [PartitionProduceData(index=0, records=self.batch)]
        topics = [TopicProduceData(name=name, topic_id=self.ids[name], partition_data=data)]
        request = ProduceRequest(acks=-1, timeout_ms=5000, topic_data=topics)
        one = (line or self.line).ask(request, 13).responses[0].partition_responses[0]
        assert one.error_code == 0, one
        return int(one.base_offset)

    def settled(self, group: str) -> bool:
        """Whether `group` has one member, the one that `member` names, and is stable."""
        joined = self.line.ask(
            JoinGroupRequest(
                group_id=group, session_timeout_ms=60_000, rebalance_timeout_ms=60_000,
                protocol_type="consumer",
                protocols=[JoinGroupRequestProtocol(name="range", metadata=METADATA)],
            ),
            3,
        )  # fmt: skip
        self.member = joined.member_id
        if joined.error_code:
            return False
        mine = [SyncGroupRequestAssignment(member_id=self.member, assignment=b"a")]
        sync = SyncGroupRequest(
            group_id=group, generation_id=1, member_id=self.member, assignments=mine
        )
        return bool(self.line.ask(sync, 2).error_code == 0)

    def began(self) -> Producer:
        """The producer of a new transactional id."""
        who = self.transactions.begin(f"x{next(self.numbers)}")
        assert who.epoch == 0
        return who

    def probe(self) -> None:
        """ApiVersions, Metadata, Produce and Fetch, as any other client would ask them."""
        line = self.probe_line
        assert line.ask(ApiVersionsRequest(), 0).error_code == 0
        named = MetadataRequest(topics=[MetadataRequestTopic(name="probe")])
        topic = line.ask(named, 12).topics[0]
        assert (topic.error_code, len(topic.partitions)) == (0, 1), topic
        offset = self.produce("probe", line)
        part = FetchPartition(partition=0, fetch_offset=offset, partition_max_bytes=1 << 20)
        topics = [FetchTopic(topic_id=self.ids["probe"], partitions=[part])]
        asked = FetchRequest(max_wait_ms=5000, min_bytes=1, topics=topics)
        answer = line.ask(asked, 13).responses[0].partitions[0]
        assert (answer.error_code, len(answer.records)) == (0, len(self.batch)), answer

    def parked(self) -> float:
        """How many requests wait for something, says the node: with Python, or for records."""
        with urllib.request.urlopen(f"http://{self.http}/metrics", timeout=ANSWER_S) as answer:
            return sum(map(float, PARKED.findall(answer.read().decode())))

    def answer_or_parked(self, attack: Attack) -> None:
        """Wait for its answer, or until it is parked; then hang up, so that none is parked.

        Raises:
            Closed: the node hung up.
            Silent: there was no answer, and it is not parked.
        """
        self.line.send_frame(attack.payload)
        deadline = time.monotonic() + ANSWER_S
        while not self.line.has_more(0.01):
            if self.parked():
                # What was decided before this is decided now; an answer may be under way.
                self.probe_line.ask(DescribeGroupsRequest(groups=["probe"]), 5)
                if self.parked():
                    self.line.close(reset=True)
                    eventually(lambda: not self.parked(), "it is forgotten")
                    return
            elif time.monotonic() > deadline:
                break
        decoded(attack.key, attack.version, self.line.next_frame(timeout_s=ANSWER_S))

    def answer_or_none(self, attack: Attack) -> None:
        """Wait for the answer of what may have none: to what is asked next there is one.

        Raises:
            Closed: the node hung up.
            Silent: there was no answer to either.
        """
        self.line.send_frame(attack.payload)
        self.line.send_frame(
            frame.encode_request(ApiVersionsRequest(), 0, correlation_id=MARKER, client_id="")
        )
        answer = self.line.next_frame(timeout_s=ANSWER_S)
        if struct.unpack(">i", answer[:4])[0] != MARKER:
            decoded(attack.key, attack.version, answer)
            self.line.next_frame(timeout_s=ANSWER_S)

    def revive(self) -> None:
        """After a probe that failed: a fresh start, so that one fault does not hide the next."""
        self.line.close()
        self.controller_line.close()
        self.probe_line.close()
        self.transactions.close()
        self.server.kill()
        self.server.start()

    def complaints(self, since: int) -> str:
        """What the node's log says of faults of its own, from byte `since` on."""
        if self.server.log.stat().st_size == since:
            return ""
        with self.server.log.open("rb") as log:
            log.seek(since)
            text = log.read().decode(errors="replace")
        lines = text.splitlines()
        told = [line[26:] for line in lines if " ERROR " in line or "panicked" in line]
        inside = [line.strip() for line in lines if line.startswith("    ") and "/src/" in line]
        return "\n".join([*told, *inside[-1:], *lines[-1:]]) if told else ""


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """One node for all: what it survived must not have left anything behind either."""
    target = Target(tmp_path_factory.mktemp("integers") / "data")
    yield target
    target.line.close()
    target.probe_line.close()
    target.transactions.close()
    target.server.stop()


def build_of(target: Target, key: int, version: int, shape: Shape) -> Callable[[], Any]:
    """What makes the request of this shape, each time for a fresh group or topic where one is
    changed by it.
    """
    group, made = "g", "t"
    if key in MEMBERS:
        group = f"g{next(target.numbers)}"
    if key in (19, 20):
        made = f"made-{next(target.numbers)}"
    if key in MEMBERS and (key != JOIN or version % 2):
        assert target.settled(group)
    elif key == JOIN:
        target.member = ""  # even versions are new to the group, odd ones come back
    if key == 20:
        target.create(made)
    names = Names(made, group, target.member, target.ids["t"], target.batch)
    if key in TRANSACTIONAL:
        who = target.began()
        names = names._replace(transactional_id=who.key, producer_id=who.id)
    return lambda: request_of(key, version, shape, names)


def encoded(request: Request, version: int) -> bytes:
    return frame.encode_request(request, version, correlation_id=0, client_id="attack")


def one_extreme(target: Target, key: int, version: int, shape: Shape, place: int) -> Attack | None:
    """The `place`-th extreme of a request; None if the version has no form for it."""
    build = build_of(target, key, version, shape)
    extreme = next(itertools.islice(extremes(build, version), place, None))
    try:
        payload = encoded(extreme.message, version)
    except EncodeError:
        return None
    what = f"{api(key).name} v{version} ({shape.name}) with {extreme}"
    return Attack(key, version, what, extreme.path, payload)


def places(target: Target, key: int, version: int, shape: Shape) -> int:
    """How many extremes a request has."""
    return sum(1 for _ in extremes(build_of(target, key, version, shape), version))


def strike(target: Target, attack: Attack, *, closes: bool = False) -> str:
    """Send it, see that it is answered and that others are served; what is wrong, or ""."""
    since = target.server.log.stat().st_size
    trouble = ""
    try:
        if attack.key == PRODUCE and (closes or attack.path.startswith("acks")):
            target.answer_or_none(attack)
        elif attack.key in MAY_WAIT and (closes or attack.path.startswith(MAY_WAIT[attack.key])):
            target.answer_or_parked(attack)
        else:
            asks_broker = "broker" in api(attack.key).listeners
            line = target.line if asks_broker else target.controller_line
            answer = line.exchange(attack.payload, timeout_s=ANSWER_S)
            decoded(attack.key, attack.version, answer)
    except Closed:
        trouble = "" if closes else "the node hung up"
    except Silent:
        trouble = "there was no answer"
    try:
        target.probe()
    except (AssertionError, Closed, Silent) as problem:
        trouble = f"{trouble}; then a probe failed: {problem!r}"
        target.revive()
    complaints = target.complaints(since)
    if complaints:
        trouble = f"{trouble}; the log says\n{complaints}"
    return f"{attack.what}: {trouble}" if trouble else ""


class Rest:
    """Tells when a process has left most of some moment unused."""

    def __init__(self, pid: int) -> None:
        self._stat = Path(f"/proc/{pid}/stat")
        self._since, self._ticks = time.monotonic(), self._used()

    def _used(self) -> int:
        fields = self._stat.read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    def seen(self) -> bool:
        """Whether the last quarter of a second was such a moment."""
        now, ticks = time.monotonic(), self._used()
        if now - self._since < 0.25:
            return False
        idle = (ticks - self._ticks) / 100 < 0.5 * (now - self._since)
        self._since, self._ticks = now, ticks
        return idle


def finish(target: Target, troubles: list[str]) -> None:
    """Report what was found; the node must still be there, and must not turn for nothing."""
    troubles = list(filter(None, troubles))
    causes: dict[str, list[str]] = {}
    for trouble in troubles:
        causes.setdefault(trouble.splitlines()[-1], []).append(trouble)
    shown = [
        "\n".join([each[0], *(one.splitlines()[0] for one in each[1:20])])
        for each in causes.values()
    ]
    assert not troubles, f"{len(troubles)} faults of {len(causes)} kinds:\n" + "\n\n".join(shown)
    eventually(Rest(target.server.pid).seen, "the node comes to rest", timeout_s=20)


def sampled(found: list[Any], count: int | None) -> list[Any]:
    """`count` of them in the order they came, the same ones at every run; all without a count."""
    if count is None or count >= len(found):
        return found
    return [found[at] for at in sorted(random.Random(SEED).sample(range(len(found)), count))]


def fields_at_extremes(target: Target, count: int | None) -> None:
    all_places = [
        (*request, place) for request in requests() for place in range(places(target, *request))
    ]
    troubles = []
    for key, version, shape, place in sampled(all_places, count):
        attack = one_extreme(target, key, version, shape, place)
        if attack is not None:
            troubles.append(strike(target, attack))
    finish(target, troubles)


def bytes_at_extremes(target: Target, count: int | None) -> None:
    found = []
    for key, version, shape in requests():
        payload = encoded(build_of(target, key, version, shape)(), version)
        body = range(8 + 2 + len("attack"), len(payload))
        found += [(key, version, shape, at, claim) for at in body for claim in CLAIMS]
    troubles = []
    for key, version, shape, at, claim in sampled(found, count):
        payload = encoded(build_of(target, key, version, shape)(), version)
        changed = payload[:at] + claim + payload[at + len(claim) :]
        what = f"{api(key).name} v{version} ({shape.name}) with {claim.hex()} at byte {at}"
        attack = Attack(key, version, what, "", changed)
        troubles.append(strike(target, attack, closes=True))
    finish(target, troubles)


HEADER = (
    ("base_offset", 0, ">q"), ("batch_length", 8, ">i"), ("partition_leader_epoch", 12, ">i"),
    ("magic", 16, ">b"), ("crc", 17, ">i"), ("attributes", 21, ">h"),
    ("last_offset_delta", 23, ">i"), ("base_timestamp", 27, ">q"), ("max_timestamp", 35, ">q"),
    ("producer_id", 43, ">q"), ("producer_epoch", 51, ">h"), ("base_sequence", 53, ">i"),
    ("records_count", 57, ">i"),
)  # fmt: skip
RECORD_CLAIMS = tuple(map(bytes.fromhex, ("00", "01", "ffffffff0f", "feffffff0f", "ff" * 9 + "01")))
"""Signed varints: 0, -1, the least and the most of 32 bits, the least of 64."""


def crc32c(data: bytes) -> int:
    """Castagnoli's checksum, a bit at a time: a batch with a wrong one would go no further."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 & -(crc & 1))
    return crc ^ 0xFFFFFFFF


def sealed(batch: bytes) -> bytes:
    return batch[:17] + struct.pack(">I", crc32c(batch[21:])) + batch[21:]


def broken_batches(transactional: int) -> Iterator[tuple[str, bytes]]:
    """A batch with one number of its header, or one length inside of its record, at an extreme. The
    transactional ones are of that producer id.
    """
    idempotent = {"producer_id": 9, "producer_epoch": 0, "base_sequence": 0}
    of_transaction = {**idempotent, "producer_id": transactional, "transactional": True}
    for kind, more in (
        ("plain", {}),
        ("idempotent", idempotent),
        ("transactional", of_transaction),
    ):
        batch = build_batch([Record(b"k", b"v", (("h", b"x"),), 1000)], **more)
        for name, at, code in HEADER:
            half = 1 << (8 * struct.calcsize(code) - 1)
            for value in (-half, -half + 1, -1, 0, 1, half - 2, half - 1):
                changed = bytearray(batch)
                struct.pack_into(code, changed, at, value)
                whole = bytes(changed) if name == "crc" else sealed(bytes(changed))
                yield f"a {kind} batch with {name} = {value}", whole
        for at in range(61, len(batch)):
            for claim in RECORD_CLAIMS:
                body = batch[61:at] + claim + batch[at + 1 :]
                length = struct.pack(">i", 49 + len(body))
                yield (
                    f"a {kind} batch with {claim.hex()} at byte {at}",
                    sealed(batch[:8] + length + batch[12:61] + body),
                )


def batches_at_extremes(target: Target, count: int | None) -> None:
    troubles = []
    who = target.began()
    for what, batch in sampled(list(broken_batches(who.id)), count):
        topic = f"b{next(target.numbers) % 8}"
        if topic not in target.ids:
            target.create(topic)
            target.ids[topic] = target._topic_id(topic)
        data = [PartitionProduceData(index=0, records=batch)]
        topics = [TopicProduceData(topic_id=target.ids[topic], partition_data=data)]
        request = ProduceRequest(
            transactional_id=who.key if "transactional" in what else None,
            acks=-1,
            timeout_ms=5000,
            topic_data=topics,
        )
        produce = Attack(PRODUCE, 13, what, "records", encoded(request, 13))
        part = FetchPartition(partition=0, fetch_offset=0, partition_max_bytes=1 << 20)
        fetch_topics = [FetchTopic(topic_id=target.ids[topic], partitions=[part])]
        fetch = encoded(FetchRequest(max_wait_ms=0, min_bytes=1, topics=fetch_topics), 13)
        reading = Attack(FETCH, 13, f"{what}, fetched", "topics", fetch)
        troubles += [strike(target, attack) for attack in (produce, reading)]
    finish(target, troubles)


def test_fields_at_their_extremes(target: Target) -> None:
    """If this failed, one number in one request could end the node, or its sender's connection."""
    fields_at_extremes(target, SAMPLE)


def test_bytes_that_lie(target: Target) -> None:
    """If this failed, a length that claims too much could end the node."""
    bytes_at_extremes(target, BYTES_SAMPLE)


def test_batches_at_their_extremes(target: Target) -> None:
    """If this failed, one batch could end the node, or a partition for all that read it."""
    batches_at_extremes(target, 300)


@pytest.mark.long
def test_all_fields_at_their_extremes(target: Target) -> None:
    """As above, every field of every version."""
    fields_at_extremes(target, None)


@pytest.mark.long
def test_all_bytes_that_lie(target: Target) -> None:
    """As above, at every byte of every version."""
    bytes_at_extremes(target, None)


@pytest.mark.long
def test_all_batches_at_their_extremes(target: Target) -> None:
    """As above, every number in every place."""
    batches_at_extremes(target, None)


def test_a_segment_of_any_size_ends_nothing() -> None:
    """A client could end the node with one CreateTopics; 4.3.1 refuses each batch of such a log."""
    with ottla.Broker() as broker, client_of(broker) as client:
        for size in ("-1", "-2147483648", "0", "14"):
            assert client.create(f"t{size}", internal_segment_bytes=size) == [0]
            assert client.produce(f"t{size}", b"x") == ErrorCode.RECORD_LIST_TOO_LARGE
