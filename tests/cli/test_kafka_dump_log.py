"""kafka-dump-log.sh against what Apache Kafka 4.3.1's prints of the same files (recorded by
`record_dumps.py`: a broker's folder, every stored record in every version, and damage).
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from cli import record_dumps
from cli.record_dumps import DECODERS, ENDINGS, Printed
from javatools import JavaTools
from ottla.cli import segment_batches
from ottla.cli.kafka_dump_log import COMMAND, main
from ottla.cli.run import run
from ottla.wire.records import Record, build_batch
from servers import OttlaServer

Dump = Callable[..., Printed]
LOG = "00000000000000000000.log"


@pytest.fixture
def dump(capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Dump:
    """Runs our command; of a failure, what it said is left out, as in the recording."""

    def ran(*args: str, folder: Path | None = None, said: bool = False) -> Printed:
        at = "{folder}" if folder is None else str(folder)
        code = run(COMMAND, main, [arg.replace("{folder}", at) for arg in args])
        out, err = (text.decode().replace(at, "{folder}") for text in capfdbinary.readouterr())
        return Printed(list(args), code, out, err if said or code == 0 else "")

    return ran


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All files of the recording."""
    folder = tmp_path_factory.mktemp("dumped")
    record_dumps.unpack(folder)
    return folder


def test_prints_what_apaches_prints(files: Path, dump: Dump) -> None:
    """If this failed, who reads files by our tool would be told other things than by Apache's."""
    recorded = record_dumps.recorded()
    assert [printed.args for printed in recorded] == list(record_dumps.commands(files))
    wrong = []
    for theirs in recorded:
        ours = dump(*theirs.args, folder=files)
        if ours != theirs:
            wrong += [" ".join(theirs.args), *first_difference(ours, theirs)]
    assert not wrong, "\n" + "\n".join(wrong[:60])


def first_difference(ours: Printed, theirs: Printed) -> Iterator[str]:
    """Where two outputs part."""
    yield f"  exit {ours.exit_code}, theirs {theirs.exit_code}"
    for mine, other in ((ours.out, theirs.out), (ours.err, theirs.err)):
        pairs = zip([*mine.splitlines(), ""], [*other.splitlines(), ""], strict=False)
        yield from (f"  {a[:400]!r}\n  {b[:400]!r}" for a, b in list(pairs) if a != b)


def test_every_kind_of_record_and_file_was_recorded() -> None:
    """If this failed, the comparison would be one of nothing."""
    recorded = record_dumps.recorded()
    named = " ".join(" ".join(printed.args) for printed in recorded)
    assert all(ending in named for ending in ENDINGS)
    assert all(option.name in named for option in COMMAND.options)
    text = "".join(printed.out for printed in recorded)
    groups = "".join(
        p.out for p in recorded if "{folder}/broker/__consumer_offsets-0" in p.args[-1]
    )
    types = [*range(1, 4), *range(5, 9), *range(10, 16), 17, *range(19, 24)]
    assert all(f'"type":"{number}"' in groups for number in types)
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        assert f"magic: 2 compresscodec: {codec}" in text
    for control in ("COMMIT", "ABORT", "LeaderChange", "SnapshotHeader", "KRaftVoters"):
        assert control in text


@pytest.mark.long
@pytest.mark.jvm
def test_the_recording_is_what_apaches_prints(files: Path, java_tools: JavaTools) -> None:
    """If this failed, we would be held against what no 4.3.1 ever printed."""
    again = list(record_dumps.ask(java_tools, files))
    assert again == record_dumps.recorded()


@pytest.mark.jvm
def test_apaches_reads_a_folder_of_ours(tmp_path: Path, java_tools: JavaTools, dump: Dump) -> None:
    """If this failed, Apache's tool would find something else in our folders than we do."""
    write(tmp_path / "data")
    found = sorted(path for path in tmp_path.rglob("*") if path.suffix in ENDINGS)
    assert {path.parent.name for path in found} >= {"__consumer_offsets-0", "t-0"}
    for path in found:
        flags = [DECODERS.get(path.parent.name, "--print-data-log")]
        if path.name == "bootstrap.checkpoint":
            flags = ["--cluster-metadata-decoder"]
        theirs = java_tools.run("kafka-dump-log", *flags, "--files", str(path))
        ours = dump(*flags, "--files", str(path))
        assert (ours.exit_code, ours.err) == (theirs.status, theirs.err)
        assert ours.out == theirs.out
        assert "skipping" not in ours.out


