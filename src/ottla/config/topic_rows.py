"""What a topic may set for itself.

Columns: see `ottla.config.row`.
"""

ROWS = """
cleanup.policy                          LIST    delete list+empty:compact|delete medium
compression.gzip.level                  INT     -1 gzip-level medium
compression.lz4.level                   INT     9 [1,...,17] medium
compression.type                        STRING  producer in:uncompressed|zstd|lz4|snappy|gzip|producer medium
compression.zstd.level                  INT     3 [-131072,...,22] medium
delete.retention.ms                     LONG    86400000 [0,...] medium
file.delete.delay.ms                    LONG    60000 [0,...] medium
flush.messages                          LONG    9223372036854775807 [1,...] medium
flush.ms                                LONG    9223372036854775807 [0,...] medium
follower.replication.throttled.replicas LIST    '' throttled-replicas medium
index.interval.bytes                    INT     4096 [0,...] medium
internal.segment.bytes                  INT     - - medium internal
leader.replication.throttled.replicas   LIST    '' throttled-replicas medium
local.retention.bytes                   LONG    -2 [-2,...] medium
local.retention.ms                      LONG    -2 [-2,...] medium
max.compaction.lag.ms                   LONG    9223372036854775807 [1,...] medium
max.message.bytes                       INT     1048588 [0,...] medium
message.timestamp.after.max.ms          LONG    3600000 [0,...] medium
message.timestamp.before.max.ms         LONG    9223372036854775807 [0,...] medium
message.timestamp.type                  STRING  CreateTime in:CreateTime|LogAppendTime medium
min.cleanable.dirty.ratio               DOUBLE  0.5 [0,...,1] medium
min.compaction.lag.ms                   LONG    0 [0,...] medium
min.insync.replicas                     INT     1 [1,...] medium
preallocate                             BOOLEAN false - medium
remote.log.copy.disable                 BOOLEAN false - medium
remote.log.delete.on.disable            BOOLEAN false - medium
remote.storage.enable                   BOOLEAN false - medium
retention.bytes                         LONG    -1 - medium
retention.ms                            LONG    604800000 [-1,...] medium
segment.bytes                           INT     1073741824 [1048576,...] medium
segment.index.bytes                     INT     10485760 [4,...] medium
segment.jitter.ms                       LONG    0 [0,...] medium
segment.ms                              LONG    604800000 [1,...] medium
unclean.leader.election.enable          BOOLEAN false - medium
"""  # noqa: E501
