"""Records `tests/data/dump-log`: what kafka-dump-log of 4.3.1 prints of files that 4.3.1 wrote.

`files.tar.xz` is what a broker left after `WriteFolder.java` and `WriteGroups.java` (groups of
every type), and what `DumpProgram.java` wrote with Apache's classes: every stored record in every
version, whole and damaged. `printed.jsonl.xz` has a line a command: arguments, exit code, both
outputs; {folder} stands for where the files lie.

`python tests/cli/record_dumps.py`, with `src` and `tests` on PYTHONPATH, records both anew.
"""

from __future__ import annotations

import json
import lzma
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from javatools import JavaTools
from oracle import Oracle

DATA = Path(__file__).parents[1] / "data" / "dump-log"
FILES = DATA / "files.tar.xz"
PRINTED = DATA / "printed.jsonl.xz"
APACHE_FOLDER = DATA.parent / "apache-4.3.1-folder.tar.xz"

SEED = "431"
ENDINGS = (".log", ".index", ".timeindex", ".txnindex", ".snapshot", ".checkpoint")
DECODERS = {
    "__consumer_offsets-0": "--offsets-decoder",
    "offsets": "--offsets-decoder",
    "__transaction_state-0": "--transaction-log-decoder",
    "transactions": "--transaction-log-decoder",
    "__share_group_state-0": "--share-group-state-decoder",
    "share": "--share-group-state-decoder",
    "__cluster_metadata-0": "--cluster-metadata-decoder",
    "checkpoint": "--cluster-metadata-decoder",
    "metadata": "--cluster-metadata-decoder",
    "remote": "--remote-log-metadata-decoder",
}
PACKAGE = "org.apache.kafka.tools.api."


class Printed(NamedTuple):
    """What one command left behind; of a failure (exit code 1) stderr is the tool's own."""

    args: list[str]
    exit_code: int
    out: str
    err: str


def unpack(folder: Path) -> None:
    """Lay all files out, Apache's older folder among them, and spoil some."""
    for packed, below in ((FILES, folder), (APACHE_FOLDER, folder / "older")):
        with tarfile.open(packed) as archive:
            archive.extractall(below, filter="data")
    spoil(folder)


def spoil(folder: Path) -> None:
    """Cut, flip and misname copies of files, each the same every time."""
    spoilt = folder / "spoilt"
    log = (folder / "older/data/transactions-0/00000000000000000000.log").read_bytes()
    for length in (0, 5, 12, 17, 18, 60, 79, 80, 97, 98, 1000):
        put(spoilt / f"cut-{length}" / "00000000000000000000.log", log[:length])
    for at in (
        3,
        8,
        11,
        12,
        16,
        17,
        22,
        26,
        35,
        43,
        51,
        53,
        57,
        60,
        61,
        62,
        63,
        64,
        65,
        67,
        77,
        79,
    ):
        for byte in (0x00, 0x7F, 0xFF):
            flipped = log[:at] + bytes((byte,)) + log[at + 1 :]
            put(spoilt / f"flipped-{at}-{byte}" / "00000000000000000000.log", flipped)
    snapshot = (folder / "beside/00000000000000000099.snapshot").read_bytes()
    for name, data in {
        "1": snapshot[:1],
        "20": snapshot[:20],
        "2": b"\x00\x02" + snapshot[2:],
        "3": snapshot[:30] + b"X" + snapshot[31:],
        "4": snapshot + b"more",
        "5": b"",
    }.items():
        put(spoilt / f"{name}.snapshot", data)
    aborted = (folder / "indexed/00000000000000000100.txnindex").read_bytes()
    put(spoilt / "00000000000000000001.txnindex", aborted[:50])
    put(spoilt / "00000000000000000002.txnindex", b"\x00\x01" + aborted[2:])
    for ending in ("index", "timeindex"):
        index = (folder / f"indexed/00000000000000000100.{ending}").read_bytes()
        put(spoilt / f"odd/00000000000000000100.{ending}", index + b"\x01")
        put(spoilt / f"low/00000000000000000100.{ending}", index[:-1] + b"\x00")
        put(spoilt / f"alone/00000000000000000100.{ending}", index)
    for name in ("odd", "low"):
        batches = (folder / "indexed/00000000000000000100.log").read_bytes()
        put(spoilt / name / "00000000000000000100.log", batches)
    for name in ("x.log", "foo.checkpoint", "what.ever", "bare"):
        put(spoilt / name, b"")


