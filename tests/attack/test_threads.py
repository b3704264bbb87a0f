"""Every method of a Broker from several threads at once, in any order.

What must hold, whatever the order: nothing is raised but what is documented, nothing hangs, and
when the last `close` has returned no port listens, no thread is left, and a temporary folder is
gone.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import ottla
from attack.line import Gone, Line
from ottla.testing.errors import NotRunning
from ottla.wire.messages.metadata import MetadataRequest
from servers import eventually

SOURCE = Path(__file__).parents[2] / "src"
ROUNDS = 40
ROUNDS_KEPT = 8
"""Each of its starts and ends is synced."""
JOIN_S = 60


class Round:
    """One broker, and what threads saw of it."""

    def __init__(self, seed: int, folder: Path | None) -> None:
        self.broker = ottla.Broker(dir=folder)
        self.random = random.Random(seed)
        self.ports: set[int] = set()
        self.cluster_ids: set[str] = set()
        self.problems: list[BaseException] = []

    def run(self) -> None:
        """Let four to eight threads do as they please, then close."""
        scripts = [
            [self.random.choice(STEPS) for _ in range(self.random.randrange(1, 7))]
            for _ in range(self.random.randrange(4, 9))
        ]
        threads = [threading.Thread(target=self._play, args=(script,)) for script in scripts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(JOIN_S)
            assert not thread.is_alive(), "a method hangs"
        self.broker.close()

    def _play(self, script: list[Callable[[Round], object]]) -> None:
        for step in script:
            try:
                step(self)
            except NotRunning:
                continue
            except BaseException as problem:
                self.problems.append(problem)
                return


def look(round: Round) -> None:
    """Every property."""
    round.ports.add(round.broker.port)
    assert round.broker.bootstrap_servers
    round.cluster_ids.add(round.broker.cluster_id)
    assert round.broker.dir


def within(round: Round) -> None:
    """A `with` block of its own."""
    with round.broker:
        round.ports.add(round.broker.port)
        round.cluster_ids.add(round.broker.cluster_id)


def answers_for(port: int, cluster_ids: set[str]) -> bool:
    """Whether one of these clusters is still served there. That somebody listens says nothing: a
    port that was given up may be another process's the moment after.
    """
    try:
        line = Line(port, timeout_s=5)
        return line.ask(MetadataRequest(topics=[]), 4).cluster_id in cluster_ids
    except (Gone, ValueError):
        return False


STEPS: list[Callable[[Round], object]] = [
    lambda round: round.broker.start(),
    lambda round: round.broker.start(),
    lambda round: round.broker.close(),
    lambda round: round.broker.kill(),
    lambda round: round.broker.power_cut(),
    lambda round: round.broker.advance(round.random.choice([0, 1, 40_000])),
    lambda round: repr(round.broker),
    look,
    within,
]


def node_threads() -> set[str]:
    """Threads of nodes, native ones included."""
    found = set()
    for task in os.listdir("/proc/self/task"):
        try:
            name = Path(f"/proc/self/task/{task}/comm").read_text().strip()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if name.startswith("ottla"):
            found.add(task)
    return found | {t.name for t in threading.enumerate() if t.name.startswith("ottla")}


@pytest.mark.parametrize("kept", [False, True])
def test_any_method_from_any_thread(tmp_path: Path, kept: bool) -> None:
    """If this failed, two threads of a test could take a broker's folder away under it, or leave
    its port behind.
    """
    before = node_threads()
    for seed in range(ROUNDS_KEPT if kept else ROUNDS):
        round = Round(seed, tmp_path / str(seed % 3) if kept else None)
        round.run()
        assert not round.problems, (seed, round.problems)
        assert os.path.isdir(round.broker.dir) is kept, seed
        for port in round.ports:
            assert not answers_for(port, round.cluster_ids), (seed, port)
        with pytest.raises(NotRunning):
            assert round.broker.port
    eventually(lambda: node_threads() <= before, "all threads of the nodes have ended")


def test_two_threads_that_close() -> None:
    """If this failed, the second `close` would return, or remove the folder, while the first is
    still stopping.
    """
    left: list[str] = []

    def close(broker: ottla.Broker, port: int, own: str, barrier: threading.Barrier) -> None:
        barrier.wait()
        broker.close()
        if answers_for(port, {own}):
            left.append(f"port {port}")
        if os.path.exists(broker.dir):
            left.append(broker.dir)

    for _ in range(ROUNDS):
        broker = ottla.Broker().start()
        given = (broker, broker.port, broker.cluster_id, threading.Barrier(3))
        threads = [threading.Thread(target=close, args=given) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(JOIN_S)
        assert not left


def test_a_kill_while_the_clock_moves() -> None:
    """If this failed, a test that kills its broker from another thread would hang in `advance`."""
    broker = ottla.Broker()
    problems: list[BaseException] = []

    def advance(begun: threading.Event) -> None:
        begun.set()
        try:
            while True:
                broker.advance(30 * 24 * 3600)
        except NotRunning:
            return
        except BaseException as problem:
            problems.append(problem)

    for end in (broker.kill, broker.power_cut, broker.close):
        broker.start()
        begun = threading.Event()
        thread = threading.Thread(target=advance, args=(begun,))
        thread.start()
        assert begun.wait(10)
        end()
        thread.join(JOIN_S)
        assert not thread.is_alive()
        assert not problems, problems


FORKS = """
import os, random, socket, sys, threading, warnings
import ottla

