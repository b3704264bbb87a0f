"""Which servers of this user run on this machine: how kafka-server-stop.sh finds what to stop.

Each server keeps a small file in a folder of the user's own and holds a lock on it as long as it
lives; the kernel lets go of the lock however the process ends, so a file without a lock is a
leftover, and a pid is only trusted while its file is locked. Log directories are left alone:
nothing private goes there.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterable
from typing import NamedTuple

from ottla.errors import OttlaError


class Server(NamedTuple):
    """A running server: where it keeps records, what it prints goes to, and metrics and a schema
    registry are; None is nowhere.
    """

    pid: int
    node_id: int
    roles: tuple[str, ...]
    bootstrap: str
    folders: tuple[str, ...] = ()
    log: str | None = None
    http: int | None = None
    started_ms: int = 0
    registry: str | None = None


def runtime_folder() -> str:
    """The user's folder for such files, made if it is not there.

    Raises:
        OttlaError: somebody else made it.
    """
    import tempfile  # which costs more than all else here

    base = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    folder = os.path.join(base, f"ottla-{os.getuid()}")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    found = os.stat(folder)
    if found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise OttlaError(f"{folder} is not this user's own", hint="remove it, or make it mode 700")
    return folder


LAST = "last-log"
"""Which log the server that was started last writes: asked for when it is gone."""


def last_log() -> str | None:
    """The log of the server that began last, if it is still there."""
    try:
        with open(os.path.join(runtime_folder(), LAST), encoding="utf-8") as file:
            path = file.read()
    except OSError:
        return None
    return path if os.path.exists(path) else None


class Announcement:
    """That this process is a server; ends with the process, or by `close`."""

    def __init__(
        self,
        *,
        node_id: int,
        roles: tuple[str, ...],
        bootstrap: str,
        folders: Iterable[str] = (),
        log: str | None = None,
        http: int | None = None,
        registry: str | None = None,
    ) -> None:
        import json

        self._path = os.path.join(runtime_folder(), f"{os.getpid()}.json")
        self._file = open(self._path, "w", encoding="utf-8")  # noqa: SIM115 (held until the end)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        started_ms = int(time.time() * 1000)
        server = Server(
            os.getpid(), node_id, roles, bootstrap, tuple(folders), log, http, started_ms, registry
        )
        json.dump(server._asdict(), self._file)
        self._file.flush()
        if log is not None:
            with open(os.path.join(runtime_folder(), LAST), "w", encoding="utf-8") as file:
                file.write(log)

    def close(self) -> None:
        """Take the announcement back."""
        if not self._file.closed:
            os.unlink(self._path)
            self._file.close()


def running_servers() -> list[Server]:
    """The servers that live, by pid; leftovers are removed on the way."""
    import json

    found = []
    folder = runtime_folder()
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if not name.endswith(".json"):
            continue
        try:
            with open(path, encoding="utf-8") as file:
                if _unlocked(file.fileno()):
                    os.unlink(path)
                    continue
                row = json.load(file)
                lists = {key: tuple(row.get(key, ())) for key in ("roles", "folders")}
                known = {key: value for key, value in row.items() if key in Server._fields}
                found.append(Server(**{**known, **lists}))
        except (OSError, ValueError, TypeError):
            continue  # it ended, or begins, just now
    return found


def _unlocked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
