"""What a producer or consumer counts of itself; by which names it is told is for `metrics.py`.

Nothing is counted record by record: batches, requests and answers are, where they pass by.
"""

from __future__ import annotations


class ByTopic:
    """Records and bytes of one topic."""

    __slots__ = ("bytes", "records")

    def __init__(self) -> None:
        self.records = self.bytes = 0


class Counted:
    """What a producer sent, or a consumer fetched: requests, and what was in them."""

    def __init__(self) -> None:
        self.topics: dict[str, ByTopic] = {}
        self.batches = self.requests = self.latency_ms = self.retries = self.errors = 0

    def add(self, topic: str, *, records: int = 0, size: int = 0) -> None:
        """So many records, or bytes, of a topic passed by."""
        found = self.topics.get(topic)
        if found is None:
            found = self.topics[topic] = ByTopic()
        found.records += records
        found.bytes += size

    def answered(self, latency_ms: int) -> None:
        """A request was answered."""
        self.requests += 1
        self.latency_ms += latency_ms

    @property
    def records(self) -> int:
        """Of all topics."""
        return sum(topic.records for topic in self.topics.values())

    @property
    def bytes(self) -> int:
        """Of all topics."""
        return sum(topic.bytes for topic in self.topics.values())
