"""Which section of a reference page each row stands in: by the first pattern that its name matches.

A row that matches none ends the generation: whoever adds a key or a metric says here what it is of.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final, NamedTuple


class Section(NamedTuple):
    """A title, and what the names under it begin with."""

    title: str
    pattern: str


CONFIGS: Final = (
    Section("Listeners", r"listener|advertised|inter\.broker|security\.inter|control\.plane"),
    Section("Connections and requests", r"connections?\.max|max\.|socket|num\.network|queued"),
    Section(
        "Connections and requests", r"request\.|fetch\.|num\.io|background|telemetry|delete\.rec"
    ),
    Section(
        "The node and its quorum",
        r"node\.|broker\.|process\.|controller\.|metadata\.|initial\.|controlled|early|unstable|server\.|config\.",
    ),
    Section("Where logs lie", r"log\.dirs?$|cordoned|num\.recovery|log\.dir\."),
    Section("How topics are made", r"auto\.create|delete\.topic|num\.partitions|default\.repl"),
    Section("What is taken", r"message\.|log\.message|compression"),
    Section("Segments", r"log\.(segment|roll|index|preallocate)"),
    Section("Retention", r"log\.(retention|cleanup|local|initial)"),
    Section("Compaction", r"log\.cleaner"),
    Section("Flush", r"log\.flush"),
    Section("Tiered storage", r"remote"),
    Section("Policies", r"(create\.topic|alter\.config)\.policy"),
    Section("Quotas", r"quota|.*\.quota|replication\.quota|alter\..*quota"),
    Section("Replication", r"min\.insync|unclean|replica|leader|follower|num\.replica|alter"),
    Section("Replication", r"auto\.leader|eligible"),
    Section("Groups of the new protocol", r"group\.(consumer|coordinator\.rebalance)"),
    Section("Share groups", r"group\.share|share"),
    Section("Streams groups", r"group\.streams"),
    Section("Groups and their offsets", r"group|offset"),
    Section("Transactions and producers", r"transaction|producer|add\.partitions"),
    Section("TLS", r"ssl"),
    Section("SASL", r"sasl|.*\.sasl|connections\.max\.reauth"),
    Section("Delegation tokens", r"delegation"),
    Section("Who may do what", r"authorizer|principal|security|connection\.failed"),
    Section("Metrics", r"metric|kafka\.metrics|auto\.include"),
    Section("Ottla's own", r"ottla\."),
)
GROUP_CONFIGS: Final = (
    Section("Consumer groups", r"consumer"),
    Section("Share groups", r"share"),
    Section("Streams groups", r"streams"),
)
TOPIC_CONFIGS: Final = (
    Section("Retention", r"retention|cleanup|delete\.retention|file\.delete"),
    Section("Compaction", r"m(in|ax)\.(cleanable|compaction)"),
    Section("What is taken", r"message|compression|max\.message"),
    Section("Segments", r"segment|index|preallocate"),
    Section("Flush", r"flush"),
    Section("Replication", r"min\.insync|unclean|leader|follower"),
    Section("Tiered storage", r"remote|local"),
)
METRICS: Final = (
    Section("Topics", r"kafka_server_brokertopicmetrics"),
    Section("Partitions and their logs", r"kafka_(log_log_|cluster_partition)"),
    Section("Log directories, flushing", r"kafka_log_log(manager|flushstats)"),
    Section("Log directories, flushing", r".*alterlogdirs|ottla_log_dir"),
    Section("Compaction", r"kafka_log_logcleaner|kafka_utils_throttler_cleaner|ottla_log_cleaner"),
    Section("Replicas", r"kafka_server_replica"),
    Section("Requests", r"kafka_network_request|ottla_(requests?|response)_"),
    Section("Requests", r".*(purgatory|requesthandler|delayed|fetchsession)"),
    Section("Connections", r"kafka_network|kafka_server_socket|ottla_(connections?|listener)"),
    Section("Groups", r"kafka_(coordinator_group|server_group)|ottla_(consumer_)?group"),
    Section("Metadata and features", r"kafka_server_(broker_metadata|metadata|snapshot|node_)"),
    Section("Transactions", r".*transaction|ottla_produce"),
    Section("Controller", r"kafka_controller"),
    Section("Quorum", r"kafka_server_raft"),
    Section("Metrics of clients", r".*client_metrics"),
    Section("The process", r"process_|ottla_build|kafka_server_(kafkas|controllers|app)"),
    Section("Ottla's own", r"ottla_"),
)
APIS: Final = (
    Section("Records", r"Produce$|Fetch$|ListOffsets|DeleteRecords|OffsetForLeaderEpoch"),
    Section("Groups", r".*Group|Heartbeat$|Offset(Commit|Fetch|Delete)$|FindCoordinator"),
    Section("Transactions and producers", r".*(Txn|Transaction|Producer)"),
    Section("Clients", r"ApiVersions|Metadata$|.*Telemetry|Sasl"),
    Section("Configs and features", r".*(Config|Features)"),
    Section("Topics and partitions", r".*(Topic|Partition|LogDirs|ReplicasToDirs)"),
    Section("Cluster and quorum", r"Describe(Cluster|Quorum)|.*(Broker|Voter|Elect|Unregister)"),
    Section("Who may do what", r".*(Acl|Token|Scram|Quota)"),
)
OPERATIONS: Final = (
    Section("Subjects and their versions", r"/subjects"),
    Section("Schemas by id and by GUID", r"/schemas"),
    Section("Compatibility", r"/compatibility"),
    Section("Configs and modes", r"/(config|mode)"),
    Section("Contexts", r"/contexts"),
    Section("Associations of topics and subjects", r"/associations"),
    Section("Keys for field encryption", r"/dek-registry"),
    Section("The registry itself", r"/(v1/metadata/.*|healthz|livez|openapi.*)?$"),
)


def sorted_out(
    sections: Iterable[Section], rows: Iterable[tuple[str, Any]]
) -> list[tuple[str, list[Any]]]:
    """Each title with its rows, by name; titles in their order, without those that have none.

    Raises:
        LookupError: a name matches no section.
    """
    found: dict[str, list[Any]] = {section.title: [] for section in sections}
    for name, row in sorted(rows, key=lambda one: one[0]):
        title = next((one.title for one in sections if re.match(one.pattern, name)), None)
        if title is None:
            raise LookupError(f"{name} is in no section: name one in sections.py")
        found[title].append(row)
    return [(title, rows) for title, rows in found.items() if rows]
