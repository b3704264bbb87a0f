"""Where partitions go that may lie in several log directories."""

from __future__ import annotations

import pytest

from ottla.broker.directories import Directories
from ottla.metadata.image import MIGRATING_DIRECTORY, UNASSIGNED_DIRECTORY, Partition, Topic

IDS = (b"a" * 16, b"b" * 16, b"c" * 16)
ELSEWHERE = b"z" * 16


def partition(directory: bytes) -> Partition:
    """One whose record names this directory."""
    return Partition((1,), (directory,), (1,), (), (), (), (), 1, 0, 0, 0)


def topic(name: str, *directories: bytes) -> Topic:
    """One with a partition for each directory that is recorded."""
    return Topic(name.encode().ljust(16), name, tuple(map(partition, directories)))


def place_all(directories: Directories, of: Topic, lying: tuple[int, ...] = ()) -> list[int | None]:
    """Place all partitions of a topic; where they are."""
    for index, one in enumerate(of.partitions):
        directories.place(of, index, one, lying)
    return [directories.index(of.id, index) for index in range(len(of.partitions))]


def test_the_fewest_get_the_next() -> None:
    """If this failed, one disk of a server would fill up while the others stay empty."""
    directories = Directories(1, IDS)
    new = topic("new", *[UNASSIGNED_DIRECTORY] * 5)
    assert place_all(directories, new) == [0, 1, 2, 0, 1], "of those with as many, the first"
    assert place_all(directories, topic("one", UNASSIGNED_DIRECTORY)) == [2]
    for index in range(5):
        directories.forget(new, index)
    assert place_all(directories, topic("two", MIGRATING_DIRECTORY, UNASSIGNED_DIRECTORY)) == [0, 1]
    directories.failed.add(0)
    assert place_all(directories, topic("three", *[UNASSIGNED_DIRECTORY] * 3)) == [1, 2, 1]


@pytest.mark.parametrize(
    ("recorded", "lying", "place"),
    [
        (IDS[1], (), 1),
        (IDS[1], (2,), 2),
        (IDS[2], (1, 2), 2),
        (IDS[0], (2, 1), 1),
        (UNASSIGNED_DIRECTORY, (2,), 2),
        (ELSEWHERE, (1,), 1),
        (ELSEWHERE, (), None),
    ],
)
def test_folders_come_before_records(
    recorded: bytes, lying: tuple[int, ...], place: int | None
) -> None:
    """If this failed, a folder that was moved, or whose place was never recorded, would be passed
    over for an empty one; and a directory that is away for a day would be made anew.
    """
    directories = Directories(1, IDS)
    assert place_all(directories, topic("t", recorded), lying) == [place]
    told = [] if place is None or IDS[place] == recorded else [(topic("t").id, 0, IDS[place])]
    assert directories.take_unrecorded() == told
    assert directories.take_unrecorded() == []


def test_who_is_away_stays_away_when_its_record_changes() -> None:
    """If this failed, a partition whose directory is away would begin anew, empty, in another with
    the next change of its leader, and the core would not follow.
    """
    directories = Directories(1, IDS, incomplete=True)
    away = topic("t", UNASSIGNED_DIRECTORY, ELSEWHERE)
    assert place_all(directories, away) == [None, None]
    for index, one in enumerate(topic("t", UNASSIGNED_DIRECTORY, IDS[1]).partitions):
        directories.place(away, index, one)  # as a delta does that came later
        assert directories.index(away.id, index) is None
    assert directories.take_unrecorded() == []
    directories.forget(away, 0)
    directories.place(away, 0, partition(UNASSIGNED_DIRECTORY))
    assert directories.index(away.id, 0) == 0, "one that is made anew is nowhere else"


def test_one_directory_holds_everything() -> None:
    """If this failed, the usual server would keep a table of all its partitions for nothing."""
    directories = Directories(1, IDS[:1])
    assert not directories.several
    assert directories.index(b"t" * 16, 0) == 0


def test_nothing_new_goes_to_a_cordoned_directory() -> None:
    """If this failed, a disk that is about to be taken out would get new partitions, or a server
    whose disks are all cordoned none that was given to it by name.
    """
    directories = Directories(1, IDS)
    directories.cordoned = frozenset((0, 2))
    assert place_all(directories, topic("new", *[UNASSIGNED_DIRECTORY] * 2)) == [1, 1]
    directories.failed.add(1)
    assert place_all(directories, topic("other", UNASSIGNED_DIRECTORY)) == [0]
    assert directories.cordoned_ids() == [IDS[0], IDS[2]]


def test_a_wish_counts_for_what_is_made() -> None:
    """If this failed, a partition that was wanted elsewhere before it was made would have to be
    moved there.
    """
    directories = Directories(1, IDS)
    directories.preferred = {("new", 0): 2, ("new", 1): 1}
    directories.failed.add(1)
    new = topic("new", IDS[0], UNASSIGNED_DIRECTORY)
    for index, one in enumerate(new.partitions):
        directories.place(new, index, one)
    assert [directories.index(new.id, index) for index in (0, 1)] == [2, 0]
    assert not directories.preferred


def test_a_move_is_recorded_before_it_is_made() -> None:
    """If this failed, a crash between the two names of a move would leave two folders and nobody
    who knows which of them counts.
    """
    directories = Directories(1, IDS)
    old = topic("t", IDS[0])
    assert place_all(directories, old, (0,)) == [0]
    directories.moves(old.id, 0, 1)
    assert directories.take_unrecorded() == []
    directories.caught_up(old.id, 0, 1)
    assert directories.take_unrecorded() == [(old.id, 0, IDS[1])]
    assert directories.take_assigned() == []
    new = topic("t", IDS[1])
    directories.place(new, 0, new.partitions[0])
    assert [(found.name, index) for found, index in directories.take_assigned()] == [("t", 0)]
    assert directories.index(new.id, 0) == 0
    directories.moved(new, 0, 1)
    assert directories.index(new.id, 0) == 1
    assert directories.take_unrecorded() == []
    assert not directories.moving


def test_a_move_that_is_given_up_is_recorded_back() -> None:
    """If this failed, the cluster would look for a partition in a directory that never got it."""
    directories = Directories(1, IDS)
    assert place_all(directories, topic("t", IDS[0]), (0,)) == [0]
    recorded = topic("t", IDS[1])
    directories.moves(recorded.id, 0, 1)
    directories.caught_up(recorded.id, 0, 1)
    directories.stays(topic("t", IDS[0]), 0, 1)
    assert directories.take_unrecorded() == [], "nobody was told of it"
    directories.moves(recorded.id, 0, 1)
    directories.place(recorded, 0, recorded.partitions[0])
    directories.stays(recorded, 0, 1)
    assert directories.take_unrecorded() == [(recorded.id, 0, IDS[0])]
