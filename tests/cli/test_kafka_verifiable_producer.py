"""kafka-verifiable-producer.sh where nobody takes what it sends."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

import ottla
from cli.commands import run, start
from servers import Server

TOOL = "kafka-verifiable-producer.sh"


def test_it_ends_in_order_while_nobody_answers() -> None:
    """If this failed, a system test that stops it during an outage would miss the sums."""
    with start([TOOL, "--topic", "t", "--bootstrap-server", "127.0.0.1:1"]) as process:
        assert process.stdout is not None
        assert b'"startup_complete"' in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        printed, _ = process.communicate(timeout=20)
    events = [json.loads(line) for line in printed.splitlines()]
    assert [event["name"] for event in events] == ["shutdown_complete", "tool_data"]
    assert (events[1]["sent"], events[1]["acked"]) == (0, 0)
    assert process.returncode == 128 + signal.SIGTERM


def test_what_is_refused_has_the_name_that_java_has_for_it(tmp_path: Path) -> None:
    """If this failed, a test that counts errors by their class would count none."""
    settings = tmp_path / "producer.properties"
    settings.write_text("max.block.ms=300\n")
    words = ["--max-messages", "1", "--command-config", str(settings), "--bootstrap-server"]
    small = {"message.max.bytes": "100"}
    with ottla.Broker(config={"auto.create.topics.enable": "false", **small}) as node:
        at = node.bootstrap_servers
        missing = run([TOOL, "--topic", "nope", *words, at])
        create = ["kafka-topics.sh", "--create", "--topic", "narrow", "--bootstrap-server", at]
        assert run([*create, "--config", "max.message.bytes=10"]).exit_code == 0
        large = run([TOOL, "--topic", "narrow", *words, at])
    found = [json.loads(done.stdout.splitlines()[1])["exception"] for done in (missing, large)]
    package = "class org.apache.kafka.common.errors."
    assert found == [f"{package}TimeoutException", f"{package}RecordTooLargeException"]
    assert (missing.exit_code, large.exit_code) == (0, 0)


def test_settings_of_the_file_count_first(
    server: Server, name: Callable[[], str], tmp_path: Path
) -> None:
    """If this failed, a file that works with Apache's tool would be without effect here."""
    settings = tmp_path / "producer.properties"
    settings.write_text("acks=1\n")
    words = [TOOL, "--topic", name(), "--max-messages", "1", "--acks", "0", "--bootstrap-server"]
    offsets = []
    for more in ([], ["--command-config", str(settings)]):
        done = run([*words, server.bootstrap, *more])
        offsets.append(json.loads(done.stdout.splitlines()[1])["offset"])
    assert offsets == [-1, 1]
