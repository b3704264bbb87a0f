"""What a broker keeps on disk and for how long; most keys here are the defaults of topic configs.

Columns: see `ottla.config.row`.
"""

ROWS = """
auto.create.topics.enable                     BOOLEAN true - high static yes
compression.gzip.level                        INT     -1 gzip-level medium cluster yes
compression.lz4.level                         INT     9 [1,...,17] medium cluster yes
compression.type                              STRING  producer in:uncompressed|zstd|lz4|snappy|gzip|producer high cluster yes
compression.zstd.level                        INT     3 [-131072,...,22] medium cluster yes
cordoned.log.dirs                             LIST    '' list+empty+null medium broker yes
create.topic.policy.class.name                CLASS   - - low static no-policy
delete.topic.enable                           BOOLEAN true - high static yes
log.cleaner.backoff.ms                        LONG    15000 [0,...] medium cluster yes
log.cleaner.dedupe.buffer.size                LONG    134217728 - medium cluster yes
log.cleaner.delete.retention.ms               LONG    86400000 [0,...] medium cluster yes
log.cleaner.enable                            BOOLEAN true - medium static yes
log.cleaner.io.buffer.load.factor             DOUBLE  0.9 - medium cluster yes
log.cleaner.io.buffer.size                    INT     524288 [0,...] medium cluster yes
log.cleaner.io.max.bytes.per.second           DOUBLE  1.7976931348623157E308 - medium cluster yes
log.cleaner.max.compaction.lag.ms             LONG    9223372036854775807 [1,...] medium cluster yes
log.cleaner.min.cleanable.ratio               DOUBLE  0.5 [0,...,1] medium cluster yes
log.cleaner.min.compaction.lag.ms             LONG    0 [0,...] medium cluster yes
log.cleaner.threads                           INT     1 [0,...] medium cluster yes
log.cleanup.policy                            LIST    delete list+empty:compact|delete medium cluster yes
log.dir                                       LIST    /tmp/kafka-logs list high static yes
log.dir.failure.timeout.ms                    LONG    30000 [1,...] low static later
log.dirs                                      LIST    - list+null high static yes
log.flush.interval.messages                   LONG    9223372036854775807 [1,...] high cluster yes
log.flush.interval.ms                         LONG    - - high cluster yes
log.flush.offset.checkpoint.interval.ms       INT     60000 [0,...] high static yes
log.flush.scheduler.interval.ms               LONG    9223372036854775807 - high static yes
log.flush.start.offset.checkpoint.interval.ms INT     60000 [0,...] high static checkpoint
log.index.interval.bytes                      INT     4096 [0,...] medium cluster yes
log.index.size.max.bytes                      INT     10485760 [4,...] medium cluster yes
log.initial.task.delay.ms                     LONG    30000 [0,...] low static later internal
log.local.retention.bytes                     LONG    -2 [-2,...] medium cluster tiered
log.local.retention.ms                        LONG    -2 [-2,...] medium cluster tiered
log.message.timestamp.after.max.ms            LONG    3600000 [0,...] medium cluster yes
log.message.timestamp.before.max.ms           LONG    9223372036854775807 [0,...] medium cluster yes
log.message.timestamp.type                    STRING  CreateTime in:CreateTime|LogAppendTime medium cluster yes
log.preallocate                               BOOLEAN false - medium cluster yes
log.retention.bytes                           LONG    -1 - high cluster yes
log.retention.check.interval.ms               LONG    300000 [1,...] medium static yes
log.retention.hours                           INT     168 - high static yes
log.retention.minutes                         INT     - - high static yes
log.retention.ms                              LONG    - - high cluster yes
log.roll.hours                                INT     168 [1,...] high static yes
log.roll.jitter.hours                         INT     0 [0,...] high static yes
log.roll.jitter.ms                            LONG    - - high cluster yes
log.roll.ms                                   LONG    - - high cluster yes
log.segment.bytes                             INT     1073741824 [1048576,...] high cluster yes
log.segment.delete.delay.ms                   LONG    60000 [0,...] high cluster yes
message.max.bytes                             INT     1048588 [0,...] high cluster yes
num.partitions                                INT     1 [1,...] medium static yes
num.recovery.threads.per.data.dir             INT     2 [1,...] high cluster threads
"""  # noqa: E501
