"""New folders: two that want the same one at once, and a crash at any step of formatting it.

What must hold: at most one gets the folder, the other says that it is in use, and whatever
happened, the folder starts afterwards.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import ottla
from ottla._core import Disk
from ottla.node import format
from ottla.node.format import ensure_formatted

SOURCE = Path(__file__).parents[2] / "src"
ROUNDS = 12

STARTER = """
import sys, ottla
with ottla.Broker():
    pass
print("ready", flush=True)
for line in sys.stdin:
    broker = ottla.Broker(dir=line.strip())
    try:
        broker.start()
        print("started", broker.cluster_id, flush=True)
    except ottla.OttlaError as problem:
        print("refused", str(problem).replace("\\n", " "), flush=True)
    if sys.stdin.readline() != "close\\n":
        break
    broker.close()
    print("closed", flush=True)
"""


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_two_processes_start_on_one_new_folder(tmp_path: Path) -> None:
    """If this failed, a folder that two processes began at once could never be used again."""
    peers = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", STARTER],
            env={**os.environ, "PYTHONPATH": str(SOURCE)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        for _ in range(2)
    ]

    def say(line: str) -> list[str]:
        for peer in peers:
            assert peer.stdin is not None
            peer.stdin.write(line + "\n")
            peer.stdin.flush()
        return heard()

    def heard() -> list[str]:
        lines = []
        for peer in peers:
            assert peer.stdout is not None
            lines.append(peer.stdout.readline())
        return lines

    try:
        assert heard() == ["ready\n"] * 2
        for number in range(ROUNDS):
            folder = tmp_path / str(number)
            said = say(str(folder))
            refused = [line for line in said if not line.startswith("started")]
            assert len(refused) == 1, said
            assert "is in use" in refused[0], said
            assert say("close") == ["closed\n"] * 2
            cluster_id = next(line for line in said if line.startswith("started")).split()[1]
            with ottla.Broker(dir=folder) as broker:
                assert broker.cluster_id == cluster_id
    finally:
        for peer in peers:
            peer.kill()
            peer.communicate()


def test_two_threads_start_on_one_new_folder(tmp_path: Path) -> None:
    """As with processes: a lock that knows only processes would let both in."""

    def start(folder: Path, said: list[str], barrier: threading.Barrier) -> None:
        broker = ottla.Broker(dir=folder)
        barrier.wait()
        try:
            broker.start()
            said.append("started")
        except ottla.OttlaError as problem:
            said.append(str(problem))
        barrier.wait()
        broker.close()

    for number in range(ROUNDS):
        said: list[str] = []
        given = (tmp_path / str(number), said, threading.Barrier(2))
        threads = [threading.Thread(target=start, args=given) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert said.count("started") == 1, said
        assert any("is in use" in line for line in said), said
        with ottla.Broker(dir=given[0]):
            pass


class Died(BaseException):
    """The process is no more: nothing that follows in it happens."""


class Dying:
    """Lets so many calls of `os` that change files happen, and none after them; descriptors are
    closed, as the kernel does it.
    """

    NAMES = ("open", "write", "replace", "fsync", "makedirs", "mkdir", "chmod", "remove")

    def __init__(self, patch: pytest.MonkeyPatch, after: int) -> None:
        self.left = after
        self.died = False
        for name in self.NAMES:
            patch.setattr(os, name, self._dying(getattr(os, name)))
        patch.setattr(format, "Disk", SteppedDisk)

    def _dying(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def instead(*args: Any, **kwargs: Any) -> Any:
            if self.left == 0:
                self.died = True
                raise Died
            self.left -= 1
            return call(*args, **kwargs)

        return instead


class SteppedDisk:
    """What formatting asks of the core's disk, in the same steps, any of which may be the last."""

    def __init__(self, *, durable: bool) -> None:
        self.durable = durable
        real = Disk(durable=durable)
        # To look changes nothing, so that it is no step.
        self.read, self.stat, self.list = real.read, real.stat, real.list

    def replace(self, path: str, contents: bytes, *, read_only: bool = False) -> None:
        temporary = f"{path}.tmp"
        with suppress(FileNotFoundError):
            os.remove(temporary)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        try:
            os.write(descriptor, contents)
            if read_only:
                os.chmod(temporary, 0o400)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(temporary, path)
        self.sync_folder(os.path.dirname(path))

    def make_folder(self, folder: str) -> None:
        os.makedirs(folder, exist_ok=True)

    def sync_folder(self, folder: str) -> None:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_crash_at_any_step_of_formatting(tmp_path: Path) -> None:
    """If this failed, a first start that was killed half way would leave a folder for nothing."""
    for step in range(200):
        folders = [tmp_path / f"{step}-{name}" for name in "ab"]
        config = {
            "log.dirs": ",".join(map(str, folders)),
            "node.id": "1",
            "process.roles": "broker,controller",
            "controller.listener.names": "CONTROLLER",
            "listeners": "PLAINTEXT://127.0.0.1:0,CONTROLLER://127.0.0.1:0",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "controller.quorum.bootstrap.servers": "127.0.0.1:9093",
        }
        with pytest.MonkeyPatch.context() as patch:
            dying = Dying(patch, step)
            with suppress(Died):
                ensure_formatted(config)
        broker = ottla.Broker(dir=folders[0], config={"log.dirs": config["log.dirs"]})
        if step % 3 == 0 or not dying.died:
            with broker:
                assert broker.cluster_id
        else:
            ensure_formatted(config)
        if not dying.died:
            assert step > 20, "the steps of formatting were not seen"
            return
    raise AssertionError("formatting never came to its end")
