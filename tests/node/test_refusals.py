"""What the system refuses, and what is said to be done about it."""

from __future__ import annotations

import errno
import os
import shlex
from pathlib import Path

import pytest

import ottla
from ottla._core import CoreError, Disk, Node
from ottla.cli.run import refused_by_the_system
from ottla.node.folder_lock import FolderInUse
from ottla.node.node import Unbound, _refused
from ottla.node.refusals import DiskRefused, advice, in_words


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EACCES, f"chown -R {os.getuid()} FOLDER"),
        (errno.ENOSPC, "free some space"),
        (errno.EROFS, "mount it anew"),
        (errno.EIO, "replace it"),
    ],
)
def test_the_cores_texts_and_pythons_errors_get_the_same_advice(number: int, words: str) -> None:
    """If this failed, whoever lacks a right would be told to see to the disk."""
    assert words in str(advice(number))
    error = refused_by_the_system(OSError(number, os.strerror(number), "/d/x"))
    assert str(error) == f"/d/x: {os.strerror(number)}"
    assert error.hint == advice(number)
    assert advice(None) is None


def test_a_refusal_of_the_core_says_why_in_numbers(tmp_path: Path) -> None:
    """If this failed, what is advised would be read out of English text, or not be found at all."""
    file = tmp_path / "file"
    file.write_bytes(b"")
    with pytest.raises(CoreError) as caught:
        Disk().list(str(file))
    problem = caught.value
    assert problem.path == str(file)
    assert (problem.kind, problem.error_code, problem.errno) == ("storage", 56, errno.ENOTDIR)
    assert problem.args == (problem.kind, problem.text)
    with pytest.raises(DiskRefused) as told, in_words():
        raise CoreError("storage", "in words of whatever language", 56, errno.ENOSPC)
    assert "free some space" in str(told.value.hint)


def test_what_is_to_be_done_is_made_of_facts(tmp_path: Path) -> None:
    """A text that is put in other words would make a command that moves another file away."""
    problem = CoreError("checkpoint", "in words: of any: kind", path="/a folder/it's/x")
    hint = str(_refused(problem).hint)
    assert shlex.split(hint.rpartition("away: ")[2]) == [
        "mv",
        "/a folder/it's/x",
        "/a folder/it's/x.damaged",
    ]
    assert isinstance(_refused(CoreError("bind", "in words of whatever language")), Unbound)
    with ottla.Broker(dir=tmp_path), pytest.raises(FolderInUse):
        ottla.Broker(dir=tmp_path).start()


def test_what_the_core_refuses_of_a_checkpoint_names_it(tmp_path: Path) -> None:
    """The command that mends it would have no file to move."""
    with ottla.Broker(dir=tmp_path):
        pass
    damaged = tmp_path / "replication-offset-checkpoint"
    damaged.write_text("nonsense")
    with pytest.raises(CoreError) as caught:
        Node(node_id=1, log_dirs=[str(tmp_path)])
    assert (caught.value.kind, caught.value.path) == ("checkpoint", str(damaged))
