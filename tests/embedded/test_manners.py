"""How `ottla.Broker` behaves inside somebody else's process."""

from __future__ import annotations

import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

import ottla
from servers import eventually

SOURCE = Path(__file__).parents[2] / "src"


def send(broker: ottla.Broker, value: bytes) -> None:
    """Produce one record to topic `t`."""
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "log_level": 0})
    producer.produce("t", value)
    assert producer.flush(20) == 0


def receive(broker: ottla.Broker, count: int) -> list[bytes | None]:
    """The first records of topic `t`."""
    consumer = Consumer(
        {"bootstrap.servers": broker.bootstrap_servers, "group.id": "g", "log_level": 0}
    )
    consumer.assign([TopicPartition("t", 0, OFFSET_BEGINNING)])
    found = consumer.consume(count, 20)
    consumer.close()
    return [m.value() for m in found]


def run(program: str, *args: str, timeout_s: float = 30) -> subprocess.CompletedProcess[str]:
    """Run a Python program with ottla on its path."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", program, *args],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        timeout=timeout_s,
    )


def test_first_use() -> None:
    """If this failed, the two lines of the README would not work."""
    with ottla.Broker() as broker:
        send(broker, b"hello")
        assert receive(broker, 1) == [b"hello"]


def test_a_broker_comes_back_where_it_was() -> None:
    """If this failed, clients that a test has would look for a killed broker in vain."""
    broker = ottla.Broker()
    with broker:
        where = broker.bootstrap_servers
        for end in (broker.kill, broker.power_cut, broker.close):
            send(broker, b"before")
            end()
            assert broker.start().bootstrap_servers == where
        broker.kill()
        port = int(where.rpartition(":")[2])
        with (
            socket.create_server(("127.0.0.1", port)),
            pytest.raises(ottla.OttlaError, match=where) as taken,
        ):
            broker.start()
        assert "stop what listens there" in str(taken.value.hint)
        assert broker.start().bootstrap_servers == where


def test_temporary_folder_goes_away() -> None:
    """If this failed, every test run would leave folders behind."""
    with ottla.Broker() as broker:
        folder = Path(broker.dir)
        assert folder.is_dir()
    assert not folder.exists()


def test_several_at_once() -> None:
    """If this failed, two brokers in one process would share topics, ports or threads."""
    with ottla.Broker() as one, ottla.Broker() as two, ottla.Broker() as three:
        brokers = (one, two, three)
        assert len({b.bootstrap_servers for b in brokers}) == 3
        assert len({b.cluster_id for b in brokers}) == 3
        for number, broker in enumerate(brokers):
            send(broker, b"%d" % number)
        for number, broker in enumerate(brokers):
            assert receive(broker, 1) == [b"%d" % number]
        one.close()
        send(two, b"more")
        assert receive(two, 2) == [b"1", b"more"]


def test_kept_folder(tmp_path: Path) -> None:
    """If this failed, a kept folder would lose its records or its cluster id."""
    with ottla.Broker(dir=tmp_path / "kept") as broker:
        send(broker, b"one")
        cluster_id = broker.cluster_id
    with ottla.Broker(dir=tmp_path / "kept") as broker:
        assert broker.cluster_id == cluster_id
        assert receive(broker, 1) == [b"one"]
    assert (tmp_path / "kept").is_dir()


def test_folder_in_use_is_refused(tmp_path: Path) -> None:
    """If this failed, two nodes would write into the same logs."""
    with ottla.Broker(dir=tmp_path / "kept"), pytest.raises(Exception, match=r"(?i)in use|lock"):
        ottla.Broker(dir=tmp_path / "kept").start()


def test_port_in_use_is_refused() -> None:
    """If this failed, a taken port would be a hang or a riddle."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Exception, match=rf"{port}"):
            ottla.Broker(port=port).start()


def test_kill_and_start_again(tmp_path: Path) -> None:
    """If this failed, a crash inside a test would lose acknowledged records."""
    broker = ottla.Broker(dir=tmp_path / "kept").start()
    send(broker, b"one")
    broker.kill()
    broker.start()
    assert receive(broker, 1) == [b"one"]
    broker.close()


def test_power_cut_keeps_the_topics(tmp_path: Path) -> None:
    """If this failed, the metadata log would count before it is on the disk."""
    broker = ottla.Broker(dir=tmp_path / "kept").start()
    send(broker, b"one")
    broker.power_cut()
    broker.start()
    send(broker, b"two")
    assert receive(broker, 1)
    broker.close()


