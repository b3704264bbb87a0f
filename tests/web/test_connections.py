"""What is hung up on, and what is left as it was."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from ottla.web.connections import OPEN_FILES, hang_up


def test_who_was_taken_there_is_hung_up_on() -> None:
    """If this failed, a client that reads nothing would hold up the end of a service, or clients
    of other services would be hung up on with it.
    """
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as other,
        socket.create_connection(one.getsockname()) as of_one,
        socket.create_connection(other.getsockname()) as of_other,
        one.accept()[0],
        other.accept()[0] as taken,
    ):
        hang_up("127.0.0.1", one.getsockname()[1])
        assert of_one.recv(1) == b""
        taken.sendall(b"x")
        assert of_other.recv(1) == b"x"


def test_no_file_stays_open(tmp_path: Path) -> None:
    """If this failed, a service that ended would keep copies of all files of its process, and with
    them the lock on a broker's folder: the broker's next start would find it in use.
    """
    with (tmp_path / "kept").open("w"), socket.create_server(("127.0.0.1", 0)) as server:
        before = sorted(os.listdir(OPEN_FILES))
        hang_up("", server.getsockname()[1])
        assert sorted(os.listdir(OPEN_FILES)) == before
