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
from contextlib import ExitStack, contextmanager

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
                    hint="stop that node, or give this one a folder of its own",
                ) from None
        yield


def _lock(descriptor: int) -> None:
    if hasattr(fcntl, "F_OFD_SETLK"):
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _WHOLE_FILE)
    else:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