# From Python 3.12 on it warns of what is tried here.
warnings.filterwarnings("ignore", category=DeprecationWarning, message=".*fork")
brokers = [ottla.Broker() for _ in range(3)]
done = threading.Event()

def churn(broker, seed):
    choose = random.Random(seed)
    while not done.is_set():
        try:
            choose.choice([broker.start, broker.start, broker.close, broker.kill,
                           lambda: broker.advance(5), lambda: broker.port])()
        except ottla.OttlaError:
            pass

threads = [threading.Thread(target=churn, args=(b, i)) for i, b in enumerate(brokers * 2)]
for thread in threads:
    thread.start()
held = 0
for _ in range(15):
    pid = os.fork()
    if pid == 0:
        # A child: whatever the parent's threads were doing, nothing of it may hang here.
        left = 0
        for name in os.listdir("/proc/self/fd"):
            try:
                target = os.readlink(f"/proc/self/fd/{name}")
            except OSError:
                continue
            left += target.startswith("socket:") or target.endswith("/.lock")
        for broker in brokers:
            for use in (broker.close, broker.kill, broker.start, lambda: broker.advance(1)):
                try:
                    use()
                except ottla.OttlaError:
                    pass
            repr(broker)
        with ottla.Broker() as own:
            socket.create_connection(("127.0.0.1", own.port), 5).close()
        os._exit(min(left, 100))
    held += os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
done.set()
for thread in threads:
    thread.join()
for broker in brokers:
    broker.close()
print("held", held, [b.dir for b in brokers if os.path.exists(b.dir)])
"""


def test_forks_while_brokers_start_and_end() -> None:
    """If this failed, a child would hang on a lock of a thread that it does not have, or keep the
    ports and folders of its parent's brokers.
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", FORKS],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "held 0 []\n", "")


ENDS = """
import sys, threading, ottla
brokers = [ottla.Broker() for _ in range(4)]
def churn(broker):
    while True:
        try:
            broker.start()
            broker.kill()
        except ottla.OttlaError:
            pass
for broker in brokers:
    threading.Thread(target=churn, args=(broker,), daemon=True).start()
for _ in range(50):
    brokers[0].start() if len(sys.argv) > 1 else repr(brokers[0])
print(*(b.dir for b in brokers))
"""


def test_the_interpreter_ends_while_brokers_start_and_end() -> None:
    """If this failed, a process with a broker in a daemon thread would end in a traceback or not
    at all.
    """
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", ENDS],
            env={**os.environ, "PYTHONPATH": str(SOURCE)},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
