"""A topic that was acknowledged is there after whatever happens, one whose deletion was is not, and
a config that was is read back: the metadata log is synced before anybody is told. No two topics,
be they of one name, ever have one id.
"""

from __future__ import annotations

from ottla.sim.invariants.watch import Watch
from ottla.sim.model import Topic
from ottla.sim.violation import held


class Metadata(Watch):
    """What the cluster knows."""

    def topic_created(self, topic: Topic, topic_id: bytes) -> None:
        """It is there from now on."""
        self._there(topic, topic_id)

    def topic_deleted(self, topic: Topic) -> None:
        """It is gone from now on."""
        topic.deleted = True

    def topics_seen(self, found: dict[str, bytes]) -> None:
        """What is there must be what was acknowledged."""
        ids = set(found.values())
        for topic in self.model.topics:
            if topic.deleted:
                held(
                    topic.topic_id not in ids,
                    f"the topic {topic.name} is there, though its deletion was acknowledged",
                )
            elif topic.created:
                there = found.get(topic.name) == topic.topic_id
                held(
                    there or topic.deleting,
                    f"the topic {topic.name} is gone, though nobody deleted it",
                )
                topic.deleted = not there
            elif topic.name in found:
                self._there(topic, found[topic.name])

    def config_seen(self, topic: Topic, value: str, allowed: set[str]) -> None:
        """It must be what was set last."""
        may_be = allowed | topic.configs["delete.retention.ms"]
        held(
            value in may_be or topic.deleting,
            f"the topic {topic.name} has delete.retention.ms={value}, not {sorted(may_be)}",
        )

    def ends(self, power_cut: bool) -> None:
        """No request of this life is carried out any more."""
        for topic in self.model.topics:
            for allowed in topic.configs.values():
                allowed |= topic.lingering
            topic.lingering.clear()

    def _there(self, topic: Topic, topic_id: bytes) -> None:
        others = [
            one.name for one in self.model.topics if one.topic_id == topic_id and one is not topic
        ]
        held(not others, f"the topic {topic.name} has the id of another one: {others}")
        topic.created, topic.topic_id = True, topic_id
        for partition in topic.partitions:
            partition.topic_id = topic_id
