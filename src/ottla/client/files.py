"""Files that settings name: a properties file as Java reads it, and what to do about one that can't
be read.
"""

from __future__ import annotations

import errno
import os

from ottla.errors import OttlaError


def read_properties(path: str | os.PathLike[str]) -> dict[str, str]:
    """The settings of a properties file, such as Kafka's tools take by --command-config.

    Names are as they stand there, values without blanks around them: to be given to a `Producer` or
    `Consumer`, with further ones by keyword.

    Raises:
        OttlaError: it can't be read.
    """
    from ottla.config.properties import parse_properties

    try:
        with open(path, encoding="utf-8") as file:
            return {key: value.strip() for key, value in parse_properties(file.read()).items()}
    except OSError as error:
        text = f"{os.fspath(path)} can't be read: {error.strerror}"
        raise OttlaError(text, hint=unread_hint(error)) from None
    except ValueError as error:
        raise OttlaError(
            f"{os.fspath(path)} is no properties file: {error}",
            hint="a line of it is name=value, in UTF-8",
        ) from None


def unread_hint(error: OSError) -> str | None:
    """What to do about a file that can't be opened; None where nothing is known."""
    if error.errno == errno.ENOENT:
        return f"a path that does not begin with / is looked for in {os.getcwd()}"
    if error.errno == errno.EISDIR:
        return "name a file of that folder"
    if error.errno in (errno.EACCES, errno.EPERM):
        return (
            f"this process runs as user {os.getuid()}, who must own the file and may enter each "
            "folder above it: `namei -l PATH` shows who does"
        )
    return None
