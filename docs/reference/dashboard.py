"""The dashboard for Grafana, `config/grafana/ottla.json`: its rows of panels, and the JSON that
Grafana imports. `make docs` writes it.

Each expression is asked of a running node by tests/clients/test_monitoring.py. Kafka's own names
are used where Kafka has them, so the panels show as much of it of an Apache Kafka too.
"""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple

SCHEMA_VERSION: Final = 39
"""Of Grafana 10.4 and 11, which take it as it is; later ones bring it up to theirs."""
WIDTH: Final = 24
DATASOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
AT: Final = 'job=~"$job",instance=~"$instance"'
"""What every selector has."""
REQUESTS: Final = "kafka_network_requestmetrics"
TOPICS: Final = "kafka_server_brokertopicmetrics"
CONTROLLER: Final = "kafka_controller_kafkacontroller"
RAFT: Final = "kafka_server_raft_metrics"
DURATION: Final = "ottla_request_duration_seconds"


class Query(NamedTuple):
    """One expression and what its series are called."""

    expr: str
    legend: str = ""


class Panel(NamedTuple):
    """One panel; what it shows, and in which of Grafana's units."""

    title: str
    unit: str
    queries: tuple[Query, ...]
    says: str
    width: int = 8
    kind: str = "timeseries"
    bad_from: float | None = None
    """From here on it is red."""
    bad_below: float | None = None
    """Below this it is red."""
    stacks: bool = False


def of(name: str, *selectors: str) -> str:
    """The series of a metric on the nodes that were chosen."""
    return f"{name}{{{','.join((AT, *selectors))}}}"


def rate(name: str, *selectors: str) -> str:
    """How much of a counter came a second."""
    return f"rate({of(name, *selectors)}[$__rate_interval])"


def stat(title: str, expr: str, says: str, unit: str = "none", **bad: float) -> Panel:
    """A number, of its newest value."""
    return Panel(title, unit, (Query(expr),), says, width=4, kind="stat", **bad)


def lines(title: str, unit: str, says: str, *queries: tuple[str, str], **more: Any) -> Panel:
    """Lines over time."""
    return Panel(title, unit, tuple(Query(*query) for query in queries), says, **more)


def quantile(part: float, by: str, *selectors: str) -> str:
    """A quantile of how long requests took."""
    of_buckets = rate(f"{DURATION}_bucket", *selectors)
    return f"histogram_quantile({part}, sum by (le{by}) ({of_buckets}))"


TOPIC: Final = 'topic=~"$topic"'
GROUP: Final = 'group=~"$group"'
TOPIC_OF_GROUP: Final = (GROUP, TOPIC)
REQUEST: Final = 'request=~"$request"'
PRODUCE: Final = 'request="Produce"'
NAMED: Final = 'topic!=""'
"""Of counters by topic those that have one: the one without is the sum of all that there were."""
SUMMED: Final = 'topic=""'
REFUSED: Final = 'error!="NONE"'
HALF: Final = 'quantile="0.50"'
SLOWEST: Final = 'quantile="0.99"'

