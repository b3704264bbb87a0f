"""A node in a process of its own, run by the same commands that one types."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 30


class Node:
    """kafka-storage.sh format, kafka-server-start.sh, and the ways it ends."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ottla-flights-"))
        self.port, controller = _free_port(), _free_port()
        self.bootstrap = f"127.0.0.1:{self.port}"
        self.log = self.folder / "server.log"
        self.config = self.folder / "server.properties"
        self.config.write_text(
            f"process.roles=broker,controller\n"
            f"node.id=1\n"
            f"listeners=PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{controller}\n"
            f"controller.listener.names=CONTROLLER\n"
            f"controller.quorum.bootstrap.servers=127.0.0.1:{controller}\n"
            f"log.dirs={self.folder / 'data'}\n"
            f"offsets.topic.replication.factor=1\n"
            f"offsets.topic.num.partitions=4\n"
            f"group.initial.rebalance.delay.ms=0\n"
        )
        self._process: subprocess.Popen[bytes] | None = None

    def format(self) -> None:
        """Make the folder a node's."""
        uuid = _command("kafka-storage.sh", "random-uuid").strip()
        _command("kafka-storage.sh", "format", "-t", uuid, "-c", str(self.config))

    def start(self) -> float:
        """Start it and return the seconds until it took a connection."""
        begun = time.monotonic()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [ROOT / "bin" / "kafka-server-start.sh", self.config],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        while True:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return time.monotonic() - begun
            if self._process.poll() is not None or time.monotonic() - begun > PATIENCE_S:
                raise SystemExit(f"the node did not start:\n{self.log.read_text()[-3000:]}")
            time.sleep(0.005)

    def kill(self) -> None:
        """SIGKILL: no warning, nothing flushed."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def recovery(self) -> list[str]:
        """What the log of the last start says about recovery."""
        lines = self.log.read_text(errors="replace").splitlines()
        return [line for line in lines if "recover" in line.lower()]

    def stop(self) -> int:
        """SIGTERM; the exit code of a clean end is 0."""
        if self._process is None or self._process.poll() is not None:
            return -1
        self._process.terminate()
        try:
            return self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.kill()
            return -9

    def remove(self) -> None:
        """End whatever still runs and remove the folder."""
        if self._process is not None and self._process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def _command(name: str, *arguments: str) -> str:
    done = subprocess.run([ROOT / "bin" / name, *arguments], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{name} {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
