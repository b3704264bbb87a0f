"""An administrator: creates and deletes topics under few names, alters configs, deletes records,
asks for offsets by time, and looks at what there is. To the node's own topics it gives segments as
small as all others, so that they are compacted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ottla.sim.clients.client import Client, Surroundings
from ottla.sim.clients.member import TOPIC
from ottla.sim.model import Partition, Table, Topic
from ottla.wire.errors import ErrorCode
from ottla.wire.messages import (
    create_topics,
    delete_records,
    delete_topics,
    describe_configs,
    list_offsets,
)
from ottla.wire.messages import incremental_alter_configs as alter
from ottla.wire.messages.metadata import MetadataRequest
from ottla.wire.stored.frame import CONSUMER_OFFSETS, TRANSACTION_STATE

if TYPE_CHECKING:
    from ottla.sim.line import Sent

COMPACTED = "table"
NAMES = (TOPIC, COMPACTED, "a", "b", "c")
INTERNAL_SEGMENT_BYTES = {CONSUMER_OFFSETS: "1200", TRANSACTION_STATE: "700"}
SEGMENT_BYTES = "internal.segment.bytes"
RETENTION = "delete.retention.ms"
"""The config that is altered: it is kept, described, and has no effect that a client sees, but in
a compacted topic, where it stays as it is.
"""
NEVER = str((1 << 63) - 1)
TOMBSTONES_STAY_MS = ("0", "1000", "8000")
TABLES_STAY = 0.9
"""A compacted topic is deleted more seldom than others: it is to be cleaned more than once."""
SET = 0
TOPIC_RESOURCE = 2
TIMEOUT_MS = 30_000
LOOKS_BACK_MS_MAX = 20_000
CONSUMER = -1


def seek(client: Client, partition: Partition) -> None:
    """Ask where the records of some time begin."""
    around = client.around
    at_ms = around.machine.now_ms() - around.random.randint(0, LOOKS_BACK_MS_MAX)
    row = list_offsets.ListOffsetsPartition(partition_index=partition.index, timestamp=at_ms)
    topic = list_offsets.ListOffsetsTopic(name=partition.topic, partitions=[row])
    request = list_offsets.ListOffsetsRequest(replica_id=CONSUMER, topics=[topic])
    client.send(request, 9, (partition, partition.log_start, at_ms))


def sought(client: Client, sent: Sent, response: Any) -> None:
    """What `seek` asked for was answered."""
    row = response.topics[0].partitions[0]
    if row.error_code == 0 and row.offset >= 0:
        partition, log_start, at_ms = sent.note
        client.around.invariants.sought(partition, log_start, at_ms, row)


class Admin(Client):
    """Sees to it that there are topics, and that they come and go."""

    kind = "admin"
    zeal = 2

    def __init__(self, name: str, around: Surroundings) -> None:
        super().__init__(name, around)
        self._large = sorted(INTERNAL_SEGMENT_BYTES)
        """Internal topics whose segments are not small yet."""

    def act(self) -> None:
        """Create what is missing, or do something to what is there."""
        random, model = self.around.random, self.around.model
        if self._large and random.random() < 0.5:
            self._shrink(random.choice(self._large))
            return
        unclear = [t for t in model.topics if not t.deleted and (not t.created or t.deleting)]
        if unclear and random.random() < 0.5:
            self._ask_again(unclear[0])
            return
        taken = {topic.name for topic in model.topics if not topic.deleted}
        missing = [name for name in NAMES if name not in taken]
        what = random.random()
        if unclear or what < 0.25:
            self.send(MetadataRequest(topics=None, allow_auto_topic_creation=False), 12)
        elif missing and (what < 0.7 or not model.living()):
            flushes = random.random() < (0.8 if model.durable else 0.5)
            self.create(random.choice(missing), flushes=flushes)
        else:
            self._change(random.choice(model.living()), random.random())

    def _shrink(self, name: str) -> None:
        row = alter.AlterableConfig(
            name=SEGMENT_BYTES, config_operation=SET, value=INTERNAL_SEGMENT_BYTES[name]
        )
        resource = alter.AlterConfigsResource(
            resource_type=TOPIC_RESOURCE, resource_name=name, configs=[row]
        )
        self.send(alter.IncrementalAlterConfigsRequest(resources=[resource]), 1, (name, ""))

    def _change(self, topic: Topic, what: float) -> None:
        is_table = topic.name == COMPACTED
        if what < 0.3 and not is_table:
            self._delete_records(self.around.random.choice(topic.partitions))
        elif what < 0.45:
            seek(self, self.around.random.choice(topic.partitions))
        elif what < 0.6 and not is_table:
            self._alter(topic)
        elif what < 0.75 or topic.name == TOPIC:
            resource = describe_configs.DescribeConfigsResource(
                resource_type=TOPIC_RESOURCE,
                resource_name=topic.name,
                configuration_keys=[RETENTION],
            )
            request = describe_configs.DescribeConfigsRequest(resources=[resource])
            self.send(request, 4, (topic, set(topic.configs[RETENTION])))
        elif what > TABLES_STAY or not is_table:
            topic.deleting = True
            self._ask_again(topic)

    def _ask_again(self, topic: Topic) -> None:
        """Ask for what was asked for, and may have been done."""
        if topic.created:
            gone = delete_topics.DeleteTopicState(topic_id=topic.topic_id)
            request = delete_topics.DeleteTopicsRequest(topics=[gone], timeout_ms=TIMEOUT_MS)
            self.send(request, 6, topic)
        else:
            self.send(topic.asked, 7, topic)

    def create(self, name: str, *, flushes: bool) -> None:
        """Ask for a topic; whether it promises that what was acknowledged is on disk."""
        random = self.around.random
        configs = {SEGMENT_BYTES: str(random.choice((600, 2000, 100_000)))}
        configs["flush.messages"] = "1" if flushes else NEVER
        value = str(next(self.around.model.numbers))
        if name == COMPACTED:
            configs[SEGMENT_BYTES] = str(random.choice((400, 800)))
            configs["cleanup.policy"] = random.choice(("compact", "compact,delete"))
            value = random.choice(TOMBSTONES_STAY_MS)
        configs[RETENTION] = value
        rows = [create_topics.CreatableTopicConfig(name=k, value=v) for k, v in configs.items()]
        count = {TOPIC: 2, COMPACTED: 1}.get(name) or random.choice((1, 2))
        wanted = create_topics.CreatableTopic(
            name=name, num_partitions=count, replication_factor=1, configs=rows
        )
        topic = Topic(name, flushes, configs={RETENTION: {value}})
        topic.partitions = [Partition(name, b"", index, flushes) for index in range(count)]
        if name == COMPACTED:
            for partition in topic.partitions:
                partition.table = Table(int(value))
        self.around.model.topics.append(topic)
        topic.asked = create_topics.CreateTopicsRequest(topics=[wanted], timeout_ms=TIMEOUT_MS)
        self.send(topic.asked, 7, topic)

    def _alter(self, topic: Topic) -> None:
        value = str(next(self.around.model.numbers))
        topic.configs[RETENTION].add(value)
        row = alter.AlterableConfig(name=RETENTION, config_operation=SET, value=value)
        resource = alter.AlterConfigsResource(
            resource_type=TOPIC_RESOURCE, resource_name=topic.name, configs=[row]
        )
        self.send(alter.IncrementalAlterConfigsRequest(resources=[resource]), 1, (topic, value))

    def _delete_records(self, partition: Partition) -> None:
        upto = max(partition.log_start, partition.high_watermark - self.around.random.randint(0, 9))
        partition.may_trim = max(partition.may_trim, upto)
        row = delete_records.DeleteRecordsPartition(partition_index=partition.index, offset=upto)
        topic = delete_records.DeleteRecordsTopic(name=partition.topic, partitions=[row])
        request = delete_records.DeleteRecordsRequest(topics=[topic], timeout_ms=TIMEOUT_MS)
        self.send(request, 2, partition)

    # ------------------------------------------------------------------ answers
    def answered(self, sent: Sent, response: Any) -> None:
        """Learn what is so from now on."""
        match sent.request:
            case MetadataRequest():
                self.around.invariants.topics_seen(
                    {row.name: row.topic_id for row in response.topics if not row.error_code}
                )
            case create_topics.CreateTopicsRequest():
                row = response.topics[0]
                if row.error_code == 0:
                    self.around.invariants.topic_created(sent.note, row.topic_id)
            case delete_topics.DeleteTopicsRequest():
                code = response.responses[0].error_code
                if code in (0, ErrorCode.UNKNOWN_TOPIC_ID):
                    self.around.invariants.topic_deleted(sent.note)
            case alter.IncrementalAlterConfigsRequest():
                topic, value = sent.note
                is_done = response.responses[0].error_code == 0
                if is_done and topic in self._large:
                    self._large.remove(topic)
                elif is_done and isinstance(topic, Topic):
                    topic.configs[RETENTION] = {value} | topic.lingering
            case describe_configs.DescribeConfigsRequest():
                row = response.results[0]
                if row.error_code == 0:
                    topic, allowed = sent.note
                    self.around.invariants.config_seen(topic, row.configs[0].value, allowed)
            case list_offsets.ListOffsetsRequest():
                sought(self, sent, response)
            case delete_records.DeleteRecordsRequest():
                row = response.topics[0].partitions[0]
                if row.error_code == 0:
                    self.around.invariants.trimmed(sent.note, row.low_watermark)

    def unanswered(self, sent: Sent) -> None:
        """What was asked for may still come about."""
        if isinstance(sent.request, alter.IncrementalAlterConfigsRequest):
            topic, value = sent.note
            if isinstance(topic, Topic):
                topic.lingering.add(value)
