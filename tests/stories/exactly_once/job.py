"""What every job is told and tells, whatever its client is.

A job gets one line of JSON as its argument and prints a line of JSON for each thing that a reader
of a failed run wants to know. It leaves with status LEFT when its client says that it can't go on
(it was fenced, its transaction ended without it, the group moved): somebody starts it anew, as
whoever runs such jobs does. Any other status but 0 is a fault of the story.
"""

from __future__ import annotations

import faulthandler
import json
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from stories.exactly_once.judge import ABORT, COMMIT, Output, where_to

LEFT = 3
BATCH_MAX = 20
ABORTS = 0.15
LINGERS = 0.15
LINGER_SECONDS = 0.05
DELAY_MAX_SECONDS = 1
SECONDS_MAX = 600
OPEN = '{"what": "open"}'
"""The line that says that a transaction lingers from now on."""


@dataclass(frozen=True)
class Spec:
    """What a job is told."""

    bootstrap: str
    source: str
    sink: str
    outputs: int
    group: str
    run: str
    slot: str
    """Which of the jobs it is; who is started in its place has the same."""
    seed: int
    id_of: str = "job"
    """Whose a transactional.id is: the "job"'s, or the input "partition"'s that it works on."""
    fault: str = ""
    """What the job does wrong on purpose: "commits outside" of its transaction."""
    transaction_timeout_ms: int = 5000
    session_timeout_ms: int = 1000
    order: str = ""
    """The file that holds the node's process id when it is to be killed."""

    def argument(self) -> str:
        """As it is handed to the process."""
        return json.dumps(asdict(self))


class Ended(Exception):
    """The job was asked to end."""


class Chances:
    """What happens to a job by chance, all from its seed."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._dice = random.Random(spec.seed)
        self._commit_seconds = 0.0
        """How long the last commit took."""
        self._deadline = time.monotonic() + SECONDS_MAX

    def batch_size(self) -> int:
        """How many records the next transaction may have."""
        if time.monotonic() > self._deadline:
            raise TimeoutError(f"the job has worked for {SECONDS_MAX} s")
        return self._dice.randint(1, BATCH_MAX)

    def fate(self) -> str:
        """How the next transaction ends."""
        return ABORT if self._dice.random() < ABORTS else COMMIT

    def even(self) -> bool:
        """Heads or tails."""
        return self._dice.random() < 0.5

    def lingers(self) -> bool:
        """Whether the transaction stays open for a while, its records in the log."""
        return self._dice.random() < LINGERS

    @contextmanager
    def commit(self) -> Iterator[None]:
        """Around a commit: if that is ordered, the node is killed somewhere in the time that a
        commit takes, or in as much after it, when its markers are written.
        """
        node = self._ordered()
        if node is not None:
            delay = self._dice.random() * min(2 * self._commit_seconds, DELAY_MAX_SECONDS)
            kill = (node, signal.SIGKILL)
            threading.Timer(delay, signal.pidfd_send_signal, kill).start()
        began = time.monotonic()
        yield
        self._commit_seconds = time.monotonic() - began

    def _ordered(self) -> int | None:
        """The node if it is to be killed, by this job alone. It is no process id but a descriptor:
        whoever gets the id of a node that is gone already is not hit.
        """
        try:
            with open(self._spec.order) as order:
                node = os.pidfd_open(int(order.read()))
            os.unlink(self._spec.order)
        except (OSError, ValueError):
            return None  # there is no order, it is being written, or another job has it
        return node

    def output(self, partition: int, number: int, fate: str) -> tuple[int, bytes]:
        """The output of an input, and its partition."""
        value = Output(partition, number, self._spec.run, fate).value()
        return where_to(partition, number, self._spec.outputs), value


def tell(what: str, **more: Any) -> None:
    """Say what happened."""
    print(json.dumps({"what": what, **more}), flush=True)


def leave(why: object) -> None:
    """End, to be started anew."""
    tell("left", why=str(why)[:300])
    sys.exit(LEFT)


def told() -> Spec:
    """What this process was told; from here on SIGTERM raises `Ended`."""

    def end(*_: object) -> None:
        raise Ended

    signal.signal(signal.SIGTERM, end)
    faulthandler.register(signal.SIGUSR1)  # where a job hangs, for the report of a failure
    return Spec(**json.loads(sys.argv[1]))
