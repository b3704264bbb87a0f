"""A consumer's reading without a network: the machine, its clock, and answers that a test makes.

Nothing here decides for the machine. `answer` names topics by their ids, as nodes of today do.
"""

from __future__ import annotations

from typing import Any

from client.peers import in_future
from ottla.client.backoff import Backoff
from ottla.client.consuming.fetching import Fetching
from ottla.client.consuming.handing import Handing
from ottla.client.consuming.part import Part
from ottla.client.consuming.reset import OffsetReset
from ottla.client.consuming.session import FetchSettings
from ottla.client.errors import ConnectionFailed
from ottla.client.machine import Ask, Node, Questions
from ottla.client.places import Places, TopicPartition
from ottla.wire.messages import fetch as m
from ottla.wire.messages import metadata as md
from ottla.wire.records import Record, build_batch

LOST = ConnectionFailed("node", 9092, "closed")
WALL_MS = 10_000_000
T0, T1, U0 = ("t", 0), ("t", 1), ("u", 0)
BESIDE, WAITING = 7, 8
"""The connections of the session that never waits, and of the one that does."""
SESSION = 9


def topic_id(name: str, generation: int = 0) -> bytes:
    """The id of a topic that was made so many times anew."""
    return name.encode() * 15 + bytes([generation])


def batch(offset: int, count: int = 1, size: int = 1) -> bytes:
    """A batch whose records say their offsets."""
    records = [Record(None, str(offset + n).encode().rjust(size)) for n in range(count)]
    return build_batch(records, base_offset=offset)


def row(place: TopicPartition, records: bytes = b"", **fields: Any) -> tuple[str, Any]:
    """What a Fetch's answer says of a partition."""
    return place[0], m.PartitionData(partition_index=place[1], records=records or None, **fields)


class World:
    """A consumer of t-0, t-1 and u-0, as a test assigns them; node 1 leads all."""

    def __init__(self, *places: TopicPartition, reset: str = "earliest", **settings: Any) -> None:
        self.now_ms = 0
        self.places = Places()
        self.questions = Questions()
        self.machine = Fetching(
            self.places,
            self.questions,
            (BESIDE, WAITING),
            FetchSettings(**settings),
            OffsetReset(reset, lambda: WALL_MS),
            Backoff,
        )
        self.handing = Handing(self.machine, lambda: self.now_ms, lambda: None)
        self._remembered: dict[tuple[int, int], dict[TopicPartition, int]] = {}
        """What a node reads in a session, by its id and the connection."""
        self.ids: dict[str, bytes] = {"t": topic_id("t"), "u": topic_id("u")}
        for place in (T0, T1, U0):
            self.lead(place, 1)
        for part in self.machine.assign(list(places)):
            part.seek(0)

    def lead(self, place: TopicPartition, node: int, epoch: int = 0) -> None:
        """Metadata says who leads."""
        partition = md.MetadataResponsePartition(
            partition_index=place[1], leader_id=node, leader_epoch=epoch
        )
        told = md.MetadataResponseTopic(
            name=place[0], topic_id=self.ids[place[0]], partitions=[partition]
        )
        self.places.learn([told], self.now_ms)

    def part(self, place: TopicPartition = T0) -> Part:
        """What it reads there."""
        return self.machine.parts[place]

    def asks(self, after_ms: int = 0) -> list[Ask]:
        """What it asks a little later."""
        self.now_ms += after_ms
        self.machine.act(self.now_ms)
        in_future(self.machine.deadline_ms, self.now_ms)
        asks = self.questions.take()
        for ask in asks:
            remembered = self._remembered.setdefault((node(ask), ask.way), {})
            if not ask.message.session_epoch:
                remembered.clear()
            for name, number, _ in forgotten(ask):
                del remembered[(name, number)]
            remembered.update(asked(ask))
        return asks

    def ask(self, after_ms: int = 0) -> Ask:
        """The one Fetch that it asks."""
        (ask,) = self.asks(after_ms)
        return ask

    def reads(self, ask: Ask) -> dict[TopicPartition, int]:
        """What the session of a Fetch is to bring: which partitions, each from where on."""
        return self._remembered[(node(ask), ask.way)]

    def end(self, ask: Ask, outcome: Any) -> None:
        """A Fetch ends."""
        self.questions.answered(ask.token, outcome, self.now_ms)

    def answer(self, ask: Ask, *rows: tuple[str, Any], session: int = SESSION) -> None:
        """A Fetch is answered: with these partitions, in this session."""
        topics: dict[str, m.FetchableTopicResponse] = {}
        for name, data in rows:
            at = m.FetchableTopicResponse(topic_id=self.ids[name])
            topics.setdefault(name, at).partitions.append(data)
        self.end(ask, m.FetchResponse(session_id=session, responses=list(topics.values())))

    def at_end(self, *places: TopicPartition, first: Ask | None = None) -> Ask:
        """These were read to their ends by the `first` Fetch; the one that waits for more."""
        self.answer(first or self.ask(), *(row(place, high_watermark=0) for place in places))
        return self.ask()

    def taken(self, most: int = 100) -> list[int]:
        """The offsets of what is handed out; each record says its own."""
        records = self.handing.records(most)
        assert all(int(record.value or b"") == record.offset for record in records)
        return [record.offset for record in records]


def asked(ask: Ask) -> dict[TopicPartition, int]:
    """The partitions that a Fetch names, and from where on each is to be read."""
    return {
        (topic.topic, one.partition): one.fetch_offset
        for topic in ask.message.topics
        for one in topic.partitions
    }


def forgotten(ask: Ask) -> list[tuple[str, int, bytes]]:
    """(topic, partition, topic id) of those that a session is to forget."""
    return [
        (topic.topic, number, topic.topic_id)
        for topic in ask.message.forgotten_topics_data
        for number in topic.partitions
    ]


def session(ask: Ask) -> tuple[int, int]:
    """Its id and epoch."""
    return ask.message.session_id, ask.message.session_epoch


def node(ask: Ask) -> int:
    """Which node is asked."""
    assert isinstance(ask.to, Node)
    return ask.to.id