def test_close_leaves_nothing_behind() -> None:
    """If this failed, threads, descriptors or ports would leak with every test."""
    others = living_node_threads()  # of a node that other tests share
    with ottla.Broker() as broker:
        send(broker, b"x")
    eventually(lambda: living_node_threads() <= others, "all of the node's threads have ended")
    gc.collect()
    before_threads, before_files = threads(), open_files()
    for _ in range(3):
        with ottla.Broker() as broker:
            send(broker, b"x")
            port = broker.port
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), 1)
    eventually(lambda: threads() <= before_threads, "no more threads than before")
    gc.collect()  # the last descriptors go with the object itself
    eventually(lambda: open_files() <= before_files, "no more open files than before")


def living_node_threads() -> set[int]:
    """Python threads of nodes."""
    return {t.native_id or 0 for t in threading.enumerate() if t.name.startswith("ottla")}


def threads() -> int:
    """All threads of this process, native ones included."""
    return len(os.listdir("/proc/self/task"))


def open_files() -> int:
    """All descriptors of this process."""
    return len(os.listdir("/proc/self/fd"))


def test_close_twice_is_fine() -> None:
    """If this failed, a finally block after a with block would raise."""
    broker = ottla.Broker()
    with broker:
        pass
    broker.close()


def test_touches_nothing_of_the_process(capfd: pytest.CaptureFixture[str]) -> None:
    """If this failed, embedding a broker would change signals, gc, logging or the output."""
    import logging

    def state() -> tuple[object, ...]:
        handlers = [signal.getsignal(s) for s in signal.valid_signals()]
        root = logging.getLogger()
        return (
            handlers,
            gc.get_threshold(),
            gc.isenabled(),
            gc.get_freeze_count(),
            list(root.handlers),
            root.level,
            sys.excepthook,
            threading.excepthook,
            os.getcwd(),
        )

    before = state()
    with ottla.Broker() as broker:
        send(broker, b"x")
        assert state() == before
    assert state() == before
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")


def test_binds_loopback_alone() -> None:
    """If this failed, a test's broker would be open to the network."""
    with ottla.Broker() as broker:
        inodes = set()
        for name in os.listdir("/proc/self/fd"):
            try:
                target = os.readlink(f"/proc/self/fd/{name}")
            except OSError:
                continue
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        listening = [r[1] for r in rows if r[3] == "0A" and r[9] in inodes]
        assert f"0100007F:{broker.port:04X}" in listening
        assert all(address.startswith("0100007F:") for address in listening)


def test_fork_closes_the_node_in_the_child() -> None:
    """If this failed, a forked child would keep the port, or write into the parent's logs."""
    program = """
import os, socket, sys
import ottla
with ottla.Broker() as broker:
    sockets = lambda: [f for f in os.listdir("/proc/self/fd") if is_socket(f)]
    def is_socket(f):
        try: return os.readlink(f"/proc/self/fd/{f}").startswith("socket:")
        except OSError: return False
    assert sockets()
    pid = os.fork()
    if pid == 0:
        left = sockets()
        os._exit(0 if not left else 1)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, "the child still holds sockets"
    port = broker.port
    socket.create_connection(("127.0.0.1", port), 2).close()
print("alive", flush=True)
"""
    done = run(program)
    assert (done.returncode, done.stdout) == (0, "alive\n"), done.stderr


def test_child_of_a_fork_can_exit_normally() -> None:
    """If this failed, multiprocessing by fork would hang beside a broker."""
    program = """
import os, sys
import ottla
with ottla.Broker() as broker:
    pid = os.fork()
    if pid == 0:
        sys.exit(0)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    import socket
    socket.create_connection(("127.0.0.1", broker.port), 2).close()
print("alive")
"""
    done = run(program)
    assert (done.returncode, done.stdout) == (0, "alive\n"), done.stderr


def test_end_of_the_interpreter_stops_the_node(tmp_path: Path) -> None:
    """If this failed, a forgotten broker would hang the process or leave an unclean folder."""
    program = "import ottla, sys; b = ottla.Broker(dir=sys.argv[1]).start(); print('end')"
    start = time.monotonic()
    done = run(program, str(tmp_path / "kept"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "end\n", "")
    assert time.monotonic() - start < 10
    assert (tmp_path / "kept" / ".kafka_cleanshutdown").exists()


def test_unhandled_error_ends_the_process() -> None:
    """If this failed, an exception in the user's code would leave a process that never ends, or
    the folders of its brokers.
    """
    program = """
import ottla
brokers = [ottla.Broker().start() for _ in range(2)]
brokers.append(ottla.Broker())
brokers[0].kill()
print(*(b.dir for b in brokers), flush=True)
raise SystemExit(3)
"""
    done = run(program)
    assert (done.returncode, done.stderr) == (3, "")
    assert len(done.stdout.split()) == 3
    assert [folder for folder in done.stdout.split() if Path(folder).exists()] == []


def test_import_is_light() -> None:
    """If this failed, `import ottla` would drag in what costs start-up time."""
    program = (
        "import sys, ottla; print([m for m in ('asyncio', 'logging', 'json') if m in sys.modules])"
    )
    assert run(program).stdout == "[]\n"