OVERVIEW: Final = (
    stat("Nodes up", f"sum(up{{{AT}}})", "Nodes that answered the last scrape.", bad_below=1),
    stat(
        "Active controllers",
        f"sum({of(f'{CONTROLLER}_activecontrollercount')})",
        "One of a cluster, always.",
        bad_below=1,
        bad_from=2,
    ),
    stat(
        "Offline partitions",
        f"max({of(f'{CONTROLLER}_offlinepartitionscount')})",
        "Partitions that nobody serves.",
        bad_from=1,
    ),
    stat(
        "Failed log directories",
        f"sum({of('kafka_log_logmanager_offlinelogdirectorycount')})",
        "Their partitions are offline until the node is started again.",
        bad_from=1,
    ),
    stat(
        "Largest lag of a group",
        f"max(sum by (group, topic) ({of('ottla_consumer_group_lag')}))",
        "Records that the group furthest behind has still to read of one topic.",
        "short",
    ),
    stat(
        "Fullest disk",
        f"max(1 - {of('ottla_log_dir_usable_bytes')} / {of('ottla_log_dir_total_bytes')})",
        "How full the fullest volume of a log directory is.",
        "percentunit",
        bad_from=0.9,
    ),
    stat("Topics", f"max({of(f'{CONTROLLER}_globaltopiccount')})", "Topics of the cluster."),
    stat(
        "Partitions",
        f"max({of(f'{CONTROLLER}_globalpartitioncount')})",
        "Partitions of the cluster.",
    ),
    stat(
        "Records written",
        f"sum({rate(f'{TOPICS}_messagesin_total', NAMED)})",
        "Records that producers write, a second.",
        "cps",
    ),
    stat(
        "Produce, 99 of 100",
        quantile(0.99, "", PRODUCE),
        "99 of 100 Produce requests take less.",
        "s",
        bad_from=0.5,
    ),
    stat(
        "Late transactions",
        f"sum({of('kafka_server_replicamanager_partitionswithlatetransactionscount')})",
        "Partitions with a transaction that should have ended long ago.",
        bad_from=1,
    ),
    stat(
        "Youngest start",
        f"time() - max({of('process_start_time_seconds')})",
        "How long ago a node was started last.",
        "s",
    ),
)

TRAFFIC: Final = (
    lines(
        "Records written",
        "cps",
        "By topic, a second.",
        (f"sum by (topic) ({rate(f'{TOPICS}_messagesin_total', TOPIC, NAMED)})", "{{topic}}"),
    ),
    lines(
        "Bytes written",
        "Bps",
        "By topic, a second.",
        (f"sum by (topic) ({rate(f'{TOPICS}_bytesin_total', TOPIC, NAMED)})", "{{topic}}"),
    ),
    lines(
        "Bytes read",
        "Bps",
        "By topic, a second.",
        (f"sum by (topic) ({rate(f'{TOPICS}_bytesout_total', TOPIC, NAMED)})", "{{topic}}"),
    ),
    lines(
        "Requests",
        "reqps",
        "By API, a second.",
        (f"sum by (request) ({rate(f'{DURATION}_count')})", "{{request}}"),
    ),
    lines(
        "Errors told to clients",
        "cps",
        "By API and code, a second. The reference of errors says what each means.",
        (
            f"sum by (request, error) ({rate(f'{REQUESTS}_errors_total', REFUSED)})",
            "{{request}} {{error}}",
        ),
    ),
    lines(
        "Writes and reads refused",
        "cps",
        "Of all topics, a second.",
        (f"sum({rate(f'{TOPICS}_failedproducerequests_total', SUMMED)})", "writes"),
        (f"sum({rate(f'{TOPICS}_failedfetchrequests_total', SUMMED)})", "reads"),
    ),
    lines(
        "Connections",
        "short",
        "By listener.",
        (f"sum by (listener) ({of('ottla_listener_connections')})", "{{listener}}"),
    ),
    lines(
        "Connections that come and go",
        "cps",
        "Clients that open one for each record show here.",
        (f"sum({rate('ottla_connections_accepted_total')})", "accepted"),
        (f"sum({rate('ottla_connections_closed_total')})", "closed"),
        (f"sum({rate('ottla_connections_refused_total')})", "refused"),
        (f"sum({rate('ottla_connections_stalled_total')})", "stalled"),
    ),
    lines(
        "Bytes of requests and responses",
        "Bps",
        "All APIs, a second.",
        (f"sum({rate('ottla_request_bytes_total')})", "requests"),
        (f"sum({rate('ottla_response_bytes_total')})", "responses"),
    ),
)

