"""The servers that black-box tests run against: an Ottla node, or the real Apache Kafka 4.3.1.

Both have the same small surface, so one test function holds both to the same behaviour.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from oracle import SMALL, Oracle, answers_api_versions, free_port


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
        import ottla

        self._broker = ottla.Broker(dir=self.folder, port=self.port, config=self.config)
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
    """An Ottla node in a process of its own, which a test may kill."""

    kind = "ottla"

    def __init__(self, folder: Path, config: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.config = {**SMALL, **(config or {})}
        self.port = free_port()
        self.bootstrap = f"127.0.0.1:{self.port}"
        self.log = folder.with_name(folder.name + ".log")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The node's process id."""
        assert self._process is not None
        return self._process.pid

    def start(self, *, timeout_s: float = 20) -> None:
        """Start the process and wait until it answers."""
        program = (
            "import json, signal, sys\n"
            "import ottla\n"
            "folder, port, config = json.loads(sys.argv[1])\n"
            "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])\n"
            "with ottla.Broker(dir=folder, port=port, config=config):\n"
            "    signal.sigwait([signal.SIGTERM])\n"
        )
        argument = json.dumps([str(self.folder), self.port, self.config])
        source = Path(__file__).parents[1] / "src"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", program, argument],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONPATH": str(source)},
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


def oracle_server(folder: Path, config: Mapping[str, str] | None = None) -> Oracle:
    """The real Apache Kafka 4.3.1, not started yet."""
    return Oracle(folder, config)
