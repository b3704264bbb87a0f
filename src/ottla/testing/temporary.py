"""Temporary folders, and what became of those whose processes could not remove them.

A folder's name carries its process's number, and in which space of process numbers that counts:
containers and machines that share a folder for temporary files have their own. The next broker
removes what dead processes of its own space and user left there, and nothing else. `manners`
removes the folders of a process that ends in order.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
from functools import cache
from zlib import crc32

_NAME = re.compile(r"ottla-(\d+)-([0-9a-f]{8})-")


def make_folder() -> str:
    """A new temporary folder of this process.

    Raises:
        OSError: there is no place for one.
    """
    return tempfile.mkdtemp(prefix=f"ottla-{os.getpid()}-{_space()}-")


def sweep() -> None:
    """Remove what processes that are dead left beside where `make_folder` makes its own."""
    parent = tempfile.gettempdir()
    try:
        with os.scandir(parent) as entries:
            left = [entry.path for entry in entries if _is_left(entry)]
    except OSError:
        return
    for folder in left:
        shutil.rmtree(folder, ignore_errors=True)


def _is_left(entry: os.DirEntry[str]) -> bool:
    name = _NAME.match(entry.name)
    if name is None or name[2] != _space() or _lives(int(name[1])):
        return False
    try:
        found = entry.stat(follow_symlinks=False)
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


@cache
def _space() -> str:
    """Where a process's number means the same process: this boot, and this container."""
    marks = []
    for mark in ("/proc/sys/kernel/random/boot_id", "/proc/self/ns/pid"):
        try:
            if mark.endswith("pid"):
                marks.append(os.readlink(mark))
            else:
                with open(mark) as file:
                    marks.append(file.read().strip())
        except OSError:
            marks.append(os.uname().nodename)
    return f"{crc32(' '.join(marks).encode()):08x}"
