"""The `.lock` of log directories, held by whoever formats them.

It is the same lock that a running node holds through the core, and Apache Kafka through Java: an
open-file-description lock where there are such, so that it also keeps two threads of one process
apart. The file stays behind, as a node's does: to remove it would let two in.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from shlex import quote

from ottla.errors import OttlaError
from ottla.node import manners

LOCK_FILE = ".lock"

_WHOLE_FILE = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
"""C's `struct flock`: kind, whence, start, length (0: to the end), process id."""


class FolderInUse(OttlaError):
    """Another node, or another `format`, holds a log directory."""


@contextmanager
def locked(directories: Iterable[str]) -> Iterator[None]:
    """Hold these directories, which are made where they are not there.

    Raises:
        FolderInUse: somebody else holds one of them.
        OSError: one can't be made or written to.
    """
    # A fork's child would hold the locks for as long as it lives.
    with manners.no_fork(), ExitStack() as held:
        for directory in directories:
            os.makedirs(directory, exist_ok=True)
            path = os.path.join(directory, LOCK_FILE)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            held.callback(os.close, descriptor)
            try:
                _lock(descriptor)
            except OSError as problem:
                if problem.errno not in (errno.EAGAIN, errno.EACCES):
                    raise
                raise FolderInUse(
                    f"the log directory {directory} is in use: another node holds its {LOCK_FILE}",
                    hint=in_use_hint([directory]),
                ) from None
        yield


def in_use_hint(directories: Iterable[str]) -> str:
    """What to do about directories of which one is locked: who holds it, as far as that is told."""
    paths = [os.path.realpath(os.path.join(one, LOCK_FILE)) for one in directories]
    holder = _holder(paths)
    if holder == os.getpid():
        who = f"it is this very process, {holder}"
    elif holder is not None:
        who = f"it is process {holder}"
    else:
        who = f"`fuser {' '.join(map(quote, paths))}` says which process that is"
    return f"stop that node ({who}), or give this one a folder of its own"


def _holder(paths: list[str]) -> int | None:
    """The process that has one of these files open and locked; None where nobody says so.

    The kernel names no holder for the kind of lock that a node takes, but each open file of a
    process of the same user tells what is locked through it (Linux alone).
    """
    for pid in sorted(int(name) for name in _listed("/proc") if name.isdigit()):
        for descriptor in _listed(f"/proc/{pid}/fd"):
            with suppress(OSError):
                if os.readlink(f"/proc/{pid}/fd/{descriptor}") in paths:
                    with open(f"/proc/{pid}/fdinfo/{descriptor}", "rb") as file:
                        if b"lock:" in file.read():
                            return pid
    return None


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _lock(descriptor: int) -> None:
    if hasattr(fcntl, "F_OFD_SETLK"):
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _WHOLE_FILE)
    else:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
