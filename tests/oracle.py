"""Apache Kafka 4.3.1 as an oracle: format, start and stop one real node.

It is what Ottla is held against. The jars come from Maven Central by way of `tests/java/pom.xml`;
nothing of the product needs them. A node here is combined (broker and controller), listens on
127.0.0.1 alone, and keeps all it has under one folder: `server.properties`, `data/` (its log.dirs)
and `server.log`.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO

JAVA_DIR = Path(__file__).parent / "java"
LIBS = JAVA_DIR / "target" / "libs"
CLUSTER_ID = "4L6g3nShT-eMCtK--X86sw"
QUICK_JVM = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"]

SMALL: dict[str, str] = {
    "offsets.topic.num.partitions": "4",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.num.partitions": "2",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "default.replication.factor": "1",
    "min.insync.replicas": "1",
    "group.initial.rebalance.delay.ms": "0",
}
"""Settings that make one node usable and quick; both servers of a comparison get them."""


def classpath() -> str:
    """The jars of 4.3.1.

    Raises:
        FileNotFoundError: they were not fetched yet; the text says how.
    """
    if not any(LIBS.glob("kafka_2.13-4.3.1.jar")):
        raise FileNotFoundError(
            f"no Apache Kafka jars in {LIBS}; fetch them with "
            "`mvn -q -f tests/java/pom.xml dependency:copy-dependencies`"
        )
    return f"{LIBS}/*"


def java(main: str, *args: str, jvm: tuple[str, ...] = ()) -> list[str]:
    """The command line that runs one main class of 4.3.1 in a JVM of its own."""
    quiet = ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]
    unpacked = f"-Djava.io.tmpdir={tempfile.gettempdir()}"  # the codecs' native libraries
    return ["java", *QUICK_JVM, *quiet, unpacked, *jvm, "-cp", classpath(), main, *args]


def compiled(names: Iterable[str], folder: Path) -> Path:
    """The folder, with these classes of `tests/java/tools` in it."""
    folder.mkdir(parents=True, exist_ok=True)
    sources = [str(JAVA_DIR / "tools" / f"{name}.java") for name in names]
    subprocess.run(["javac", "-cp", classpath(), "-d", str(folder), *sources], check=True)
    return folder


def dies_with_us() -> list[str]:
    """What to put before a server's command line, so that not even a killed run leaves one."""
    return ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on right now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
        return port


def answers_api_versions(port: int, *, host: str = "127.0.0.1") -> bool:
    """Whether a Kafka listener there answers ApiVersions v0 without an error."""
    body = struct.pack(">hhih4s", 18, 0, 7, 4, b"boot")
    try:
        with socket.create_connection((host, port), 2) as s:
            s.settimeout(5)
            s.sendall(struct.pack(">i", len(body)) + body)
            with s.makefile("rb") as f:
                size = struct.unpack(">i", f.read(4))[0]
                answer = f.read(size)
                return len(answer) == size and answer[4:6] == b"\0\0"
    except (OSError, struct.error):
        return False


