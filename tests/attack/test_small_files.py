"""The files that a start depends on, each damaged in every way: the start is refused with an error
that names the file and says what to do, or it succeeds and all that was acknowledged is there.

The metadata log apart: damage behind which something is whole is refused, with the command that
gives it up; a torn end is cut, as after any crash. (Single bits of every file: test_bits.py.)
"""

from __future__ import annotations

import itertools
import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import ottla
from attack.line import Line
from ottla._core import Disk, examine_segment
from ottla.node.metadata_damage import MetadataDamaged
from ottla.wire.messages.create_topics import CreatableTopic, CreateTopicsRequest
from ottla.wire.messages.metadata import MetadataRequest
from ottla.wire.records import Batch, read_batches

SEED = 20261125
METADATA = "__cluster_metadata-0"
LOG = f"{METADATA}/{0:020d}.log"
TOPICS = ("first", "second", "third")
SMALL = (
    "meta.properties",
    "bootstrap.checkpoint",
    f"{METADATA}/quorum-state",
    f"{METADATA}/{0:020d}-{0:010d}.checkpoint",
    "recovery-point-offset-checkpoint",
    "replication-offset-checkpoint",
    "log-start-offset-checkpoint",
    ".kafka_cleanshutdown",
)


def topics(broker: ottla.Broker) -> set[str | None]:
    """The topics that Metadata lists."""
    answer = Line(broker.port).ask(MetadataRequest(topics=None), 12)
    return {topic.name for topic in answer.topics}


