"""kafka-cluster.sh where one node of ours, or a node of another kind, has no script to compare."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.commands import run
from oracle import Oracle
from servers import OttlaProcess, OttlaServer


@pytest.fixture
def process(tmp_path: Path) -> Iterator[OttlaProcess]:
    """A server with a controller listener of its own."""
    server = OttlaProcess(tmp_path / "data")
    server.start()
    yield server
    server.stop()


def test_controllers_are_asked_themselves(process: OttlaProcess) -> None:
    """If this failed, an operator could not ask controllers where brokers are away."""
    controller = f"127.0.0.1:{process.controller_port}"
    ran = run(["kafka-cluster.sh", "list-endpoints", "-C", controller])
    heads, row = ran.stdout.splitlines()
    assert heads.split() == ["ID", "HOST", "PORT", "RACK", "ENDPOINT_TYPE"]
    assert row.split() == ["1", "127.0.0.1", str(process.controller_port), "null", "controller"]
    for kind, words in (("CONTROLLER", ["-b", controller]), ("BROKER", ["-C", process.bootstrap])):
        ran = run(["kafka-cluster.sh", "list-endpoints", *words])
        assert ran.exit_code == 1
        assert f"to an endpoint of type {kind}" in ran.stderr
    ran = run(["kafka-features.sh", "--bootstrap-controller", controller, "describe"])
    assert ran.stdout.count("Feature: ") == 7


def test_a_cluster_that_forgets_no_brokers(tmp_path: Path) -> None:
    """If this failed, a script that unregisters brokers would end otherwise than by Apache's tool,
    which prints this and leaves with 0 (seen with the tool of 4.3.1 on a node of ours).
    """
    node = OttlaServer(tmp_path / "data")
    node.start()
    try:
        ran = run(["kafka-cluster.sh", "unregister", "-b", node.bootstrap, "-i", "7"])
    finally:
        node.stop()
    text = "The target cluster does not support the broker unregistration API.\n"
    assert ran == (0, text, "")


@pytest.mark.long
@pytest.mark.jvm
def test_a_cluster_refuses_a_broker_that_it_does_not_know(tmp_path: Path) -> None:
    """If this failed, an operator would take a broker for unregistered that was not."""
    with Oracle(tmp_path, quorum="dynamic") as oracle:
        ran = run(["kafka-cluster.sh", "unregister", "-b", oracle.bootstrap, "-i", "7"])
    assert ran.exit_code == 1
    assert "7" in ran.stderr
