"""A node in the background, from `up -d` to `stop`: what is said of it, and where its log is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.commands import SOURCE, run, start
from cli.verb.terminal import Terminal
from oracle import answers_api_versions, free_port
from servers import OttlaServer, eventually


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder, and an environment that sees no other node; what was started there is ended."""
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OTTLA_AT", raising=False)
    yield tmp_path
    assert run(["ottla", "stop", "--all"]).exit_code == 0


def _up(*words: str) -> dict[str, Any]:
    """Start one in the background, in a process of its own: it forks."""
    with start(["ottla", "up", "-d", "--port", "0", "--json", *words]) as process:
        out, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    found: dict[str, Any] = json.loads(out)
    return found


def test_a_node_in_the_background(here: Path) -> None:
    """If this failed, `up -d` would leave a node that nobody finds, stops or hears."""
    row = _up("--dir", "kept", "--http", "0", "-c", "num.partitions=2")
    assert (row["dir"], row["log"]) == (str(here / "kept"), str(here / "kept.log"))
    (here / "runtime" / f"ottla-{os.getuid()}" / "folder.json").mkdir()  # nobody's announcement
    at = ["--at", row["bootstrap_servers"]]
    run(["ottla", "topics", "create", "two", *at])
    status = json.loads(run(["ottla", "status", "--json", *at]).stdout)
    (server,) = status["here"]
    assert (server["pid"], server["folders"]) == (row["pid"], [row["dir"]])
    assert (server["up_ms"] >= 0, server["http"]) == (True, row["http"])
    cluster = status["cluster"]
    assert (cluster["topics"], cluster["partitions"], cluster["offline"]) == (1, 2, 0)
    assert cluster["nodes"][0]["role"] == "broker, controller"
    with urllib.request.urlopen(f"http://127.0.0.1:{server['http']}/readyz", timeout=20) as page:
        assert page.status == 200
    shown = run(["ottla", "status", *at])
    assert (shown.exit_code, "partitions   2" in shown.stdout) == (0, True)

    assert run(["ottla", "logs", "--path"]).stdout == row["log"] + "\n"
    assert "INFO" in run(["ottla", "logs"]).stdout
    assert len(run(["ottla", "logs", "-n", "1"]).stdout.splitlines()) == 1
    with start(["ottla", "logs", "-f", "-n", "1"]) as follows:
        assert follows.stdout is not None
        assert follows.stdout.readline()
        stopped = run(["ottla", "stop", row["bootstrap_servers"]])
        out, _ = follows.communicate(timeout=30)
    assert (follows.returncode, b"stopped cleanly" in out) == (0, True)
    assert stopped.stdout.startswith(f"stopped {server['bootstrap']} (process {row['pid']}) in ")
    assert (here / "kept" / ".kafka_cleanshutdown").exists()
    after = run(["ottla", "logs", "-n", "1"])
    assert "stopped cleanly" in after.stdout, "a log is wanted most when its node is gone"
    assert "of the one that began last" in after.stderr
    done = run(["ottla", "stop"])
    assert (done.exit_code, "no node of yours runs here" in done.stderr) == (1, True)
    done = run(["ottla", "status", *at])
    assert (done.exit_code, "connection refused" in done.stderr) == (1, True)


def test_of_several_one_is_named(here: Path) -> None:
    """If this failed, `stop` would end the wrong one, or all."""
    rows = [_up("--dev"), _up("--dev", "--log-file", "other.log")]
    assert not (here / "ottla-data").exists()
    done = run(["ottla", "stop"])
    assert (done.exit_code, "2 nodes run here; which?" in done.stderr) == (1, True)
    assert rows[0]["bootstrap_servers"] in done.stderr
    elsewhere = "elsewhere.example:" + rows[0]["bootstrap_servers"].rpartition(":")[2]
    done = run(["ottla", "stop", elsewhere])
    assert (done.exit_code, f"no node of yours runs at {elsewhere}" in done.stderr) == (1, True)
    done = run(["ottla", "logs", "localhost:1"])
    assert (done.exit_code, "no node of yours runs at localhost:1" in done.stderr) == (1, True)
    port = rows[1]["bootstrap_servers"].rpartition(":")[2]
    assert run(["ottla", "logs", port, "--path"]).stdout == str(here / "other.log") + "\n"
    assert run(["ottla", "stop", str(rows[0]["pid"])]).exit_code == 0
    assert json.loads(run(["ottla", "stop", "--json"]).stdout)[0]["pid"] == rows[1]["pid"]
    assert not Path(rows[0]["dir"]).exists(), "--dev leaves nothing"
    assert not Path(rows[0]["log"]).exists()
    assert Path(rows[1]["log"]).exists(), "a file that was named stays"