def create(broker: ottla.Broker, name: str) -> None:
    """A topic of one partition."""
    topic = CreatableTopic(name=name, num_partitions=1, replication_factor=1)
    Line(broker.port).ask(CreateTopicsRequest(topics=[topic]), 7)
    assert name in topics(broker)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three topics, the last of them made in a second life, stopped cleanly."""
    folder = tmp_path_factory.mktemp("small") / "whole"
    with ottla.Broker(dir=folder) as broker:
        create(broker, "first")
        create(broker, "second")
    with ottla.Broker(dir=folder) as broker:
        create(broker, "third")
    return folder


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    """A folder to damage."""
    return Path(shutil.copytree(whole, tmp_path / "copy"))


def damages(contents: bytes) -> Iterator[tuple[str, bytes]]:
    """Ways to damage a small file."""
    entropy = random.Random(SEED)
    yield "empty", b""
    yield "half", contents[: len(contents) // 2]
    yield "short by one", contents[:-1]
    yield "twice", contents * 2
    yield "zeros", bytes(len(contents))
    yield "noise", entropy.randbytes(len(contents))
    yield "not UTF-8", b"\xff\xfe" + contents
    yield "deep", b"[" * 100_000
    yield (
        "another's",
        b"version=1\ncluster.id=\\ud800\nnode.id=1\ndirectory.id=" + b"A" * 22,
    )
    yield "bad escape", contents + b"\ncluster.id=\\uzzzz\n"
    for digits in (b"-1", b"2147483648", b"9223372036854775807", b"9" * 5000):
        yield f"numbers {digits[:20]!r}", contents.replace(b"0", digits).replace(b"1", digits)
    for _ in range(6):
        at = entropy.randrange(len(contents))
        yield f"byte {at}", contents[:at] + entropy.randbytes(1) + contents[at + 1 :]


@pytest.mark.parametrize("name", SMALL)
def test_a_damaged_small_file(whole: Path, tmp_path: Path, name: str) -> None:
    """If this failed, a damaged file would end a start in a traceback, or lose topics silently."""
    contents = (whole / name).read_bytes()
    for number, (kind, damaged) in enumerate(damages(contents)):
        folder = Path(shutil.copytree(whole, tmp_path / str(number)))
        (folder / name).chmod(0o600)
        (folder / name).write_bytes(damaged)
        problem = refusal(folder)
        if problem is not None:
            said = f"{problem} ({problem.hint})"
            assert problem.hint, (kind, said)
            names = (name, Path(name).name, "node.id", "directory", "cluster")
            assert any(word in said for word in names), (kind, said)


def refusal(folder: Path) -> ottla.OttlaError | None:
    """How the start is refused; None if all that was acknowledged is there."""
    try:
        with ottla.Broker(dir=folder) as broker:
            assert topics(broker) == set(TOPICS)
    except ottla.OttlaError as problem:
        return problem
    return None


@pytest.mark.parametrize("name", SMALL[:4])
def test_a_small_file_that_cannot_be_opened(copy: Path, name: str) -> None:
    """If this failed, a file of the wrong kind would end a start in a traceback."""
    (copy / name).unlink()
    (copy / name).mkdir()
    with pytest.raises(ottla.OttlaError, match=Path(name).name) as refused:
        ottla.Broker(dir=copy).start()
    assert refused.value.hint


def batches(folder: Path) -> list[Batch]:
    """The batches of the metadata log."""
    path = str(folder / LOG)
    found = examine_segment(Disk(), path, next_offset=0, leader_epoch=0, leader_epoch_max=2**31 - 1)
    return read_batches((folder / LOG).read_bytes()[: found.whole_bytes])


def flip(path: Path, bit: int) -> None:
    """Flip one bit of a file."""
    data = bytearray(path.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)


def test_any_flipped_bit_of_the_metadata_log(whole: Path, tmp_path: Path) -> None:
    """If this failed, one bad sector would take topics away without a word, as in 4.3.1."""
    entropy = random.Random(SEED)
    found = batches(whole)
    last = found[-1].position
    for number in range(60):
        folder = Path(shutil.copytree(whole, tmp_path / str(number)))
        bit = entropy.randrange(8 * last) if number else 8 * (found[2].position + 7)
        flip(folder / LOG, bit)
        hurt = [batch for batch in found if batch.position <= bit // 8][-1]
        with pytest.raises(MetadataDamaged) as refused:
            ottla.Broker(dir=folder).start()
        said = str(refused.value)
        assert f"byte {hurt.position}, where offset {hurt.base_offset} should be" in said, bit
        assert str(folder / LOG) in said


def test_damage_at_the_end_of_a_segment_that_has_a_successor_is_refused(copy: Path) -> None:
    """If this failed, damage behind which nothing is whole in its own file would be taken for a
    torn end, and the segments that follow be dropped without a word.
    """
    path = copy / LOG
    found = batches(copy)
    data = path.read_bytes()
    hurt, after = next(
        pair
        for pair in itertools.pairwise(found)
        if any(b"second" in (record.value or b"") for record in pair[0].records)
    )
    later = path.with_name(f"{after.base_offset:020d}.log")
    later.write_bytes(data[after.position : found[-1].position + found[-1].size_bytes])
    path.write_bytes(data[: after.position])
    flip(path, 8 * hurt.position + 8 * 70)
    with pytest.raises(MetadataDamaged, match="and 1 more segments") as refused:
        ottla.Broker(dir=copy).start()
    assert f"byte {hurt.position}, where offset {hurt.base_offset} should be" in str(refused.value)
    assert later.exists()
    assert refused.value.hint is not None
    subprocess.run(["sh", "-c", refused.value.hint.rpartition(": ")[2]], check=True)
    with ottla.Broker(dir=copy) as broker:
        assert topics(broker) == {"first"}


def test_the_way_out_of_damage(copy: Path) -> None:
    """If this failed, the command that the error names would not help, or give up too much."""
    path = copy / LOG
    hurt = next(
        batch for batch in batches(copy) if any(b"third" in (r.value or b"") for r in batch.records)
    )
    flip(path, 8 * hurt.position + 8 * 70)
    with pytest.raises(MetadataDamaged) as refused:
        ottla.Broker(dir=copy).start()
    assert refused.value.hint is not None
    command = refused.value.hint.rpartition(": ")[2]
    assert command.startswith("truncate -s")
    subprocess.run(["sh", "-c", command], check=True)
    with ottla.Broker(dir=copy) as broker:
        assert topics(broker) == {"first", "second"}
        create(broker, "third")


def test_a_torn_end_is_cut(whole: Path, tmp_path: Path) -> None:
    """If this failed, a folder would not start after a crash."""
    found = batches(whole)
    data = (whole / LOG).read_bytes()
    last = found[-1]
    end = last.position + last.size_bytes
    torn = {
        "short": data[: end - 1],
        "half a header": data[: last.position + 30],
        "zeros where it should be": data[: last.position] + bytes(8192),
        "noise behind": data[:end] + random.Random(SEED).randbytes(100),
        "the end of it lost": data[: end - 5] + bytes(5),
    }
    for number, contents in enumerate(torn.values()):
        folder = Path(shutil.copytree(whole, tmp_path / str(number)))
        (folder / LOG).write_bytes(contents)
        with ottla.Broker(dir=folder) as broker:
            assert topics(broker) == set(TOPICS)


def test_a_write_that_never_arrived_is_torn_whatever_follows(copy: Path) -> None:
    """If this failed, a power cut between the writes of one turn would stop the next start: their
    sectors reach the disk in any order.
    """
    path = copy / LOG
    found = batches(copy)
    data = path.read_bytes()
    lost = found[-2]
    path.write_bytes(
        data[: lost.position] + bytes(lost.size_bytes) + data[lost.position + lost.size_bytes :]
    )
    with ottla.Broker(dir=copy) as broker:
        assert topics(broker) == set(TOPICS)


def test_a_segment_that_is_missing_is_refused(whole: Path, tmp_path: Path) -> None:
    """If this failed, a segment that was lost would take all changes in it away silently."""
    folder = Path(shutil.copytree(whole, tmp_path / "copy"))
    data = (folder / LOG).read_bytes()
    found = batches(whole)
    first, second, third = found[2], found[4], found[5]
    (folder / LOG).write_bytes(data[: first.position])
    later = folder / METADATA / f"{second.base_offset:020d}.log"
    later.write_bytes(data[second.position : found[-1].position])
    with pytest.raises(MetadataDamaged, match="what was between them is missing") as refused:
        ottla.Broker(dir=folder).start()
    assert refused.value.hint is not None
    assert f"rm {later}" in refused.value.hint
    middle = folder / METADATA / f"{first.base_offset:020d}.log"
    middle.write_bytes(data[first.position : second.position])
    with ottla.Broker(dir=folder) as broker:
        assert topics(broker) == set(TOPICS)
    assert third.base_offset > second.base_offset


def test_a_record_of_a_newer_release_is_named(copy: Path) -> None:
    """If this failed, a downgrade would end in a traceback."""
    from ottla.wire.records import Record, build_batch

    end = batches(copy)[-1]
    data = (copy / LOG).read_bytes()[: end.position + end.size_bytes]
    offset = end.last_offset + 1
    strange = [Record(None, b"\x01\x7f\x00\x00", timestamp_ms=1)]
    (copy / LOG).write_bytes(
        data + build_batch(strange, base_offset=offset, leader_epoch=end.leader_epoch)
    )
    with pytest.raises(ottla.OttlaError, match=f"offset {offset} of __cluster_metadata-0") as no:
        ottla.Broker(dir=copy).start()
    assert no.value.hint


def test_an_old_quorum_state_does_not_cost_a_sound_log(whole: Path, tmp_path: Path) -> None:
    """If this failed, whoever brought back a quorum-state of yesterday, as the hint for a damaged
    one says, would be told to cut the log.
    """
    data = shutil.copytree(whole, tmp_path / "data")
    state = data / METADATA / "quorum-state"
    epoch = int(state.read_text().split('"leaderEpoch":')[1].split(",")[0])
    assert epoch > 1
    state.write_text(state.read_text().replace(f'"leaderEpoch":{epoch}', '"leaderEpoch":1'))
    with pytest.raises(MetadataDamaged, match="older than the log") as refused:
        ottla.Broker(dir=data).start()
    command = str(refused.value.hint).rpartition(": ")[2]
    assert subprocess.run(command, shell=True).returncode == 0
    with ottla.Broker(dir=data) as broker:
        assert topics(broker) >= set(TOPICS)


def test_a_lost_metadata_log_is_no_new_cluster(whole: Path, tmp_path: Path) -> None:
    """If this failed, a node would start as an empty cluster and set all partitions aside."""
    data = shutil.copytree(whole, tmp_path / "data")
    (data / LOG).unlink()
    with pytest.raises(MetadataDamaged, match="holds no metadata"):
        ottla.Broker(dir=data).start()


def test_the_way_back_from_a_lost_meta_properties(copy: Path) -> None:
    """If this failed, `Broker(dir=...)` would give a full folder another identity, by which its
    voter is not found again, or name a way back that is none.
    """
    (copy / "meta.properties").unlink()
    before = sorted(copy.rglob("*"))
    with pytest.raises(ottla.OttlaError, match=r"lacks meta\.properties") as refused:
        ottla.Broker(dir=copy).start()
    assert set(copy.rglob("*")) - set(before) <= {copy / ".lock"}
    hint = str(refused.value.hint)
    bin = Path(__file__).parents[2] / "bin"
    environment = {**os.environ, "PATH": f"{bin}:{os.environ['PATH']}"}
    command = hint[hint.index("printf") :]
    assert subprocess.run(command, shell=True, env=environment).returncode == 0
    with ottla.Broker(dir=copy) as broker:
        assert topics(broker) == set(TOPICS)


def test_a_metadata_folder_that_is_gone_is_no_new_cluster(copy: Path) -> None:
    """If this failed, whoever lost that folder would find all partitions set aside."""
    shutil.rmtree(copy / METADATA)
    with pytest.raises(MetadataDamaged, match="holds no metadata"):
        ottla.Broker(dir=copy).start()
    assert (copy / "first-0").exists()