LATENCY: Final = (
    lines(
        "Produce",
        "s",
        "How long a Produce request takes until its response is made.",
        (quantile(0.5, "", PRODUCE), "half"),
        (quantile(0.95, "", PRODUCE), "95 of 100"),
        (quantile(0.99, "", PRODUCE), "99 of 100"),
        (quantile(0.999, "", PRODUCE), "999 of 1000"),
    ),
    lines(
        "99 of 100, by API",
        "s",
        "A Fetch waits for records as long as its client said (fetch.max.wait.ms, 500 ms of most): "
        "that is no fault. JoinGroup and SyncGroup wait for the other members.",
        (quantile(0.99, ", request", REQUEST), "{{request}}"),
    ),
    lines(
        "On average, by API",
        "s",
        "The same, as a mean.",
        (
            f"sum by (request) ({rate(f'{DURATION}_sum', REQUEST)}) / "
            f"sum by (request) ({rate(f'{DURATION}_count', REQUEST)})",
            "{{request}}",
        ),
    ),
    Panel(
        "How durations are spread",
        "s",
        (
            Query(
                f"sum by (le) (increase({of(f'{DURATION}_bucket', REQUEST)}[$__rate_interval]))",
                "{{le}}",
            ),
        ),
        "Of the APIs that are chosen above, all together.",
        width=12,
        kind="heatmap",
    ),
    lines(
        "Where the slowest of 100 spend their time: Produce",
        "ms",
        "Local: work, disks among it. Remote: waiting for others. Queue: waiting for the thread "
        "that decides. Each is a quantile by itself, of the last minutes.",
        (
            f"max({of(f'{REQUESTS}_localtimems', PRODUCE, SLOWEST)})",
            "local",
        ),
        (
            f"max({of(f'{REQUESTS}_remotetimems', PRODUCE, SLOWEST)})",
            "remote",
        ),
        (
            f"max({of(f'{REQUESTS}_requestqueuetimems', PRODUCE, SLOWEST)})",
            "queue",
        ),
        width=12,
    ),
    lines(
        "Idle",
        "percentunit",
        "Near 0 the threads that serve clients, or the one that decides, have no time left.",
        (f"min({of('kafka_network_socketserver_networkprocessoravgidlepercent')})", "network"),
        (f"min({of('kafka_controller_controllereventmanager_avgidleratio')})", "decisions"),
        width=12,
    ),
    lines(
        "Requests that wait",
        "short",
        "For the thread that decides, and for something to happen (records, other members).",
        (f"sum({of('kafka_network_requestchannel_requestqueuesize')})", "decisions"),
        (
            "sum by (delayedOperation) "
            f"({of('kafka_server_delayedoperationpurgatory_numdelayedoperations')})",
            "{{delayedOperation}}",
        ),
        width=12,
    ),
)

LAG: Final = (
    lines(
        "Lag",
        "short",
        "Records that each group has still to read of a topic.",
        (
            f"sum by (group, topic) ({of('ottla_consumer_group_lag', *TOPIC_OF_GROUP)})",
            "{{group}} {{topic}}",
        ),
        width=12,
    ),
    lines(
        "Partitions furthest behind",
        "short",
        "Where one partition's lag grows and the others' do not, look for a record that its "
        "consumer can't get over, or for a key that is too frequent.",
        (
            f"topk(10, {of('ottla_consumer_group_lag', *TOPIC_OF_GROUP)})",
            "{{group}} {{topic}}-{{partition}}",
        ),
        width=12,
    ),
    lines(
        "Records taken",
        "cps",
        "How fast each group commits what it has read, a second.",
        (
            "sum by (group, topic) (clamp_min(deriv("
            f"{of('ottla_consumer_group_committed_offset', *TOPIC_OF_GROUP)}"
            "[$__rate_interval]), 0))",
            "{{group}} {{topic}}",
        ),
        width=12,
    ),
    lines(
        "Records written, of these topics",
        "cps",
        "A group that takes less than this falls behind.",
        (f"sum by (topic) ({rate(f'{TOPICS}_messagesin_total', TOPIC, NAMED)})", "{{topic}}"),
        width=12,
    ),
)