def test_one_in_a_terminal_has_its_log_there(here: Path) -> None:
    """If this failed, `ottla logs` would show an empty file, or another node's."""
    port = free_port()
    with Terminal(["ottla", "up", "--dev", "--port", str(port)]) as terminal:
        shown = terminal.until("ottla status")
        assert f"is ready at \x1b[32m\x1b[1mlocalhost:{port}" in shown
        assert f"echo hello | ottla produce my-events --at localhost:{port}" in shown
        done = run(["ottla", "logs"])
        assert (done.exit_code, "to the terminal" in done.stderr) == (1, True)
        assert "ottla up -d" in done.stderr
        os.kill(terminal.process.pid, signal.SIGINT)
        assert terminal.ended() == 0


def test_one_that_does_not_end_is_told_of(here: Path) -> None:
    """If this failed, `stop` would say that it stopped what still runs."""
    row = _up("--dev")
    os.kill(row["pid"], signal.SIGSTOP)
    try:
        done = run(["ottla", "stop", "--timeout", "0.3"])
        assert (done.exit_code, done.stdout) == (1, "")
        assert f"process {row['pid']} has not ended after 0.3 s" in done.stderr
        assert f"kill -9 {row['pid']}" in done.stderr
    finally:
        os.kill(row["pid"], signal.SIGCONT)


def test_a_daemon_that_can_not_start_says_why(here: Path, ottla_server: OttlaServer) -> None:
    """If this failed, a script would go on without a node, or look for the reason in a file."""
    port = ottla_server.bootstrap.rpartition(":")[2]
    with start(["ottla", "up", "-d", "--port", port]) as process:
        out, said = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, b"")
    assert b"the server did not start" in said
    assert b"--port names another port" in said
    assert port.encode() in said
    assert (here / "ottla-data.log").read_text()
    assert not (here / "ottla-data").exists()


def test_daemons_of_apaches_name_are_found(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If this failed, what kafka-server-start.sh -daemon started could not be looked after."""
    port = free_port()
    (here / "server.properties").write_text(
        "process.roles=broker,controller\nnode.id=7\ncontroller.listener.names=CONTROLLER\n"
        f"listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{free_port()}\n"
        f"controller.quorum.bootstrap.servers=127.0.0.1:9093\nlog.dirs={here}/data\n"
    )
    words = ["kafka-storage.sh", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qg", "-c"]
    assert run([*words, "server.properties"]).exit_code == 0
    monkeypatch.setenv("LOG_DIR", str(here / "logs"))
    words = ["kafka-server-start.sh", "-daemon", "server.properties"]
    with start(words, stdout=subprocess.DEVNULL) as process:
        assert process.wait(timeout=60) == 0
    eventually(lambda: answers_api_versions(port), "it serves")
    path = run(["ottla", "logs", "--path"]).stdout.strip()
    assert path.endswith("kafkaServer.out")
    assert "Kafka Server started" in run(["ottla", "logs", str(port)]).stdout


@pytest.mark.parametrize("closed", [">&-", ">/dev/full"])
def test_nobody_hears_that_it_serves(here: Path, closed: str) -> None:
    """If this failed, a job without standard output would have no node, or think so."""
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    command = f"{sys.executable} -m ottla.cli ottla up -d --dev --port 0 {closed}"
    done = subprocess.run(["sh", "-c", command], env=environment, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert len(json.loads(run(["ottla", "status", "--json"]).stdout)["here"]) == 1
