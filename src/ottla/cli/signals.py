"""Signals that ask a command for its end, heard whichever thread of the process takes them.

Python runs handlers in its main thread only, and that may sleep in a lock or in a library for as
long as it likes. So the bytes that the interpreter writes at every signal are read by a thread of
our own, which can act at once; a handler has to be installed as well, or nothing is written.

This is not a way to stop work: who owns the work decides what a signal means.
"""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Callable, Iterable
from threading import Thread
from typing import Any

ENDS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""SIGHUP: the terminal was closed; where that is ignored, as nohup does, it stays ignored."""


class Listener:
    """Hears some signals until it is closed; made, and closed, in the main thread.

    `heard` is called in a thread of its own with each signal's number, and with 0 if there was none
    for `quiet_s` after one.
    """

    def __init__(
        self,
        numbers: Iterable[signal.Signals],
        heard: Callable[[int], None],
        *,
        handler: Callable[[int, Any], None] = lambda *_: None,
        quiet_s: float | None = None,
    ) -> None:
        self._heard, self._quiet_s = heard, quiet_s
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        self._former_fd = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        self._former: dict[signal.Signals, Any] = {}
        self._thread = Thread(target=self._listen, name="signals", daemon=True)
        self._thread.start()
        for number in numbers:
            self._former[number] = signal.signal(number, handler)

    def close(self) -> None:
        """Handlers are again what they were."""
        for number, former in self._former.items():
            signal.signal(number, former)
        signal.set_wakeup_fd(self._former_fd)
        os.write(self._write, b"\0")
        self._thread.join()
        os.close(self._read)
        os.close(self._write)

    def _listen(self) -> None:
        watch = select.poll()
        watch.register(self._read, select.POLLIN)
        patience_ms: int | None = None
        while True:
            if not watch.poll(patience_ms):
                patience_ms = None
                self._heard(0)
                continue
            number = os.read(self._read, 1)[0]
            if number == 0:
                return
            if number in self._former:
                self._heard(number)
                patience_ms = None if self._quiet_s is None else int(self._quiet_s * 1000)


def not_ignored(numbers: Iterable[signal.Signals]) -> list[signal.Signals]:
    """Those of the signals that whoever started this process did not tell it to ignore."""
    return [number for number in numbers if signal.getsignal(number) != signal.SIG_IGN]