DISKS: Final = (
    lines(
        "Room on each log directory's volume",
        "bytes",
        "What can still be written.",
        (of("ottla_log_dir_usable_bytes"), "{{instance}} {{logDirectory}}"),
    ),
    lines(
        "How full",
        "percentunit",
        "A full disk refuses appends until there is room.",
        (
            f"1 - {of('ottla_log_dir_usable_bytes')} / {of('ottla_log_dir_total_bytes')}",
            "{{instance}} {{logDirectory}}",
        ),
        bad_from=0.9,
    ),
    lines(
        "Bytes of logs",
        "bytes",
        "By topic.",
        (f"sum by (topic) ({of('kafka_log_log_size', TOPIC)})", "{{topic}}"),
        stacks=True,
    ),
    lines(
        "Records in logs",
        "short",
        "By topic, from the first offset to the last: with compaction there are fewer.",
        (
            f"sum by (topic) ({of('kafka_log_log_logendoffset', TOPIC)} - "
            f"{of('kafka_log_log_logstartoffset', TOPIC)})",
            "{{topic}}",
        ),
    ),
    lines(
        "Segments",
        "short",
        "By topic.",
        (f"sum by (topic) ({of('kafka_log_log_numlogsegments', TOPIC)})", "{{topic}}"),
    ),
    lines(
        "Flushes",
        "ms",
        "How long flushing a partition took, in the last minutes: a disk that gets slow shows "
        "here first.",
        (
            f"max({of('kafka_log_logflushstats_logflushrateandtimems', HALF)})",
            "half",
        ),
        (
            f"max({of('kafka_log_logflushstats_logflushrateandtimems', SLOWEST)})",
            "99 of 100",
        ),
    ),
    lines(
        "Failed and held back",
        "none",
        "Log directories that failed, or get no new partitions.",
        (of("kafka_log_logmanager_logdirectoryoffline"), "{{logDirectory}} failed"),
        (of("kafka_log_logmanager_logdirectorycordoned"), "{{logDirectory}} cordoned"),
    ),
    lines(
        "Compaction",
        "percent",
        "How much of the dirtiest log is not compacted.",
        (f"max({of('kafka_log_logcleanermanager_max_dirty_percent')})", "dirtiest"),
    ),
    lines(
        "Partitions that can't be compacted",
        "none",
        "They grow; the node's log says why.",
        (
            f"sum by (logDirectory) "
            f"({of('kafka_log_logcleanermanager_uncleanable_partitions_count')})",
            "{{logDirectory}}",
        ),
        bad_from=1,
    ),
)

GROUPS: Final = (
    lines(
        "Groups, by state",
        "none",
        "A group that stays in PreparingRebalance waits for a member that does not come back.",
        (f"count by (state) ({of('ottla_consumer_group_state')})", "{{state}}"),
        stacks=True,
    ),
    lines(
        "Members",
        "none",
        "By group.",
        (f"sum by (group) ({of('ottla_consumer_group_members', GROUP)})", "{{group}}"),
    ),
    lines(
        "Rebalances and commits",
        "cps",
        "Rebalances that go on mean that members come and go.",
        (
            "sum(rate("
            f"{of('kafka_server_group_coordinator_metrics_group_completed_rebalance_count')}"
            "[$__rate_interval]))",
            "rebalances",
        ),
        (
            f"sum(rate({of('kafka_server_group_coordinator_metrics_offset_commit_count')}"
            "[$__rate_interval]))",
            "commits",
        ),
    ),
    lines(
        "Transactions",
        "none",
        "Open, and decided but not yet marked in each partition.",
        (f"sum({of('ottla_transactions_ongoing')})", "open"),
        (f"sum({of('ottla_transactions_prepared')})", "prepared"),
    ),
    lines(
        "Transactions that ended",
        "cps",
        "A second. Those that took too long are among the aborted.",
        (f"sum({rate('ottla_transaction_commits_total')})", "committed"),
        (f"sum({rate('ottla_transaction_aborts_total')})", "aborted"),
        (f"sum({rate('ottla_transaction_timeouts_total')})", "took too long"),
    ),
    lines(
        "Records that wait for a transaction's end",
        "short",
        "By topic: readers of committed records don't see them yet.",
        (
            f"sum by (topic) ({of('kafka_cluster_partition_laststableoffsetlag', TOPIC)})",
            "{{topic}}",
        ),
    ),
)

