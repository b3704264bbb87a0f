"""The story: a node, a feeder and jobs, rounds of kills, and a reader that judges all the time.

A round feeds some records, waits until the reader has seen a part of their outputs, and then kills
the node, a job, or both, or stops a job for so long that another one takes its place. What happens
is drawn from the seed. The moment is where that point of the work happens to be; but the node is
killed in a commit, where most can go wrong, by the job itself, as nobody else is so quick. After
each round the group's offsets and the outputs have to agree. Every wait has an end, and a failure
says the seed, the round, and what was lost or doubled where.
"""

from __future__ import annotations

import collections
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, NewTopic

from oracle import dies_with_us
from stories import folders
from stories.exactly_once import job
from stories.exactly_once.job_confluent import QUIET
from stories.exactly_once.judge import Judge, Run, Verdict, judge, told

TESTS = Path(__file__).parents[2]
SOURCE, SINK, GROUP = "in", "out", "story"
INPUTS, OUTPUTS = 3, 2
ROUND_SECONDS = 60
LOADING = (
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.UNSTABLE_OFFSET_COMMIT,
    KafkaError._TIMED_OUT,
    KafkaError._TRANSPORT,
    KafkaError._WAIT_COORD,
)
AFTER_MAX_SECONDS = 0.3
ORDER_SECONDS = 5
STACK_SECONDS = 2
CONFIG = {
    "auto.create.topics.enable": "false",
    "group.min.session.timeout.ms": "500",
    "log.retention.ms": "-1",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "200",
}
"""What the node of a story is given, so that what dead jobs left open ends soon."""


class Node(Protocol):
    """A server in a process of its own, on a folder that stays."""

    bootstrap: str

    @property
    def pid(self) -> int:
        """Its process."""

    def start(self, *, timeout_s: float = ...) -> None:
        """Start it and wait until it answers."""

    def kill(self) -> None:
        """SIGKILL."""


