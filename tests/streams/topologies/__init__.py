"""The twin of every topology that `tests/java/streams` runs: same name, parameters, defaults.

`application(name, params)` builds one with the users' API, as an application of the id "app" whose
emissions are not held back by a clock, as in the Java oracle. `TOPOLOGIES` has a row for each name.
Parameters and their defaults are read from the recordings, where Java wrote them.

    app = application("window-count", {"advance": 300})
    executor = executor_of("python", app.build(), app.settings())
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from functools import cache

from ottla.streams.builder.application import Application
from streams import recordings
from streams.topologies import (
    aggregates,
    errors,
    joins,
    processors,
    streams,
    suppressions,
    tables,
    windows,
)
from streams.topologies.words import ROWS, Given, Row

#: Those that put their topologies into `TOPOLOGIES`.
ROOMS = (aggregates, errors, joins, processors, streams, suppressions, tables, windows)

TOPOLOGIES: Mapping[str, Row] = ROWS


@cache
def defaults(name: str) -> tuple[frozenset[str], Mapping[str, int]]:
    """The names of a topology's parameters, and the values of those that have a default."""
    with gzip.open(recordings.FOLDER / (name + recordings.SUFFIX), "rt") as file:
        words = json.loads(file.readline())["params"].split()
    pairs = [word.partition("=") for word in words]
    return frozenset(key for key, _, _ in pairs), {key: int(text) for key, _, text in pairs if text}


def application(name: str, params: Given | None = None) -> Application:
    """The topology of this name with these parameters, and defaults for the rest.

    Raises:
        KeyError: there is no topology of this name.
        ValueError: it has no such parameter.
    """
    row = TOPOLOGIES[name]
    known, usual = defaults(name)
    unknown = sorted((params or {}).keys() - known)
    if unknown:
        raise ValueError(f"{name} has no parameter {unknown[0]}; it has {sorted(known)}")
    given = {**usual, **(params or {})}
    app = row.kind("app", emit_interval=0, **row.config)
    row.build(app, given)
    return app


__all__ = ["ROOMS", "TOPOLOGIES", "Row", "application", "defaults"]
