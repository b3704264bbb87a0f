"""Members of KIP-848 groups against a node of Apache Kafka 4.3.1, under a clock that tests move."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from oracle import Oracle
from ottla.client.admin import topics
from ottla.client.client import Client
from ottla.client.errors import BrokerError
from ottla.client.membership.events import Assigned, Event, Failed, KnownTopics, Lost
from ottla.client.membership.modern import ModernMember, ModernSettings
from ottla.client.places import TopicPartition
from ottla.errors import OttlaError
from ottla.wire.errors import ErrorCode

pytestmark = [pytest.mark.jvm, pytest.mark.long]
GROUP = "modern"
STEPS_MAX = 400
ALL = {("t", partition) for partition in range(4)}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A cluster of one node with the topic t."""
    folder: Path = tmp_path_factory.mktemp("apache")
    at_once = {"group.consumer.assignment.interval.ms": "0"}
    with Oracle(folder, at_once) as node, Client(node.bootstrap) as client:
        topics.create(client, [topics.NewTopic("t", 4, 1)])
        client.attempt(lambda: client.coordinator(GROUP), coordinator_of=GROUP)
        yield client


class Owner:
    """A consumer, and what it has."""

    def __init__(self, client: Client, name: str, pattern: str | None = None) -> None:
        self.client = client
        self.now_ms = 0
        self.member = ModernMember(ModernSettings(GROUP, name))
        self.owned: set[TopicPartition] = set()
        self.log: list[Event] = []
        if pattern is None:
            self.member.subscribe(frozenset("t"), 0)
        else:
            self.member.subscribe_pattern(pattern, 0)

    def step(self) -> None:
        """Poll, take all events, and send what is to be sent as if it were due by now."""
        self.now_ms = max(self.now_ms, self.member.deadline_ms or 0)
        self.member.polled(self.now_ms)
        if self.member.awaited_topic_ids:
            self.look_up()
        while (event := self.member.event(self.now_ms)) is not None:
            self.log.append(event)
            self.member.confirmed(self.now_ms)
        self.owned = set(self.member.owned)
        for ask in self.member.asks(self.now_ms):
            outcome: object
            try:
                outcome = self.client.request_coordinator(GROUP, ask.message)
            except OttlaError as error:
                outcome = error
            self.member.answered(ask.token, outcome, self.now_ms)
        for _ in self.member.doubts():
            self.client.doubt_coordinator(GROUP, BrokerError(ErrorCode.NOT_COORDINATOR))

    def look_up(self) -> None:
        """Tell it the cluster's topics."""
        found = self.client.metadata(topics=["t"]).topics
        self.member.metadata_changed(
            KnownTopics(
                {one.name: len(one.partitions) for one in found},
                names={one.topic_id: one.name for one in found},
            ),
            self.now_ms,
        )


def until(owners: list[Owner], shares: list[int]) -> None:
    """Step until everybody has so many partitions, none of them twice."""
    for _ in range(STEPS_MAX):
        for owner in owners:
            owner.step()
            places = [place for one in owners for place in one.owned]
            assert len(places) == len(set(places))
        assert not [one for owner in owners for one in owner.log if isinstance(one, Failed)]
        if sorted(len(owner.owned) for owner in owners) == shares:
            return
    raise AssertionError([owner.owned for owner in owners])


def test_members_come_share_and_go(client: Client) -> None:
    """If this failed, our members would not work with the groups that Kafka 4 has by default."""
    first, second = Owner(client, "first"), Owner(client, "second")
    until([first], [4])
    assert first.owned == ALL
    assert isinstance(first.log[-1], Assigned)
    until([first, second], [2, 2])
    generation = first.member.generation
    assert generation is not None
    assert generation.generation_id > 1
    first.member.close(first.now_ms)
    until([first, second], [0, 4])
    assert first.member.is_over
    second.member.close(second.now_ms)
    until([second], [0])


def test_a_fenced_member_comes_back(client: Client) -> None:
    """If this failed, a member that was thrown out would never read again."""
    owner, stranger = Owner(client, "same"), Owner(client, "same")
    until([owner], [4])
    stranger.member.subscribe(frozenset("t"), 0)
    until([stranger], [4])
    stranger.member.close(stranger.now_ms)
    until([stranger], [0])
    owner.log.clear()
    for _ in range(STEPS_MAX):
        owner.step()
        if any(isinstance(one, Lost) for one in owner.log) and owner.owned == ALL:
            break
    assert owner.log[0] == Lost(tuple(sorted(ALL)))
    assert owner.owned == ALL
    owner.member.close(owner.now_ms)
    until([owner], [0])


def test_a_pattern(client: Client) -> None:
    """If this failed, the coordinator would not understand which topics are meant."""
    owner = Owner(client, "pattern", "[st]")
    until([owner], [4])
    owner.member.close(owner.now_ms)
    until([owner], [0])
