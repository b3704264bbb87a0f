"""Faults that are put back on purpose: the simulation finds each of them, and soon."""

from __future__ import annotations

from typing import Any

import pytest

from ottla.coordinators.group.classic.group import ClassicGroup
from ottla.node.metadata_files import MetadataFiles, MetadataFilesError
from ottla.node.metadata_snapshots import MetadataSnapshots
from ottla.raft.metadata_log import DiskUnwilling
from ottla.sim.campaign import outcomes
from ottla.sim.plants import PLANTS

SEEDS = range(1, 501)
CRASHED = "early-markers"
"""It is found sooner by crashes everywhere: see test_crashes.py."""

FIRST = {"kept-namesakes": 103, "commits of the dead": 101}
"""Where to begin, for what few seeds find."""

SAID = {
    "early-answers": "acknowledged and is not on disk",
    # What is lost so may be a record, a file that a start needs, or who was given an epoch.
    "believed-syncs": (
        "acknowledged and is not on disk",
        "the node refuses to start",
        "had fenced",
        "was safe",
        "is given to",
    ),
    "forgotten-producers": ("comes after", "is at "),
    "patient-fetches": "waits behind a Fetch",
    "kept-namesakes": "though nobody deleted beyond",
    # Which of two is found first is for what the seed does to the log.
    "early-recovery-points": (
        "can't be read",
        "can be read to",
        "acknowledged and is not on disk",
        "bytes that are no batch",
    ),
    "broken-turns": "the node ended by itself",
    "flipped-bytes": "bytes that are no batch",
    "shifted-slices": "bytes that are no batch",
    "cut-slices": ("bytes that are no batch", "is cut after"),
    "cut-tails": "is cut after",
    "withheld-records": "was given nothing",
    "unsaid-partitions": "was given nothing",
    "endless-refusals": "after 8 refusals",
    "lost-ranges": "is said to be out of range",
    "early-watermarks": ("where the log ends", "was given nothing at"),
    "fallen-watermarks": ("the high watermark went back", "is above the high watermark"),
    "moved-starts": "though nobody deleted beyond",
    "wrong-times": "was found, which is of",
    "kept-topics": "though its deletion was acknowledged",
    "unseen-topics": "is gone, though nobody deleted it",
    "forgotten-configs": "has delete.retention.ms=86400000",
    "forgotten-commits": "may be",
    # Who comes back to a generation may be another leader of it.
    "fallen-generations": ("went back from generation", "has two leaders"),
    "many-leaders": "has two leaders",
    "changed-shares": "in one generation",
    "early-ends": ("nobody ends what is open", "EndTxn was acknowledged"),
    "unended-offsets": "nobody ends what is open",
    "early-verdicts": ("nobody ends what is open", "though nobody asked to commit it"),
    "shared-epochs": "is given to",
    "unfenced-ends": ("had fenced", "EndTxn was acknowledged"),
    "untold-aborts": ("though nobody asked to commit it", "is aborted", "and aborted"),
    "wrong-aborts": ("is aborted", "is committed"),
    "fallen-stable-offsets": "the last stable offset went back",
    "dropped-records": "which nothing supersedes",
    "withheld-tombstones": "which nothing supersedes",
    "returned-records": "is there again",
    "changed-times": ", and was of ",
    "hasty-tombstones": "a tombstone, which nothing supersedes",
    "early-clean-points": "a tombstone, which is gone",
}
"""What the invariant says that each is aimed at."""


def found(plant: str = "", *, name: str = "") -> str:
    """What the first seed that finds it says; "" if none does. `name`: of what is no plant."""
    first = FIRST.get(name or plant, SEEDS.start)
    for outcome in outcomes(range(first, SEEDS.stop), plant=plant):
        if outcome.violation:
            return outcome.violation
    return ""


@pytest.mark.parametrize("plant", sorted(set(PLANTS) - {CRASHED}))
def test_a_planted_fault_is_found(plant: str) -> None:
    """If this failed, three hundred green seeds would prove nothing of such a fault."""
    said, wanted = found(plant), SAID[plant]
    assert any(words in said for words in ([wanted] if isinstance(wanted, str) else wanted)), said


def test_metadata_that_is_not_synced_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    """If this failed, a topic could be acknowledged before it is on disk, and nobody would see."""
    monkeypatch.setattr(MetadataFiles, "flush", lambda files: files.end_offset)
    assert found()


def test_a_node_that_ends_for_want_of_a_snapshot_is_missed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """If this failed, any fault of the disk would excuse whatever ends a node by its metadata."""

    def ends(_: MetadataSnapshots, problem: DiskUnwilling) -> None:
        raise MetadataFilesError(f"the metadata log failed: {problem}")

    monkeypatch.setattr(MetadataSnapshots, "_wait", ends)
    assert "the node ended by itself" in found()


def test_a_commit_of_the_dead_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    """If this failed, who was put out of a group could overwrite where the group has read to."""

    def takes_all(group: ClassicGroup, ask: Any) -> None:
        return None

    monkeypatch.setattr(ClassicGroup, "commit_error", takes_all)
    monkeypatch.setattr(ClassicGroup, "committed", lambda *_: None)
    assert "took a commit of generation" in found(name="commits of the dead")
