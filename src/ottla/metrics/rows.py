"""Every metric as a row: its name to the outside, its kind, where its value comes from, what it
says.

Names that begin with `kafka_` are those that the public jmx_exporter rules for KRaft give to Apache
Kafka's own metrics, so that existing dashboards and alerts work; `ottla_` are ours, `process_`
Prometheus' own.

A source is a name in the node's snapshot (see `exposition`). One that ends in `.*` stands for many
names, and what follows the dot becomes the value of the row's label. A row whose source the
snapshot does not have is left out.
"""

from __future__ import annotations

from functools import cache
from typing import Final, NamedTuple

TABLE: Final = """
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
kafka_network_requestmetrics_requests_total counter request.count.* request
    Requests, by API.
kafka_network_requestmetrics_totaltimems_count counter request.count.* request
    Requests whose time was taken, by API.
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
process_start_time_seconds gauge process.started_s -
    When the process began, in seconds since 1970.
"""


class Row(NamedTuple):
    """One metric."""

    name: str
    kind: str
    """counter or gauge."""
    source: str
    """Its name in the snapshot; a prefix where `label` is set."""
    label: str
    """The label that the rest of the snapshot's name goes into, or ""."""
    summed: bool
    """Whether the sum of all labels is given as well, without a label."""
    help: str


@cache
def rows() -> tuple[Row, ...]:
    """All metrics, in the order in which they are shown."""
    lines = TABLE.strip().splitlines()
    found = []
    for head, text in zip(lines[::2], lines[1::2], strict=True):
        name, kind, source, label = head.split()
        summed = label.endswith("+")
        label = label.removesuffix("+").removeprefix("-")
        found.append(Row(name, kind, source.removesuffix("*"), label, summed, text.strip()))
    return tuple(found)
