"""Transactions and the ids of producers.

Columns: see `ottla.config.row`.
"""

ROWS = """
add.partitions.to.txn.retry.backoff.max.ms       INT     100 [0,...] high static transactions
add.partitions.to.txn.retry.backoff.ms           INT     20 [1,...] high static transactions
producer.id.expiration.check.interval.ms         INT     600000 [1,...] low static yes internal
producer.id.expiration.ms                        INT     86400000 [1,...] low cluster yes
transaction.abort.timed.out.transaction.cleanup.interval.ms INT     10000 [1,...] low static transactions
transaction.max.timeout.ms                       INT     900000 [1,...] high static transactions
transaction.partition.verification.enable        BOOLEAN true - low cluster yes
transaction.remove.expired.transaction.cleanup.interval.ms INT     3600000 [1,...] low static transactions
transaction.state.log.load.buffer.size           INT     5242880 [1,...] high static transactions
transaction.state.log.min.isr                    INT     2 [1,...] high static transactions
transaction.state.log.num.partitions             INT     50 [1,...] high static transactions
transaction.state.log.replication.factor         SHORT   3 [1,...] high static transactions
transaction.state.log.segment.bytes              INT     104857600 [1,...] high static transactions
transaction.two.phase.commit.enable              BOOLEAN false - low static transactions
transactional.id.expiration.ms                   INT     604800000 [1,...] high static transactions
"""  # noqa: E501