def write(folder: Path) -> None:
    """Records of every codec, and a group's offsets."""
    node = OttlaServer(folder, {"offsets.topic.num.partitions": "1"})
    node.start()
    try:
        where: dict[str, Any] = {"bootstrap.servers": node.bootstrap, "log_level": 0}
        admin = AdminClient(where)
        admin.create_topics([NewTopic("t", 1, 1)])["t"].result(20)
        for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
            producer = Producer({**where, "compression.type": codec, "enable.idempotence": True})
            for number in range(20):
                headers: Any = {"number": str(number)}
                producer.produce("t", f"{codec} {number}" * 9, f"k{number}", headers=headers)
            assert producer.flush(20) == 0
        consumer = Consumer({**where, "group.id": "g"})
        consumer.commit(offsets=[TopicPartition("t", 0, 7)], asynchronous=False)
        consumer.close()
    finally:
        node.stop()


# ---------------------------------------------------------------- what Apache's has no word for
def test_a_log_is_read_a_batch_at_a_time(tmp_path: Path, dump: Dump) -> None:
    """If this failed, a large segment would take as much memory as it is long."""
    value = bytes(200_000)
    with (tmp_path / LOG).open("wb") as file:
        for offset in range(100):
            file.write(build_batch([Record(b"k", value, (), 5)], base_offset=offset))
    tracemalloc.start()
    printed = dump("--deep-iteration", "--files", str(tmp_path / LOG))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert printed.out.count("valueSize: 200000") == 100
    assert peak < 10 * len(value)


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_a_batch_that_unpacks_to_more_than_memory_holds(
    tmp_path: Path, dump: Dump, codec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If this failed, a few bytes in a file would take all of the machine's memory."""
    monkeypatch.setattr(segment_batches, "UNPACKED_BYTES_MAX", 100_000)
    batch = build_batch([Record(b"k", bytes(200_000), (), 5)], codec=codec)
    (tmp_path / LOG).write_bytes(batch)
    printed = dump("--deep-iteration", "--files", str(tmp_path / LOG), said=True)
    assert printed.exit_code == 1
    assert "the batch at byte 0 (offset 0)" in printed.err
    assert "100000 bytes" in printed.err
    assert dump("--files", str(tmp_path / LOG)).exit_code == 0


def test_damage_is_told_and_nothing_else(files: Path, tmp_path: Path, dump: Dump) -> None:
    """If this failed, some bytes in a file would end the tool with a Python traceback."""
    random = Random(431)
    whole = sorted(path for path in files.rglob("*") if path.suffix in ENDINGS)
    whole = [path for path in whole if "spoilt" not in path.parts and path.stat().st_size]
    for _ in range(200):
        path = random.choice(whole)
        data = bytearray(path.read_bytes())
        for _ in range(random.choice((1, 2, 5, 20))):
            data[random.randrange(len(data))] = random.choice((0, 1, 0x7F, 0x80, 0xFF))
        spoilt = tmp_path / path.name
        spoilt.write_bytes(data[: random.choice((None, None, random.randrange(len(data))))])
        flag = DECODERS.get(path.parent.name, "--print-data-log")
        assert dump(flag, "--files", str(spoilt)).exit_code in (0, 1)


def test_nothing_is_written(tmp_path: Path, dump: Dump) -> None:
    """If this failed, looking into a folder would change it: Apache's makes an index there."""
    (tmp_path / LOG).write_bytes(build_batch([Record(b"k", b"v", (), 5)]))
    for name in ("00000000000000000000.index", "00000000000000000000.timeindex"):
        printed = dump("--files", str(tmp_path / name), said=True)
        assert printed.exit_code == 1
        assert f"{name}: No such file" in printed.err or ".index: No such file" in printed.err
    assert [path.name for path in tmp_path.iterdir()] == [LOG]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("org.example.Decoder", "Java class"),
        ("org.apache.kafka.tools.api.DefaultDecoder", "where the bytes lie in memory"),
    ],
)
def test_decoders_that_are_java(tmp_path: Path, dump: Dump, name: str, why: str) -> None:
    """If this failed, a decoder that is not there would be taken and ignored."""
    (tmp_path / LOG).write_bytes(build_batch([Record(b"k", b"v", (), 5)]))
    printed = dump("--value-decoder-class", name, "--files", str(tmp_path / LOG), said=True)
    assert printed.exit_code == 1
    assert f"{name} is not honoured" in printed.err
    assert why in printed.err
    assert "StringDecoder" in printed.err
