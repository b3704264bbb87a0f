"""Brokers that nobody closes, and folders of processes that could not remove them."""

from __future__ import annotations

import gc
import os
import signal
import socket
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import pytest
from test_manners import SOURCE, open_files, run, threads

import ottla
from servers import eventually


def refuses(port: int) -> bool:
    """Whether nobody listens there."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:  # it was let in as the port was being closed
        return False
    return False


def dropped(given: Path | None) -> tuple[str, int]:
    """The folder and the port of a broker that was used and is let go."""
    broker = ottla.Broker(dir=given).start()
    broker.produce("t", "v")
    return broker.dir, broker.port


def test_a_dropped_broker_warns_and_ends() -> None:
    """If this failed, each run of a notebook's cell would leave a node behind."""
    with ottla.Broker() as broker:
        broker.produce("t", "v")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # of clients that other tests used
        gc.collect()
    before = threads(), open_files()
    for _ in range(5):
        with pytest.warns(ResourceWarning, match=r"127.*was dropped.*with"):
            folder, port = dropped(None)
        eventually(lambda port=port: refuses(port), "its port is closed")
        eventually(lambda folder=folder: not os.path.exists(folder), "its folder is gone")
    eventually(lambda: threads() <= before[0], "its threads have ended")
    eventually(lambda: gc.collect() >= 0 and open_files() <= before[1], "its files are closed")


def test_a_dropped_broker_keeps_a_folder_that_was_given(tmp_path: Path) -> None:
    """If this failed, dropping a broker would lose its user's records."""
    with pytest.warns(ResourceWarning):
        dropped(tmp_path / "kept")

    def again() -> bool:
        try:
            with ottla.Broker(dir=tmp_path / "kept") as broker:
                return [r.value for r in broker.records("t")] == [b"v"]
        except ottla.FolderInUse:
            return False

    eventually(again, "the records are there")


def test_what_was_closed_or_never_started_is_silent() -> None:
    """If this failed, who does it right would be warned."""
    program = """if True:
        import gc, os, ottla
        folder = ottla.Broker().dir
        gc.collect()
        for end in (ottla.Broker.close, ottla.Broker.kill):
            broker = ottla.Broker().start()
            end(broker)
            del broker
            gc.collect()
        kept = ottla.Broker().start()
    """
    done = run(program)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def killed(by: int) -> Path:
    """The folder of a broker whose process was ended by this signal."""
    program = "import ottla, signal; print(ottla.Broker().start().dir, flush=True); signal.pause()"
    program = program.replace("ottla.Broker().start()", "(b := ottla.Broker().start())")
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(SOURCE), "TMPDIR": tempfile.gettempdir()},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout as said:
        folder = Path(said.readline().strip())
    assert folder.is_dir()
    process.send_signal(by)
    process.wait(20)
    return folder


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGKILL])
def test_what_a_dead_process_left_is_swept(by: int) -> None:
    """If this failed, every run that is killed would leave a folder for ever."""
    left = killed(by)
    assert left.is_dir(), "a signal that ends a process leaves its folder"
    with ottla.Broker():
        assert not left.exists()


def test_nothing_else_is_swept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """If this failed, a broker would remove folders that are in use, or not its own."""
    left = killed(signal.SIGKILL)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    _, pid, space, _ = left.name.split("-", 3)
    with ottla.Broker() as one:
        others = [
            tmp_path / f"ottla-{pid}-00000000-elsewhere",
            tmp_path / f"ottla-{os.getpid()}-{space}-lives",
            tmp_path / f"ottla-{os.getppid()}-{space}-lives-too",
            tmp_path / f"mine-{pid}-{space}-x",
            tmp_path / "ottla-data",
        ]
        for folder in others:
            folder.mkdir()
        target = tmp_path / "target"
        target.mkdir()
        (target / "precious").touch()
        (tmp_path / f"ottla-{pid}-{space}-link").symlink_to(target)
        dead = tmp_path / f"ottla-{pid}-{space}-dead"
        dead.mkdir()
        with ottla.Broker():
            assert not dead.exists()
        assert all(folder.is_dir() for folder in others)
        assert (target / "precious").exists()
        assert one.produce("t", "v") == 0
