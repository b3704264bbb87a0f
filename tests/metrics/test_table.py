"""The recorded list of Apache Kafka's metrics, asked again of a running 4.3.1."""

from __future__ import annotations

from pathlib import Path

import pytest
from apache import FILE, ask
from jmx_rules import Attribute, metric


@pytest.mark.long
@pytest.mark.jvm
def test_list_is_what_a_running_4_3_1_shows(tmp_path: Path) -> None:
    """If this failed, our metrics would be held against a list that was wrong."""
    assert ask(tmp_path).splitlines() == FILE.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize(
    ("bean", "attribute", "shown", "labels"),
    [
        (
            "kafka.network:type=RequestMetrics, name=TotalTimeMs, request=Fetch",
            ("999thPercentile", "1.5"),
            "kafka_network_requestmetrics_totaltimems gauge",
            {"request": "Fetch", "quantile": "0.999"},
        ),
        (
            "kafka.server:type=socket-server-metrics, listener=PLAINTEXT, networkProcessor=0",
            ("connection-count", "1"),
            "kafka_server_socket_server_metrics_listener_plaintext_networkprocessor_0"
            "_connection_count gauge",
            {},
        ),
        (
            "kafka.server:type=raft-metrics",
            ("current-state", "leader"),
            "kafka_server_raft_metrics_current_state_info gauge",
            {"state": "leader"},
        ),
        (
            "kafka.server:type=DelayedFetchMetrics, name=ExpiresPerSec, fetcherType=consumer",
            ("Count", "1"),
            "kafka_server_delayedfetchmetrics_expires_total counter",
            {"fetcherType": "consumer"},
        ),
        (
            "kafka.coordinator.group:type=GroupMetadataManager, name=NumGroups",
            ("Count", "1"),
            None,
            {},
        ),
    ],
)
def test_rules_name_what_they_see(
    bean: str, attribute: tuple[str, str], shown: str | None, labels: dict[str, str]
) -> None:
    """If this failed, the list would have names that no dashboard asks for."""
    domain, _, keys = bean.partition(":")
    pairs = tuple((k, v) for k, _, v in (key.partition("=") for key in keys.split(", ")))
    found = metric(Attribute(domain, pairs, *attribute))
    if shown is None:
        assert found is None
    else:
        assert found is not None
        assert (f"{found.name} {found.kind}", dict(found.labels)) == (shown, labels)
