"""Which of Apache Kafka's metrics are not here, and why: a pattern of whole names, and the reason.

A reason says what there is instead where there is something.
"""

from __future__ import annotations

from typing import Final

_CLIENT: Final = "a client inside of the JVM, which here is a call or the node's own connections"
_QUOTAS: Final = "quotas are not served"
_NEWER: Final = "groups of the newer kinds are kept and not coordinated"
_SHARE: Final = "share groups are not served"
_REPLICAS: Final = "replication to others: a node is alone"
_VOTERS: Final = "only with several voters, or where one follows"
_ONE_THREAD: Final = (
    "one thread decides, for the controller and all coordinators: how long requests wait for it "
    "and take it is in RequestQueueTimeMs and LocalTimeMs, by API"
)
_JVM: Final = "of the JVM, or of the library that keeps its metrics"
_END: Final = "metadata that can't be loaded or applied ends the node"

LEFT_OUT: Final[dict[str, str]] = {
    "kafka_server_(addpartitionsmanager|persister|raft|txn_marker)_channel_metrics_.*": _CLIENT,
    "kafka_server_[a-z_]+_metrics_brokerid_ID_.*": _CLIENT,
    "kafka_server_app_info_client_id_ID_start_time_ms": _CLIENT,
    "kafka_server_socket_server_metrics_.*networkprocessor_N_.*": (
        "connections belong to no thread, and "
        "no name has a listener in it: ottla_listener_connections{listener}"
    ),
    "kafka_server_.*_metrics_listener_LISTENER_connection_accept_rate": (
        "ottla_listener_accept_rate{listener}"
    ),
    ".*_connection_accept_throttle_time": (
        "who comes too fast waits in the system's own line, and nobody measures how long"
    ),
    "kafka_server_(fetch|produce|request|controllermutation)_queue_size": _QUOTAS,
    "kafka_server_request_exempt_request_time": _QUOTAS,
    "kafka_server_share_coordinator_metrics_.*": _SHARE,
    "kafka_server_share(groupmetrics|sessioncache)_.*": _SHARE,
    ".*brokertopicmetrics_(failed|total)share(fetch|acknowledgement)requests_total": _SHARE,
    "kafka_server_group_coordinator_metrics_.*(consumer|share|streams)_group_.*": _NEWER,
    "kafka_server_group_coordinator_metrics_background_.*": "regular expressions of consumer "
    "groups, which have a thread of their own there: " + _NEWER,
    "kafka_server_group_coordinator_metrics_event_.*": _ONE_THREAD,
    "kafka_controller_controllereventmanager_eventqueue.*": _ONE_THREAD,
    "kafka_server_group_coordinator_metrics_batch_buffer_cache_.*": _JVM,
    "kafka_server_group_coordinator_metrics_batch_(flush|linger)_time_ms_(p|max)": (
        "a turn's batch is appended at its end, without a flush and without waiting for more"
    ),
    "kafka_server_kafkarequesthandlerpool_(broker|controller)requesthandler.*": (
        "both roles have one thread: RequestHandlerAvgIdlePercent"
    ),
    "kafka_server_(kafka|controller)server_yammer_metrics_count": _JVM,
    "kafka_server_kafka_metrics_count_count": _JVM,
    "kafka_log_logcleaner_deadthreadcount": _JVM,
    "kafka_server_replicafetchermanager_.*": _REPLICAS,
    "kafka_server_replicaalterlogdirsmanager_(deadthreadcount|minfetchrate)": (
        "whoever copies is a chore of the node's own threads: MaxLag falls as long as it works"
    ),
    "kafka_server_replicaalterlogdirsmanager_failedpartitionscount": (
        "a move that its disk refuses is given up, the log says so, and the partition stays where "
        "it is: nothing is left that has failed"
    ),
    ".*brokertopicmetrics_(reassignment|replication)bytes(in|out)_total": _REPLICAS,
    "kafka_server_replicamanager_(isrexpands|isrshrinks|failedisrupdates)_total": _REPLICAS,
    "kafka_controller_controllerstats_.*elections.*": _REPLICAS + ": nobody is elected uncleanly",
    "kafka_controller_controllerstats_electionfromeligibleleaderreplicas_total": _REPLICAS,
    "kafka_server_assignmentsmanager_queuedreplicatodirassignments": (
        "a partition's directory is told with the next heartbeat, in the same process"
    ),
    "kafka_controller_kafkacontroller_timedoutbrokerheartbeatcount": (
        "the one broker lives in the controller's process: they fail together"
    ),
    "kafka_controller_kafkacontroller_timesincelastheartbeatreceivedms": (
        "the one broker lives in the controller's process: they fail together"
    ),
    "kafka_controller_kafkacontroller_eventqueueoperationstimedoutcount": (
        "what was asked of the controller is decided, however late"
    ),
    "kafka_controller_kafkacontroller_metadataerrorcount": _END,
    "kafka_server_broker_metadata_metrics_metadata_(apply|load)_error_count": _END,
    "kafka_server_brokermetadatalistener_.*": (
        "the broker gets what the controller decided within "
        "the same turn: LocalTimeMs of what changes the cluster has it"
    ),
    "kafka_server_metadataloader_handleloadsnapshotcount": "one is loaded at the start alone",
    "kafka_server_raft_metrics_(election|commit)_latency_(avg|max)": _VOTERS,
    "kafka_server_raft_metrics_(fetch_records_rate|uncommitted_voter_change)": _VOTERS,
    "kafka_server_raft_metrics_number_unknown_voter_connections": _VOTERS,
    "kafka_coordinator_transaction_transactionmarkerchannelmanager_.*": (
        "markers go to partitions of "
        "this node: ottla_transactions_prepared counts those that are not all written"
    ),
    "kafka_server_addpartitionstotxnmanager_.*": (
        "the coordinator is in the same process: "
        "ottla_produce_unverified_total counts how often it is asked"
    ),
    "kafka_network_acceptor_acceptorblockedpercent_count": (
        "whoever accepts is never held up by who "
        "serves: ottla_connections_refused_total counts who did not fit"
    ),
    "kafka_network_socketserver_expiredconnectionskilledcount": "SASL: a session that ran out",
    "kafka_network_requestchannel_responsequeuesize": (
        "a response is sent by who made it, or by its connection: there is no queue"
    ),
    "kafka_network_requestmetrics_responsequeuetimems(_count)?": (
        "a response is sent by who made it, or by its connection: there is no queue"
    ),
    "kafka_network_requestmetrics_responsesendtimems(_count)?": (
        "responses leave together, several in one write"
    ),
    "kafka_network_requestmetrics_(messageconversionstimems|temporarymemorybytes)(_count)?": (
        "no old format is converted; compressing anew is in LocalTimeMs"
    ),
    ".*brokertopicmetrics_fetchmessageconversions_total": "no old format is converted for a reader",
}
