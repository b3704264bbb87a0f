"""How copies are kept, leaders chosen and quotas counted.

Columns: see `ottla.config.row`.
"""

ROWS = """
alter.log.dirs.replication.quota.window.num      INT     11 [1,...] low static quotas
alter.log.dirs.replication.quota.window.size.seconds INT     1 [1,...] low static quotas
auto.leader.rebalance.enable                     BOOLEAN true - high static one-node
client.quota.callback.class                      CLASS   - - low static quotas
controller.quota.window.num                      INT     11 [1,...] low static quotas
controller.quota.window.size.seconds             INT     1 [1,...] low static quotas
default.replication.factor                       INT     1 - medium static yes
leader.imbalance.check.interval.seconds          LONG    300 [1,...] high static one-node
min.insync.replicas                              INT     1 [1,...] high cluster yes
num.replica.alter.log.dirs.threads               INT     - - high static threads
num.replica.fetchers                             INT     1 [1,...] high cluster one-node
quota.window.num                                 INT     11 [1,...] low static quotas
quota.window.size.seconds                        INT     1 [1,...] low static quotas
replica.fetch.backoff.ms                         INT     1000 [0,...] medium static one-node
replica.fetch.max.bytes                          INT     1048576 [0,...] medium static one-node
replica.fetch.min.bytes                          INT     1 - high static one-node
replica.fetch.response.max.bytes                 INT     10485760 [0,...] medium static one-node
replica.fetch.wait.max.ms                        INT     500 - high static one-node
replica.high.watermark.checkpoint.interval.ms    LONG    5000 - high static one-node
replica.lag.time.max.ms                          LONG    30000 - high static one-node
replica.selector.class                           STRING  - - medium static one-node
replica.socket.receive.buffer.bytes              INT     65536 - high static one-node
replica.socket.timeout.ms                        INT     30000 - high static one-node
replication.quota.window.num                     INT     11 [1,...] low static quotas
replication.quota.window.size.seconds            INT     1 [1,...] low static quotas
unclean.leader.election.enable                   BOOLEAN false - high cluster yes
unclean.leader.election.interval.ms              LONG    300000 [1,...] medium static one-node internal
"""  # noqa: E501
