"""One sentence on each key that this node honours; for the others, what becomes of them.

The sentences are ours. They go out in DescribeConfigs when a client asks for documentation, and
into the reference pages.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from ottla.config.row import REFUSED, broker_rows

BROKER: Final = """
add.partitions.to.txn.retry.backoff.max.ms: How long a batch waits for the transaction before its.
advertised.listeners: What clients are told to dial; without it, the address that they came in on.
auto.create.topics.enable: Whether a topic comes to be when a client first asks for it.
broker.heartbeat.interval.ms: How often a broker tells the controller that it lives.
broker.id: The older name of node.id; both must be the same.
broker.rack: The rack that this broker stands in, for clients that read from the nearest replica.
broker.session.timeout.ms: A broker that is silent for this long is fenced.
compression.gzip.level: The effort of gzip where the broker itself compresses.
compression.lz4.level: How hard lz4 tries where the broker itself compresses; 9 is the quick way.
compression.type: The codec that batches are stored in; producer keeps each as it came.
compression.zstd.level: The effort of zstd where the broker itself compresses.
connections.max.idle.ms: A connection without a request for this long is closed.
controller.listener.names: The listeners that serve the controller; the others serve clients.
controller.quorum.bootstrap.servers: Where the controller of a dynamic quorum is found.
controller.quorum.voters: The controllers of a static quorum as id@host:port.
cordoned.log.dirs: Those of log.dirs that take no new partitions; * for all of them.
default.replication.factor: How many replicas a topic gets that does not say.
delete.topic.enable: Whether topics may be deleted.
fetch.max.bytes: The most bytes that one Fetch reply holds, one batch aside.
group.initial.rebalance.delay.ms: How long an empty group waits for more members to join.
group.max.session.timeout.ms: The longest session timeout that a member may ask for.
group.max.size: The most members that one group may have.
group.min.session.timeout.ms: The shortest session timeout that a member may ask for.
initial.broker.registration.timeout.ms: How long a start waits to be let in; 10000 at least.
inter.broker.listener.name: The listener that brokers use for one another.
listener.security.protocol.map: What each listener name speaks.
listeners: Where this node listens, as NAME://host:port; no host means every interface.
log.cleaner.backoff.ms: How often compacted logs are looked through for what is to be cleaned.
log.cleaner.dedupe.buffer.size: The most memory that all cleaners take for keys, 24 bytes each.
log.cleaner.delete.retention.ms: How long tombstones stay after the first cleaning.
log.cleaner.enable: Whether compacted logs are cleaned.
log.cleaner.io.buffer.load.factor: How full the memory for keys may be, from 0 to 1.
log.cleaner.io.buffer.size: How much all cleaners read and write at once, together.
log.cleaner.io.max.bytes.per.second: How much all cleaners may read and write in a second.
log.cleaner.max.compaction.lag.ms: A record is cleaned no later than this, however clean its log.
log.cleaner.min.cleanable.ratio: How much of a log must be dirty before it is cleaned.
log.cleaner.min.compaction.lag.ms: A record stays at least this long before it is cleaned.
log.cleaner.threads: How many logs are cleaned at the same time.
log.cleanup.policy: What becomes of old records: delete, compact, or both.
log.dir: The folder of the logs, where log.dirs is not set.
log.dirs: The folders of the logs.
log.flush.interval.messages: So many records are written before they are forced to disk.
log.flush.interval.ms: Records wait no longer than this before they are forced to disk.
log.flush.offset.checkpoint.interval.ms: How often recovery points are written down.
log.flush.scheduler.interval.ms: How often logs are looked through for what is due to be flushed.
log.index.interval.bytes: An index entry is made after so many bytes of records.
log.index.size.max.bytes: How large an index file may grow before the segment is rolled.
log.message.timestamp.after.max.ms: How far in the future a record's timestamp may lie.
log.message.timestamp.before.max.ms: How far in the past a record's timestamp may lie.
log.message.timestamp.type: Whether records keep their producer's time or get the broker's.
log.preallocate: Whether a new segment's file gets its full size at once.
log.retention.bytes: A partition beyond this size loses its oldest segments; -1 is no limit.
log.retention.check.interval.ms: How often logs are looked through for segments to delete.
log.retention.hours: How long records are kept, in hours; minutes and ms go before it.
log.retention.minutes: How long records are kept, in minutes; ms goes before it.
log.retention.ms: How long records are kept; -1 is for ever.
log.roll.hours: A segment is rolled at this age, in hours; log.roll.ms goes before it.
log.roll.jitter.hours: The most that is taken off the roll time at random, in hours.
log.roll.jitter.ms: The most that is taken off the roll time at random.
log.roll.ms: A segment is rolled at this age.
log.segment.bytes: A segment is rolled when it would grow beyond this size.
log.segment.delete.delay.ms: How long the files of a deleted segment stay on disk.
max.connection.creation.rate: The most new connections a second; more wait to be let in.
max.connections: The most connections that this broker holds at once; more wait to be let in.
max.connections.per.ip: The most connections from one address.
max.connections.per.ip.overrides: The most from addresses of their own, as 10.0.0.1:20,10.0.0.2:5.
max.incremental.fetch.session.cache.slots: How many fetch sessions are remembered.
max.request.partition.size.limit: The most partitions that one topic description holds.
message.max.bytes: The largest batch that is taken, after compression.
metadata.log.dir: The folder of the metadata log; without it the first of log.dirs.
metadata.log.max.record.bytes.between.snapshots: So many bytes of metadata make a snapshot due.
metadata.log.max.snapshot.interval.ms: A snapshot is made at least this often when there is news.
metadata.log.segment.bytes: A segment of the metadata log is rolled at this size.
metadata.log.segment.ms: A segment of the metadata log is rolled at this age.
metadata.max.idle.interval.ms: An idle controller writes a record this often; 0 is never.
metadata.max.retention.bytes: How much of the metadata log is kept behind its snapshots.
metadata.max.retention.ms: How long the metadata log is kept behind its snapshots.
min.insync.replicas: With acks=all, how many replicas must have a record before it counts.
node.id: This node's number in the cluster.
num.network.threads: The most threads that serve connections; never more than processors.
num.partitions: How many partitions a topic gets that does not say.
offset.metadata.max.bytes: The longest text that a client may commit with an offset.
offsets.retention.check.interval.ms: How often groups are looked through for expired offsets.
offsets.retention.minutes: How long an empty group's offsets are kept.
offsets.topic.compression.codec: The codec of the records in the topic of offsets, by its number.
offsets.topic.num.partitions: How many partitions the topic of offsets gets.
offsets.topic.replication.factor: How many replicas the topic of offsets gets.
offsets.topic.segment.bytes: The segment size of the topic of offsets.
ottla.http.listen: Where /metrics, /livez and /readyz are served, as host:port; empty is nowhere.
ottla.log.file: The file that log lines are appended to; without it standard output.
ottla.log.format: Log lines as text for people or json for machines.
ottla.log.level: The least level that is logged.
process.roles: What this process is: broker, controller, or both.
producer.id.expiration.check.interval.ms: How often idle producers are looked for.
producer.id.expiration.ms: How long an idle producer is remembered.
queued.max.request.bytes: The most memory for requests that wait; beyond it sockets are not read.
replica.alter.log.dirs.io.max.bytes.per.second: How fast partitions move to other log dirs.
request.timeout.ms: How long the broker waits for what it asked of another node.
security.inter.broker.protocol: What brokers speak to one another.
socket.receive.buffer.bytes: The receive buffer of a connection; -1 is the system's choice.
socket.request.max.bytes: The largest request that is read.
socket.send.buffer.bytes: The send buffer of a connection; -1 is the system's choice.
telemetry.max.bytes: The largest payload of its own metrics that a client may push.
transaction.abort.timed.out.transaction.cleanup.interval.ms: How often late ones are looked for.
transaction.max.timeout.ms: The longest that a producer may ask for its transactions to take.
transaction.partition.verification.enable: Whether older producers' partitions are verified.
transaction.remove.expired.transaction.cleanup.interval.ms: How often unused ids are looked for.
transaction.state.log.min.isr: The least replicas in sync of the topic of transactions.
transaction.state.log.num.partitions: How many partitions the topic of transactions gets.
transaction.state.log.replication.factor: How many replicas the topic of transactions gets.
transaction.state.log.segment.bytes: The segment size of the topic of transactions.
transaction.two.phase.commit.enable: Whether a transaction may wait for another system without end.
transactional.id.expiration.ms: How long a transactional id that nobody uses is remembered.
unclean.leader.election.enable: Whether a replica that lacks records may lead in need.
unstable.feature.versions.enable: Whether a cluster may be at feature levels not yet stable.
"""

TOPIC: Final = """
cleanup.policy: What becomes of old records: delete, compact, or both; nothing keeps all.
compression.gzip.level: The effort of gzip where the broker itself compresses.
compression.lz4.level: How hard lz4 tries where the broker itself compresses; 9 is the quick way.
compression.type: The codec that batches are stored in; producer keeps each as it came.
compression.zstd.level: The effort of zstd where the broker itself compresses.
delete.retention.ms: How long a compacted topic shows that a key was deleted.
file.delete.delay.ms: How long the files of a deleted segment stay on disk.
flush.messages: So many records are written before they are forced to disk.
flush.ms: Records wait no longer than this before they are forced to disk.
follower.replication.throttled.replicas: The replicas whose fetching is throttled.
index.interval.bytes: An index entry is made after so many bytes of records.
leader.replication.throttled.replicas: The replicas whose sending is throttled.
local.retention.bytes: How much of a tiered topic stays on local disk; -2 takes retention.bytes.
local.retention.ms: How long a tiered topic stays on local disk; -2 takes retention.ms.
max.compaction.lag.ms: A record is compacted at the latest after this time.
max.message.bytes: The largest batch that is taken, after compression.
message.timestamp.after.max.ms: How far in the future a record's timestamp may lie.
message.timestamp.before.max.ms: How far in the past a record's timestamp may lie.
message.timestamp.type: Whether records keep their producer's time or get the broker's.
min.cleanable.dirty.ratio: How much of a log must be uncompacted before it is compacted.
min.compaction.lag.ms: A record stays uncompacted at least this long.
min.insync.replicas: With acks=all, how many replicas must have a record before it counts.
preallocate: Whether a new segment's file gets its full size at once.
remote.log.copy.disable: Whether segments of a tiered topic are no longer copied away.
remote.log.delete.on.disable: Whether remote segments go when tiering is switched off.
remote.storage.enable: Whether segments move to remote storage.
retention.bytes: A partition beyond this size loses its oldest segments; -1 is no limit.
retention.ms: How long records are kept; -1 is for ever.
segment.bytes: A segment is rolled when it would grow beyond this size.
segment.index.bytes: How large an index file may grow before the segment is rolled.
segment.jitter.ms: The most that is taken off the roll time at random.
segment.ms: A segment is rolled at this age.
unclean.leader.election.enable: Whether a replica that lacks records may lead in need.
"""

GROUP: Final = """
consumer.assignment.interval.ms: The least time between two assignments of the group.
consumer.heartbeat.interval.ms: How often members of a consumer group say that they live.
consumer.session.timeout.ms: How long a silent member stays in a consumer group.
share.assignment.interval.ms: The least time between two assignments of the group.
share.auto.offset.reset: Where a share group begins: earliest, latest, or a time ago.
share.delivery.count.limit: How often a record is tried before it is given up.
share.heartbeat.interval.ms: How often members of a share group say that they live.
share.isolation.level: Whether a share group sees records of open transactions.
share.partition.max.record.locks: The most records of a partition in delivery at once.
share.record.lock.duration.ms: How long a delivered record waits for its acknowledgement.
share.renew.acknowledge.enable: Whether members may prolong their hold on a record.
share.session.timeout.ms: How long a silent member stays in a share group.
streams.assignment.interval.ms: The least time between two assignments of the group.
streams.heartbeat.interval.ms: How often members of a streams group say that they live.
streams.initial.rebalance.delay.ms: How long an empty streams group waits for more members.
streams.num.standby.replicas: How many spare copies of each state store are kept.
streams.session.timeout.ms: How long a silent member stays in a streams group.
"""

CLIENT_METRICS: Final = """
interval.ms: How often a client is to push its metrics.
match: Which clients push: selector=pattern, with commas between; all if there are none.
metrics: Which metrics are pushed: beginnings of their names, or * for every metric.
"""

TABLES: Final = {
    "broker": BROKER,
    "topic": TOPIC,
    "group": GROUP,
    "client-metrics": CLIENT_METRICS,
}


@cache
def _sentences(kind: str) -> dict[str, str]:
    table = TABLES[kind]
    pairs = (line.partition(": ") for line in table.strip().splitlines())
    return {name: sentence for name, _, sentence in pairs}


def documentation(kind: str, name: str) -> str | None:
    """The sentence on a key of one of `TABLES`; None for a key that has none."""
    if kind not in TABLES:
        return None
    found = _sentences(kind).get(name)
    if found is None and kind == "broker" and name in broker_rows():
        found = f"Not honoured: {broker_rows()[name].stance.removeprefix(REFUSED)}."
    return found
