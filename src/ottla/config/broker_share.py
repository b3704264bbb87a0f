"""Share groups and the coordinator that keeps their state.

Columns: see `ottla.config.row`.
"""

ROWS = """
group.share.assignment.interval.ms               INT     1000 [0,...] medium cluster share
group.share.assignors                            LIST    simple list medium static share
group.share.delivery.count.limit                 INT     5 [2,...,10] medium static share
group.share.heartbeat.interval.ms                INT     5000 [1,...] medium static share
group.share.initialize.retry.interval.ms         INT     30000 [1,...] low static share internal
group.share.max.assignment.interval.ms           INT     15000 [0,...] medium static share
group.share.max.delivery.count.limit             INT     10 [5,...,25] medium static share
group.share.max.heartbeat.interval.ms            INT     15000 [1,...] medium static share
group.share.max.partition.max.record.locks       INT     4000 [2000,...,10000] medium static share
group.share.max.record.lock.duration.ms          INT     60000 [30000,...,3600000] medium static share
group.share.max.session.timeout.ms               INT     60000 [1,...] medium static share
group.share.max.share.sessions                   INT     2000 [1,...] medium static share
group.share.max.size                             INT     200 [1,...,1000] medium static share
group.share.min.assignment.interval.ms           INT     0 [0,...] medium static share
group.share.min.delivery.count.limit             INT     2 [2,...,5] medium static share
group.share.min.heartbeat.interval.ms            INT     5000 [1,...] medium static share
group.share.min.partition.max.record.locks       INT     100 [100,...,2000] medium static share
group.share.min.record.lock.duration.ms          INT     15000 [1000,...,30000] medium static share
group.share.min.session.timeout.ms               INT     45000 [1,...] medium static share
group.share.partition.max.record.locks           INT     2000 [100,...,10000] medium static share
group.share.persister.class.name                 STRING  o.a.k.server.share.persister.DefaultStatePersister - medium static share internal
group.share.record.lock.duration.ms              INT     30000 [1000,...,3600000] medium static share
group.share.session.timeout.ms                   INT     45000 [1,...] medium static share
share.coordinator.append.linger.ms               INT     -1 [-1,...] medium static share
share.coordinator.cached.buffer.max.bytes        INT     1048588 [524288,...] medium cluster share
share.coordinator.cold.partition.snapshot.interval.ms INT     300000 [1,...] low static share internal
share.coordinator.load.buffer.size               INT     5242880 [1,...] high static share
share.coordinator.snapshot.update.records.per.snapshot INT     500 [0,...,500] medium static share
share.coordinator.state.topic.compression.codec  INT     0 - high static share
share.coordinator.state.topic.min.isr            SHORT   2 [1,...] high static share
share.coordinator.state.topic.num.partitions     INT     50 [1,...] high static share
share.coordinator.state.topic.prune.interval.ms  INT     300000 [1,...] low static share internal
share.coordinator.state.topic.replication.factor SHORT   3 [1,...] high static share
share.coordinator.state.topic.segment.bytes      INT     104857600 [1,...] high static share
share.coordinator.threads                        INT     1 [1,...] medium static share
share.coordinator.write.timeout.ms               INT     5000 [1,...] high static share
share.fetch.purgatory.purge.interval.requests    INT     1000 - medium static share
"""  # noqa: E501
