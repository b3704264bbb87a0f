"""One bit of one file of a stopped node flips: what may come of it, by kind of file.

Whatever it is, the node starts and serves all that was acknowledged, or goes without the one
partition that is damaged, or refuses the start and names the file. It never serves a record or an
offset that nobody wrote, never shows a traceback, never hangs.
"""

from __future__ import annotations

import fnmatch
import random
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from attack import flipped_bits
from attack.children import results

SEED = 20261125
SAMPLE = 60
LONG_SAMPLE = 3000
BYTES_MAX = 300
"""Of an index only so much is used; the rest is zeros that nobody reads."""


class Kind(NamedTuple):
    """A kind of file, and what its damage may do besides nothing."""

    files: str
    clean: tuple[str, ...]
    """After a clean stop."""
    crash: tuple[str, ...]
    """After a crash, when what was not flushed is looked through."""


OWN_LOG = ("corrupt", "misplaced", "unreadable", "offline", "lookup")
"""What a reader of the damaged log may meet: a checksum that does not fit, or a batch under another
offset, which no checksum covers, as Apache Kafka would serve them; an error; an offline partition;
or a time that is not found.
"""
META_LOG = "__cluster_metadata-0"
KINDS = (
    Kind(f"{META_LOG}/*.log", ("refused",), ("refused",)),
    Kind(f"{META_LOG}/*.checkpoint", ("refused",), ("refused",)),
    Kind(f"{META_LOG}/quorum-state", ("refused",), ("refused",)),
    Kind(f"{META_LOG}/*", ("refused",), ("refused",)),
    Kind("meta.properties", ("refused",), ("refused",)),
    Kind("bootstrap.checkpoint", ("refused",), ("refused",)),
    Kind("*-checkpoint", ("refused", "begins later"), ("refused", "begins later")),
    Kind(".kafka_cleanshutdown", (), ()),
    Kind("*/*.log", OWN_LOG, (*OWN_LOG, "cut")),
    Kind("*/*.index", (), ()),
    # Nothing says whether a time in it is right; Apache Kafka believes it too.
    Kind("*/*.timeindex", ("lookup",), ("lookup",)),
    Kind("*/*.txnindex", ("offline",), ("offline",)),
    Kind("*/*.snapshot", (), ()),
    Kind("*/leader-epoch-checkpoint", ("offline",), ("offline",)),
    # Apache Kafka takes a garbled id for another topic's, and serves the partition empty.
    Kind("*/partition.metadata", ("offline",), ("offline",)),
)
GROUPS = ("no coordinator", "cut")
"""What may become of a group whose log is damaged."""


def kind_of(name: str) -> Kind:
    """The first kind that the file is of."""
    return next(kind for kind in KINDS if fnmatch.fnmatch(name, kind.files))


@pytest.fixture(scope="module", params=["clean", "crash"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node's folder after one kind of end."""
    folder = tmp_path_factory.mktemp("bits") / str(request.param)
    flipped_bits.make(folder, request.param)
    return folder


def flips(folder: Path, count: int) -> list[tuple[str, str, int]]:
    """Bits of every kind of file, as many of each kind as of any other."""
    entropy = random.Random(SEED)
    by_kind: dict[Kind, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.stat().st_size and path.name != ".lock":
            by_kind.setdefault(kind_of(str(path.relative_to(folder))), []).append(path)
    found = []
    for paths in by_kind.values():
        for _ in range(max(count // len(by_kind), 1)):
            path = entropy.choice(paths)
            bits = 8 * path.stat().st_size
            if path.suffix in (".index", ".timeindex"):
                bits = min(bits, 8 * BYTES_MAX)
            found.append((str(folder), str(path.relative_to(folder)), entropy.randrange(bits)))
    return found


def verdict(folder: Path, name: str, outcome: Any) -> str:
    """ "", or what must not be."""
    if not isinstance(outcome, list):
        return str(outcome)
    kind = kind_of(name)
    may = kind.clean if folder.name == "clean" else kind.crash
    damaged = Path(name).parent.name
    for word in outcome:
        where, colon, what = word.rpartition(": ")
        if not colon:
            allowed = word in may
        elif where.startswith("__consumer_offsets"):
            allowed = damaged.startswith("__consumer_offsets") and what in GROUPS
        else:
            allowed = what.split(":")[0] in may and damaged in (where, "")
        if not allowed:
            return f"{word}, but only {', '.join(may) or 'nothing'} may come of it"
    return ""


def judged(folder: Path, count: int) -> list[str]:
    """What must not be, flip by flip."""
    program = str(Path(flipped_bits.__file__))
    found = []
    for (_, name, bit), outcome in results(program, flips(folder, count)):
        if trouble := verdict(folder, name, outcome):
            found.append(f"{name}, bit {bit} after a {folder.name} stop: {trouble}")
    return found


def test_some_flipped_bits(folder: Path) -> None:
    """If this failed, a tired disk could make the node lie, or not start and not say why."""
    found = judged(folder, SAMPLE)
    assert not found, f"{len(found)} faults:\n" + "\n".join(found)


@pytest.mark.long
def test_many_flipped_bits(folder: Path) -> None:
    """As above, many more."""
    found = judged(folder, LONG_SAMPLE)
    assert not found, f"{len(found)} faults:\n" + "\n".join(found)
