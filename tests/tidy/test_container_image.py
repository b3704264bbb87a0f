"""The container image: what its variables mean, and that it is built, starts, serves and stops.

The first part runs everywhere. The second (long) needs root, buildah and mmdebstrap, as the stage
`long` of `make test-long` installs them; it runs the image's files in a chroot that buildah makes,
as the image's user, and on this machine's network.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import ottla
from oracle import answers_api_versions, dies_with_us, free_port
from servers import eventually

ROOT = Path(__file__).parents[2]
IMAGE = ROOT / "packaging" / "image"


@pytest.fixture(scope="module")
def entrypoint() -> Any:
    """packaging/image/entrypoint.py."""
    spec = importlib.util.spec_from_file_location("entrypoint", IMAGE / "entrypoint.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("KAFKA_NODE_ID", "node.id"),
        ("KAFKA_VALID___PROPERTY__ALL_CASES", "valid-property_all.cases"),
        ("KAFKA_KAFKA_METRICS_REPORTERS", "kafka.metrics.reporters"),
        ("KAFKA_OTTLA_HTTP_LISTEN", "ottla.http.listen"),
    ],
)
def test_variables_are_properties(entrypoint: Any, name: str, key: str) -> None:
    """If this failed, a compose file made for Kafka's own image would set something else here."""
    assert entrypoint.key(name) == key


def test_one_node_by_default(entrypoint: Any) -> None:
    """If this failed, an image that is started without a variable would not be a whole node."""
    properties, others = entrypoint.settings({"PATH": "/bin", "CLUSTER_ID": "x"}, {})
    assert properties == entrypoint.DEFAULTS
    assert others == []


def test_what_is_given_counts(entrypoint: Any) -> None:
    """If this failed, a default would stand against what a variable or a mounted file says."""
    mounted = {"num.partitions": "3", "node.id": "5", "controller.quorum.voters": "5@c:9093"}
    environment = {"KAFKA_NODE_ID": "7", "KAFKA_LISTENERS": "PLAINTEXT://:19092,CONTROLLER://:9093"}
    properties, _ = entrypoint.settings(environment, mounted)
    assert (properties["node.id"], properties["num.partitions"]) == ("7", "3")
    assert properties["listeners"] == environment["KAFKA_LISTENERS"]
    assert "advertised.listeners" not in properties
    assert "controller.quorum.bootstrap.servers" not in properties


def test_what_is_no_setting(entrypoint: Any) -> None:
    """If this failed, the JVM's options of a compose file, or what Kubernetes sets beside a service
    called kafka, would be refused as settings that nobody knows.
    """
    environment = dict.fromkeys(
        ("KAFKA_HEAP_OPTS", "KAFKA_OPTS", "KAFKA_LOG4J_ROOT_LOGLEVEL", "KAFKA_JMX_PORT",
         "KAFKA_TOOLS_LOG4J_LOGLEVEL", "KAFKA_PORT", "KAFKA_PORT_9092_TCP", "KAFKA_SERVICE_HOST",
         "KAFKA_VERSION"),
        "1",
    )  # fmt: skip
    properties, others = entrypoint.settings(environment, {})
    assert properties == entrypoint.DEFAULTS
    assert others == sorted(environment)


def test_a_value_comes_through_the_file(entrypoint: Any) -> None:
    """If this failed, a value with a backslash or of two lines would be another in the server."""
    from ottla.config.properties import parse_properties

    value = 'user="a\\b"\nc=1'
    assert parse_properties(f"key={entrypoint.escaped(value)}\n") == {"key": value}


def test_a_folder_keeps_its_cluster(entrypoint: Any, tmp_path: Path) -> None:
    """If this failed, a container would be refused its own volume at its second start."""
    assert entrypoint.cluster_id([tmp_path]) is None
    (tmp_path / "meta.properties").write_text("version=1\ncluster.id=abc-_1\nnode.id=1\n")
    assert entrypoint.cluster_id([tmp_path / "none", tmp_path]) == "abc-_1"


# ---------------------------------------------------------------- as it is built and run


