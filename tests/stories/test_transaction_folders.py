"""Transactions in every state change hands with their folder, between Ottla and Apache Kafka.

Who opens a folder ends what the other left: it writes the markers that are missing, aborts what is
late or fenced, and lets go on who is still there.
"""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path

import pytest

from javatools import JavaTools
from oracle import Oracle
from servers import BIN, OttlaProcess
from stories import transaction_folders as folders
from transacting import Transacting


@pytest.mark.parametrize("level", [2, 0], ids=["newer", "older"])
def test_a_recorded_folder_of_apache(tmp_path: Path, data_dir: Path, level: int) -> None:
    """As below, without a JVM: a 4.3.1 wrote the folder and was killed."""
    with tarfile.open(data_dir / f"apache-4.3.1-transactions-{level}.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    played = folders.from_json((tmp_path / "scenes.json").read_text())
    folders.open_since_now(tmp_path / "data", played)
    node = OttlaProcess(tmp_path / "data", folders.CONFIG)
    node.start()
    try:
        folders.take_over(node.port, played)
        node.kill()
        node.start()
        checked_again(node.port, played)
        folders.nothing_hangs(node.port, node.folder)
    finally:
        node.stop()


def test_among_ourselves(tmp_path: Path) -> None:
    """If this failed, a kill between any two records of a transaction's end would leave a part of
    it, hold readers back for ever, or lose a producer its epoch.
    """
    node = OttlaProcess(tmp_path / "data", folders.CONFIG)
    node.start()
    played = folders.scenes("a")
    folders.write(node.port, played)
    node.kill()
    folders.cut(node.folder, played)
    node.start()
    folders.take_over(node.port, played)
    node.restart()
    checked_again(node.port, played)
    folders.nothing_hangs(node.port, node.folder)
    node.stop()


def checked_again(port: int, played: list[folders.Scene]) -> None:
    """What the other server has ended is so under this one."""
    node = Transacting(port)
    for scene in played:
        folders.expect(node, scene)
    node.close()


DECODERS = {
    "__transaction_state": "--transaction-log-decoder",
    "__consumer_offsets": "--offsets-decoder",
}


def dumped_by_both(tools: JavaTools, folder: Path) -> None:
    """Both tools print the same of every log, transaction index and producer snapshot."""
    found: dict[str, list[str]] = {}
    for kind in ("log", "txnindex", "snapshot"):
        for file in sorted(folder.glob(f"*/*.{kind}")):
            topic = file.parent.name.rpartition("-")[0]
            if topic != "__cluster_metadata":
                decoder = DECODERS.get(topic, "--print-data-log") if kind == "log" else ""
                found.setdefault(decoder, []).append(str(file))
    for decoder, files in found.items():
        arguments = ["--files", ",".join(files), *filter(None, [decoder])]
        theirs = tools.run("kafka-dump-log", *arguments).checked()
        command = [str(BIN / "kafka-dump-log.sh"), *arguments]
        ours = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert ours == theirs
        assert len(ours.splitlines()) > len(files)
        assert "isvalid: false" not in ours


def none_hangs(tools: JavaTools, bootstrap: str) -> None:
    """Neither tool finds a hanging transaction."""
    arguments = ("--bootstrap-server", bootstrap, "find-hanging", "--broker-id", "1")
    theirs = tools.run("kafka-transactions", *arguments).checked()
    command = [str(BIN / "kafka-transactions.sh"), *arguments]
    ours = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert ours.split() == theirs.split()
    assert len(theirs.strip().splitlines()) == 1, theirs


@pytest.mark.jvm
@pytest.mark.parametrize(
    "level", [2, pytest.param(0, marks=pytest.mark.long)], ids=["newer", "older"]
)
def test_they_change_hands_twice(tmp_path: Path, java_tools: JavaTools, level: int) -> None:
    """If this failed, nobody who uses transactions could move to Apache Kafka, or come from it: a
    transaction would hang, be half there, or be ended twice in two ways.

    A 4.3.1 that starts where the broker is still registered takes itself for the leader of before,
    and forgets markers when it is fenced after that. So we say goodbye before it starts; that our
    logs end without warning is what `cut` makes of them.
    """
    features = {"transaction.version": level}
    ours = OttlaProcess(tmp_path / "data", folders.CONFIG, features=features)
    apache = Oracle(
        tmp_path / "apache",
        folders.CONFIG,
        log_dir=ours.folder,
        ports=(ours.port, ours.controller_port),
    )
    rounds = {name: folders.scenes(name, newer=level == 2) for name in "abc"}
    try:
        ours.start()
        folders.write(ours.port, rounds["a"])
        ours.stop()
        folders.cut(ours.folder, rounds["a"])
        apache.start()
        folders.take_over(apache.port, rounds["a"])
        folders.write(apache.port, rounds["b"])
        apache.kill()
        folders.cut(ours.folder, rounds["b"])
        ours.start()
        folders.take_over(ours.port, rounds["b"])
        checked_again(ours.port, rounds["a"])
        folders.write(ours.port, rounds["c"])
        ours.stop()
        folders.cut(ours.folder, rounds["c"])
        apache.start()
        folders.take_over(apache.port, rounds["c"])
        everything_is_right(java_tools, apache, rounds)
        apache.stop()
        dumped_by_both(java_tools, ours.folder)
        ours.start()
        everything_is_right(java_tools, ours, rounds)
        ours.stop()
        dumped_by_both(java_tools, ours.folder)
        assert not apache.errors_logged()
    finally:
        ours.kill()
        apache.kill()


def everything_is_right(
    tools: JavaTools, node: Oracle | OttlaProcess, rounds: dict[str, list[folders.Scene]]
) -> None:
    """What any of them ended is so, and nothing is open."""
    for played in rounds.values():
        checked_again(node.port, played)
    folders.nothing_hangs(node.port, node.log_dir if isinstance(node, Oracle) else node.folder)
    none_hangs(tools, node.bootstrap)
