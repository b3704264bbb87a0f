"""What to do about what the system refuses, told by its number."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from ottla._core import CoreError
from ottla.errors import OttlaError


class DiskRefused(OttlaError):
    """The disk refused a file; the text names it, and says why in the system's words."""


@contextmanager
def in_words(
    kind: type[OttlaError] = DiskRefused, what: str = "", hint: str | None = None
) -> Iterator[None]:
    """What the core refuses inside is an error for people: `what`, its text, and what to do.

    Raises:
        OttlaError: of this kind; `hint` counts where the system's number asks for nothing else.
    """
    try:
        yield
    except CoreError as problem:
        raise kind(what + problem.text, hint=advice(problem.errno) or hint) from problem


def advice(number: int | None) -> str | None:
    """What to do about an error of the system's; None where it is none, or nothing is known."""
    words = _ADVICE.get(number or 0)
    return None if words is None else words.format(user=os.getuid())


_RIGHTS = (
    "this process runs as user {user}, who must own what is named, and may enter each folder "
    "above it: `namei -l PATH` shows who does, `chown -R {user} FOLDER` gives a folder to the node"
)
_ROOM = (
    "free some space on its disk, or move the folder to another one; what was acknowledged is "
    "there, and the next start recovers it"
)
_ADVICE = {
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: _ROOM,
    errno.EROFS: "this file system can't be written: mount it anew (the system's log says why it "
    "went read-only), or choose another folder",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.EIO: "the disk itself fails: copy what can be read of it, and replace it",
}
