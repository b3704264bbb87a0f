"""Whoever watches: Prometheus scrapes a server, and asks it all that the dashboard and the alerts
ask. Debian's own Prometheus, started and ended here.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from cli.script import Stage
from oracle import free_port
from ottla.metrics.rows import rows
from prometheus.server import ALERTS, DASHBOARD, Prometheus, promtool
from servers import OttlaProcess, eventually

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "monitoring.md"
METRIC = re.compile(r"\b(?:kafka|ottla|process)_\w+")
SELECTOR = re.compile(r"\w+\{[^}]*\}")
CHOICES = re.compile(r"label_values\((.*), (\w+)\)")


class Load:
    """Clients of a server: what they do makes every metric move."""

    def __init__(self, bootstrap: str) -> None:
        self.quiet = {"bootstrap.servers": bootstrap, "log_level": 0}
        self.admin = AdminClient(self.quiet)
        topics = [
            NewTopic("orders", 3, 1),
            NewTopic("totals", 1, 1, config={"cleanup.policy": "compact"}),
        ]
        for made in self.admin.create_topics(topics).values():
            made.result(20)
        self.producer = Producer({**self.quiet, "acks": "all"})
        self.transactional = Producer({**self.quiet, "transactional.id": "billing"})
        self.transactional.init_transactions(20)
        self.consumer = Consumer(
            {
                **self.quiet,
                "group.id": "billing",
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
            }
        )
        self.consumer.subscribe(["orders"])

    def go_on(self, records: int = 200) -> None:
        """Once more of all of it; the group falls behind."""
        for number in range(records):
            self.producer.produce("orders", b"bicycle", key=str(number).encode())
        self.producer.flush(20)
        self.transactional.begin_transaction()
        self.transactional.produce("totals", b"1", key=b"bicycle")
        self.transactional.flush(20)
        self.transactional.commit_transaction(20)
        self.transactional.begin_transaction()
        self.transactional.produce("orders", b"mistake", partition=0)
        self.transactional.flush(20)
        self.transactional.abort_transaction(20)
        message = self.consumer.poll(0.01)
        if message is not None and message.error() is None:
            self.consumer.commit(message, asynchronous=False)
        with suppress(KafkaException):  # an error that a client is told
            self.consumer.get_watermark_offsets(TopicPartition("nothing", 0), 5)

    def close(self) -> None:
        """The group is left."""
        self.consumer.close()


@contextmanager
def watched(folder: Path, config: dict[str, str]) -> Iterator[tuple[OttlaProcess, Prometheus]]:
    """A server that shows its metrics, and Prometheus that reads them."""
    http_port = free_port()
    listen = {"ottla.http.listen": f"127.0.0.1:{http_port}"}
    server = OttlaProcess(folder / "data", {**listen, **config})
    server.start()
    try:
        with Prometheus(folder / "prometheus", http_port) as prometheus:
            yield server, prometheus
    finally:
        server.kill()


def filled(expr: str) -> str:
    """An expression as Grafana sends it, with everything chosen."""
    expr = expr.replace("$__rate_interval", "1m")
    return re.sub(r"\$(job|instance|topic|group|request)\b", ".*", expr)


def expressions(dashboard: Any) -> list[str]:
    """Those of all panels."""
    return [
        filled(target["expr"])
        for panel in dashboard["panels"]
        for target in panel.get("targets", ())
    ]


def test_the_dashboard_can_be_imported() -> None:
    """If this failed, Grafana would refuse the file, or lay panels upon each other."""
    dashboard = json.loads(DASHBOARD.read_text())
    assert dashboard["schemaVersion"] >= 39
    assert "id" not in dashboard, "Grafana gives it one"
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        own = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not taken & own, panel["title"]
        taken |= own
        if panel["type"] != "row":
            uids = [panel["datasource"]["uid"], *(t["datasource"]["uid"] for t in panel["targets"])]
            assert set(uids) == {"${datasource}"}
    variables = {one["name"] for one in dashboard["templating"]["list"]}
    used = set(re.findall(r"\$\{?([a-z]+)", DASHBOARD.read_text()))
    assert used == variables


def test_every_metric_that_is_asked_for_is_documented() -> None:
    """If this failed, an alert would wait for a metric that no node has: nothing would tell."""
    known = {row.name for row in rows()}
    known |= {
        f"{row.name}_{end}"
        for row in rows()
        if row.kind == "histogram"
        for end in ("bucket", "sum", "count")
    }
    for file in (ALERTS, DASHBOARD):
        lines = [line for line in file.read_text().splitlines() if "action:" not in line]
        asked = set(METRIC.findall("\n".join(lines)))
        assert len(asked) > 10
        assert not asked - known


def test_every_alert_is_in_the_guide() -> None:
    """If this failed, somebody would be woken by a name that no page explains."""
    alerts = re.findall(r"alert: (\w+)", ALERTS.read_text())
    assert re.findall(r"^\| `(Ottla\w+)`", GUIDE.read_text(), re.MULTILINE) == alerts


def test_every_expression_finds_what_it_asks_for(tmp_path: Path) -> None:
    """If this failed, a panel of the dashboard would be empty, a choice would have nothing to
    choose, or an alert would be none.
    """
    dashboard = json.loads(DASHBOARD.read_text())
    wanted = expressions(dashboard)
    assert len(wanted) > 80
    missing = list(wanted)
    with watched(tmp_path, {}) as (server, prometheus):
        load = Load(server.bootstrap)

        def all_there() -> bool:
            load.go_on()
            missing[:] = [expr for expr in missing if not prometheus.numbers(expr)]
            return not missing

        try:
            eventually(all_there, "every expression has found numbers", timeout_s=40)
        finally:
            assert not missing
            load.close()
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                selector, label = CHOICES.fullmatch(variable["query"]["query"]).groups()
                assert [one["metric"][label] for one in prometheus.ask(filled(selector))]


def healthy(prometheus: Prometheus) -> bool:
    """Whether each alert was looked at since this server is scraped; none may fail."""
    (group,) = prometheus.get("rules")["groups"]
    found = [rule["health"] for rule in group["rules"]]
    assert "err" not in found, group
    return set(found) == {"ok"} and bool(prometheus.numbers("up == 1"))


def test_alerts_find_what_they_look_at_and_are_silent(tmp_path: Path) -> None:
    """If this failed, an alert would never come, or come while all is well."""
    assert "SUCCESS" in promtool("check", "rules", ALERTS)
    assert "SUCCESS" in promtool("check", "config", ALERTS.parent / "prometheus.yml")
    with watched(tmp_path, {}) as (server, prometheus):
        eventually(lambda: healthy(prometheus), "every alert was looked at")
        assert prometheus.firing() == {}
        load = Load(server.bootstrap)
        load.go_on()
        missing = SELECTOR.findall(
            "".join(re.findall(r"expr:.*?\n +\w+:", ALERTS.read_text(), re.S))
        )
        assert len(missing) > 15

        def all_there() -> bool:
            load.go_on(1)
            missing[:] = [one for one in missing if not prometheus.ask(one)]
            return not missing

        try:
            eventually(all_there, "every metric of the alerts is there")
        finally:
            assert not missing
            load.close()


def test_lag_and_a_hanging_transaction_and_a_node_that_is_gone_are_told(tmp_path: Path) -> None:
    """If this failed, customers would tell of each first."""
    anything_hangs = {"transaction.partition.verification.enable": "false"}
    with watched(tmp_path, anything_hangs) as (server, prometheus):
        load = Load(server.bootstrap)

        def told() -> Any:
            load.go_on(1000)
            return prometheus.firing().get("OttlaConsumerLagGrows")

        (alert,) = eventually(told, "a growing lag is told")
        assert (alert["group"], alert["topic"]) == ("billing", "orders")
        assert re.match(r"billing is [\d.]+k? records behind in orders", alert["summary"])
        load.close()
        Stage(server.bootstrap).play("@hang old orders 1 30")  # minutes ago
        (alert,) = eventually(
            lambda: prometheus.firing().get("OttlaTransactionHangs"), "what hangs is told"
        )
        assert alert["summary"].startswith("1 partitions of ")
        server.kill()
        (alert,) = eventually(
            lambda: prometheus.firing().get("OttlaNodeDown"), "a node that is gone is told"
        )
        assert alert["severity"] == "page"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 24 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(place)], capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"no right to mount a small disk: {mounted.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_disk_that_fills_up_and_one_that_goes_away_are_told(
    tmp_path: Path, small_disk: Path
) -> None:
    """If this failed, nobody would come before a disk is full, nor once its partitions are
    offline.
    """
    log_dir = small_disk / "logs"
    log_dirs = f"{tmp_path / 'data'},{log_dir}"
    with watched(tmp_path, {"log.dirs": log_dirs}) as (server, prometheus):
        Load(server.bootstrap).close()  # partitions lie on both
        with (small_disk / "ballast").open("wb") as ballast:
            ballast.write(bytes(22 << 20))
        alert = eventually(
            lambda: [
                one
                for one in prometheus.firing().get("OttlaDiskNearlyFull", [])
                if one["logDirectory"] == str(log_dir)
            ],
            "a disk that is nearly full is told",
        )[0]
        assert re.search(r"has \d\.\d+% left", alert["summary"])
        log_dir.rename(small_disk / "away")
        (failed,) = eventually(
            lambda: prometheus.firing().get("OttlaLogDirectoryFailed"), "a failed disk is told"
        )
        assert failed["logDirectory"] == str(log_dir)
        eventually(
            lambda: prometheus.firing().get("OttlaOfflinePartitions"), "its partitions are told"
        )
