"""The servers that are measured and the load that is put on them.

Both are started the way their users start them: Ottla by `bin/kafka-server-start.sh` of this
checkout, Apache Kafka 4.3.1 with the flags of its own script, from the jars of Maven Central.
Nothing here runs inside of them; CPU and memory come from /proc.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from oracle import CLUSTER_ID, Oracle, answers_api_versions, free_port  # noqa: E402
from oracle import classpath as classpath  # noqa: E402
from oracle import java as java  # noqa: E402

LOAD = ROOT / "bench" / "load" / "target" / "release" / "load"
OTTLA, KAFKA = "ottla", "kafka"
DELETE_AT_ONCE = {"log.segment.delete.delay.ms": "1000"}


class Ottla:
    """One Ottla server, started by the command that users type."""

    kind = OTTLA

    def __init__(self, folder: Path, config: Mapping[str, str]) -> None:
        self.folder = folder
        self.port = free_port()
        self.bootstrap = f"127.0.0.1:{self.port}"
        self._controller_port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._properties = folder / "server.properties"
        folder.mkdir(parents=True)
        rows = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@127.0.0.1:{self._controller_port}",
            "listeners": f"PLAINTEXT://{self.bootstrap},"
            f"CONTROLLER://127.0.0.1:{self._controller_port}",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": str(folder / "data"),
            "offsets.topic.replication.factor": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            **config,
        }
        self._properties.write_text("".join(f"{k}={v}\n" for k, v in rows.items()))

    @property
    def pid(self) -> int:
        """The server's process id."""
        assert self._process is not None
        return self._process.pid

    def format(self) -> None:
        """Format the folder, as a user does once."""
        script = ROOT / "bin" / "kafka-storage.sh"
        command = [script, "format", "-t", CLUSTER_ID, "-c", self._properties]
        subprocess.run(command, check=True, capture_output=True)

    def start(self) -> None:
        """Start the server and wait until it answers ApiVersions."""
        if not (self.folder / "data" / "meta.properties").exists():
            self.format()
        script = str(ROOT / "bin" / "kafka-server-start.sh")
        log_path = self.folder / "server.log"
        with log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [script, str(self._properties)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline = time.monotonic() + 20
        while not answers_api_versions(self.port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"Ottla did not come up:\n{log_path.read_text()[-4000:]}")
            time.sleep(0.001)

    def stop(self) -> None:
        """Stop it cleanly."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it without a word."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(how)
            process.wait(60)


class Rig:
    """Two running servers, started when first asked for, and warmed before they are measured."""

    def __init__(self, *, scale: float, warm_bytes: int, kinds: tuple[str, ...]) -> None:
        self.scale = scale
        self.kinds = kinds
        self._warm_bytes = warm_bytes
        self._folder = Path(tempfile.mkdtemp(prefix="ottla-bench-"))
        self._memory: Path | None = None
        self._running: dict[str, Ottla | Oracle] = {}
        self._numbers = 0

    def size(self, number: int) -> int:
        """A count or a size of the full bench, made smaller by --scale."""
        return max(1, int(number * self.scale))

    def name(self) -> str:
        """A topic's name that was not used yet."""
        self._numbers += 1
        return f"bench-{self._numbers}"

    def running(self, kind: str) -> Ottla | Oracle:
        """The shared server of that kind."""
        if kind not in self._running:
            server = self._make(kind)
            server.start()
            self._running[kind] = server
            self._warm(server)
        return self._running[kind]

    @contextmanager
    def fresh(
        self, kind: str, config: Mapping[str, str] | None = None, *, in_memory: bool = False
    ) -> Iterator[Ottla | Oracle]:
        """A server of that kind with an empty, formatted folder, not started yet; in memory the
        folder has no disk that others use as well.
        """
        if in_memory and self._memory is None:
            self._memory = Path(tempfile.mkdtemp(prefix="ottla-bench-", dir="/dev/shm"))
        server = self._make(kind, config, self._memory if in_memory else None)
        server.format()
        try:
            yield server
        finally:
            server.stop()
            shutil.rmtree(server.folder, ignore_errors=True)

    def load(self, server: Ottla | Oracle, mode: str, **options: object) -> dict[str, Any]:
        """Run the load generator once and return what it printed."""
        words = [f"{word}" for k, v in options.items() for word in (f"--{k}", v)]
        common = ["--bs", server.bootstrap, "--pid", str(server.pid)]
        command = [str(LOAD), mode, *common, *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}\n{done.stderr}")
        found: dict[str, Any] = json.loads(done.stdout) if done.stdout.strip() else {}
        return found

    def close(self) -> None:
        """Stop what runs and remove what was written."""
        for server in self._running.values():
            server.stop()
        for folder in (self._folder, self._memory):
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)

    def _make(
        self, kind: str, config: Mapping[str, str] | None = None, above: Path | None = None
    ) -> Ottla | Oracle:
        rows = {**DELETE_AT_ONCE, **(config or {})}
        self._numbers += 1
        folder = (above or self._folder) / f"{kind}-{self._numbers}"
        if kind == OTTLA:
            return Ottla(folder, rows)
        return Oracle(folder, rows, heap="1g", quick_jvm=False)

    def _warm(self, server: Ottla | Oracle) -> None:
        """Let the JVM compile what is hot; both servers get the same."""
        topic, small = self.name(), self.name()
        self.load(server, "produce", topic=topic, total=self._warm_bytes)
        self.load(server, "consume", topic=topic, total=self._warm_bytes)
        self.load(server, "delete", topic=topic)
        self.load(server, "produce", topic=small, rec=100, batch=0, reqs=self.size(150_000))
        self.load(server, "rpc", topic=small, reqs=self.size(30_000))
        self.load(server, "delete", topic=small)


def build_load() -> None:
    """Build the load generator, if that is not done yet."""
    manifest = str(ROOT / "bench" / "load" / "Cargo.toml")
    subprocess.run(["cargo", "build", "--release", "-q", "--manifest-path", manifest], check=True)


def folders_gone(server: Ottla | Oracle, topic: str, timeout_s: float = 300) -> None:
    """Wait until no folder of a deleted topic is left."""
    deadline = time.monotonic() + timeout_s
    while any(server.folder.glob(f"*/{topic}-*")):
        if time.monotonic() > deadline:
            raise RuntimeError(f"the folders of the deleted topic {topic} do not go")
        time.sleep(0.2)


def cpu_seconds(pid: int) -> float:
    """User and system CPU of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def resident_mib(pid: int) -> float:
    """Resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def forget_most_resident(pid: int) -> None:
    """Let `most_resident_mib` count from now on."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def most_resident_mib(pid: int) -> float:
    """The most that was resident of a process at once."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


def cpu_model() -> str:
    """What /proc/cpuinfo calls this machine's processor, and how many of them there are."""
    rows = Path("/proc/cpuinfo").read_text().splitlines()
    models = [row.partition(":")[2].strip() for row in rows if row.startswith("model name")]
    return f"{models[0] if models else 'unknown CPU'}, {len(models)} cores"
