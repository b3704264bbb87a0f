"""Assignors of a program's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from client.test_producer import made
from ottla.client import (
    Assignor,
    BadSetting,
    Consumer,
    KnownTopics,
    OttlaError,
    Share,
    Subscription,
)
from servers import Server, eventually


class ByWeight(Assignor):
    """Who is strong is given everything; each is told how many members there are."""

    name = "by-weight"

    def __init__(self, weight: int) -> None:
        self.weight = weight
        self.told: list[Share] = []

    def user_data(self) -> bytes:
        """How strong this member is."""
        return bytes([self.weight])

    def assign(
        self, topics: KnownTopics, members: Mapping[str, Subscription]
    ) -> dict[str, Share | tuple[tuple[str, int], ...]]:
        """All to the strongest."""
        everything = tuple(
            (topic, number) for topic, count in topics.counts.items() for number in range(count)
        )
        strongest = max(members, key=lambda member: members[member].user_data or b"")
        count = bytes([len(members)])
        return {strongest: Share(everything, user_data=count)}

    def assigned(self, share: Share, generation_id: int) -> None:
        """Remember it."""
        self.told.append(share)


def reader(server: Server, group: str, strategy: Any) -> Consumer:
    """A member of a group with that strategy."""
    return Consumer(
        server.bootstrap,
        group_id=group,
        partition_assignment_strategy=strategy,
        heartbeat_interval_ms=100,
    )


def test_a_program_shares_out_in_its_own_way(either: Server, name: Any) -> None:
    """If this failed, what Java's consumers can be given could not be had here."""
    topic, group = made(either, name(), 3), name()
    weak, strong = ByWeight(1), ByWeight(2)
    with reader(either, group, weak) as first, reader(either, group, [strong]) as second:
        first.subscribe([topic])
        eventually(lambda: first.poll(0.1) or len(first.assignment) == 3, "it has everything")
        second.subscribe([topic])

        def has_moved() -> bool:
            first.poll(0.05)
            second.poll(0.05)
            return len(second.assignment) == 3 and not first.assignment

        eventually(has_moved, "the stronger one has everything")
        assert second.assignment == [(topic, number) for number in range(3)]
    assert weak.told[0] == Share(tuple((topic, n) for n in range(3)), b"\x01")
    assert strong.told[-1].user_data == b"\x02"


class ToAStranger(Assignor):
    """Gives to whom nobody knows."""

    name = "stranger"

    def assign(
        self, topics: KnownTopics, members: Mapping[str, Subscription]
    ) -> dict[str, Share | tuple[tuple[str, int], ...]]:
        """To nobody of the group."""
        return {"somebody": ()}


class Silent(Assignor):
    """Says nothing."""

    name = "silent"


class Forgets(ByWeight):
    """Fails when it is told what it was given."""

    def assigned(self, share: Share, generation_id: int) -> None:
        """Fails."""
        raise LookupError("assigned")


class HasNothing(ByWeight):
    """Fails when it is to add to its member's subscription."""

    def user_data(self) -> bytes:
        """Fails."""
        raise LookupError("user_data")


@pytest.mark.parametrize(
    ("assignor", "why"),
    [
        (ToAStranger(), "somebody"),
        (Silent(), "does not say how"),
        (Forgets(1), "Forgets failed.*assigned"),
        (HasNothing(1), "HasNothing failed.*user_data"),
    ],
)
def test_an_assignor_that_is_wrong_ends_its_consumer(
    ottla_server: Server, name: Any, assignor: Assignor, why: str
) -> None:
    """If this failed, a mistake in an assignor would end the client, or be a group that waits."""
    topic = made(ottla_server, name())
    with reader(ottla_server, name(), assignor) as consumer:
        consumer.subscribe([topic])
        with pytest.raises(OttlaError, match=why):
            consumer.poll(20)


class NoKind:
    """What is no assignor."""

    name = "no-kind"


@pytest.mark.parametrize("wrong", [NoKind(), 5, Assignor(), ["range", object()], "own", [], ""])
def test_what_is_no_assignor_is_refused(wrong: Any) -> None:
    """If this failed, it would be found out in the middle of a rebalance."""
    with pytest.raises(BadSetting, match=r"assignment\.strategy"):
        Consumer("127.0.0.1:1", group_id="g", partition_assignment_strategy=wrong)


def test_names_and_objects_go_together() -> None:
    """If this failed, a group could not move from one of Java's to its own, member by member."""
    strategy = [ByWeight(1), "range"]
    Consumer("127.0.0.1:1", group_id="g", partition_assignment_strategy=strategy).close()
    with pytest.raises(OttlaError, match="can't be used together"):
        Consumer(
            "127.0.0.1:1", group_id="g", partition_assignment_strategy=[ByWeight(1), Cooperates()]
        )


class Cooperates(ByWeight):
    """One that moves only what nobody owns."""

    name = "cooperates"
    protocols = (Assignor.COOPERATIVE,)

    def __init__(self) -> None:
        super().__init__(1)
