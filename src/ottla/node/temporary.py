"""Temporary folders, and what became of those whose processes could not remove them.

A folder lies in memory where the system has a place for that with room (Linux: /dev/shm), which is
quicker and wears no disk. It is bounded: the core puts segments that find no more room there into
a second folder, beside other temporary files (`overflow_of`).

A folder's name carries its process's number, and in which space of process numbers that counts:
containers and machines that share a folder for temporary files have their own. The next broker
removes what dead processes of its own space and user left there, and nothing else. `manners`
removes the folders of a process that ends in order.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from contextlib import suppress
from functools import cache
from zlib import crc32

MEMORY = "/dev/shm"
ROOM_BYTES_MIN = 512 * 1024 * 1024
"""A container's /dev/shm has 64 MiB by default: those are for others."""


def make_folder(*, in_memory: bool) -> str:
    """A new temporary folder of this process, in memory if that is wanted and possible.

    Raises:
        OSError: there is no place for one.
    """
    prefix = f"ottla-{os.getpid()}-{_space()}-"
    if in_memory and _memory_has_room():
        with suppress(OSError):
            return tempfile.mkdtemp(prefix=prefix, dir=MEMORY)
    return tempfile.mkdtemp(prefix=prefix)


def overflow_of(folder: str) -> str | None:
    """Where segments go that a folder in memory has no room for; None if it lies on a disk."""
    parent, name = os.path.split(folder)
    return os.path.join(tempfile.gettempdir(), name) if parent == MEMORY else None


def remove(folder: str) -> None:
    """Remove a folder that `make_folder` made, and what overflowed."""
    for path in (folder, overflow_of(folder)):
        if path is not None:
            shutil.rmtree(path, ignore_errors=True)


def sweep() -> None:
    """Remove what processes that are dead left beside where `make_folder` makes its own."""
    for parent in {tempfile.gettempdir(), MEMORY}:
        with suppress(OSError), os.scandir(parent) as entries:
            for folder in [entry.path for entry in entries if _is_left(entry)]:
                shutil.rmtree(folder, ignore_errors=True)


def _memory_has_room() -> bool:
    try:
        found = os.statvfs(MEMORY)
    except OSError:
        return False
    return found.f_bavail * found.f_frsize >= ROOM_BYTES_MIN and tempfile.gettempdir() != MEMORY


def _is_left(entry: os.DirEntry[str]) -> bool:
    parts = entry.name.split("-", 3)
    if len(parts) < 4 or parts[0] != "ottla" or parts[2] != _space():
        return False
    if not parts[1].isdecimal() or _lives(int(parts[1])):
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