QUORUM: Final = (
    lines(
        "Active controller",
        "none",
        "1 at the node that is it.",
        (of(f"{CONTROLLER}_activecontrollercount"), "{{instance}}"),
    ),
    lines(
        "Brokers",
        "none",
        "Those that may serve, and those that are registered and may not.",
        (f"max({of(f'{CONTROLLER}_activebrokercount')})", "active"),
        (f"max({of(f'{CONTROLLER}_fencedbrokercount')})", "fenced"),
        (f"max({of(f'{CONTROLLER}_controlledshutdownbrokercount')})", "shutting down"),
    ),
    lines(
        "Partitions that want help",
        "none",
        "Offline, under-replicated, and with fewer replicas in sync than they need.",
        (f"max({of(f'{CONTROLLER}_offlinepartitionscount')})", "offline"),
        (
            f"sum({of('kafka_server_replicamanager_underreplicatedpartitions')})",
            "under-replicated",
        ),
        (
            f"sum({of('kafka_server_replicamanager_underminisrpartitioncount')})",
            "under min ISR",
        ),
    ),
    lines(
        "Epoch and leader of the quorum",
        "none",
        "An epoch that rises often means elections.",
        (f"max({of(f'{RAFT}_current_epoch')})", "epoch"),
        (f"max({of(f'{RAFT}_current_leader')})", "leader"),
    ),
    lines(
        "Metadata log",
        "none",
        "Where it ends, up to where it is safe, and what brokers have applied.",
        (f"max({of(f'{RAFT}_log_end_offset')})", "end"),
        (f"max({of(f'{RAFT}_high_watermark')})", "high watermark"),
        (
            f"min({of('kafka_server_broker_metadata_metrics_last_applied_record_offset')})",
            "applied",
        ),
    ),
    lines(
        "Metadata records",
        "cps",
        "Written, a second.",
        (f"sum({of(f'{RAFT}_append_records_rate')})", "written"),
    ),
)

PROCESS: Final = (
    lines(
        "Processor time",
        "none",
        "Processors that the process keeps busy.",
        (rate("process_cpu_seconds_total"), "{{instance}}"),
    ),
    lines(
        "Memory",
        "bytes",
        "In RAM; and what requests and unsent responses take of what they may.",
        (of("process_resident_memory_bytes"), "{{instance}} in RAM"),
        (of("ottla_request_memory_bytes"), "{{instance}} requests"),
        (of("ottla_request_memory_bytes_max"), "{{instance}} requests at most"),
    ),
    lines(
        "File descriptors",
        "none",
        "Files and connections.",
        (of("process_open_fds"), "{{instance}} open"),
        (of("process_max_fds"), "{{instance}} at most"),
    ),
)

SECTIONS: Final = (
    ("Overview", OVERVIEW),
    ("Traffic", TRAFFIC),
    ("Latency by API", LATENCY),
    ("Consumer lag", LAG),
    ("Logs and disks", DISKS),
    ("Groups and transactions", GROUPS),
    ("Controller and quorum", QUORUM),
    ("Process", PROCESS),
)

BROKER_STATE: Final = "kafka_server_kafkaserver_brokerstate"
VARIABLES: Final = (
    ("job", f"label_values({BROKER_STATE}, job)"),
    ("instance", f'label_values({BROKER_STATE}{{job=~"$job"}}, instance)'),
    ("topic", f"label_values({of('kafka_log_log_size')}, topic)"),
    ("group", f"label_values({of('ottla_consumer_group_state')}, group)"),
    ("request", f"label_values({of(f'{DURATION}_count')}, request)"),
)
"""Lists to choose from, each with all of it to begin with."""


