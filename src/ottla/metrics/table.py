"""The table that `rows` reads: a line with name, kind, source and labels, then one in words.

Names of Kafka come first, those of this node's own after them.
"""

from __future__ import annotations

from typing import Final

KAFKA: Final = """
kafka_server_brokertopicmetrics_messagesin_total counter topic.messages_in.* topic+
    Records that producers wrote.
kafka_server_brokertopicmetrics_bytesin_total counter topic.bytes_in.* topic+
    Bytes of records that producers wrote.
kafka_server_brokertopicmetrics_bytesout_total counter topic.bytes_out.* topic+
    Bytes of records that consumers read.
kafka_server_brokertopicmetrics_totalproducerequests_total counter topic.produce_requests.* topic+
    Writes to a partition.
kafka_server_brokertopicmetrics_totalfetchrequests_total counter topic.fetch_requests.* topic+
    Reads of a partition.
kafka_server_brokertopicmetrics_failedproducerequests_total counter topic.produce_failed.* topic+
    Writes to a partition that failed.
kafka_server_brokertopicmetrics_failedfetchrequests_total counter topic.fetch_failed.* topic+
    Reads of a partition that failed.
kafka_server_replicamanager_partitioncount gauge partition.count -
    Partitions that this broker holds.
kafka_server_replicamanager_leadercount gauge partition.leaders -
    Partitions that this broker leads.
kafka_server_replicamanager_underreplicatedpartitions gauge partition.under_replicated -
    Partitions that this broker leads with replicas out of sync.
kafka_server_replicamanager_underminisrpartitioncount gauge partition.under_min_isr -
    Partitions that this broker leads with fewer replicas in sync than min.insync.replicas.
kafka_server_replicamanager_atminisrpartitioncount gauge partition.at_min_isr -
    Partitions that this broker leads with just min.insync.replicas in sync.
kafka_server_replicamanager_offlinereplicacount gauge partition.offline_replicas -
    Replicas of this broker whose log can't be used.
kafka_controller_kafkacontroller_activecontrollercount gauge controller.active -
    1 where this node is the active controller.
kafka_controller_kafkacontroller_activebrokercount gauge controller.brokers_active -
    Brokers that may serve.
kafka_controller_kafkacontroller_fencedbrokercount gauge controller.brokers_fenced -
    Brokers that are registered and may not serve.
kafka_controller_kafkacontroller_globaltopiccount gauge controller.topics -
    Topics of the cluster.
kafka_controller_kafkacontroller_globalpartitioncount gauge controller.partitions -
    Partitions of the cluster.
kafka_controller_kafkacontroller_offlinepartitionscount gauge controller.partitions_offline -
    Partitions of the cluster that nobody leads.
kafka_controller_kafkacontroller_preferredreplicaimbalancecount gauge controller.imbalance -
    Partitions of the cluster that another replica than the first leads.
kafka_controller_kafkacontroller_lastappliedrecordoffset gauge controller.applied_offset -
    The last metadata record that the controller applied.
kafka_controller_kafkacontroller_lastcommittedrecordoffset gauge controller.committed_offset -
    The last metadata record that is safe.
kafka_server_kafkaserver_brokerstate gauge broker.state -
    Where the broker is in its life: 1 starting, 2 recovery, 3 running, 6 and 7 shutting down.
kafka_server_raft_metrics_current_state_info gauge raft.state.* state
    What this node is in the quorum.
kafka_server_raft_metrics_current_leader gauge raft.leader -
    The quorum's leader, -1 for none.
kafka_server_raft_metrics_current_epoch gauge raft.epoch -
    The quorum's epoch.
kafka_server_raft_metrics_high_watermark gauge raft.high_watermark -
    Metadata records below this offset are safe.
kafka_server_raft_metrics_log_end_offset gauge raft.log_end_offset -
    Where the next metadata record goes.
kafka_server_raft_metrics_number_of_voters gauge raft.voters -
    Voters of the quorum.
kafka_server_broker_metadata_metrics_last_applied_record_offset gauge metadata.applied_offset -
    The last metadata record that the broker applied.
kafka_server_delayedoperationpurgatory_purgatorysize gauge parked.* delayedOperation
    Requests that wait for something.
kafka_server_fetchsessioncache_numincrementalfetchsessions gauge session.count -
    Fetch sessions that are remembered.
kafka_server_fetchsessioncache_numincrementalfetchpartitionscached gauge session.partitions -
    Partitions in the fetch sessions that are remembered.
kafka_server_fetchsessioncache_incrementalfetchsessionevictions_total counter session.evictions -
    Fetch sessions that had to make room.
kafka_coordinator_group_groupmetadatamanager_numgroups gauge group.count -
    Groups that this broker coordinates.
kafka_server_brokertopicmetrics_bytesrejected_total counter topic.bytes_rejected.* topic+
    Bytes of batches that were refused for their size.
kafka_server_brokertopicmetrics_producemessageconversions_total \
counter topic.produce_converted.* topic+
    Records that were compressed anew, as their topic wants another codec.
kafka_server_brokertopicmetrics_invalidmagicnumberrecords_total counter topics.invalid_magic -
    Batches that were refused for their format.
kafka_server_brokertopicmetrics_invalidmessagecrcrecords_total counter topics.invalid_checksum -
    Batches that were refused for their checksum.
kafka_server_brokertopicmetrics_invalidoffsetorsequencerecords_total counter topics.invalid_order -
    Batches that were refused for their offsets or sequence.
kafka_server_brokertopicmetrics_nokeycompactedtopicrecords_total counter topics.missing_key -
    Batches that were refused as a record without a key was for a compacted topic.
kafka_network_requestmetrics_requests_total counter request.count.* request,version
    Requests, by API and version.
kafka_network_requestmetrics_errors_total counter request.error.* request,error
    What responses said: each error code, NONE too, as often as it was there.
kafka_network_requestmetrics_totaltimems gauge request.total_time.* request,quantile
    Milliseconds of a request until the response was made, in the last minutes.
kafka_network_requestmetrics_totaltimems_count counter request.total_time_count.* request
    Requests of which that time was taken.
kafka_network_requestmetrics_localtimems gauge request.local_time.* request,quantile
    Milliseconds of a request while somebody worked on it, in the last minutes.
kafka_network_requestmetrics_localtimems_count counter request.local_time_count.* request
    Requests of which that time was taken.
kafka_network_requestmetrics_remotetimems gauge request.remote_time.* request,quantile
    Milliseconds of a request while it was parked, waiting for others, in the last minutes.
kafka_network_requestmetrics_remotetimems_count counter request.remote_time_count.* request
    Requests of which that time was taken.
kafka_network_requestmetrics_requestqueuetimems gauge request.queue_time.* request,quantile
    Milliseconds of a request until whoever decides took it up, in the last minutes.
kafka_network_requestmetrics_requestqueuetimems_count counter request.queue_time_count.* request
    Requests of which that time was taken.
kafka_network_requestmetrics_throttletimems gauge request.throttle_time.* request,quantile
    Milliseconds of a request that its client was told to wait, in the last minutes.
kafka_network_requestmetrics_throttletimems_count counter request.throttle_time_count.* request
    Requests of which that time was taken.
kafka_network_requestmetrics_requestbytes gauge request.size.* request,quantile
    Bytes of a request, in the last minutes.
kafka_network_requestmetrics_requestbytes_count counter request.size_count.* request
    Requests whose size was taken.
kafka_network_requestchannel_requestqueuesize gauge request.queued -
    Requests that wait for whoever decides.
kafka_network_processor_idlepercent gauge network.idle.* networkProcessor
    The part of the last half minute in which a network thread had nothing to do, 0 to 1.
kafka_network_socketserver_networkprocessoravgidlepercent gauge network.idle_avg -
    The same, of all network threads.
kafka_network_socketserver_memorypoolused gauge memory.used_bytes -
    Memory that requests and unsent responses take.
kafka_network_socketserver_memorypoolavailable gauge memory.left_bytes -
    What is left of the memory that they may take.
kafka_server_socket_server_metrics_broker_connection_accept_rate gauge connection.accept_rate -
    Connections that were accepted, a second.
kafka_server_kafkarequesthandlerpool_requesthandleravgidle_percent gauge decisions.idle -
    The part of its life in which the thread that decides was idle, 0 to 1.
kafka_server_kafkarequesthandlerpool_requesthandleravgidlepercent_count counter decisions.idle_ns -
    Nanoseconds in which it had nothing to do.
kafka_server_delayedoperationpurgatory_numdelayedoperations gauge parked.* delayedOperation
    Requests that wait for something.
kafka_server_delayedfetchmetrics_expires_total counter fetch.expired_of.* fetcherType
    Fetches whose time was up before there were as many bytes as they wanted.
kafka_server_delayedproducemetrics_expires_total counter produce.expired -
    Produce requests whose time was up before all in-sync replicas had their records.
kafka_server_replicamanager_produceridcount gauge partition.producers -
    Producers that the partitions of this broker remember.
kafka_server_replicamanager_partitionswithlatetransactionscount gauge partition.late -
    Partitions with a transaction that should have ended long ago.
kafka_server_replicamanager_reassigningpartitions gauge partition.reassigning -
    Partitions that this broker leads and whose replicas are being exchanged.
kafka_log_log_logstartoffset gauge series.partition.log_start_offset topic,partition
    The first offset that can be read.
kafka_log_log_logendoffset gauge series.partition.log_end_offset topic,partition
    The offset that the next record gets.
kafka_log_log_size gauge series.partition.log_size topic,partition
    Bytes of all segments.
kafka_log_log_numlogsegments gauge series.partition.log_segments topic,partition
    Segments.
kafka_log_log_retentionsizeinpercent gauge series.partition.retention_percent topic,partition
    How much of its retention.bytes it takes; 0 if there is no such bound.
kafka_cluster_partition_replicascount gauge series.partition.replicas topic,partition
    Replicas of a partition that this broker leads.
kafka_cluster_partition_insyncreplicascount gauge series.partition.in_sync_replicas topic,partition
    Replicas in sync of a partition that this broker leads.
kafka_cluster_partition_underreplicated gauge series.partition.under_replicated topic,partition
    1 if a replica is out of sync.
kafka_cluster_partition_underminisr gauge series.partition.under_min_isr topic,partition
    1 if fewer replicas are in sync than min.insync.replicas.
kafka_cluster_partition_atminisr gauge series.partition.at_min_isr topic,partition
    1 if just min.insync.replicas are in sync.
kafka_cluster_partition_laststableoffsetlag \
gauge series.partition.last_stable_offset_lag topic,partition
    Records that wait for the end of a transaction to be read.
kafka_log_logflushstats_logflushrateandtimems gauge log.flush_time.* quantile
    Milliseconds that flushing a partition took, in the last minutes.
kafka_log_logflushstats_logflushrateandtimems_count counter log.flushes -
    Flushes of partitions.
kafka_log_logmanager_offlinelogdirectorycount gauge directory.offline_count -
    Log directories that failed.
kafka_log_logmanager_logdirectoryoffline gauge directory.offline.* logDirectory
    1 if this log directory failed.
kafka_log_logmanager_cordonedlogdirectorycount gauge directory.cordoned_count -
    Log directories that get no new partitions.
kafka_log_logmanager_logdirectorycordoned gauge directory.cordoned.* logDirectory
    1 if this log directory gets no new partitions.
kafka_log_logcleaner_max_buffer_utilization_percent gauge cleaner.buffer_percent -
    How full the last round of compaction made its table of keys.
kafka_log_logcleaner_cleaner_recopy_percent gauge cleaner.recopy_percent -
    How much of what the last round of compaction read it wrote again.
kafka_log_logcleaner_max_clean_time_secs gauge cleaner.seconds -
    How long the last round of compaction took.
kafka_log_logcleaner_max_compaction_delay_secs gauge cleaner.overdue_seconds -
    How long after its max.compaction.lag.ms the last compacted log had its turn.
kafka_log_logcleanermanager_max_dirty_percent gauge cleaner.dirty_percent -
    How much of the dirtiest log is not compacted.
kafka_log_logcleanermanager_time_since_last_run_ms gauge cleaner.since_ms -
    How long ago somebody looked for a log to compact.
kafka_log_logcleanermanager_uncleanable_partitions_count \
gauge cleaner.uncleanable_partitions.* logDirectory
    Partitions that can't be compacted.
kafka_log_logcleanermanager_uncleanable_bytes gauge cleaner.uncleanable_bytes.* logDirectory
    Bytes of partitions that can't be compacted.
kafka_server_replicaalterlogdirsmanager_maxlag gauge move.max_lag.* clientId
    The most records that a partition on its way to another log directory has still to be copied.
kafka_controller_kafkacontroller_brokerregistrationstate gauge controller.registration.* broker
    What a broker is to the controller: 10 fenced, 20 shutting down, 30 active.
kafka_controller_kafkacontroller_controlledshutdownbrokercount gauge controller.brokers_leaving -
    Brokers that are shutting down.
kafka_controller_kafkacontroller_lastappliedrecordtimestamp gauge metadata.applied_ms -
    When the last metadata record that the controller applied was written.
kafka_controller_kafkacontroller_lastappliedrecordlagms gauge metadata.lag_ms -
    How long ago that is.
kafka_controller_kafkacontroller_newactivecontrollerscount gauge controller.terms -
    How often this node became the active controller.
kafka_controller_kafkacontroller_eventqueueoperationsstartedcount gauge controller.asked -
    Requests and timers that the controller of this node decided.
kafka_controller_controllereventmanager_avgidleratio gauge decisions.idle_lately -
    The part of the last half minute in which the thread that decides was idle, 0 to 1.
kafka_server_kafkaserver_linux_disk_read_bytes gauge process.read_bytes -
    Bytes that the process had read from disks.
kafka_server_kafkaserver_linux_disk_write_bytes gauge process.written_bytes -
    Bytes that the process had written to disks.
kafka_server_controllerserver_linux_disk_read_bytes gauge process.read_bytes -
    Bytes that the process had read from disks.
kafka_server_controllerserver_linux_disk_write_bytes gauge process.written_bytes -
    Bytes that the process had written to disks.
kafka_server_raft_metrics_log_end_epoch gauge raft.log_end_epoch -
    The epoch of the last metadata record.
kafka_server_raft_metrics_number_of_observers gauge raft.observers -
    Observers of the quorum.
kafka_server_raft_metrics_append_records_rate gauge raft.append_rate -
    Metadata records that were written, a second.
kafka_server_raft_metrics_poll_idle_ratio_avg gauge decisions.idle_lately -
    The part of the last half minute in which the quorum's thread was idle, 0 to 1.
kafka_server_broker_metadata_metrics_last_applied_record_timestamp gauge metadata.applied_ms -
    When the last metadata record that the broker applied was written.
kafka_server_broker_metadata_metrics_last_applied_record_lag_ms gauge metadata.lag_ms -
    How long ago that is.
kafka_server_metadataloader_currentmetadataversion gauge metadata.version -
    The finalized metadata.version.
kafka_server_metadataloader_currentcontrollerid gauge raft.leader -
    The active controller, -1 for none.
kafka_server_node_metrics_feature_name_eligible_leader_replicas_version_maximum_supported_level \
gauge feature.maximum_eligible_leader_replicas -
    The highest level of eligible.leader.replicas.version that this node supports.
kafka_server_node_metrics_feature_name_eligible_leader_replicas_version_minimum_supported_level \
gauge feature.minimum_eligible_leader_replicas -
    The lowest level of eligible.leader.replicas.version that this node supports.
kafka_server_node_metrics_feature_name_group_version_maximum_supported_level \
gauge feature.maximum_group -
    The highest level of group.version that this node supports.
kafka_server_node_metrics_feature_name_group_version_minimum_supported_level \
gauge feature.minimum_group -
    The lowest level of group.version that this node supports.
kafka_server_node_metrics_feature_name_kraft_version_maximum_supported_level \
gauge feature.maximum_kraft -
    The highest level of kraft.version that this node supports.
kafka_server_node_metrics_feature_name_kraft_version_minimum_supported_level \
gauge feature.minimum_kraft -
    The lowest level of kraft.version that this node supports.
kafka_server_node_metrics_feature_name_metadata_version_maximum_supported_level \
gauge feature.maximum_metadata -
    The highest level of metadata.version that this node supports.
kafka_server_node_metrics_feature_name_metadata_version_minimum_supported_level \
gauge feature.minimum_metadata -
    The lowest level of metadata.version that this node supports.
kafka_server_node_metrics_feature_name_share_version_maximum_supported_level \
gauge feature.maximum_share -
    The highest level of share.version that this node supports.
kafka_server_node_metrics_feature_name_share_version_minimum_supported_level \
gauge feature.minimum_share -
    The lowest level of share.version that this node supports.
kafka_server_node_metrics_feature_name_streams_version_maximum_supported_level \
gauge feature.maximum_streams -
    The highest level of streams.version that this node supports.
kafka_server_node_metrics_feature_name_streams_version_minimum_supported_level \
gauge feature.minimum_streams -
    The lowest level of streams.version that this node supports.
kafka_server_node_metrics_feature_name_transaction_version_maximum_supported_level \
gauge feature.maximum_transaction -
    The highest level of transaction.version that this node supports.
kafka_server_node_metrics_feature_name_transaction_version_minimum_supported_level \
gauge feature.minimum_transaction -
    The lowest level of transaction.version that this node supports.
kafka_server_metadataloader_finalizedlevel gauge feature.level.* featureName
    The finalized level of a feature.
kafka_server_metadataloader_avgidleratio gauge decisions.idle_lately -
    The part of the last half minute in which the thread of the metadata was idle, 0 to 1.
kafka_server_snapshotemitter_latestsnapshotgeneratedbytes gauge snapshot.bytes -
    Bytes of the last metadata snapshot that this node took.
kafka_server_snapshotemitter_latestsnapshotgeneratedagems gauge snapshot.age_ms -
    How long ago that was, or the node began.
kafka_server_client_metrics_instance_count gauge client_metrics.instances -
    Clients that were asked for metrics of their own, and are remembered.
kafka_server_app_info_start_time_ms gauge process.started_ms -
    When the process began, in milliseconds since 1970.
kafka_coordinator_group_groupmetadatamanager_numgroupspreparingrebalance \
gauge group.state_preparingrebalance -
    Classic groups waiting for members to join.
kafka_coordinator_group_groupmetadatamanager_numgroupscompletingrebalance \
gauge group.state_completingrebalance -
    Classic groups waiting for their assignment.
kafka_coordinator_group_groupmetadatamanager_numgroupsstable gauge group.state_stable -
    Classic groups that work.
kafka_coordinator_group_groupmetadatamanager_numgroupsdead gauge group.state_dead -
    Classic groups that are gone.
kafka_coordinator_group_groupmetadatamanager_numgroupsempty gauge group.state_empty -
    Classic groups without members.
kafka_coordinator_group_groupmetadatamanager_numoffsets gauge group.offsets -
    Partitions that groups have committed offsets of.
kafka_server_group_coordinator_metrics_protocol_classic_group_count gauge group.count -
    Classic groups that this broker coordinates.
kafka_server_group_coordinator_metrics_offset_commit_count gauge group.offset_commits -
    Offsets that groups committed.
kafka_server_group_coordinator_metrics_offset_commit_rate gauge group.offset_commits_rate -
    Offsets that groups committed, a second.
kafka_server_group_coordinator_metrics_offset_deletion_count gauge group.offset_deletions -
    Offsets that somebody deleted.
kafka_server_group_coordinator_metrics_offset_deletion_rate gauge group.offset_deletions_rate -
    Offsets that somebody deleted, a second.
kafka_server_group_coordinator_metrics_offset_expiration_count gauge group.offset_expirations -
    Offsets that aged out.
kafka_server_group_coordinator_metrics_offset_expiration_rate gauge group.offset_expirations_rate -
    Offsets that aged out, a second.
kafka_server_group_coordinator_metrics_group_completed_rebalance_count gauge group.rebalances -
    Rebalances of classic groups that came to an end.
kafka_server_group_coordinator_metrics_group_completed_rebalance_rate gauge group.rebalances_rate -
    Rebalances of classic groups that came to an end, a second.
kafka_server_group_coordinator_metrics_partition_load_time_avg gauge group.load_ms_avg -
    Milliseconds that loading a partition of __consumer_offsets took.
kafka_server_group_coordinator_metrics_partition_load_time_max gauge group.load_ms_max -
    The longest of these.
kafka_server_group_coordinator_metrics_state_active_num_partitions gauge group.partitions_active -
    Partitions of __consumer_offsets that are loaded.
kafka_server_group_coordinator_metrics_state_loading_num_partitions gauge group.partitions_loading -
    Partitions of __consumer_offsets that are being loaded.
kafka_server_group_coordinator_metrics_thread_idle_ratio_avg gauge decisions.idle_lately -
    The part of the last half minute in which the coordinators' thread was idle, 0 to 1.
kafka_server_transaction_coordinator_metrics_partition_load_time_avg gauge transaction.load_ms_avg -
    Milliseconds that loading a partition of __transaction_state took.
kafka_server_transaction_coordinator_metrics_partition_load_time_max gauge transaction.load_ms_max -
    The longest of these.
kafka_server_raft_metrics_current_vote gauge raft.vote -
    Whom this node voted for in this epoch.
kafka_controller_kafkacontroller_ignoredstaticvoters gauge raft.ignored_voters -
    1 if controller.quorum.voters is set and the quorum keeps its voters itself.
kafka_server_broker_metadata_metrics_ignored_static_voters gauge raft.ignored_voters -
    1 if controller.quorum.voters is set and the quorum keeps its voters itself.
kafka_server_group_coordinator_metrics_batch_flush_rate gauge group.flush_rate -
    Batches that were appended to __consumer_offsets, a second.
kafka_server_group_coordinator_metrics_state_failed_num_partitions gauge group.partitions_failed -
    Partitions of __consumer_offsets that could not be loaded yet.
kafka_server_client_metrics_unknown_subscription_request_count gauge client_metrics.unknown -
    Payloads of clients that knew other subscriptions than there are.
kafka_server_client_metrics_unknown_subscription_request_rate gauge client_metrics.unknown_rate -
    The same, a second.
kafka_utils_throttler_cleaner_io_count counter cleaner.moved -
    Bytes that compaction read and wrote.
"""

