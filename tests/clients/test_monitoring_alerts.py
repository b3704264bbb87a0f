"""When each alert comes, and when it does not: promtool moves the time, so that nobody waits for
hours.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import NamedTuple

from prometheus.server import ALERTS, promtool


class Case(NamedTuple):
    """Series as promtool writes them (a value, then what each minute adds, and how often)."""

    series: dict[str, str]
    quiet_at: str
    fires_at: str


NODE = 'job="ottla",instance="a:9405"'
DIRECTORY = f'{NODE},logDirectory="/data"'
POSITION = 'job="ottla",instance="a:9405",group="billing",topic="orders",partition="0"'
PRODUCE = f'ottla_request_duration_seconds_bucket{{{NODE},request="Produce"'

CASES: dict[str, Case] = {
    "OttlaNodeDown": Case({f"up{{{NODE}}}": "1x3 0x5"}, "4m", "5m"),
    "OttlaNoActiveController": Case(
        {
            f"kafka_controller_kafkacontroller_activecontrollercount{{{NODE}}}": "1x3 0x5",
            'kafka_controller_kafkacontroller_activecontrollercount{job="ottla",instance="b"}': (
                "0x20"
            ),
        },
        "4m",
        "5m",
    ),
    "OttlaOfflinePartitions": Case(
        {f"kafka_controller_kafkacontroller_offlinepartitionscount{{{NODE}}}": "0x3 2x5"},
        "4m",
        "5m",
    ),
    "OttlaLogDirectoryFailed": Case(
        {f"kafka_log_logmanager_logdirectoryoffline{{{DIRECTORY}}}": "0x3 1x5"}, "3m", "4m"
    ),
    "OttlaUnderMinIsr": Case(
        {f"kafka_server_replicamanager_underminisrpartitioncount{{{NODE}}}": "0x3 1x9"},
        "8m",
        "9m",
    ),
    "OttlaDiskNearlyFull": Case(
        {
            f"ottla_log_dir_usable_bytes{{{DIRECTORY}}}": "20x3 9x9",
            f"ottla_log_dir_total_bytes{{{DIRECTORY}}}": "100x20",
        },
        "8m",
        "9m",
    ),
    "OttlaDiskFillsUp": Case(
        {
            # Half of it is gone after 500 minutes, and the rest will be in another 500.
            f"ottla_log_dir_usable_bytes{{{DIRECTORY}}}": "1000-1x700",
            f"ottla_log_dir_total_bytes{{{DIRECTORY}}}": "1000x700",
        },
        "500m",
        "570m",
    ),
    "OttlaConsumerLagGrows": Case(
        # A thousand come a minute, and nobody reads them.
        {f"ottla_consumer_group_lag{{{POSITION}}}": "0+1000x60"},
        "10m",
        "13m",
    ),
    "OttlaConsumerGroupStands": Case(
        {
            f"ottla_consumer_group_lag{{{POSITION}}}": "5x60",
            f"ottla_consumer_group_committed_offset{{{POSITION}}}": "0+1x10 10x50",
        },
        "35m",
        "45m",
    ),
    "OttlaProduceSlow": Case(
        {
            f'{PRODUCE},le="0.262144"}}': "0+100x10 1000x30",
            f'{PRODUCE},le="1.048576"}}': "0+100x10 1000+100x30",
            f'{PRODUCE},le="+Inf"}}': "0+100x10 1000+100x30",
        },
        "10m",
        "25m",
    ),
    "OttlaTransactionHangs": Case(
        {f"kafka_server_replicamanager_partitionswithlatetransactionscount{{{NODE}}}": "0x3 1x9"},
        "8m",
        "9m",
    ),
    "OttlaRequestMemoryFull": Case(
        {
            f"ottla_request_memory_bytes{{{NODE}}}": "50x3 95x9",
            f"ottla_request_memory_bytes_max{{{NODE}}}": "100x20",
        },
        "8m",
        "9m",
    ),
    "OttlaDescriptorsShort": Case(
        {f"process_open_fds{{{NODE}}}": "50x3 95x9", f"process_max_fds{{{NODE}}}": "100x20"},
        "8m",
        "9m",
    ),
    "OttlaCompactionFails": Case(
        {f"kafka_log_logcleanermanager_uncleanable_partitions_count{{{DIRECTORY}}}": ("0x3 1x30")},
        "18m",
        "19m",
    ),
}


def group(name: str, case: Case) -> dict[str, object]:
    """One test as promtool reads it."""
    firing = f'count(ALERTS{{alertname="{name}",alertstate="firing"}})'
    return {
        "name": name,
        "interval": "1m",
        "input_series": [{"series": one, "values": of} for one, of in case.series.items()],
        "promql_expr_test": [
            {"expr": firing, "eval_time": case.quiet_at, "exp_samples": []},
            {
                "expr": firing,
                "eval_time": case.fires_at,
                "exp_samples": [{"labels": "{}", "value": 1}],
            },
        ],
    }


def test_each_alert_comes_in_its_time(tmp_path: Path) -> None:
    """If this failed, somebody would be woken for a moment's trouble, or by nothing at all."""
    assert set(re.findall(r"alert: (\w+)", ALERTS.read_text())) == set(CASES)
    tests = {
        "rule_files": [str(ALERTS)],
        "evaluation_interval": "1m",
        "tests": [group(name, case) for name, case in CASES.items()],
    }
    file = tmp_path / "alerts_test.yml"
    file.write_text(json.dumps(tests))
    promtool("test", "rules", file)


def test_what_goes_well_is_not_told(tmp_path: Path) -> None:
    """If this failed, alerts of a group that keeps up, of a busy disk and of waiting reads would be
    switched off by those whom they wake, and then the others too.
    """
    series = {
        f"ottla_consumer_group_lag{{{POSITION}}}": "5000-10x120",
        f"ottla_consumer_group_committed_offset{{{POSITION}}}": "0+10x120",
        f"ottla_log_dir_usable_bytes{{{DIRECTORY}}}": "900-1x120",
        f"ottla_log_dir_total_bytes{{{DIRECTORY}}}": "1000x120",
        f'ottla_request_duration_seconds_bucket{{{NODE},request="Fetch",le="0.262144"}}': "0x120",
        f'ottla_request_duration_seconds_bucket{{{NODE},request="Fetch",le="+Inf"}}': "0+9x120",
        f"kafka_controller_kafkacontroller_activecontrollercount{{{NODE}}}": "1x120",
        f"up{{{NODE}}}": "1x120",
    }
    tests = {
        "rule_files": [str(ALERTS)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": one, "values": of} for one, of in series.items()],
                "promql_expr_test": [
                    {"expr": 'count(ALERTS{alertstate="firing"})', "eval_time": at}
                    for at in ("30m", "60m", "110m")
                ],
            }
        ],
    }
    file = tmp_path / "alerts_test.yml"
    file.write_text(json.dumps(tests))
    promtool("test", "rules", file)
