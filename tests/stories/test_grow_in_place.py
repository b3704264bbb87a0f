"""The same folder under either server: grow in place, and back.

Both ways are the promise that nobody has to migrate. One JVM node is started on a folder that Ottla
wrote; it writes more into it; Ottla takes the folder back.
"""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from javatools import JavaTools
from oracle import Oracle
from servers import OttlaProcess
from stories import folders

COMPLAINTS = ("mismatch", "Mismatch", "Found timestamp", "not found", "Exception", "is not valid")


def dump_everything(tools: JavaTools, folder: Path) -> None:
    """kafka-dump-log over every log and index of the folder, which must find nothing odd."""
    logs = sorted(folder.glob("*/*.log"))
    assert logs
    for log in logs:
        decoder = ["--cluster-metadata-decoder"] if "__cluster_metadata" in str(log) else []
        arguments = ("--deep-iteration", "--print-data-log", *decoder)
        out = tools.run("kafka-dump-log", "--files", str(log), *arguments).checked()
        assert "isvalid: false" not in out, out
        complaints = [line for line in out.splitlines() if any(c in line for c in COMPLAINTS)]
        assert not complaints, f"{log}: {complaints[:5]}"
    for pattern in ("*.index", "*.timeindex"):
        for index in sorted(f for f in folder.glob(f"*/{pattern}") if f.stat().st_size):
            ran = tools.run("kafka-dump-log", "--files", str(index), "--index-sanity-check")
            out = ran.checked()
            # Nothing is indexed before `index.interval.bytes`; of such a file the tool says this.
            empty = index.stat().st_size == 0 and "is empty." in out
            assert empty or "passed sanity check" in out, f"{index}: {out}"
            checked = tools.run("kafka-dump-log", "--files", str(index), "--verify-index-only")
            found = [c for c in COMPLAINTS if c in checked.checked()]
            assert not found, f"{index}: {checked.out}"


@pytest.mark.jvm
@pytest.mark.parametrize("quorum", ["dynamic", pytest.param("static", marks=pytest.mark.long)])
def test_apache_starts_on_our_folder_and_we_on_its(
    tmp_path: Path, java_tools: JavaTools, quorum: str
) -> None:
    """If this failed, Apache Kafka could not read what Ottla wrote, or the reverse."""
    folder = tmp_path / "data"
    ours = OttlaProcess(folder, quorum=quorum)
    ours.start()
    folders.write(ours.bootstrap)
    before = folders.read_written(ours.bootstrap)
    ours.stop()
    dump_everything(java_tools, folder)
    unwritten = [folder / f"unwritten-{partition}" for partition in range(2)]
    for place in unwritten:
        assert [file.name for file in place.iterdir()] == ["partition.metadata"]
    ports = (ours.port, ours.controller_port)
    apache = Oracle(tmp_path / "apache", log_dir=folder, quorum=quorum, ports=ports)
    apache.start()
    try:
        assert folders.read_written(apache.bootstrap) == before
        folders.write_more(apache.bootstrap)
        java_tools.run("WriteFolder", apache.bootstrap).checked()
        apache.stop()
    finally:
        apache.kill()
    assert not apache.errors_logged()
    assert all((place / f"{0:020d}.log").exists() for place in unwritten)
    ours.start()
    try:
        after = folders.read_written(ours.bootstrap)
        for name, rows in before.items():
            assert after[name][: len(rows)] == rows
        assert [row.value for row in after["unwritten-0"]] == [b"first"]
        assert after["unwritten-1"] == []
        folders.write_last(ours.bootstrap)
        assert [row.offset for row in folders.read(ours.bootstrap, "unwritten", 1)] == [0]
        folders.check_apaches_folder(ours.bootstrap)
    finally:
        ours.stop()


def test_ottla_starts_on_a_recorded_folder_of_apache(tmp_path: Path, data_dir: Path) -> None:
    """If this failed, a 4.3.1 folder with open transactions could not be taken over."""
    with tarfile.open(data_dir / "apache-4.3.1-folder.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    keep = {"offsets.retention.minutes": "50000000"}  # the record grows older than a week
    ours = OttlaProcess(tmp_path / "data", keep)
    ours.start()
    try:
        folders.check_apaches_folder(ours.bootstrap)
    finally:
        ours.stop()
    ours.start()
    try:
        folders.check_apaches_folder(ours.bootstrap)
    finally:
        ours.kill()
    ours.start()
    try:
        folders.check_apaches_folder(ours.bootstrap)
    finally:
        ours.stop()


@pytest.mark.long
@pytest.mark.jvm
@pytest.mark.parametrize("end", [Oracle.stop, Oracle.kill], ids=["stopped", "killed"])
def test_ottla_starts_on_a_fresh_folder_of_apache(
    tmp_path: Path, java_tools: JavaTools, end: Callable[[Oracle], None]
) -> None:
    """If this failed, what a stopped or killed 4.3.1 leaves could not be taken over."""
    apache = Oracle(tmp_path / "apache", log_dir=tmp_path / "data")
    apache.start()
    try:
        java_tools.run("WriteFolder", apache.bootstrap).checked()
        folders.check_apaches_folder(apache.bootstrap)
    finally:
        end(apache)
    ours = OttlaProcess(tmp_path / "data")
    ours.start()
    try:
        folders.check_apaches_folder(ours.bootstrap)
    finally:
        ours.stop()


@pytest.mark.long
@pytest.mark.jvm
def test_a_folder_has_one_server(tmp_path: Path) -> None:
    """If this failed, both servers could write into the same logs at once and spoil them."""
    apache = Oracle(tmp_path / "apache", log_dir=tmp_path / "data")
    ours = OttlaProcess(tmp_path / "data")
    apache.start()
    try:
        with pytest.raises(RuntimeError, match=r"\.lock|in use"):
            ours.start()
    finally:
        apache.stop()
    ours.start()
    try:
        with pytest.raises(RuntimeError, match=r"Failed to acquire lock on file \.lock"):
            apache.start()
    finally:
        ours.stop()
        apache.kill()
    apache.start()
    apache.stop()
