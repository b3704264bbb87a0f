"""Formatting: the contents of a folder, the command's lines and codes, and 4.3.1 on what we
formatted.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import time
from pathlib import Path

import pytest

from coordinators.world import Counter
from oracle import CLUSTER_ID, Oracle, java
from ottla._core import Disk
from ottla.cli.kafka_storage import storage
from ottla.config.broker import BrokerConfig
from ottla.metadata.features import METADATA_VERSION_NAMES
from ottla.node.format import (
    AlreadyFormatted,
    FormatError,
    bootstrap_bytes,
    bootstrap_records,
    ensure_formatted,
    fill,
    format_directories,
    read_bootstrap,
)
from ottla.node.formatted import read_directories
from ottla.node.meta_properties import MetaPropertiesError, read_meta_properties
from ottla.raft.snapshots import decode_snapshot
from ottla.raft.voters import voters_of
from ottla.wire.records import read_batches

APACHE_FOLDER = Path(__file__).parents[1] / "data" / "apache-4.3.1-folder.tar.xz"
STATIC = {"controller.quorum.voters": "1@localhost:9093"}
DYNAMIC = {"controller.quorum.bootstrap.servers": "localhost:9093"}


def properties(folder: Path, *names: str, **other: str) -> dict[str, str]:
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "listeners": "PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": ",".join(str(folder / name) for name in names or ("data",)),
        **{key.replace("_", "."): value for key, value in other.items()},
    }


def written(folder: Path, values: dict[str, str]) -> str:
    path = folder / "server.properties"
    path.write_text("".join(f"{key}={value}\n" for key, value in values.items()))
    return str(path)


def files(folder: Path) -> set[str]:
    return {
        os.path.relpath(os.path.join(root, name), folder)
        for root, _, names in os.walk(folder)
        for name in names
    }


def test_bootstrap_checkpoint_equals_apaches(tmp_path: Path) -> None:
    """The features of a new cluster decide what its clients and brokers may do."""
    with tarfile.open(APACHE_FOLDER) as archive:
        member = archive.extractfile("data/bootstrap.checkpoint")
        assert member is not None
        theirs = read_batches(member.read())
    ours = read_batches(bootstrap_bytes(bootstrap_records(), 12345))
    assert len(ours) == len(theirs)
    for our_batch, their_batch in zip(ours, theirs, strict=True):
        plain = {"base_timestamp_ms": 0, "max_timestamp_ms": 0}
        our_records = [record._replace(timestamp_ms=0) for record in our_batch.records]
        their_records = [record._replace(timestamp_ms=0) for record in their_batch.records]
        assert our_records == their_records
        assert our_batch._replace(records=(), **plain) == their_batch._replace(records=(), **plain)


def test_a_static_quorum_has_no_checkpoint_of_voters(tmp_path: Path) -> None:
    """4.3.1 tells the kinds of quorum apart by this file."""
    config = BrokerConfig({**properties(tmp_path, "a", "b"), **STATIC})
    done = format_directories(config, "cluster")
    assert [formatted.kind for formatted in done] == ["metadata directory", "data directory"]
    names = {"meta.properties", "bootstrap.checkpoint", ".lock"}
    assert files(tmp_path) == {f"{folder}/{name}" for folder in "ab" for name in names}


def test_a_dynamic_quorum_begins_with_its_voter(tmp_path: Path) -> None:
    """The 0-0 checkpoint is all that a first leader knows of who may vote."""
    config = BrokerConfig({**properties(tmp_path), **DYNAMIC})
    format_directories(config, "cluster", standalone=True)
    path = tmp_path / "data" / "__cluster_metadata-0" / f"{0:020d}-{0:010d}.checkpoint"
    version, voters = decode_snapshot(path.read_bytes(), "0-0").control
    assert version.kraft_version == 1
    voter = voters_of(voters)[1]
    meta = read_meta_properties(str(tmp_path / "data"), Disk())
    assert meta is not None
    assert voter.directory_id == meta.directory_id
    assert voter.endpoints == (("CONTROLLER", "127.0.0.1", 9093),)


def test_what_is_written_is_dated_by_who_formats(tmp_path: Path) -> None:
    """A simulated node's folder would say when the simulation ran, another each time."""
    config = BrokerConfig({"node.id": "1", "log.dirs": str(tmp_path)})
    day_ms = 86_400_000
    fill(config, [str(tmp_path)], CLUSTER_ID, [], lambda *_: None, Disk(), Counter(), 3 * day_ms)
    text = (tmp_path / "meta.properties").read_text()
    assert text.splitlines()[1] == "#Sun Jan 04 00:00:00 UTC 1970"
    checkpoint = (tmp_path / "bootstrap.checkpoint").read_bytes()
    assert {batch.max_timestamp_ms for batch in read_batches(checkpoint)} == {3 * day_ms}


