"""How a node behaves inside somebody else's process.

A fork closes the node's sockets and files in the child, where none of its threads exist; the end
of the interpreter stops what still runs, within two seconds, and removes temporary folders that
nobody removed. Nothing else of the process is touched: no signal handlers, no garbage collector
settings, no logging setup, no prints.

The sets of living nodes (weak) and of their temporary folders exist because the interpreter's own
hooks are process-wide.
"""

from __future__ import annotations

import atexit
import os
import weakref
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Protocol

EXIT_TIMEOUT_MS = 2000


class Resident(Protocol):
    """What the hooks need of a node."""

    def after_fork_child(self) -> None:
        """Close what the child inherited; never wait for threads: there are none."""

    def stop(self, timeout_ms: int) -> None:
        """End cleanly within the timeout."""


_alive: weakref.WeakSet[Resident] = weakref.WeakSet()
_temporary: dict[str, Callable[[str], object]] = {}
"""Folder to what removes it, found while things can still be found."""
_hooked = False


def resident(node: Resident) -> None:
    """Look after this node until `gone`."""
    _alive.add(node)
    _hook()


def gone(node: Resident) -> None:
    """The node has ended by itself."""
    _alive.discard(node)


def temporary(folder: str) -> None:
    """Remove this folder at the end of the interpreter, unless it is `removed` before."""
    from shutil import rmtree

    _temporary[folder] = partial(rmtree, ignore_errors=True)
    _hook()


def removed(folder: str) -> None:
    """The folder is no more."""
    _temporary.pop(folder, None)


def _hook() -> None:
    global _hooked
    if not _hooked:
        _hooked = True
        os.register_at_fork(after_in_child=_forked)
        atexit.register(_exit)


def _forked() -> None:
    for node in list(_alive):
        node.after_fork_child()
    _alive.clear()
    _temporary.clear()  # they are the parent's


def _exit() -> None:
    nodes = list(_alive)
    for node in nodes:
        with suppress(Exception):  # one that fails to stop must not keep the others running
            node.stop(EXIT_TIMEOUT_MS // len(nodes))
    for folder, remove in _temporary.items():
        remove(folder)