def text() -> str:
    """The dashboard as Grafana imports it."""
    return json.dumps(dashboard(), indent=1) + "\n"


def dashboard() -> dict[str, Any]:
    """The dashboard."""
    return {
        "uid": "ottla",
        "title": "Ottla",
        "description": "A cluster of Ottla's nodes: docs/guides/monitoring.md",
        "tags": ["ottla", "kafka"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "browser",
        "annotations": {"list": []},
        "links": [],
        "templating": {"list": [_datasource(), *(_variable(*one) for one in VARIABLES)]},
        "panels": _panels(),
    }


def _datasource() -> dict[str, Any]:
    return {
        "name": "datasource",
        "label": "Prometheus",
        "type": "datasource",
        "query": "prometheus",
    }


def _variable(name: str, query: str) -> dict[str, Any]:
    return {
        "name": name,
        "type": "query",
        "datasource": DATASOURCE,
        "definition": query,
        "query": {"query": query, "refId": f"variable-{name}"},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"]},
    }


def _panels() -> list[dict[str, Any]]:
    """Each section's row, and below it its panels from left to right."""
    found: list[dict[str, Any]] = []
    y = 0
    for title, panels in SECTIONS:
        place = {"x": 0, "y": y, "w": WIDTH, "h": 1}
        row = {"id": len(found) + 1, "type": "row", "title": title, "collapsed": False}
        found.append({**row, "gridPos": place, "panels": []})
        y += 1
        x = 0
        for panel in panels:
            height = 4 if panel.kind == "stat" else 8
            if x + panel.width > WIDTH:
                x, y = 0, y + height
            place = {"x": x, "y": y, "w": panel.width, "h": height}
            found.append({"id": len(found) + 1, **_panel(panel), "gridPos": place})
            x += panel.width
        y += height
    return found


def _panel(panel: Panel) -> dict[str, Any]:
    is_heatmap = panel.kind == "heatmap"
    targets = [
        {
            "refId": chr(ord("A") + place),
            "datasource": DATASOURCE,
            "expr": query.expr,
            "legendFormat": query.legend or "__auto",
            "format": "heatmap" if is_heatmap else "time_series",
            "range": True,
        }
        for place, query in enumerate(panel.queries)
    ]
    shown: dict[str, Any] = {"unit": panel.unit, "thresholds": _thresholds(panel), "min": 0}
    if panel.kind == "timeseries":
        stacking = {"mode": "normal" if panel.stacks else "none", "group": "A"}
        fill = 30 if panel.stacks else 5
        shown["custom"] = {"lineWidth": 1, "fillOpacity": fill, "stacking": stacking}
        shown["color"] = {"mode": "palette-classic"}
    elif panel.kind == "stat":
        shown["color"] = {"mode": "thresholds"}
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.says,
        "datasource": DATASOURCE,
        "targets": targets,
        "fieldConfig": {"defaults": shown, "overrides": []},
        "options": _options(panel),
    }


def _thresholds(panel: Panel) -> dict[str, Any]:
    """Green, or red where it is bad."""
    is_good = panel.bad_below is None
    steps: list[dict[str, Any]] = [{"color": "green" if is_good else "red", "value": None}]
    if panel.bad_below is not None:
        steps.append({"color": "green", "value": panel.bad_below})
    if panel.bad_from is not None:
        steps.append({"color": "red", "value": panel.bad_from})
    return {"mode": "absolute", "steps": steps}


def _options(panel: Panel) -> dict[str, Any]:
    if panel.kind == "stat":
        reduced = {"calcs": ["lastNotNull"], "fields": "", "values": False}
        return {"reduceOptions": reduced, "colorMode": "value", "graphMode": "area"}
    if panel.kind == "heatmap":
        return {
            "calculate": False,
            "color": {"mode": "scheme", "scheme": "Oranges", "steps": 64},
            "yAxis": {"unit": panel.unit, "axisPlacement": "left"},
            "tooltip": {"mode": "single", "yHistogram": True},
            "cellGap": 1,
        }
    return {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
