"""What a member of a group commits."""

from __future__ import annotations

import pytest

from ottla.client.places import TopicPartition
from ottla.client.positions import Passed, Position, to_commit

ONE, TWO = ("t", 0), ("t", 1)


@pytest.mark.parametrize(
    ("begun", "passed", "commits"),
    [
        ({}, [], {}),
        ({ONE: Position(0), TWO: Position(5, 3)}, [], {ONE: Position(0), TWO: Position(5, 3)}),
        ({ONE: Position(0)}, [Passed(ONE, 7, 2, True)], {ONE: Position(8, 2)}),
        ({}, [Passed(ONE, 7, 2, True)], {ONE: Position(8, 2)}),
        ({ONE: Position(0)}, [Passed(ONE, 9, None, False)], {ONE: Position(9)}),
        (
            {ONE: Position(0), TWO: Position(0)},
            [Passed(TWO, 0, 1, True), Passed(TWO, 1, 1, True), Passed(TWO, 3, 1, False)],
            {ONE: Position(0), TWO: Position(3, 1)},
        ),
        ({ONE: Position(-1), TWO: Position(-1001)}, [], {}),
        ({ONE: Position(-1)}, [Passed(ONE, 0, 0, False)], {ONE: Position(0, 0)}),
    ],
)
def test_every_partition_has_a_position(
    begun: dict[TopicPartition, Position],
    passed: list[Passed],
    commits: dict[TopicPartition, Position],
) -> None:
    """If this failed, a group would begin anew in a partition that it has, or skip a record."""
    assert to_commit([ONE, TWO], begun, passed) == commits
    assert to_commit([], begun, passed) == {}


def test_another_member_s_partitions_are_left_to_it() -> None:
    """If this failed, a member that lost a partition would set the next one's position back."""
    begun, passed = {ONE: Position(0), TWO: Position(0)}, [Passed(ONE, 4, 0, True)]
    assert to_commit([TWO], begun, passed) == {TWO: Position(0)}
