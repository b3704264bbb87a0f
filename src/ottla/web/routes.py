"""Finds the operation of a request by its path, a segment at a time.

A path is split before it is unquoted: a segment may hold any character, "/" as %2F. Where a
segment could be a word of a path or a name in one, the word wins.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import unquote

from ottla.web.operation import Operation


class Found(NamedTuple):
    """The operations under one path, by method, and what stood for the names in it."""

    operations: dict[str, Operation]
    values: list[str]


class _Place:
    """All that may follow the segments before."""

    def __init__(self) -> None:
        self.words: dict[str, _Place] = {}
        self.named: _Place | None = None
        self.operations: dict[str, Operation] = {}

    def find(self, segments: list[str], at: int, values: list[str]) -> Found | None:
        if at == len(segments):
            return Found(self.operations, values) if self.operations else None
        segment = segments[at]
        word = self.words.get(segment)
        if word is not None and (found := word.find(segments, at + 1, values)):
            return found
        if self.named is not None and segment:
            return self.named.find(segments, at + 1, [*values, unquote(segment)])
        return None


class Routes:
    """The rows of a service, in the form in which requests find them."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._root = _Place()
        for operation in operations:
            place = self._root
            for segment in _segments(operation.path):
                if segment.startswith("{"):
                    place.named = place.named or _Place()
                    place = place.named
                else:
                    place = place.words.setdefault(segment, _Place())
            if operation.method in place.operations:
                raise ValueError(f"two operations for {operation.method} {operation.path}")
            place.operations[operation.method] = operation

    def find(self, path: str) -> Found | None:
        """What can be asked of a path that is still quoted; None where nothing is there."""
        return self._root.find(_segments(path), 0, [])


def names_in(path: str) -> list[str]:
    """The names in braces of an operation's path, in order."""
    return [segment[1:-1] for segment in _segments(path) if segment.startswith("{")]


def _segments(path: str) -> list[str]:
    segments = path.split("/")[1:]
    if len(segments) > 1 and segments[-1] == "":  # a slash at the end changes nothing
        segments.pop()
    return segments