class Oracle:
    """One node of Apache Kafka 4.3.1 in a folder; it can be stopped, killed and started again."""

    kind = "kafka"

    def __init__(
        self,
        folder: Path,
        config: Mapping[str, str] | None = None,
        *,
        log_dir: Path | None = None,
        heap: str = "512m",
        quick_jvm: bool = True,
        quorum: str = "static",
        ports: tuple[int, int] | None = None,
        features: Mapping[str, int] | None = None,
        jvm: tuple[str, ...] = (),
        classes: Path | None = None,
    ) -> None:
        self.folder = folder
        self.log_dir = log_dir or folder / "data"
        self.port, self.controller_port = ports or (free_port(), free_port())
        self.bootstrap = f"127.0.0.1:{self.port}"
        self.config = {**SMALL, **(config or {})}
        self.server_log = folder / "server.log"
        self._heap = heap
        self._quick_jvm = quick_jvm
        self._quorum = quorum
        self._features = features or {}
        self._jvm = jvm
        self._classes = classes
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self.properties = folder / "server.properties"
        self._write_properties()

    def _write_properties(self) -> None:
        voters = {"controller.quorum.voters": f"1@127.0.0.1:{self.controller_port}"}
        bootstrap = {"controller.quorum.bootstrap.servers": f"127.0.0.1:{self.controller_port}"}
        rows = {
            **(voters if self._quorum == "static" else bootstrap),
            "process.roles": "broker,controller",
            "node.id": "1",
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port},"
            f"CONTROLLER://127.0.0.1:{self.controller_port}",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": str(self.log_dir),
            **self.config,
        }
        self.properties.write_text("".join(f"{k}={v}\n" for k, v in rows.items()))

    @property
    def pid(self) -> int:
        """The JVM's process id."""
        assert self._process is not None
        return self._process.pid

    def format(self, cluster_id: str = CLUSTER_ID) -> None:
        """Format the log directory with Apache's own storage tool."""
        args = ["format", "-t", cluster_id, "-c", str(self.properties)]
        if self._quorum == "dynamic":
            args.append("--standalone")
        for name, level in self._features.items():  # the others get the release's own level
            args += ["--feature", f"{name}={level}"]
        done = subprocess.run(java("kafka.tools.StorageTool", *args), capture_output=True)
        assert done.returncode == 0, (done.stdout + done.stderr).decode()

    def start(self, *, timeout_s: float = 90) -> None:
        """Start the node (formatting first, if that was never done) and wait until it answers."""
        if not (self.log_dir / "meta.properties").exists():
            self.format()
        flags = (f"-Xmx{self._heap}", f"-Xms{self._heap}", *self._jvm)
        command = java("kafka.Kafka", str(self.properties), jvm=flags)
        if not self._quick_jvm:  # as kafka-server-start.sh would run it
            command = [c for c in command if c not in QUICK_JVM]
            command[1:1] = ["-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20"]
        if self._classes is not None:
            command[command.index("-cp") + 1] += f":{self._classes}"
        log: IO[bytes]
        command = [*dies_with_us(), *command]
        with self.server_log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + timeout_s
        while not answers_api_versions(self.port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                tail = self.server_log.read_text(errors="replace")[-4000:]
                raise RuntimeError(f"Apache Kafka did not come up in {self.folder}:\n{tail}")
            time.sleep(0.02)

    def stop(self, *, timeout_s: float = 60) -> None:
        """Stop cleanly, as kafka-server-stop.sh does."""
        self._end(signal.SIGTERM, timeout_s)

    def kill(self) -> None:
        """SIGKILL: nothing is flushed, no clean-shutdown file is written."""
        self._end(signal.SIGKILL, 30)

    def _end(self, how: signal.Signals, timeout_s: float) -> None:
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(how)
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(30)
            raise

    def restart(self) -> None:
        """A clean stop and a start on the same folder and ports."""
        self.stop()
        self.start()

    def errors_logged(self) -> list[str]:
        """Lines of the server's log at ERROR or FATAL, but for one that has nothing to do with what
        lies in the folder: a controller on a slow machine may ask to be registered before it leads.
        """
        lines = self.server_log.read_text(errors="replace").splitlines()
        behind = zip(lines, [*lines[1:], ""], strict=True)
        return [
            line
            for line, next_line in behind
            if (" ERROR " in line or " FATAL " in line)
            and not ("apiKey=CONTROLLER_REGISTRATION" in line and "NotController" in next_line)
        ]

    def __enter__(self) -> Oracle:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def dump_log(*files: Path, args: tuple[str, ...] = ()) -> str:
    """What kafka-dump-log of 4.3.1 prints of these files; complaints included."""
    names = ",".join(os.fspath(f) for f in files)
    command = java("org.apache.kafka.tools.DumpLogSegments", "--files", names, *args)
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout + done.stderr
