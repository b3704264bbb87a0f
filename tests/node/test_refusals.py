"""What the system refuses, and what is said to be done about it."""

from __future__ import annotations

import errno
import os

import pytest

from ottla.cli.run import refused_by_the_system
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