def test_formatting_twice_needs_to_be_meant(tmp_path: Path) -> None:
    """A second format of a folder in use would give it another identity."""
    config = BrokerConfig({**properties(tmp_path, "a"), **STATIC})
    format_directories(config, "cluster")
    with pytest.raises(AlreadyFormatted):
        format_directories(config, "cluster")
    before = read_directories(config, Disk())
    both = BrokerConfig({**properties(tmp_path, "a", "b"), **STATIC})
    done = format_directories(both, "cluster", ignore_formatted=True)
    assert [Path(formatted.directory).name for formatted in done] == ["b"]
    assert read_directories(both, Disk()).directory_ids[0] == before.directory_ids[0]
    with pytest.raises(FormatError, match=r"Invalid cluster\.id"):
        format_directories(both, "another", ignore_formatted=True)


@pytest.mark.parametrize(("level", "name"), METADATA_VERSION_NAMES.items())
def test_every_release_has_its_features(level: int, name: str) -> None:
    """A feature that a release did not know makes its brokers refuse the cluster."""
    records = [record for record, _ in bootstrap_records(level)]
    levels = {record.name: record.feature_level for record in records}
    assert levels["metadata.version"] == level
    assert ("share.version" in levels) == (level >= 28)
    assert "kraft.version" not in levels


def test_features_that_depend_on_others_are_held_to_it() -> None:
    """A cluster of such features could not be joined by anybody."""
    with pytest.raises(FormatError, match=r"depends on metadata.version level 23"):
        bootstrap_records(21, {"eligible.leader.replicas.version": 1})
    with pytest.raises(FormatError, match="Unsupported feature"):
        bootstrap_records(30, {"bogus.version": 1})
    with pytest.raises(FormatError, match="No feature"):
        bootstrap_records(30, {"group.version": 9})


def test_an_embedded_folder_is_formatted_once_and_quickly(tmp_path: Path) -> None:
    """Every test of a user pays for this; and a kept folder keeps its cluster."""
    values = {**properties(tmp_path), **DYNAMIC}
    began = time.perf_counter()
    cluster_id = ensure_formatted(values)
    assert time.perf_counter() - began < 0.5
    assert ensure_formatted(values) == cluster_id
    directories = read_directories(BrokerConfig(values), Disk())
    assert (directories.cluster_id, directories.node_id) == (cluster_id, 1)
    assert read_bootstrap(Disk(), str(tmp_path / "data")) == bootstrap_records()


def test_folders_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    """A node on another node's folder would answer in its name."""
    ensure_formatted({**properties(tmp_path, "a"), **DYNAMIC})
    ensure_formatted({**properties(tmp_path, "b"), **DYNAMIC})
    with pytest.raises(MetaPropertiesError, match="cluster"):
        read_directories(BrokerConfig(properties(tmp_path, "a", "b")), Disk())
    with pytest.raises(MetaPropertiesError, match=r"node\.id is 7"):
        read_directories(BrokerConfig(properties(tmp_path, "a", node_id="7")), Disk())
    with pytest.raises(MetaPropertiesError, match="not formatted"):
        read_directories(BrokerConfig(properties(tmp_path, "c")), Disk())


