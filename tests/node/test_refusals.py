"""What the system refuses, and what is said to be done about it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from ottla.cli.run import refused_by_the_system
from ottla.node.meta_properties import replace_file
from ottla.node.refusals import advice


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
    text = f"creating /d/x: {os.strerror(number)} (os error {number})"
    assert words in str(advice(text))
    error = refused_by_the_system(OSError(number, os.strerror(number), "/d/x"))
    assert str(error) == f"/d/x: {os.strerror(number)}"
    assert error.hint == advice(text)
    assert advice("this is no offset checkpoint") is None


def test_a_write_that_fails_names_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If this failed, a start on a full disk would say "No space left on device", and not where."""

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as refused:
        replace_file(str(tmp_path / "quorum-state"), b"x")
    assert refused.value.filename == str(tmp_path / "quorum-state")
    assert list(tmp_path.iterdir()) == []