def put(path: Path, data: bytes) -> None:
    """Write a file, its folder too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def commands(folder: Path) -> Iterator[list[str]]:
    """The arguments of every command."""
    for path in sorted(path for path in folder.rglob("*") if path.suffix in ENDINGS):
        name = f"{{folder}}/{path.relative_to(folder)}"
        if path.suffix.endswith("index"):  # first: Apache's tool cuts an index's odd bytes off
            yield ["--index-sanity-check", "--files", name]
        yield ["--files", name]
        if path.suffix in (".log", ".checkpoint"):
            yield ["--print-data-log", "--files", name]
            if decoder := DECODERS.get(path.parent.name):
                yield [decoder, "--files", name]
        elif path.suffix.endswith("index"):
            yield ["--verify-index-only", "--files", name]
            yield ["--max-message-size", "50", "--files", name]
    yield from options()


def options() -> Iterator[list[str]]:
    """One command or more for each option and each thing that is no file of ours."""
    numbers = ["--files", "{folder}/numbers/00000000000000000000.log"]
    for name in ("StringDecoder", "IntegerDecoder", "LongDecoder", "NoDecoder"):
        yield [*numbers, "--key-decoder-class", PACKAGE + name]
        yield [*numbers, "--value-decoder-class", PACKAGE + name]
    yield [*numbers, "--key-decoder-class"]
    batches = ["--files", "{folder}/batches/00000000000000000007.log"]
    yield [*batches, "--deep-iteration"]
    yield [*batches, "--skip-record-metadata"]
    yield [*batches, "--skip-record-metadata", "--print-data-log"]
    yield [*batches, "--skip-record-metadata", "--offsets-decoder"]
    for decoder in dict.fromkeys(DECODERS.values()):
        yield [*batches, decoder]
        yield [
            decoder,
            "--skip-record-metadata",
            "--files",
            "{folder}/control/" + "0" * 20 + ".log",
        ]
    yield [*batches, "--offsets-decoder", "--cluster-metadata-decoder"]
    for size in ("0", "100", "1000", "-1", "2147483647", "2147483648", "x"):
        yield [*batches, f"--max-bytes={size}"]
    yield [
        "--files",
        "{folder}/older/data/bootstrap.checkpoint,{folder}/spoilt/x,{folder}//spoilt/",
    ]
    yield ["--files", "{folder}/spoilt/bare,{folder}/spoilt/what.ever,,"]
    yield ["--files", "{folder}/spoilt/00000000000000000009.txnindex"]
    for missing in ("9.log", "9.snapshot", "9.index", "9.timeindex", "9.checkpoint"):
        yield ["--files", "{folder}/spoilt/" + missing]
    yield ["--files", ","]
    yield ["--files"]
    yield ["--print-data-log"]
    yield [*numbers, *numbers]
    yield [*numbers, "--no-such-option"]


def ask(tools: JavaTools, folder: Path) -> Iterator[Printed]:
    """What Apache's tool prints."""
    for args in commands(folder):
        filled = [arg.replace("{folder}", str(folder)) for arg in args]
        ran = tools.run("kafka-dump-log", *filled)
        err = "" if ran.status else ran.err.replace(str(folder), "{folder}")
        yield Printed(args, ran.status, ran.out.replace(str(folder), "{folder}"), err)


def recorded() -> list[Printed]:
    """What was recorded."""
    lines = lzma.decompress(PRINTED.read_bytes()).decode().splitlines()
    return [Printed(*json.loads(line)) for line in lines]


def main() -> None:
    """Record the files, then what is printed of them."""
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        (place / "classes").mkdir()
        tools = JavaTools(place / "classes")
        write_files(tools, place)
        DATA.mkdir(exist_ok=True)
        with tarfile.open(FILES, "w:xz") as archive:
            archive.add(place / "files", ".", filter=without_owner)
        unpack(place / "laid-out")
        lines = [json.dumps(printed) + "\n" for printed in ask(tools, place / "laid-out")]
        tools.close()
    PRINTED.write_bytes(lzma.compress("".join(lines).encode(), preset=9))
    print(f"{len(lines)} commands")


def write_files(tools: JavaTools, place: Path) -> None:
    """A broker's folder, and files of Apache's classes."""
    few = {
        "offsets.topic.num.partitions": "1",
        "transaction.state.log.num.partitions": "1",
        "share.coordinator.state.topic.num.partitions": "1",
    }
    log_dir = place / "files" / "broker"
    node = Oracle(place / "apache", few, log_dir=log_dir, quorum="dynamic")
    with node:
        tools.run("WriteFolder", node.bootstrap).checked()
        tools.run("WriteGroups", node.bootstrap).checked()
    tools.run("DumpProgram", str(place / "files"), SEED).checked()


def without_owner(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """The same entry, saying nothing of who packed it."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


if __name__ == "__main__":
    main()