def alive(pid: int) -> bool:
    """Whether that child of ours runs; one that was killed and not waited for does not."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None


class Told(NamedTuple):
    """What a story came to."""

    verdict: Verdict
    outputs: int
    kills: collections.Counter[str]
    """By what was killed or stopped."""
    events: collections.Counter[str]
    """By what the jobs said."""
    run: Run
    seconds: float


class Worker:
    """One place for a job; whoever is in it has the same slot, and each has a name of its own."""

    def __init__(self, slot: str, module: str, folder: Path, spec: dict[str, object]) -> None:
        self.slot = slot
        self._module = module
        self._folder = folder
        self._spec = spec
        self._process: subprocess.Popen[bytes] | None = None
        self._count = 0
        self.log = folder

    def start(self, round_number: int, seed: int) -> None:
        """Start a process in this place."""
        self._count += 1
        run = f"{self.slot}{self._count}-round{round_number}"
        self.log = self._folder / f"{run}.log"
        spec = job.Spec(run=run, slot=self.slot, seed=seed, **self._spec)  # type: ignore[arg-type]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [*dies_with_us(), sys.executable, "-m", self._module, spec.argument()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONPATH": str(TESTS)},
            )

    def send(self, what: signal.Signals) -> None:
        """Send its process a signal; a killed one is waited for."""
        if self._process is not None:
            self._process.send_signal(what)
            if what == signal.SIGKILL:
                self._process.wait(20)
                self._process = None

    def end(self) -> None:
        """SIGTERM, and SIGKILL if that takes too long."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(20)

    def left(self) -> int | None:
        """With what status it has ended by itself, if it has."""
        return None if self._process is None else self._process.poll()

    def show_stack(self) -> None:
        """Have its process write to its log where it is."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGUSR1)
            deadline = time.monotonic() + STACK_SECONDS
            while "Current thread" not in self.log.read_text(errors="replace"):
                if time.monotonic() > deadline:
                    break
                os.sched_yield()

    def is_open(self) -> bool:
        """Whether the last that it said is that its transaction stays open for a while."""
        lines = self.log.read_text(errors="replace").splitlines()
        return bool(lines) and lines[-1] == job.OPEN

    def events(self) -> list[str]:
        """What all who were in this place said."""
        found = []
        for log in self._folder.glob(f"{self.slot}*.log"):
            for line in log.read_text(errors="replace").splitlines():
                if line.startswith('{"what"'):
                    row = json.loads(line)
                    found.append(f"{row['what']}: {row['why']}" if "why" in row else row["what"])
        return found


class Story:
    """One run on one node."""

    def __init__(
        self,
        node: Node,
        folder: Path,
        *,
        seed: int,
        client: str = "confluent",
        slots: str = "a",
        id_of: str = "job",
        fault: str = "",
        transaction_timeout_ms: int = 5000,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._node = node
        self._seed = seed
        self._dice = random.Random(seed)
        # What depends on how quick things are draws from other dice, so that the plan does not.
        self._other_dice = random.Random(seed + 1)
        self._round = 0
        self._kinds: list[str] = []
        self._order = folder / "order"
        self._did: list[str] = []
        self._kills: collections.Counter[str] = collections.Counter()
        self._fed: dict[int, list[int]] = {p: [] for p in range(INPUTS)}
        self._watch = Judge(self._fed, OUTPUTS)
        self._began = time.monotonic()
        self._create_topics()
        quiet = {"bootstrap.servers": node.bootstrap, **QUIET}
        self._feeder = Producer({**quiet, "enable.idempotence": True, "linger.ms": 1})
        stable = {"isolation.level": "read_committed", "auto.offset.reset": "error"}
        common = {**quiet, **stable, "enable.auto.commit": False, "fetch.wait.max.ms": 20}
        self._group = Consumer({**common, "group.id": GROUP})
        self._reader = Consumer({**common, "group.id": "unused"})
        self._reader.assign([TopicPartition(SINK, p, OFFSET_BEGINNING) for p in range(OUTPUTS)])
        spec = {
            "bootstrap": node.bootstrap,
            "source": SOURCE,
            "sink": SINK,
            "outputs": OUTPUTS,
            "group": GROUP,
            "id_of": id_of,
            "fault": fault,
            "transaction_timeout_ms": transaction_timeout_ms,
            "order": str(self._order),
        }
        module = f"stories.exactly_once.job_{client}"
        self._workers = [Worker(slot, module, folder, spec) for slot in slots]

    def tell(self, rounds: int) -> Told:
        """All rounds, and what is left when all has been worked off.

        Raises:
            AssertionError: something is lost, doubled, out of order or seen that should not be, or
                the work stands still.
        """
        try:
            for worker in self._workers:
                self._start(worker)
            for self._round in range(1, rounds + 1):
                self._one_round()
            self._until(self._all_seen, "all outputs")
            for worker in self._workers:
                worker.end()
            run = self._read()
        finally:
            for worker in self._workers:
                worker.send(signal.SIGKILL)
            self._reader.close()
            self._group.close()
        verdict = judge(run)
        if verdict.faults:
            self._fail(told(verdict.faults))
        said = [event for worker in self._workers for event in worker.events()]
        events = collections.Counter(event.split(",val")[0][:60] for event in said)
        seconds = time.monotonic() - self._began
        return Told(verdict, self._watch.count, self._kills, events, run, seconds)

    def _create_topics(self) -> None:
        admin = AdminClient({"bootstrap.servers": self._node.bootstrap, "log_level": 0})
        new = [NewTopic(SOURCE, INPUTS, 1), NewTopic(SINK, OUTPUTS, 1)]
        for future in admin.create_topics(new).values():
            future.result(20)

    def _start(self, worker: Worker) -> None:
        worker.start(self._round, self._other_dice.randrange(2**31))

    def _one_round(self) -> None:
        fed = self._feed(self._dice.randint(50, 200))
        goal = sum(map(len, self._fed.values())) - self._dice.randrange(fed)
        self._until(lambda: self._watch.count >= goal, f"{goal} outputs")
        # A moment more of the work, so that a kill meets any of its steps.
        after = time.monotonic() + self._dice.random() * AFTER_MAX_SECONDS
        self._feed(self._dice.randint(20, 60))
        self._until(lambda: time.monotonic() >= after, "a moment")
        what = self._next_kind()
        self._kills[what] += 1
        worker = self._dice.choice(self._workers)
        self._did.append(f"{self._round}: {what} {worker.slot}")
        if what == "pause":
            self._pause(worker)
        if what in ("node", "both"):
            self._kill_node(worker)
        if what in ("job", "both"):
            worker.send(signal.SIGKILL)
        if what in ("node", "both"):
            self._feed(self._dice.randrange(10))
            self._node.start(timeout_s=60)
        if what in ("job", "both"):
            self._start(worker)
        self._agree()

    def _next_kind(self) -> str:
        """What is done in this round; three rounds are one of each kind."""
        if not self._kinds:
            self._kinds = ["node", "job", "both" if len(self._workers) == 1 else "pause"]
            self._dice.shuffle(self._kinds)
        return self._kinds.pop()

    def _kill_node(self, worker: Worker) -> None:
        """Have the job kill it in a commit; if none comes soon, it is killed where it is."""
        self._order.write_text(str(self._node.pid))
        soon = time.monotonic() + ORDER_SECONDS

        def is_done() -> bool:
            if self._all_seen():
                self._feed(20)
            return not self._order.exists() or time.monotonic() > soon

        self._until(is_done, f"{worker.slot} takes the order")
        self._until(lambda: not alive(self._node.pid) or time.monotonic() > soon, "it is killed")
        self._order.unlink(missing_ok=True)
        self._node.kill()

    def _pause(self, worker: Worker) -> None:
        """Stop a job in a transaction, before it tells what it has consumed, until others have done
        its work; then it goes on, as a zombie does.
        """
        self._until(lambda: self._stopped(worker), "a transaction that stays open")
        try:
            self._feed(self._dice.randint(20, 60))
            self._until(self._is_done, f"the work of all while {worker.slot} is stopped")
        finally:
            worker.send(signal.SIGCONT)

    def _stopped(self, worker: Worker) -> bool:
        if self._all_seen():
            self._feed(40)
        if not worker.is_open():
            return False
        worker.send(signal.SIGSTOP)
        if not worker.is_open():
            worker.send(signal.SIGCONT)  # too late
            return False
        return True

    def _is_done(self) -> bool:
        """Whether the group has come to the end; the outputs may lie behind an open transaction."""
        at = self._offsets()
        return all(at[p] == len(rounds) for p, rounds in self._fed.items())

    def _feed(self, count: int) -> int:
        for _ in range(count):
            partition = self._other_dice.randrange(INPUTS)
            value = f"{partition} {len(self._fed[partition])}".encode()
            self._fed[partition].append(self._round)
            self._feeder.produce(SOURCE, value, partition=partition)
        self._feeder.poll(0)
        return count

    def _all_seen(self) -> bool:
        return self._watch.count >= sum(map(len, self._fed.values()))

    def _until(
        self, condition: Callable[[], bool], what: str, *, ends: dict[int, int] | None = None
    ) -> None:
        """Read, tend the jobs and judge until that is so; else say what is lost below `ends`."""
        deadline = time.monotonic() + ROUND_SECONDS
        while not condition():
            for message in self._reader.consume(1000, 0.01):
                error = message.error()
                if error is None:
                    value = (message.value() or b"").decode()
                    self._watch.take(message.partition() or 0, value)
                elif error.code() == KafkaError._AUTO_OFFSET_RESET:
                    self._fail(f"the log went back below what was read: {error}")
            if self._watch.faults:
                self._fail(told(self._watch.faults))
            for worker in self._workers:
                self._tend(worker)
            self._feeder.poll(0)
            if time.monotonic() > deadline:
                ends = ends or {p: len(rounds) for p, rounds in self._fed.items()}
                faults = told(self._watch.missing(ends))
                self._fail(f"not within {ROUND_SECONDS} s: {what}; {faults}")

    def _tend(self, worker: Worker) -> None:
        status = worker.left()
        if status == job.LEFT:
            self._start(worker)
        elif status is not None:
            self._fail(f"job {worker.slot} ended with status {status}")

    def _offsets(self) -> dict[int, int]:
        """Where the group is; a server waits with its answer while a transaction could move it."""
        wanted = [TopicPartition(SOURCE, p) for p in range(INPUTS)]
        found: dict[int, int] = {}

        def ask() -> bool:
            try:
                rows = self._group.committed(wanted, 5)
            except KafkaException as problem:
                # A coordinator that has just come back may still be reading its log.
                if not problem.args[0].retriable() and problem.args[0].code() not in LOADING:
                    raise
                return False
            found.update({row.partition: max(row.offset, 0) for row in rows})
            return True

        self._until(ask, "the group's offsets")
        return found

    def _agree(self) -> None:
        """A transaction's offsets and its outputs are seen both or not at all."""
        seen = dict(self._watch.next)
        at = self._offsets()
        for p, number in seen.items():
            if at[p] < number:
                self._fail(f"the output of input {p}:{number - 1} is seen; the group is at {at[p]}")
        what = f"the outputs below the group's {at}"
        self._until(lambda: not self._watch.missing(at), what, ends=at)

    def _read(self) -> Run:
        """What somebody finds who comes when all is over."""
        assert self._feeder.flush(30) == 0
        for p, rounds in self._fed.items():
            values = [row.value for row in folders.read(self._node.bootstrap, SOURCE, p)]
            if values != [b"%d %d" % (p, n) for n in range(len(rounds))]:
                self._fail(f"the feeder's own records of partition {p} are not as it sent them")
        self._until(self._nothing_open, "no transaction is left open")
        seen = {}
        for isolation in ("read_committed", "read_uncommitted"):
            seen[isolation] = {
                p: [
                    (row.value or b"").decode()
                    for row in folders.read(self._node.bootstrap, SINK, p, isolation=isolation)
                ]
                for p in range(OUTPUTS)
            }
        return Run(self._fed, seen["read_committed"], seen["read_uncommitted"], self._offsets())

    def _nothing_open(self) -> bool:
        """Whether the last stable offset of every output is its high watermark."""
        where = [TopicPartition(SINK, p) for p in range(OUTPUTS)]
        base = {"bootstrap.servers": self._node.bootstrap, "group.id": "unused", **QUIET}
        ends = []
        for isolation in ("read_committed", "read_uncommitted"):
            asks = Consumer({**base, "isolation.level": isolation})
            ends.append([asks.get_watermark_offsets(one, 20)[1] for one in where])
            asks.close()
        return ends[0] == ends[1]

    def _fail(self, what: str) -> None:
        for worker in self._workers:
            worker.show_stack()
        logs = [
            f"--- {worker.log.name}\n{worker.log.read_text(errors='replace')[-2500:]}"
            for worker in self._workers
            if worker.log.is_file()
        ]
        where = f"seed {self._seed}, round {self._round} (so far: {', '.join(self._did[-8:])})"
        raise AssertionError("\n".join([f"{where}: {what}", *logs]))
