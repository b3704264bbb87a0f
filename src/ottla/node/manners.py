"""How a node behaves inside somebody else's process.

A fork closes the node's sockets and files in the child, where none of its threads exist; the end
of the interpreter stops what still runs, within two seconds, and removes temporary folders that
nobody removed. Nothing else of the process is touched: no signal handlers, no garbage collector
settings, no logging setup, no prints.

The sets of living nodes and of their temporary folders, and the lock that a fork waits for, exist
because the interpreter's own hooks are process-wide. Sets are copied before they are walked: other
threads start and end nodes meanwhile.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Protocol

EXIT_TIMEOUT_MS = 2000


class Resident(Protocol):
    """What the hooks need of a node."""

    def after_fork_child(self) -> None:
        """Close what the child inherited; never wait for threads: there are none."""

    def stop(self, timeout_ms: int) -> None:
        """End cleanly within the timeout."""


_alive: set[Resident] = set()
_temporary: dict[str, Callable[[str], object]] = {}
"""Folder to what removes it, found while things can still be found."""
_fork = threading.RLock()
_hooked = False
_loaded = False


def no_fork() -> AbstractContextManager[object]:
    """While this is held no other thread forks the process.

    It is taken by whoever opens descriptors that `_forked` does not know of yet, or closes those
    that it no longer knows of: a child would keep the lock on a folder, or a port, for as long as
    it lives. It is never held while another thread of ours is waited for.
    """
    _hook()
    return _fork


@contextmanager
def first_start() -> Iterator[None]:
    """A start; no other thread forks in the process's first one.

    It loads most modules, and a child would wait for ever for one that was just being loaded.
    """
    global _loaded
    with nullcontext() if _loaded else no_fork():
        yield
        _loaded = True


def resident(node: Resident) -> None:
    """Look after this node until `gone`."""
    _alive.add(node)
    _hook()


def gone(node: Resident) -> None:
    """The node has ended by itself."""
    _alive.discard(node)


def temporary(folder: str, remove: Callable[[str], object]) -> None:
    """Remove this folder at the end of the interpreter, unless it is `removed` before."""
    _temporary[folder] = remove
    _hook()


def removed(folder: str) -> None:
    """The folder is no more."""
    _temporary.pop(folder, None)


def _hook() -> None:
    global _hooked
    if not _hooked:
        _hooked = True
        os.register_at_fork(
            before=_fork.acquire, after_in_parent=_fork.release, after_in_child=_forked
        )
        atexit.register(_exit)


def _forked() -> None:
    _fork.release()
    for node in _alive.copy():
        node.after_fork_child()
    _alive.clear()
    _temporary.clear()  # they are the parent's


def _exit() -> None:
    nodes = _alive.copy()
    for node in nodes:
        # It has ended all the same, nobody is left to tell, and the others must end as well.
        with suppress(Exception):
            node.stop(EXIT_TIMEOUT_MS // len(nodes))
    for folder, remove in _temporary.copy().items():
        remove(folder)
