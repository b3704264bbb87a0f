"""The topic of a registry: what is written comes back, and what can't be taken is passed over."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

import ottla
from ottla.client import Client, connect
from ottla.registry.topic import Topic, is_there, make
from ottla.web.operation import Refusal

Name = Callable[[], str]
PATIENCE_S = 60


class Taken:
    """What came from a topic; it can't take a key with "bad" in it."""

    def __init__(self) -> None:
        self.keys: list[bytes | None] = []

    def apply(self, key: bytes | None, value: bytes | None, timestamp_ms: int) -> bool:
        """Keep a key."""
        if key is not None and b"bad" in key:
            raise RecursionError("as something unforeseen does")
        self.keys.append(key)
        return True


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """A client of a Kafka without a registry."""
    with ottla.Broker() as broker:
        found = connect({"bootstrap.servers": broker.bootstrap_servers})
        yield found
        found.close()


def code(call: Callable[[], object]) -> int:
    """The code of the refusal that a call ends in."""
    with pytest.raises(Refusal) as refused:
        call()
    return refused.value.code


def test_what_is_written_comes_back_to_every_reader(client: Client, name: Name) -> None:
    """If this failed, an instance would answer before it knows, or stop at a record that it can't
    take.
    """
    place = name()
    assert not is_there(client, place)
    make(client, place)
    assert is_there(client, place)
    make(client, place)  # again: nothing
    first, second = Taken(), Taken()
    topics = [Topic(each.apply, place) for each in (first, second)]
    try:
        for each in topics:
            each.start(client)
            each.read_all()
            assert each.applied == each.end() == 0
        entries = [({"n": 1}, None), ({"n": "bad"}, {}), ({"n": 2}, {})]
        assert topics[0].write(entries, PATIENCE_S) == 0
        assert topics[0].applied == 3
        assert topics[0].write([], PATIENCE_S) == -1
        topics[1].reach(topics[1].end(), PATIENCE_S)
        assert first.keys == second.keys == [b'{"n":1}', b'{"n":2}']
        assert not topics[0].settle(PATIENCE_S)
    finally:
        for each in topics:
            each.close()
            each.close()  # again: nothing


def test_what_does_not_come_back_is_told(client: Client, name: Name) -> None:
    """If this failed, a client would wait for ever, or take for kept what is not."""
    place = name()
    make(client, place)
    topic = Topic(Taken().apply, place)
    topic.start(client)
    try:
        topic.read_all()
        assert code(lambda: topic.reach(1, 0.001)) == 50002
        assert code(lambda: topic.write([({}, {"v": "x" * (2 << 20)})], PATIENCE_S)) == 42209
        assert topic.end() == 0
        assert topic.write([({}, {})], PATIENCE_S) == 0
    finally:
        topic.close()
    assert code(lambda: topic.reach(9, PATIENCE_S)) == 50002  # at once, for nothing comes any more
