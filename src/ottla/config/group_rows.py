"""What a group may set for itself.

Columns: see `ottla.config.row`.
"""

ROWS = """
consumer.assignment.interval.ms    INT     1000 [0,...] medium
consumer.heartbeat.interval.ms     INT     5000 [1,...] medium
consumer.session.timeout.ms        INT     45000 [1,...] medium
share.assignment.interval.ms       INT     1000 [0,...] medium
share.auto.offset.reset            STRING  latest offset-reset medium
share.delivery.count.limit         INT     5 [2,...] medium
share.heartbeat.interval.ms        INT     5000 [1,...] medium
share.isolation.level              STRING  read_uncommitted in:read_committed|read_uncommitted medium
share.partition.max.record.locks   INT     2000 [100,...] medium
share.record.lock.duration.ms      INT     30000 [1000,...] medium
share.renew.acknowledge.enable     BOOLEAN true - medium
share.session.timeout.ms           INT     45000 [1,...] medium
streams.assignment.interval.ms     INT     1000 [0,...] medium
streams.heartbeat.interval.ms      INT     5000 [1,...] medium
streams.initial.rebalance.delay.ms INT     3000 [0,...] medium
streams.num.standby.replicas       INT     0 [0,...] medium
streams.session.timeout.ms         INT     45000 [1,...] medium
"""  # noqa: E501
