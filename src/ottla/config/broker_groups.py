"""Consumer groups, streams groups and their offsets.

Columns: see `ottla.config.row`.
"""

ROWS = """
group.consumer.assignment.interval.ms     INT     1000 [0,...] medium cluster consumer
group.consumer.assignors                  LIST    uniform,range list medium static consumer
group.consumer.heartbeat.interval.ms      INT     5000 [1,...] medium static consumer
group.consumer.max.assignment.interval.ms INT     15000 [0,...] medium static consumer
group.consumer.max.heartbeat.interval.ms  INT     15000 [1,...] medium static consumer
group.consumer.max.session.timeout.ms     INT     60000 [1,...] medium static consumer
group.consumer.max.size                   INT     2147483647 [1,...] medium static consumer
group.consumer.migration.policy           STRING  bidirectional in-any-case:DISABLED|DOWNGRADE|UPGRADE|BIDIRECTIONAL medium static consumer
group.consumer.min.assignment.interval.ms INT     0 [0,...] medium static consumer
group.consumer.min.heartbeat.interval.ms  INT     5000 [1,...] medium static consumer
group.consumer.min.session.timeout.ms     INT     45000 [1,...] medium static consumer
group.consumer.regex.refresh.interval.ms  INT     600000 [10000,...] medium static consumer internal
group.consumer.session.timeout.ms         INT     45000 [1,...] medium static consumer
group.coordinator.append.linger.ms        INT     -1 [-1,...] medium static later
group.coordinator.background.threads      INT     2 [1,...] high static threads
group.coordinator.cached.buffer.max.bytes INT     1048588 [524288,...] medium cluster no-buffer
group.coordinator.rebalance.protocols     LIST    classic,consumer,streams list:consumer|classic|share|streams medium static consumer
group.coordinator.threads                 INT     4 [1,...] high static threads
group.initial.rebalance.delay.ms          INT     3000 - medium static yes
group.max.session.timeout.ms              INT     1800000 - medium static yes
group.max.size                            INT     2147483647 [1,...] medium static yes
group.min.session.timeout.ms              INT     6000 - medium static yes
group.streams.assignment.interval.ms      INT     1000 [0,...] medium cluster streams
group.streams.heartbeat.interval.ms       INT     5000 [1,...] medium static streams
group.streams.initial.rebalance.delay.ms  INT     3000 [0,...] medium static streams
group.streams.max.assignment.interval.ms  INT     15000 [0,...] medium static streams
group.streams.max.heartbeat.interval.ms   INT     15000 [1,...] medium static streams
group.streams.max.session.timeout.ms      INT     60000 [1,...] medium static streams
group.streams.max.size                    INT     2147483647 [1,...] medium static streams
group.streams.max.standby.replicas        INT     2 [0,...] medium static streams
group.streams.min.assignment.interval.ms  INT     0 [0,...] medium static streams
group.streams.min.heartbeat.interval.ms   INT     5000 [1,...] medium static streams
group.streams.min.session.timeout.ms      INT     45000 [1,...] medium static streams
group.streams.num.standby.replicas        INT     0 [0,...] medium static streams
group.streams.session.timeout.ms          INT     45000 [1,...] medium static streams
offset.metadata.max.bytes                 INT     4096 - high static yes
offsets.commit.timeout.ms                 INT     5000 [1,...] high static later
offsets.load.buffer.size                  INT     5242880 [1,...] high static no-buffer
offsets.retention.check.interval.ms       LONG    600000 [1,...] high static yes
offsets.retention.minutes                 INT     10080 [1,...] high static yes
offsets.topic.compression.codec           INT     0 - high static yes
offsets.topic.num.partitions              INT     50 [1,...] high static yes
offsets.topic.replication.factor          SHORT   3 [1,...] high static yes
offsets.topic.segment.bytes               INT     104857600 [1,...] high static yes
"""  # noqa: E501
