"""What a broker is and how its process runs: roles, ids, the quorum, the metadata log, threads,
metrics.

Columns: see `ottla.config.row`.
"""

ROWS = """
alter.config.policy.class.name                  CLASS   - - low static no-policy
background.threads                              INT     10 [1,...] high cluster threads
broker.heartbeat.interval.ms                    INT     2000 - medium static yes
broker.id                                       INT     -1 - high static yes
broker.rack                                     STRING  - - medium static yes
broker.session.timeout.ms                       INT     9000 - medium static yes
config.providers                                LIST    '' list+empty low cluster later
controlled.shutdown.enable                      BOOLEAN true - medium static one-node
controller.performance.always.log.threshold.ms  LONG    2000 [0,...] medium static later internal
controller.performance.sample.period.ms         LONG    60000 [100,...] medium static later internal
controller.quorum.append.linger.ms              INT     25 [0,...] medium static one-node
controller.quorum.auto.join.enable              BOOLEAN false - low static one-node
controller.quorum.bootstrap.servers             LIST    '' endpoints high static yes
controller.quorum.election.backoff.max.ms       INT     1000 [0,...] high static one-node
controller.quorum.election.timeout.ms           INT     1000 [0,...] high static one-node
controller.quorum.fetch.max.bytes               INT     1048576 [1,...] low static one-node
controller.quorum.fetch.snapshot.max.bytes      INT     1048576 [1,...] low static one-node
controller.quorum.fetch.timeout.ms              INT     2000 [0,...] high static one-node
controller.quorum.request.timeout.ms            INT     2000 [0,...] medium static one-node
controller.quorum.retry.backoff.ms              INT     20 [0,...] low static one-node
controller.quorum.voters                        LIST    '' voters high static yes
controller.socket.timeout.ms                    INT     30000 - medium static one-node
initial.broker.registration.timeout.ms          INT     60000 - medium static yes
internal.metadata.delete.delay.millis           LONG    60000 - low static later internal
internal.metadata.log.segment.bytes             INT     - - low static later internal
internal.metadata.max.batch.size.in.bytes       INT     8388608 - low static later internal
kafka.metrics.polling.interval.secs             INT     10 [1,...] low static reporters
kafka.metrics.reporters                         LIST    '' list+empty low static reporters
metadata.log.dir                                STRING  - - high static yes
metadata.log.max.record.bytes.between.snapshots LONG    20971520 [1,...] high static yes
metadata.log.max.snapshot.interval.ms           LONG    3600000 [0,...] high static yes
metadata.log.segment.bytes                      INT     1073741824 [8388608,...] high static yes
metadata.log.segment.ms                         LONG    604800000 - high static yes
metadata.max.idle.interval.ms                   INT     500 [0,...] low static yes
metadata.max.retention.bytes                    LONG    104857600 - high static yes
metadata.max.retention.ms                       LONG    604800000 - high static yes
metric.reporters                                LIST    o.a.k.common.metrics.JmxReporter list+empty low cluster reporters
metrics.num.samples                             INT     2 [1,...] low static reporters
metrics.recording.level                         STRING  INFO - low static reporters
metrics.sample.window.ms                        LONG    30000 [1,...] low static reporters
node.id                                         INT     REQUIRED [0,...] high static yes
process.roles                                   LIST    REQUIRED list:broker|controller high static yes
server.max.startup.time.ms                      LONG    9223372036854775807 [0,...] medium static later internal
telemetry.max.bytes                             INT     1048576 [1,...] low static yes
unstable.api.versions.enable                    BOOLEAN false - high static later internal
unstable.feature.versions.enable                BOOLEAN false - high static yes internal
"""  # noqa: E501
