"""Signals that ask a tool for its end: it puts in order what it has, and is never held by that.

The first signal is raised as `Asked` in the main thread: at once where nothing is half done, and
else behind it (`call`). If putting in order takes long that is said, and the second signal ends the
process wherever it is. A terminal that closes says so twice, so a second SIGHUP is none.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any, Self

from ottla.cli.run import Asked
from ottla.cli.signals import ENDS, Listener, not_ignored

SAY_WHAT_IS_WAITED_FOR_S = 0.5


class Interrupts:
    """Hears signals while it is entered."""

    def __init__(self, waits_for: str) -> None:
        self._waits_for = waits_for
        self._asked = self._heard = self._holds = False
        self._held: Asked | None = None
        self._listener: Listener | None = None
        self.wakes: Callable[[], object] = lambda: None
        """What makes a wait within `call` end: a consumer's `wakeup`."""

    def __enter__(self) -> Self:
        # A shell's background jobs ignore Ctrl-C.
        self._listener = Listener(
            not_ignored(ENDS), self._hear, handler=self._take, quiet_s=SAY_WHAT_IS_WAITED_FOR_S
        )
        return self

    def __exit__(self, *_: object) -> None:
        if self._listener is not None:
            self._listener.close()

    def call(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Do what must not end half way; a signal that came meanwhile is raised then. If the work
        itself fails, that is raised, and the signal by the next call.
        """
        if self._holds:
            return work(*arguments)
        self._holds = True
        try:
            done = work(*arguments)
        finally:
            self._holds = False
        held, self._held = self._held, None
        if held is not None:
            raise held
        return done

    def _take(self, number: int, _frame: object) -> None:
        if self._asked:
            return
        self._asked = True
        if not self._holds:
            raise Asked(number)
        self._held = Asked(number)

    def _hear(self, number: int) -> None:
        """In the listener's thread: the first is `_take`'s."""
        if number == 0:
            text = f"waiting for {self._waits_for}; Ctrl-C again to give up"
            print(text, file=sys.stderr, flush=True)
        elif not self._heard:
            self._heard = True
            self.wakes()
        elif number != signal.SIGHUP:
            os._exit(128 + number)
