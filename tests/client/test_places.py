"""What a client knows of leaders and coordinators, and what it doubts."""

from __future__ import annotations

from ottla.client.places import Places
from ottla.wire.messages.metadata import MetadataResponsePartition, MetadataResponseTopic

PLACE = ("t", 0)
OTHER = ("t", 1)


def topic(
    *rows: tuple[int, int, int], topic_id: bytes = b"1" * 16, error_code: int = 0
) -> list[MetadataResponseTopic]:
    """One topic of (partition, leader, epoch)."""
    partitions = [
        MetadataResponsePartition(
            partition_index=index, leader_id=leader, leader_epoch=epoch, error_code=error_code
        )
        for index, leader, epoch in rows
    ]
    return [MetadataResponseTopic(name="t", topic_id=topic_id, partitions=partitions)]


def test_older_metadata_never_replaces_newer() -> None:
    """If this failed, a node that lags behind would send clients back to the leader before."""
    places = Places()
    places.learn(topic((0, 1, 4)))
    places.learn(topic((0, 2, 5)))
    places.learn(topic((0, 1, 4)))
    assert places.leader(PLACE) == 2
    places.doubt_leader(PLACE)
    places.learn(topic((0, 1, 4)))
    assert places.leader(PLACE) is None
    places.learn(topic((0, 2, 5)))
    assert places.leader(PLACE) == 2
    places.learn(topic((0, 3, 6)))
    assert places.leader(PLACE) == 3


def test_a_topic_made_anew_begins_again() -> None:
    """If this failed, a topic of an old name would have no leader until its epochs caught up."""
    places = Places()
    places.learn(topic((0, 1, 9)))
    places.learn(topic((0, 2, 0), topic_id=b"2" * 16))
    assert places.leader(PLACE) == 2


def test_nodes_that_tell_no_epoch_are_believed() -> None:
    """If this failed, the leader that an old node tells would be thrown away."""
    places = Places()
    for leader in (1, 2):
        places.learn(topic((0, leader, -1), topic_id=bytes(16)))
        assert places.leader(PLACE) == leader


def test_doubts_are_about_one_place() -> None:
    """If this failed, one moved leader would make a client forget all the others."""
    places = Places()
    places.learn(topic((0, 1, 0), (1, 1, 0)))
    places.learn_coordinator(0, "g", 1)
    places.learn_coordinator(0, "h", 1)
    places.doubt_leader(PLACE)
    places.doubt_leader(("nobody", 0))
    places.doubt_coordinator(0, "g")
    places.doubt_coordinator(0, "nobody")
    assert [places.leader(PLACE), places.leader(OTHER)] == [None, 1]
    assert [places.coordinator(0, "g"), places.coordinator(0, "h")] == [None, 1]
    assert places.coordinator(1, "h") is None


def test_a_lost_node_takes_only_what_lay_on_it() -> None:
    """If this failed, the loss of one node would cost questions about all, or none at all."""
    places = Places()
    places.learn(topic((0, 1, 0), (1, 2, 0)))
    places.learn_coordinator(0, "g", 1)
    places.learn_coordinator(0, "h", 2)
    places.doubt_node(1)
    assert [places.leader(PLACE), places.leader(OTHER)] == [None, 2]
    assert [places.coordinator(0, "g"), places.coordinator(0, "h")] == [None, 2]


def test_a_row_with_an_error_tells_nothing() -> None:
    """If this failed, the leader of a partition without one would be node -1."""
    places = Places()
    places.learn(topic((0, -1, 3), error_code=5))
    assert places.leader(PLACE) is None
