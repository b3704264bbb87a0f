"""The server commands as processes: start, stop, daemon, `ottla up`, and the scripts in bin/."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from oracle import answers_api_versions, free_port
from servers import eventually

ROOT = Path(__file__).parents[2]
BIN = ROOT / "bin"


class Place:
    """A server.properties on free ports, and an environment that sees no other server."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.properties = folder / "server.properties"
        self.properties.write_text(
            "process.roles=broker,controller\nnode.id=7\ncontroller.listener.names=CONTROLLER\n"
            f"listeners=PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{free_port()}\n"
            "controller.quorum.bootstrap.servers=127.0.0.1:9093\n"
            f"log.dirs={folder}/data\n"
        )
        runtime = folder / "runtime"
        runtime.mkdir()
        self.environment = {
            **{k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
            "XDG_RUNTIME_DIR": str(runtime),
            "LOG_DIR": str(folder / "logs"),
        }

    def run(self, name: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command of bin/ to its end."""
        return subprocess.run(
            [BIN / name, *words],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def start(self, name: str, *words: str) -> subprocess.Popen[str]:
        """Start a command of bin/."""
        return subprocess.Popen(
            [BIN / name, *words],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def format(self) -> None:
        """Make its folder a node's."""
        uuid = self.run("kafka-storage.sh", "random-uuid").stdout.strip()
        done = self.run("kafka-storage.sh", "format", "-t", uuid, "-c", str(self.properties))
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A place whose servers are gone afterwards."""
    found = Place(tmp_path)
    yield found
    found.run("kafka-server-stop.sh")
    eventually(lambda: not answers_api_versions(found.port), "the server has stopped")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_runs_and_stops_cleanly(place: Place, number: int) -> None:
    """If this failed, the guide's command would not serve, or not stop cleanly."""
    place.format()
    with place.start("kafka-server-start.sh", "server.properties") as server:
        eventually(lambda: answers_api_versions(place.port), "the server answers")
        node = f"127.0.0.1:{place.port}"
        words = (
            "--create",
            "--topic",
            "my-events",
            "--partitions",
            "3",
            "--replication-factor",
            "1",
        )
        made = place.run("kafka-topics.sh", *words, "--bootstrap-server", node)
        assert (made.returncode, made.stdout) == (0, "Created topic my-events.\n"), made.stderr
        server.send_signal(number)
        output, _ = server.communicate(timeout=30)
    assert server.returncode == 0, output
    assert "Kafka Server started" in output
    assert (place.folder / "data" / ".kafka_cleanshutdown").exists()


def test_an_unformatted_folder_is_refused(place: Place) -> None:
    """If this failed, a wrong log.dirs would silently become an empty cluster."""
    done = place.run("kafka-server-start.sh", "server.properties")
    assert done.returncode == 1
    assert "hint:" in done.stderr
    assert "kafka-storage.sh format" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("line", "said", "hint"),
    [
        (
            "num.partitions=0",
            "Invalid value 0 for configuration num.partitions: Value must be at least 1",
            "allowed is",
        ),
        (
            "log.cleanup.policy=x",
            "Invalid value x for configuration log.cleanup.policy: String must be one of: "
            "compact, delete",
            "without the line",
        ),
        (
            "listener.security.protocol.map=PLAINTEXT:SSL,CONTROLLER:PLAINTEXT",
            "SSL",
            "PLAINTEXT",
        ),
        ("process.roles=broker", "process.roles=broker is not there yet", "broker,controller"),
        ("process.roles=brokers", "process.roles", "process.roles=broker,controller"),
        ("process.roles=controller", "listeners", "listeners=PLAINTEXT://:9092"),
        (
            "listeners=PLAINTEXT://:9092,PLAINTEXT://:9093",
            "must have a different name",
            "listeners=PLAINTEXT://:9092,CONTROLLER://:9093",
        ),
        ("listeners=PLAINTEXT://:99999,CONTROLLER://:1", "port outside", "listeners=PLAINTEXT://"),
        ("log.dirs=", "must not be empty", "log.dirs=/var/lib/kafka"),
        (
            "controller.quorum.voters=7@127.0.0.1:1,8@127.0.0.1:2",
            "names several controllers",
            "name this node alone",
        ),
        (
            "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "there is no authorizer yet",
            "allow.everyone.if.no.acl.found=true",
        ),
    ],
)
def test_a_wrong_line_stops_the_start(place: Place, line: str, said: str, hint: str) -> None:
    """If this failed, a node would run otherwise than its file says, or end without telling why."""
    place.format()
    done = place.run("kafka-server-start.sh", "server.properties", "--override", line)
    assert done.returncode == 1
    problem, _, advice = done.stderr.partition("\n\nhint: ")
    assert said in problem
    assert hint in advice
    assert "Traceback" not in done.stderr
    assert not (place.folder / "data" / "__cluster_metadata-0" / "quorum-state").exists()


def test_overrides_count_instead_of_the_file(place: Place) -> None:
    """If this failed, --override would be taken without a word and without effect."""
    place.format()
    done = place.run("kafka-server-start.sh", "server.properties", "--override", "num.partitions=x")
    assert done.returncode == 1
    assert "num.partitions" in done.stdout + done.stderr
    done = place.run("kafka-server-start.sh", "server.properties", "--override", "num.partitions")
    assert (done.returncode, "key=value" in done.stderr) == (1, True)


def test_a_daemon_serves_when_the_command_returns_and_is_found_to_be_stopped(place: Place) -> None:
    """If this failed, scripts that start and stop a server in the background would not work."""
    place.format()
    done = place.run("kafka-server-start.sh", "-daemon", "server.properties")
    assert done.returncode == 0, done.stdout + done.stderr
    assert answers_api_versions(place.port)
    assert "Kafka Server started" in (place.folder / "logs" / "kafkaServer.out").read_text()
    other = place.run("kafka-server-stop.sh", "--node-id", "8")
    assert (other.returncode, other.stdout) == (1, "No matching kafka server to stop\n")
    assert answers_api_versions(place.port)
    assert place.run("kafka-server-stop.sh", "--process-role=broker").returncode == 0
    eventually(lambda: not answers_api_versions(place.port), "the server has stopped")
    eventually(
        lambda: place.run("kafka-server-stop.sh").stdout == "No kafka server to stop\n",
        "the server is forgotten",
    )


def test_a_daemon_that_can_not_start_says_why(place: Place) -> None:
    """If this failed, a script would go on without a server."""
    done = place.run("kafka-server-start.sh", "-daemon", "server.properties")
    assert done.returncode == 1
    assert "kafka-storage.sh format" in done.stderr


def test_ottla_up_says_where_and_leaves_nothing(place: Place) -> None:
    """If this failed, the first command that a newcomer types would not work, or leave rubbish."""
    with place.start("ottla", "up", "--dev", "--port", "0", "--json") as server:
        assert server.stdout is not None
        row = json.loads(server.stdout.readline())
        assert answers_api_versions(int(row["bootstrap_servers"].rpartition(":")[2]))
        assert Path(row["dir"]).is_dir()
        os.kill(row["pid"], signal.SIGTERM)
        server.communicate(timeout=30)
    assert server.returncode == 0
    assert not Path(row["dir"]).exists()


def test_a_port_in_use_is_named(place: Place) -> None:
    """If this failed, a second node would fail with a riddle."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = place.run("ottla", "up", "--dev", "--port", port)
    assert done.returncode == 1
    assert port in done.stderr
    assert "hint:" in done.stderr


def test_a_file_that_is_not_here_is_taken_from_the_package(place: Place) -> None:
    """If this failed, the guide's lines would only work inside of a Kafka folder."""
    path = "config/kraft/server.properties"
    (place.folder / "elsewhere").mkdir()
    done = place.run("kafka-storage.sh", "info", "-c", path)
    assert f"{path} is not under" in done.stderr
    done = place.run("kafka-storage.sh", "info", "-c", "config/kraft/none.properties")
    assert done.returncode == 1
    assert "is not there" in done.stderr


def test_scripts_work_through_a_link(place: Place) -> None:
    """If this failed, a link to a script in some bin folder would not find its checkout."""
    link = place.folder / "kafka-topics.sh"
    link.symlink_to(BIN / "kafka-topics.sh")
    done = subprocess.run([link, "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "4.3.1\n"), done.stderr


def test_an_unbuilt_checkout_says_what_to_run(tmp_path: Path) -> None:
    """If this failed, a fresh clone would answer with a path that is not there."""
    shutil.copytree(BIN, tmp_path / "bin", symlinks=True)
    script = tmp_path / "bin" / "kafka-topics.sh"
    done = subprocess.run([script, "--list"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "make build" in done.stderr


LINE = re.compile(r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}\] ERROR (.*)")


def refusal(done: subprocess.CompletedProcess[str]) -> tuple[str, str]:
    """What a start says went wrong, as its log says things, and what to do: the last line."""
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    problem, _, hint = done.stderr.strip().partition("\n\nhint: ")
    found = LINE.fullmatch(problem)
    assert found is not None, done.stderr
    assert hint
    assert "\n" not in hint
    return found[1], hint


def test_a_start_that_fails_says_so_as_its_log_does(place: Place) -> None:
    """If this failed, whoever reads the log would not find when and why the server ended."""
    said, hint = refusal(place.run("kafka-server-start.sh", "server.properties"))
    assert said == f"{place.folder}/data is not formatted"
    assert hint.endswith("-c server.properties")
    place.format()
    (place.folder / "data" / "bootstrap.checkpoint").write_text("x")
    said, _ = refusal(place.run("kafka-server-start.sh", "server.properties"))
    assert "bootstrap.checkpoint" in said
    (place.folder / "data" / "meta.properties").unlink()
    (place.folder / "data" / "meta.properties").mkdir()
    said, _ = refusal(place.run("kafka-server-start.sh", "server.properties"))
    assert "meta.properties can't be read" in said


def test_a_log_file_and_json_tell_why_a_start_failed(place: Place) -> None:
    """If this failed, a log that a machine collects would end without the reason."""
    words = ("--override", f"ottla.log.file={place.folder}/log", "--override")
    done = place.run("kafka-server-start.sh", "server.properties", *words, "ottla.log.format=json")
    for text in (done.stderr, (place.folder / "log").read_text()):
        row = json.loads(text.splitlines()[-1])
        assert (row["level"], "is not formatted" in row["text"]) == ("ERROR", True)
        assert "kafka-storage.sh format" in row["hint"]


def test_a_daemon_that_can_not_start_says_what_this_run_said(place: Place) -> None:
    """If this failed, the reason shown would be that of a former run."""
    out = place.folder / "logs" / "kafkaServer.out"
    out.parent.mkdir()
    out.write_text("of a former run\n")
    done = place.run("kafka-server-start.sh", "-daemon", "server.properties")
    assert "is not formatted" in done.stderr
    assert "of a former run" not in done.stderr
    assert out.read_text().startswith("of a former run")


def test_a_checkout_that_can_not_be_run_is_not_called_unbuilt(tmp_path: Path) -> None:
    """If this failed, whoever lacks a right would build again what is built."""
    shutil.copytree(BIN, tmp_path / "bin", symlinks=True)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to("/nowhere/python3.11")
    (tmp_path / "src" / "ottla").mkdir(parents=True)
    (tmp_path / "src" / "ottla" / "_core.abi3.so").touch()
    script = tmp_path / "bin" / "kafka-topics.sh"
    done = subprocess.run([script, "--list"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "can't run" in done.stderr
    assert "not built" not in done.stderr


def test_who_holds_a_folder_is_named(place: Place) -> None:
    """If this failed, a folder in use would be a riddle on a machine with many processes."""
    place.format()
    with place.start("kafka-server-start.sh", "server.properties") as server:
        eventually(lambda: answers_api_versions(place.port), "the server answers")
        words = ("--override", "listeners=PLAINTEXT://127.0.0.1:0,CONTROLLER://127.0.0.1:0")
        said, hint = refusal(place.run("kafka-server-start.sh", "server.properties", *words))
        server.terminate()
        server.communicate(timeout=30)
    assert "is in use" in said
    if os.path.isdir("/proc/self/fdinfo"):
        assert f"it is process {server.pid}" in hint
    else:
        assert "fuser" in hint


def test_a_partition_without_a_leader_is_skipped_by_its_error(place: Place) -> None:
    """If this failed, a partition that is offline would be said not to exist."""
    place.format()
    node = ("--bootstrap-server", f"127.0.0.1:{place.port}")
    with place.start("kafka-server-start.sh", "server.properties") as server:
        eventually(lambda: answers_api_versions(place.port), "the server answers")
        made = place.run("kafka-topics.sh", "--create", "--topic", "t", "--partitions", "3", *node)
        assert made.returncode == 0, made.stderr
        server.terminate()
        server.communicate(timeout=30)
    (place.folder / "data" / "t-2" / "partition.metadata").write_text("garbage")
    (place.folder / "hasty").write_text("default.api.timeout.ms=300\n")
    with place.start("kafka-server-start.sh", "server.properties") as server:
        eventually(lambda: answers_api_versions(place.port), "the server answers")
        hasty = ("--command-config", f"{place.folder}/hasty")
        done = place.run("kafka-get-offsets.sh", "--topic", "t", *hasty, *node)
        stopped = place.run("kafka-server-stop.sh")
        server.communicate(timeout=30)
    assert (done.returncode, done.stdout) == (0, "t:0:0\nt:1:0\n"), done.stderr
    assert "Skip getting offsets for topic-partition t-2 due to error: " in done.stderr
    assert "leader" in done.stderr
    assert (stopped.returncode, stopped.stdout) == (0, "")
    assert stopped.stderr == f"SIGTERM to process {server.pid} (node 7, localhost:{place.port})\n"


def test_unstable_levels_must_be_wanted(place: Place) -> None:
    """If this failed, a cluster could come to a level that no later release knows by a slip, or
    Apache's own tests, which want that level, could not run against a node.
    """
    uuid = place.run("kafka-storage.sh", "random-uuid").stdout.strip()
    words = ("format", "-t", uuid, "-c", str(place.properties))
    unknown = place.run("kafka-storage.sh", *words, "-r", "4.4-IV0")
    assert unknown.returncode == 1
    assert "Unknown metadata.version '4.4-IV0'" in unknown.stderr
    assert "4.3-IV0\n" in unknown.stderr, "the last of those that are supported"
    early = place.run("kafka-storage.sh", *words, "-f", "metadata.version=31")
    assert early.returncode == 1
    assert "metadata.version 4.4-IV0 is not yet stable." in early.stderr
    assert "unstable.feature.versions.enable=true" in early.stderr
    with place.properties.open("a") as file:
        file.write("unstable.feature.versions.enable=true\n")
    done = place.run("kafka-storage.sh", *words)
    assert "with metadata.version 4.4-IV0." in done.stdout, done.stderr
    node = ("--bootstrap-server", f"127.0.0.1:{place.port}")
    with place.start("kafka-server-start.sh", "server.properties") as server:
        eventually(lambda: answers_api_versions(place.port), "the server answers")
        made = place.run("kafka-topics.sh", "--create", "--topic", "t", *node)
        assert made.returncode == 0, made.stderr
        server.terminate()
        server.communicate(timeout=30)
    stable = ("--override", "unstable.feature.versions.enable=false")
    refused = place.run("kafka-server-start.sh", "server.properties", *stable)
    assert refused.returncode != 0
    said = refused.stdout + refused.stderr
    assert "metadata.version" in said
    assert "unstable.feature.versions.enable=true" in said


@pytest.mark.parametrize("roles", ["broker", "controller"])
def test_roles_apart_are_refused_by_name(place: Place, roles: str) -> None:
    """If this failed, half a cluster would start and wait for ever, or end without a word."""
    place.format()
    lines = {
        "broker": f"listeners=PLAINTEXT://127.0.0.1:{place.port}\n",
        "controller": f"listeners=CONTROLLER://127.0.0.1:{place.port}\n",
    }
    with place.properties.open("a") as file:
        file.write(f"process.roles={roles}\n{lines[roles]}")
    said, hint = refusal(place.run("kafka-server-start.sh", "server.properties"))
    assert f"process.roles={roles} is not there yet" in said
    assert "process.roles=broker,controller" in hint


def test_a_name_that_promises_secrecy_is_not_mapped_to_none(place: Place) -> None:
    """If this failed, whoever follows the hint would have a listener called SSL that sends plain
    text.
    """
    place.format()
    with place.properties.open("a") as file:
        file.write(
            "listeners=SSL://:9194,CONTROLLER://:9193\n"
            "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\n"
        )
    said, hint = refusal(place.run("kafka-server-start.sh", "server.properties"))
    assert "No security protocol defined for listener SSL" in said
    assert hint.startswith("only PLAINTEXT listeners can be served today: take SSL out of")