def test_the_guides_line_works_with_either_kind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first command of every guide must not ask for a flag that the guide does not have."""
    for kind, quorum, folder in (("", STATIC, "s"), ("dynamic ", DYNAMIC, "d")):
        path = written(tmp_path, {**properties(tmp_path, folder), **quorum})
        assert storage(["format", "-t", CLUSTER_ID, "-c", path]) == 0
        said = capsys.readouterr()
        words = f"{kind}metadata {'voter ' if kind else ''}directory {tmp_path / folder}"
        assert said.out == f"Formatting {words} with metadata.version 4.3-IV0.\n"
        assert ("--standalone" in said.err) == bool(kind)


def test_info_says_what_is_there_and_what_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Scripts read the lines and the code."""
    path = written(tmp_path, {**properties(tmp_path, "a", "b"), **STATIC})
    (tmp_path / "a").mkdir()
    assert storage(["info", "-c", path]) == 1
    out = capsys.readouterr().out
    assert f"Found log directory:\n  {tmp_path / 'a'}\n\n" in out
    assert "Found problems:" in out
    assert f"  {tmp_path / 'a'} is not formatted.\n" in out
    assert f"  {tmp_path / 'b'} does not exist\n" in out
    assert storage(["format", "-t", CLUSTER_ID, "-c", path]) == 0
    capsys.readouterr()
    assert storage(["info", "--config", path]) == 0
    assert f"Found metadata: {{cluster.id={CLUSTER_ID}, directory.id=" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["format", "-s"], "--config is missing"),
        (["format", "-c", "FILE"], "--cluster-id is missing"),
        (["format", "-c", "FILE", "-t", "x", "-S", "y"], "--add-scram is not honoured"),
        (["format", "-c", "FILE", "-t", "x", "-s"], "controller.quorum.voters"),
        (["format", "-c", "FILE", "-t", "x", "-r", "9.9"], "Unknown metadata.version '9.9'"),
        (["format", "-c", "FILE", "-t", "x", "-f", "a"], "equals sign not found"),
        (["format", "-c", "FILE", "-t", "x", "-f", "kraft.version=1"], "kraft.version"),
        (["format", "-c", "FILE", "-t", "x", "-s", "-N"], "can't be given together"),
        (["bogus"], "not one of"),
        ([], "say what to do"),
    ],
)
def test_what_cannot_be_done_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    """A flag that is taken and ignored would format something else than was asked."""
    path = written(tmp_path, {**properties(tmp_path), **STATIC})
    assert storage([path if word == "FILE" else word for word in arguments]) == 1
    assert words in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


def test_ids_are_drawn_in_kafkas_form(capsys: pytest.CaptureFixture[str]) -> None:
    """An id that begins with a dash would be taken for a flag."""
    for _ in range(50):
        assert storage(["random-uuid"]) == 0
    drawn = capsys.readouterr().out.split()
    assert len(set(drawn)) == 50
    assert all(len(text) == 22 and not text.startswith("-") for text in drawn)


@pytest.mark.jvm
@pytest.mark.parametrize("quorum", ["static", "dynamic"])
def test_apache_kafka_starts_on_what_we_formatted(tmp_path: Path, quorum: str) -> None:
    """Growing in place: the same folder under either server."""
    node = Oracle(tmp_path, quorum=quorum)
    assert storage(["format", "-t", CLUSTER_ID, "-c", str(node.properties)]) == 0
    node.start()
    node.stop()
    assert node.errors_logged() == []
    state = (node.log_dir / "__cluster_metadata-0" / "quorum-state").read_text()
    assert f'"data_version":{0 if quorum == "static" else 1}' in state


