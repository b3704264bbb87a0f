"""A node in a process of its own, watched over HTTP and in /proc."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

from oracle import dies_with_us, free_port
from servers import BIN

CONNECT_S = 10


class Server:
    """A node in a process of its own, so that its memory and threads are nobody else's."""

    def __init__(self, folder: Path) -> None:
        self.http, self.port = free_port(), free_port()
        properties = folder / "server.properties"
        properties.write_text(
            "process.roles=broker,controller\nnode.id=1\ncontroller.listener.names=CONTROLLER\n"
            f"listeners=PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{free_port()}\n"
            "controller.quorum.bootstrap.servers=127.0.0.1:9093\noffsets.topic.replication.factor=1\n"
            f"ottla.http.listen=127.0.0.1:{self.http}\nlog.dirs={folder}/data\n"
        )
        words = ["format", "-t", "4L6g3nShT-eMCtK--X86sw", "-c", str(properties)]
        subprocess.run([BIN / "kafka-storage.sh", *words], check=True, capture_output=True)
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [*dies_with_us(), str(BIN / "kafka-server-start.sh"), str(properties)],
                stdout=log,
                stderr=log,
            )

    def connect(self) -> socket.socket:
        """A connection to where it is watched."""
        return socket.create_connection(("127.0.0.1", self.http), CONNECT_S)

    def get(self, path: str) -> str:
        """The whole answer to a request for a path."""
        with self.connect() as connection, connection.makefile("rb") as answer:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            return answer.read().decode()

    def is_ready(self) -> bool:
        """Whether it says so."""
        with suppress(OSError):
            return self.get("/readyz").startswith("HTTP/1.1 200")
        return False

    def status(self, name: str) -> int:
        """A number of /proc/PID/status: Threads, VmRSS in KiB."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(rf"^{name}:\s+(\d+)", text, re.M)
        assert found
        return int(found[1])

    def forget_peak(self) -> None:
        """Let VmHWM begin anew at what the node takes now."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def stop(self) -> None:
        """End it, as a user would."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
