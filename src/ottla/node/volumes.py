"""How much room the volumes of log directories have, for whoever watches.

Asking a volume may take for ever (a network mount whose server is away), and a look at the metrics
must not: each is asked on a thread of its own, and left out where its answer is not there in time.
One that still owes an answer is not asked again. What a request wants to know of volumes, the core
asks them: this is for another thread, which has no request.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from typing import Final

from ottla.steady import steady_s

PATIENCE_S: Final = 0.25
"""How long a look waits for the slowest of the volumes."""


class Volumes:
    """The volumes of these folders; from any thread."""

    __slots__ = ("_asked", "_lock", "_paths")

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = tuple(paths)
        self._asked: dict[str, threading.Thread] = {}
        """Who still waits for an answer, by folder."""
        self._lock = threading.Lock()

    def measures(self) -> Iterator[tuple[str, float]]:
        """Bytes of each that answers, under the names of the snapshot."""
        found: dict[str, tuple[int, int]] = {}
        deadline_s = steady_s() + PATIENCE_S
        for asking in [self._ask(path, found) for path in self._paths]:
            if asking is not None:
                asking.join(max(0.0, deadline_s - steady_s()))
        for path, (total, usable) in list(found.items()):
            yield f"directory.total_bytes.{path}", total
            yield f"directory.usable_bytes.{path}", usable

    def _ask(self, path: str, found: dict[str, tuple[int, int]]) -> threading.Thread | None:
        """Begin to ask; None while it owes an answer, or where no thread is to be had."""

        def ask() -> None:
            try:
                volume = os.statvfs(path)
            except OSError:
                return  # a failed directory has a metric of its own
            block_bytes = volume.f_frsize
            found[path] = (volume.f_blocks * block_bytes, volume.f_bavail * block_bytes)

        with self._lock:
            before = self._asked.get(path)
            if before is not None and before.is_alive():
                return None
            thread = threading.Thread(target=ask, name="ottla-volume", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                return None
            self._asked[path] = thread
            return thread