@pytest.mark.jvm
def test_apaches_tool_reads_what_we_formatted(tmp_path: Path) -> None:
    """`kafka-storage info` of 4.3.1 finds nothing to complain about."""

    path = written(tmp_path, {**properties(tmp_path, "a", "b"), **DYNAMIC})
    assert storage(["format", "-t", CLUSTER_ID, "-c", path]) == 0
    done = subprocess.run(
        java("kafka.tools.StorageTool", "info", "-c", path), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"cluster.id={CLUSTER_ID}" in done.stdout


def led(folder: Path, *names: str, **quorum: str) -> BrokerConfig:
    """The configuration of a node that ran on these folders and has a topic."""
    from ottla.node.node import Node

    values = {
        **properties(folder, *names, listeners="PLAINTEXT://127.0.0.1:0,CONTROLLER://127.0.0.1:0"),
        **(quorum or DYNAMIC),
    }
    ensure_formatted(values)
    node = Node(values)
    node.start()
    node.stop(10_000)
    return BrokerConfig(values)


def without_meta(folder: Path) -> str:
    """Lose the file, and give back what was in it."""
    path = folder / "meta.properties"
    text = path.read_text()
    path.unlink()
    return text


def told(config: BrokerConfig) -> str:
    """What a start says is to be done."""
    with pytest.raises(MetaPropertiesError) as refused:
        read_directories(config, Disk())
    assert refused.value.hint is not None
    return refused.value.hint


@pytest.mark.parametrize("lost", ["a", "b"])
def test_a_lost_meta_properties_is_written_as_it_was(tmp_path: Path, lost: str) -> None:
    """If this failed, the way back would lead to another refusal: the voter and the partitions are
    known by the directory's id.
    """
    config = led(tmp_path, "a", "b")
    (tmp_path / "b" / "orders-0").mkdir()
    (tmp_path / "b" / "orders-0" / "partition.metadata").write_text("version: 0")
    text = without_meta(tmp_path / lost)
    hint = told(config)
    assert "printf 'version=1" in hint
    for formats in (
        lambda: ensure_formatted(config.explicit),
        lambda: format_directories(config, CLUSTER_ID, standalone=True),
    ):
        with pytest.raises((MetaPropertiesError, FormatError)):
            formats()
        assert not (tmp_path / lost / "meta.properties").exists()
    subprocess.run(hint[hint.index("printf") :], shell=True, check=True)
    written = (tmp_path / lost / "meta.properties").read_text()
    assert sorted(written.split()) == sorted(
        line for line in text.splitlines() if not line.startswith("#")
    )


def test_an_empty_folder_beside_a_full_one_is_formatted_for_its_cluster(tmp_path: Path) -> None:
    """If this failed, the command that is printed for a new disk would be refused by itself."""
    config = led(tmp_path, "a", "b")
    cluster_id = read_directories(config, Disk()).cluster_id
    shutil.rmtree(tmp_path / "b")
    (tmp_path / "b").mkdir()
    path = written(tmp_path, dict(config.explicit))
    hint = told(config)
    assert hint == f"kafka-storage.sh format -t {cluster_id} -c <config file> --ignore-formatted"
    words = hint.replace("<config file>", path).split()
    assert storage(words[1:]) == 0
    assert read_directories(config, Disk()).cluster_id == cluster_id


def test_an_empty_metadata_folder_beside_used_ones_is_not_formatted(tmp_path: Path) -> None:
    """If this failed, a disk that was not mounted would cost the cluster its topics: a new one
    would begin, and set all partitions aside.
    """
    config = led(tmp_path, "a", "b")
    shutil.rmtree(tmp_path / "a")
    assert "mounted" in told(config)
    for formats in (
        lambda: ensure_formatted(config.explicit),
        lambda: format_directories(config, CLUSTER_ID, ignore_formatted=True, standalone=True),
    ):
        with pytest.raises((MetaPropertiesError, FormatError)):
            formats()
        assert not (tmp_path / "a" / "meta.properties").exists()


def test_a_folder_that_only_has_a_partitions_name_is_none(tmp_path: Path) -> None:
    """If this failed, somebody's own folder in a new log directory would keep it from use."""
    (tmp_path / "data" / "photos-2025").mkdir(parents=True)
    ensure_formatted({**properties(tmp_path), **DYNAMIC})


def test_a_level_that_is_not_stable_must_be_wanted(tmp_path: Path) -> None:
    """Without it a cluster could come to a level that no later release knows; with it clusters of
    Apache's own tests could not be served.
    """
    values = {**properties(tmp_path), **DYNAMIC}
    config = BrokerConfig(values)
    with pytest.raises(FormatError, match=r"metadata.version 4.4-IV0 is not yet stable") as refused:
        format_directories(config, "cluster", metadata_version=31, standalone=True)
    assert "unstable.feature.versions.enable=true" in (refused.value.hint or "")
    wanted = BrokerConfig({**values, "unstable.feature.versions.enable": "true"})
    format_directories(wanted, "cluster", standalone=True)
    record = read_bootstrap(Disk(), str(tmp_path / "data"))[0][0]
    assert (record.name, record.feature_level) == ("metadata.version", 31)