OURS: Final = """
ottla_build_info gauge build.version.* version
    1 with the version of this node.
ottla_transactions_ongoing gauge transaction.ongoing -
    Transactions that are open.
ottla_transactions_prepared gauge transaction.prepared -
    Transactions that are decided, and not every partition has its marker.
ottla_transactional_ids gauge transaction.ids -
    Transactional ids that this broker coordinates.
ottla_transaction_commits_total counter transaction.commits -
    Transactions that were committed.
ottla_transaction_aborts_total counter transaction.aborts -
    Transactions that were aborted, by whomever.
ottla_transaction_timeouts_total counter transaction.timeouts -
    Transactions that were aborted because they took longer than their producer said.
ottla_consumer_group_lag gauge series.group.lag group,topic,partition
    Records between what a group committed and what can be read.
ottla_consumer_group_committed_offset gauge series.group.committed group,topic,partition
    The offset that a group committed: of the next record that it wants.
ottla_consumer_group_members gauge series.group.members group
    Members of a group.
ottla_consumer_group_state gauge series.group.state group,state
    1 with the state that a group is in.
ottla_log_dir_total_bytes gauge directory.total_bytes.* logDirectory
    What the volume of a log directory can hold.
ottla_log_dir_usable_bytes gauge directory.usable_bytes.* logDirectory
    What it can still take.
ottla_log_cleaner_rounds_total counter cleaner.rounds -
    Rounds of compaction.
ottla_listener_accept_rate gauge listener.accept_rate.* listener
    Connections that were accepted lately, a second, by listener.
ottla_listener_connections gauge listener.connections.* listener
    Connections that are open, by listener.
ottla_connections gauge connection.count -
    Connections that are open.
ottla_connections_accepted_total counter connection.accepted -
    Connections that were accepted.
ottla_connections_closed_total counter connection.closed -
    Connections that were closed, by either side.
ottla_connections_refused_total counter connection.refused -
    Connections that were refused because there were too many.
ottla_connections_shed_total counter connection.shed -
    Connections that were closed because they were idle longest and descriptors were short.
ottla_connections_stalled_total counter connection.stalled -
    Connections that were closed because they left requests or replies unfinished for too long.
ottla_requests_malformed_total counter request.malformed -
    Requests that could not be read.
ottla_produce_unverified_total counter produce.unverified -
    Requests that began to write to partitions in a transaction, of which its coordinator was asked.
ottla_client_metrics_instances gauge client_metrics.instances -
    Clients that were asked for metrics of their own, and are remembered.
ottla_client_metrics_series gauge client_metrics.series -
    Series that clients pushed, shown as kafka_client_...
ottla_client_metrics_pushes_total counter client_metrics.pushes -
    Payloads of clients' metrics that were taken in.
ottla_client_metrics_refused_total counter client_metrics.refused -
    Payloads of clients' metrics that were refused.
ottla_client_metrics_dropped_total counter client_metrics.dropped -
    Numbers that clients pushed and that found no place.
ottla_requests_held gauge request.held -
    Requests that wait for a decision.
ottla_request_bytes_total counter request.bytes.* request
    Bytes of requests, by API.
ottla_response_bytes_total counter response.bytes.* request
    Bytes of responses, by API.
ottla_request_errors_total counter request.errors.* request
    Requests that got an error as a whole, by API.
ottla_request_milliseconds_total counter request.total_ms.* request
    Time from the last byte of a request to its response, by API.
ottla_request_duration_seconds histogram request.duration.* request
    Time from the last byte of a request to its response, by API: of a Fetch with what it waited.
ottla_request_memory_bytes gauge memory.used_bytes -
    Memory that requests and unsent responses take.
ottla_request_memory_bytes_max gauge memory.max_bytes -
    Memory that they may take before sockets are read no more.
process_cpu_seconds_total counter process.cpu_seconds -
    Processor time of the process.
process_resident_memory_bytes gauge process.resident_bytes -
    Memory that the process has in RAM.
process_open_fds gauge process.open_files -
    Open file descriptors.
process_max_fds gauge process.open_files_max -
    File descriptors that the process may have open.
process_start_time_seconds gauge process.started_s -
    When the process began, in seconds since 1970.
"""
