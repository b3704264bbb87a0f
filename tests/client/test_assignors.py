"""The assignors against Java's 4.3.1: groups that chance made up, recorded once and replayed."""

from __future__ import annotations

import json
import lzma
from collections import Counter
from typing import Any

import pytest

from client.record_assignors import TARGET, recorded
from ottla.client.membership import consumer_protocol
from ottla.client.membership.assignors.assignor import Assignor, Share, Subscription
from ottla.client.membership.assignors.cooperative_sticky import CooperativeStickyAssignor
from ottla.client.membership.assignors.java_order import hash_order
from ottla.client.membership.assignors.range import RangeAssignor
from ottla.client.membership.assignors.roundrobin import RoundRobinAssignor
from ottla.client.membership.assignors.sticky import StickyAssignor, claim_bytes, read_claim
from ottla.client.membership.events import KnownTopics

KINDS: dict[str, type[Assignor]] = {
    "range": RangeAssignor,
    "roundrobin": RoundRobinAssignor,
    "sticky": StickyAssignor,
    "cooperative-sticky": CooperativeStickyAssignor,
}
LINES = [json.loads(line) for line in lzma.decompress(TARGET.read_bytes()).splitlines()]


def topics_of(line: dict[str, Any]) -> KnownTopics:
    """What is known of the topics: racks of each partition's replicas, or only how many."""
    racks = {
        topic: tuple(map(frozenset, known))
        for topic, known in line["t"].items()
        if isinstance(known, list)
    }
    counts = {topic: n if isinstance(n, int) else len(n) for topic, n in line["t"].items()}
    return KnownTopics(counts, racks)


def members_of(line: dict[str, Any]) -> dict[str, Subscription]:
    """The members as a leader reads them."""
    return {
        member: consumer_protocol.read_subscription(bytes.fromhex(data), instance_id)
        for member, (instance_id, data) in line["m"].items()
    }


def misgiven(line: dict[str, Any]) -> bool:
    """Whether Java gave somebody a topic that they do not want: we never do (`mixed`)."""
    members = members_of(line)
    return any(
        topic not in members[member].topics
        for member, share in line["s"].items()
        for topic, _ in consumer_protocol.read_assignment(bytes.fromhex(share)).partitions
    )


@pytest.mark.parametrize("kind", KINDS)
def test_as_java(kind: str) -> None:
    """If this failed, a group of Java's consumers and ours would move its partitions whenever
    another kind of client came to lead it.
    """
    seen = Counter[str]()
    for at, line in enumerate(LINES):
        if line["a"] != kind:
            continue
        if "s" not in line or misgiven(line):
            seen["failed in Java"] += 1
            continue
        seen["with racks" if topics_of(line).racks else "without racks"] += 1
        shares = KINDS[kind]().assign(topics_of(line), members_of(line))
        found = {
            member: consumer_protocol.assignment_bytes(Share(partitions)).hex()
            for member, partitions in shares.items()
        }
        assert found == line["s"], f"line {at}: {line}"
    assert seen["without racks"] > 100
    assert seen["with racks"] > 30
    assert seen["failed in Java"] <= 5


def test_subscriptions_are_javas_bytes() -> None:
    """If this failed, other members could not read what ours subscribe to, or read it otherwise."""
    for line in LINES:
        for instance_id, data in line["m"].values():
            read = consumer_protocol.read_subscription(bytes.fromhex(data), instance_id)
            assert consumer_protocol.subscription_bytes(read).hex() == data


@pytest.mark.parametrize("kind", ["sticky", "cooperative-sticky"])
def test_user_data_is_javas(kind: str) -> None:
    """If this failed, a leader of Java's would not see what our members had, and take it away."""
    assignors: dict[tuple[int, str], Assignor] = {}
    shares: dict[tuple[int, str], str] = {}
    compared = 0
    for line in LINES:
        if line["a"] != kind:
            continue
        for member, subscription in members_of(line).items():
            key = (line["g"], member)
            assignor = assignors.setdefault(key, KINDS[kind]())
            before = line["n"] - 1
            if key in shares and subscription.generation_id == before:  # it missed no round
                data = bytes.fromhex(shares[key])
                assignor.assigned(consumer_protocol.read_assignment(data), before)
            assert assignor.user_data() == subscription.user_data
            compared += 1
        shares = {(line["g"], member): share for member, share in line.get("s", {}).items()}
    assert compared > 300


def test_user_data_of_old_members_and_of_nobody() -> None:
    """If this failed, members of before 2.3 would lose what they had, or garbage end a leader."""
    data = claim_bytes((("t", 1), ("u", 0), ("t", 0)), 7)
    claims = [read_claim(Subscription(("t",), cut)) for cut in (data, data[:-4], data[:-6], b"")]
    assert [(len(one.partitions), one.generation) for one in claims] == [
        (3, 7),
        (3, None),
        (0, -1),
        (0, None),
    ]


def test_newer_versions_are_read_as_far_as_they_are_known() -> None:
    """If this failed, one member of a newer release would end a group."""
    data = consumer_protocol.subscription_bytes(Subscription(("t",), None, (("t", 1),), 3, "r"))
    newer = (9).to_bytes(2, "big") + data[2:] + b"more"
    assert consumer_protocol.read_subscription(newer) == consumer_protocol.read_subscription(data)
    oldest = bytes.fromhex("0000 00000001 0001 74 ffffffff")
    assert consumer_protocol.read_subscription(oldest) == Subscription(("t",))


def test_keys_come_in_javas_order() -> None:
    """If this failed, assignments that go through a HashMap in Java would come out otherwise."""
    assert hash_order(["b", "a", "Aa", "BB"]) == ["Aa", "BB", "a", "b"]


@pytest.mark.jvm
@pytest.mark.long
def test_recorded_is_what_java_says() -> None:
    """If this failed, the recording would not be what its program makes of its seed."""
    assert [json.loads(line) for line in recorded().splitlines()] == LINES