class Container(NamedTuple):
    """A container of the image, and buildah to run it with."""

    buildah: list[str]
    name: str
    file: Path
    config: dict[str, Any]

    def command(self, *words: str, **environment: str) -> list[str]:
        """The command line that runs it with these words, or with none."""
        given = [f"--env={name}={value}" for name, value in environment.items()]
        run = [*self.buildah, "run", "--isolation", "chroot", *given, self.name, "--"]
        return [*run, *self.config["config"]["Entrypoint"], *words]

    def run(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run one of the commands inside to its end."""
        return subprocess.run(
            self.command(*words), input=stdin, capture_output=True, text=True, timeout=120
        )


@pytest.fixture(scope="module")
def container(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    """The image as `make image` builds it, loaded as from a stranger."""
    for tool in ("buildah", "mmdebstrap"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not here: apt-get install {tool}")
    if os.geteuid() != 0:
        pytest.skip("only root builds it without help")
    out = tmp_path_factory.mktemp("image")
    machine = os.uname().machine
    wheel = [sys.executable, ROOT / "packaging" / "wheels.py", machine, "--out", out]
    subprocess.run(wheel, check=True, capture_output=True)
    (found,) = out.glob("*.whl")
    file = out / "image.tar"
    done = subprocess.run(
        [IMAGE / "build.sh", found, file],
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    place = ["--root", str(out / "storage"), "--runroot", str(out / "run")]
    buildah = ["buildah", *place, "--storage-driver", "vfs"]
    command = [*buildah, "from", f"docker-archive:{file}"]
    name = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1]
    with tarfile.open(file) as files:
        (manifest,) = json.loads(_read(files, "manifest.json"))
        config = json.loads(_read(files, manifest["Config"]))
    yield Container(buildah, name, file, config)
    subprocess.run([*buildah, "rm", "--all"], check=True, capture_output=True)


def _read(files: tarfile.TarFile, name: str) -> bytes:
    member = files.extractfile(name)
    assert member is not None
    return member.read()


@pytest.mark.long
@pytest.mark.seconds(1800)
def test_what_the_image_says(container: Container) -> None:
    """If this failed, runtimes would run it as root, forget its data, or not see it fail."""
    config = container.config["config"]
    assert config["User"] == "10001:10001"
    assert config["Volumes"] == {"/var/lib/ottla": {}}
    assert config["ExposedPorts"] == {"9092/tcp": {}, "9405/tcp": {}}
    assert config["Entrypoint"] == ["/usr/local/bin/ottla-container"]
    assert config["Healthcheck"]["Test"] == ["CMD", "/usr/local/bin/ottla-container", "healthy"]
    assert config["StopSignal"] == "SIGTERM"
    assert config["Labels"]["org.opencontainers.image.version"] == ottla.__version__


@pytest.mark.long
@pytest.mark.seconds(1800)
def test_what_is_in_the_image(container: Container) -> None:
    """If this failed, the image would carry a shell, a package manager, or the builder's traces."""
    with tarfile.open(container.file) as files:
        (manifest,) = json.loads(_read(files, "manifest.json"))
        (layer,) = manifest["Layers"]
        inner = files.extractfile(layer)
        with tarfile.open(fileobj=inner) as layer_files:
            sizes = {member.name.rstrip("/"): member.size for member in layer_files}
    assert "usr/bin/python3.11" in sizes
    for name in ("bin/sh", "usr/bin/dpkg", "usr/bin/apt", "usr/bin/openssl", "etc/shadow"):
        assert name not in sizes
    for name in ("hostname", "hosts", "resolv.conf"):
        assert not sizes.get(f"etc/{name}"), "a runtime mounts its own over it"
    assert {"bin/kafka-topics.sh", "bin/ottla", "bin/kafka-storage"} <= {
        name.removeprefix("usr/local/") for name in sizes
    }


@pytest.mark.long
@pytest.mark.seconds(1800)
def test_a_container_serves_and_stops(container: Container) -> None:
    """If this failed, whoever starts the image would have no Kafka, or lose records at its end."""
    port, http = free_port(), free_port()
    variables = {
        "KAFKA_NODE_ID": "4",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_LISTENERS": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{free_port()}",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{port}",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "4@127.0.0.1:9093",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_NUM_PARTITIONS": "3",
        "KAFKA_HEAP_OPTS": "-Xmx1g",
        "KAFKA_OTTLA_HTTP_LISTEN": f"127.0.0.1:{http}",
        "CLUSTER_ID": "4L6g3nShT-eMCtK--X86sw",
    }
    at = ["--bootstrap-server", f"127.0.0.1:{port}"]
    for turn in range(2):  # the second finds the volume of the first
        command = [*dies_with_us(), *container.command(**variables)]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as served:
            eventually(lambda: answers_api_versions(port), "the container serves", timeout_s=60)
            assert container.run("healthy").stdout == "ok\n"
            if turn == 0:
                made = container.run("kafka-topics.sh", "--create", "--topic", "my-events", *at)
                assert made.stdout == "Created topic my-events.\n", made.stderr
                wrote = container.run(
                    "kafka-console-producer.sh", "--topic", "my-events", *at, stdin="hello\n"
                )
                assert wrote.returncode == 0, wrote.stderr
            told = container.run("kafka-topics.sh", "--describe", "--topic", "my-events", *at)
            assert "PartitionCount: 3" in told.stdout
            words = ["--topic", "my-events", "--from-beginning", "--max-messages", "1"]
            assert container.run("kafka-console-consumer.sh", *words, *at).stdout == "hello\n"
            os.kill(_innermost(served.pid), 15)
            output, _ = served.communicate(timeout=60)
        assert served.returncode == 0, output
        assert "no settings of a server here: KAFKA_HEAP_OPTS" in output
        assert "stopped cleanly" in output
    assert container.run("healthy").returncode == 1


@pytest.mark.long
@pytest.mark.seconds(1800)
def test_a_command_that_is_not_there(container: Container) -> None:
    """If this failed, a slip in a container's command would end in a traceback."""
    done = container.run("kafka-acls.sh")
    assert done.returncode != 0
    assert "hint:" in done.stderr
    assert "Traceback" not in done.stderr


def _innermost(pid: int) -> int:
    """The process that a chain of them has led to: a runtime would signal it directly."""
    while children := [
        int(child)
        for task in Path(f"/proc/{pid}/task").iterdir()  # whichever thread has started it
        for child in (task / "children").read_text().split()
    ]:
        (pid,) = children
    return pid
