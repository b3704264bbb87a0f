"""What SIGTERM, SIGHUP and Ctrl-C do: servers stop at the first one, whichever thread takes it;
producers write what they were given, groups commit and are left, and nobody is held who asks twice.
"""

from __future__ import annotations

import array
import ctypes
import fcntl
import json
import os
import signal
import subprocess
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cli.commands import run, start
from servers import OttlaProcess, OttlaServer, eventually

ENDS = [(signal.SIGTERM, 143), (signal.SIGHUP, 129)]


@pytest.fixture
def frozen(tmp_path: Path) -> Iterator[OttlaProcess]:
    """A node that a test freezes."""
    node = OttlaProcess(tmp_path / "data")
    node.start()
    yield node
    node.kill()


def _reads(process: subprocess.Popen[bytes]) -> bool:
    """Whether it has taken all of its input and sleeps in a read for more."""
    assert process.stdin is not None
    left = array.array("i", [0])
    fcntl.ioctl(process.stdin, termios.FIONREAD, left)
    words = Path(f"/proc/{process.pid}/syscall").read_text().split()
    return left[0] == 0 and words[1:2] == ["0x0"]


def test_a_signal_that_another_thread_takes_stops_the_server(tmp_path: Path) -> None:
    """If this failed, a server would go on for ever whenever the system gives its one SIGTERM to a
    thread that is not Python's main one, as it does after a pause.
    """
    with start(["ottla", "up", "--port", "0", "--json", "--dir", str(tmp_path / "d")]) as process:
        assert process.stdout is not None
        json.loads(process.stdout.readline())
        threads = sorted(map(int, os.listdir(f"/proc/{process.pid}/task")))
        other = next(thread for thread in threads if thread != process.pid)
        assert ctypes.CDLL(None).tgkill(process.pid, other, signal.SIGTERM) == 0
        try:
            process.wait(timeout=20)
        finally:
            process.kill()
    assert process.returncode == 0


def test_a_start_that_is_ended_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If this failed, every test run that is ended early would leave folders in /tmp."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with start(["ottla", "up", "--dev", "--port", "0"]) as process:
        eventually(lambda: list(tmp_path.glob("ottla-*-*")), "the folder is there")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert (process.returncode, list(tmp_path.glob("ottla-*-*"))) == (0, [])


@pytest.mark.parametrize(("number", "code"), ENDS)
def test_a_producer_writes_what_it_was_given(
    number: int, code: int, ottla_server: OttlaServer, name: Callable[[], str]
) -> None:
    """If this failed, records that wait for their batch would be lost when a container stops."""
    topic, node = name(), ["--bootstrap-server", ottla_server.bootstrap]
    words = ["kafka-console-producer.sh", "--topic", topic, "--timeout", "60000", *node]
    with start(words) as process:
        assert process.stdin is not None
        process.stdin.write(b"a\nb\n")
        process.stdin.flush()
        eventually(lambda: _reads(process), "both lines are taken")
        process.send_signal(number)
        process.wait(timeout=20)
    read = ["--topic", topic, "--from-beginning", "--max-messages", "2", "--timeout-ms", "5000"]
    done = run(["kafka-console-consumer.sh", *read, *node])
    assert (process.returncode, done.stdout) == (code, "a\nb\n")


@pytest.mark.parametrize(("number", "code"), [*ENDS, (signal.SIGINT, 130)])
def test_a_consumer_commits_and_leaves_its_group(
    number: int, code: int, ottla_server: OttlaServer, name: Callable[[], str]
) -> None:
    """If this failed, closing a terminal would read everything twice, the second time only when
    the lost member's session has ended.
    """
    topic, group, node = name(), name(), ["--bootstrap-server", ottla_server.bootstrap]
    run(["kafka-console-producer.sh", "--topic", topic, *node], "one\ntwo\n")
    words = ["--topic", topic, "--group", group, "--from-beginning", *node]
    with start(["kafka-console-consumer.sh", *words]) as process:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(2)] == [b"one\n", b"two\n"]
        process.send_signal(number)
        _, said = process.communicate(timeout=20)
    assert process.returncode == code
    assert b"Processed a total of 2 messages" in said
    shown = run(["kafka-consumer-groups.sh", "--describe", "--group", group, *node])
    rows = [line.split() for line in shown.stdout.splitlines() if line.startswith(group)]
    assert [(row[3], row[6]) for row in rows] == [("2", "-")], shown


def _freeze(node: OttlaProcess) -> None:
    """Stop all its threads where they are."""
    os.kill(node.pid, signal.SIGSTOP)
    stat = Path(f"/proc/{node.pid}/stat")
    eventually(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T", "it is frozen")


def _ends_at_the_second(process: subprocess.Popen[bytes]) -> None:
    """Ctrl-C tells what is waited for; another one ends it."""
    assert process.stderr is not None
    try:
        process.send_signal(signal.SIGINT)
        said = b""
        while b"Ctrl-C again to give up" not in said:
            line = process.stderr.readline()
            assert line, said
            said += line
        process.send_signal(signal.SIGINT)
        process.wait(timeout=10)
        assert process.returncode in (130, -signal.SIGINT)
    finally:
        process.kill()


def test_ctrl_c_leaves_a_group_whose_node_is_frozen(frozen: OttlaProcess) -> None:
    """If this failed, only closing the terminal would end a consumer that waits to commit."""
    node = ["--at", frozen.bootstrap]
    run(["ottla", "produce", "t", *node], "one\n")
    with start(["ottla", "consume", "t", "--group", "q", "--from", "beginning", *node]) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"one\n"
        _freeze(frozen)
        _ends_at_the_second(process)


def test_ctrl_c_leaves_records_that_a_frozen_node_does_not_take(frozen: OttlaProcess) -> None:
    """If this failed, a producer would hold its terminal until its records are given up."""
    words = ["ottla", "produce", "t", "--at", frozen.bootstrap]
    with start([*words, "-X", "request.timeout.ms=60000"]) as process:
        assert process.stdin is not None
        eventually(lambda: _reads(process), "it reads")
        _freeze(frozen)
        process.stdin.write(b"one\n")
        process.stdin.flush()
        eventually(lambda: _reads(process), "the line is taken")
        _ends_at_the_second(process)
