"""The servers that black-box tests run against: an Ottla node, or the real Apache Kafka 4.3.1.

Both have the same small surface, so one test function holds both to the same behaviour.
"""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from oracle import CLUSTER_ID, SMALL, answers_api_versions, dies_with_us, free_port

BIN = Path(__file__).parents[1] / "bin"


class Server(Protocol):
    """A running node that speaks Kafka, and that can be stopped and started in place."""

    kind: str
    bootstrap: str

    def restart(self) -> None:
        """A clean stop and a start on the same folder and port."""


def eventually(condition: Callable[[], Any], what: str, *, timeout_s: float = 20) -> Any:
    """Poll until `condition()` is true and return that; fail with `what` at the deadline."""
    deadline = time.monotonic() + timeout_s
    while True:
        if found := condition():
            return found
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
        time.sleep(0.01)


class OttlaServer:
    """One embedded Ottla node in this process, with a kept folder."""

    kind = "ottla"

    def __init__(self, folder: Path, config: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.config = {**SMALL, **(config or {})}
        self.port = free_port()
        self.bootstrap = f"127.0.0.1:{self.port}"
        self._broker: Any = None

    def start(self) -> None:
        """Start the node on its folder."""
        import warnings

        import ottla

        self._broker = ottla.Broker(dir=self.folder, port=self.port, config=self.config)
        with warnings.catch_warnings():
            # The configuration is the one that Apache Kafka gets, which honours more.
            warnings.filterwarnings("ignore", message=r"ottla\.Broker\(config")
            self._broker.start()

    def stop(self) -> None:
        """Stop the node cleanly."""
        broker, self._broker = self._broker, None
        if broker is not None:
            broker.close()

    def restart(self) -> None:
        """A clean stop and a start on the same folder and port."""
        self.stop()
        self.start()


class OttlaProcess:
    """An Ottla server in a process of its own, started by the command that users type.

    `folder` is its log directory; `server.properties` and the log lie beside it.
    """

    kind = "ottla"

    def __init__(
        self,
        folder: Path,
        config: Mapping[str, str] | None = None,
        *,
        quorum: str = "static",
        features: Mapping[str, int] | None = None,
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self.controller_port = free_port()
        self.bootstrap = f"127.0.0.1:{self.port}"
        self.log = folder.with_name(folder.name + ".log")
        self._properties = folder.with_name(folder.name + ".properties")
        self._quorum = quorum
        self._features = features or {}
        self._process: subprocess.Popen[bytes] | None = None
        controller = f"127.0.0.1:{self.controller_port}"
        voters = {"controller.quorum.voters": f"1@{controller}"}
        rows = {
            **(
                voters
                if quorum == "static"
                else {"controller.quorum.bootstrap.servers": controller}
            ),
            "process.roles": "broker,controller",
            "node.id": "1",
            "listeners": f"PLAINTEXT://{self.bootstrap},CONTROLLER://{controller}",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": str(folder),
            **SMALL,
            **(config or {}),
        }
        self._properties.write_text("".join(f"{k}={v}\n" for k, v in rows.items()))

    @property
    def pid(self) -> int:
        """The node's process id."""
        assert self._process is not None
        return self._process.pid

    def format(self) -> None:
        """Format the log directory by kafka-storage.sh."""
        script = BIN / "kafka-storage.sh"
        command = [script, "format", "-t", CLUSTER_ID, "-c", self._properties]
        if self._quorum == "dynamic":
            command.append("--standalone")
        for name, level in self._features.items():  # the others get the release's own level
            command += ["--feature", f"{name}={level}"]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self, *, timeout_s: float = 20) -> None:
        """Start the process, formatting first where needed, and wait until it answers."""
        if not (self.folder / "meta.properties").exists():
            self.format()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*dies_with_us(), str(BIN / "kafka-server-start.sh"), str(self._properties)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + timeout_s
        while not answers_api_versions(self.port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                tail = self.log.read_text(errors="replace")[-4000:]
                raise RuntimeError(f"Ottla did not come up in {self.folder}:\n{tail}")
            time.sleep(0.002)

    def stop(self) -> None:
        """SIGTERM, and wait for a clean end."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            status = process.wait(20)
            assert status == 0, self.log.read_text(errors="replace")[-4000:]
            return
        process.kill()
        process.wait(20)
        raise AssertionError(f"the node of {self.folder} did not stop within 20 s")

    def kill(self) -> None:
        """SIGKILL."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(20)

    def restart(self) -> None:
        """A clean stop and a start on the same folder and port."""
        self.stop()
        self.start()
