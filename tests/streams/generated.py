"""The inputs of every recorded topology: made by a seed, so that they need not be kept.

`inputs(name, seed)` gives the lines that Apache's driver and ours are fed with, each a record
(`{"topic", "key", "value", "ts"}`, and `"headers"` where a topology is about them) or a step of the
wall clock (`{"advance": ms}`). Times go up by `step` at most and are up to `late` behind now and
then; keys are one digit, values two. `SETTINGS` says what is special to a topology, and with which
parameters it is recorded besides its defaults. Nothing but `random` is behind it, whose
`randrange`, `random` and `choice` give the same from the same seed in every version of Python that
we know.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

SEEDS = range(1, 21)
COUNT = 200
"""Input lines of a seed."""


@dataclass(frozen=True)
class Setting:
    """How a topology's inputs are made.

    Shares are between 0 and 1, times in milliseconds. `params` are the sets of parameters that are
    recorded besides the defaults.
    """

    tombstones: float = 0.1
    null_keys: float = 0.04
    late: int = 600
    step: int = 60
    advance: float = 0.0
    headers: bool = False
    start: int = 1000
    params: tuple[Mapping[str, int], ...] = ()


CLOCKED = Setting(advance=0.05)
HEADED = Setting(headers=True)
FULL = Setting(null_keys=0, tombstones=0, late=300)
WINDOWS = (
    {"size": 1000, "grace": 0},
    {"size": 500, "grace": 1000, "advance": 250},
    {"size": 1000, "grace": 300, "advance": 300},
)
HOPS = ({"size": 600, "grace": 100, "advance": 200}, {"size": 400, "grace": 0, "advance": 399})
SLIDES = ({"diff": 100, "grace": 0}, {"diff": 1, "grace": 600}, {"diff": 500, "grace": 500})
GAPS = ({"gap": 60, "grace": 0}, {"gap": 400, "grace": 600})
JOINS = ({"diff": 100, "grace": 0}, {"diff": 200, "grace": 600}, {"diff": 1, "grace": 300})
ONE_SIDED = ({"diff": 300, "grace": 100, "before": 0}, {"diff": 0, "grace": 300, "after": 500})

_WINDOWED = Setting(params=WINDOWS)
_HOPPING = Setting(params=HOPS)
_SLIDING = Setting(params=SLIDES)
_SESSION = Setting(params=GAPS, step=40)
_LONG = Setting(step=8000, late=60000)
_VERY_LATE = Setting(step=8000, late=400000)
_LATE = Setting(late=4000)
_JOIN = Setting(params=(*JOINS, *ONE_SIDED))
_HISTORY = Setting(late=2000, params=({"history": 0}, {"history": 5000}))
_GRACE = Setting(late=1500, params=({"history": 600, "grace": 600}, {"history": 2000, "grace": 0}))

SETTINGS: dict[str, Setting] = {
    **dict.fromkeys(("window-count", "window-count-final", "window-reduce"), _WINDOWED),
    **dict.fromkeys(("rekey-window-count", "window-regroup", "cogroup-window"), _WINDOWED),
    **dict.fromkeys(("suppress-window",), _WINDOWED),
    **dict.fromkeys(("hopping-count", "hopping-aggregate", "hopping-aggregate-final"), _HOPPING),
    **dict.fromkeys(("sliding-count", "sliding-aggregate", "sliding-reduce"), _SLIDING),
    **dict.fromkeys(("sliding-final", "cogroup-sliding", "suppress-sliding"), _SLIDING),
    **dict.fromkeys(("session-count", "session-aggregate", "session-reduce"), _SESSION),
    **dict.fromkeys(("session-final", "cogroup-session", "suppress-session"), _SESSION),
    **dict.fromkeys(("session-in-memory", "session-windowed-keys"), _SESSION),
    **dict.fromkeys(("stream-stream-join", "stream-stream-left-join"), _JOIN),
    **dict.fromkeys(("stream-stream-outer-join", "self-join", "self-join-optimised"), _JOIN),
    **dict.fromkeys(("stream-versioned-join", "stream-versioned-left-join"), _HISTORY),
    "stream-grace-join": _GRACE,
    "stream-grace-left-join": replace(_GRACE, null_keys=0),
    **dict.fromkeys(("versioned-table", "versioned-filter", "versioned-aggregate"), _HISTORY),
    **dict.fromkeys(("versioned-join", "versioned-fk-join", "process-versioned"), _HISTORY),
    **dict.fromkeys(("stream-global-join", "stream-global-key-join"), Setting(tombstones=0)),
    **dict.fromkeys(("suppress-window-full", "suppress-full-bytes"), FULL),
    **dict.fromkeys(("processor-punctuate", "punctuate-cancel", "punctuate-anchored"), CLOCKED),
    **dict.fromkeys(("punctuate-later", "errors-punctuate", "process-context"), CLOCKED),
    **dict.fromkeys(("process-headers", "process-with-headers", "process-values"), HEADED),
    **dict.fromkeys(("process-window-with-headers", "process-session-with-headers"), HEADED),
    **dict.fromkeys(("flat-map", "filter-map", "errors-processing-dead"), HEADED),
    **dict.fromkeys(("errors-reading-dead", "suppress-limit", "topic-extractor"), HEADED),
    **dict.fromkeys(("stream-to-table", "table-outer-chain"), HEADED),
    **dict.fromkeys(("window-count-long", "session-count-long"), _LONG),
    "stream-stream-outer-join-long": _LONG,
    **dict.fromkeys(("process-window-long", "process-versioned-long"), _VERY_LATE),
    **dict.fromkeys(("process-window", "process-window-in-memory"), _LATE),
    **dict.fromkeys(("process-window-duplicates", "process-window-timestamped"), _LATE),
    **dict.fromkeys(("process-session", "process-session-in-memory"), _LATE),
    "timestamp-extractor": Setting(tombstones=0.02),
    "suppress-early-records": Setting(params=({"wait": 200, "most": 6}, {"wait": 5000, "most": 0})),
    "suppress-early-bytes": Setting(
        headers=True, params=({"wait": 5000, "bytes": 150}, {"wait": 5000, "bytes": 0})
    ),
    "session-no-grace": Setting(step=40, params=({"gap": 60},)),
    "count-lru": Setting(params=({"most": 1},)),
    "process-lru": Setting(params=({"most": 5},)),
    "count-versioned": _HISTORY,
    "unlimited-count": Setting(params=({"start": 0},)),
}


def setting(name: str) -> Setting:
    """How the inputs of a topology are made."""
    found = SETTINGS.get(name)
    return found or (HEADED if name.startswith("headers-") else Setting())


def inputs(name: str, topics: str, seed: int, count: int = COUNT) -> list[dict[str, Any]]:
    """The input lines of one topology and seed; `topics` is a letter for each topic that it reads.

    `count` lines come, those that move the wall clock among them.
    """
    return [*_inputs(replace(setting(name), params=()), topics, seed, count)]


@cache
def _inputs(how: Setting, topics: str, seed: int, count: int) -> Sequence[dict[str, Any]]:
    """Lines that nobody changes: all topologies of these topics are given the same."""
    dice = random.Random(1000 + seed)
    now = how.start
    lines: list[dict[str, Any]] = []
    for _ in range(count):
        now += dice.randrange(how.step)
        if dice.random() < how.advance:
            lines.append({"advance": dice.choice((100, 400, 900))})
            continue
        behind = dice.randrange(how.late) if dice.random() < 0.3 else 0
        line: dict[str, Any] = {
            "topic": dice.choice(topics),
            "key": None if dice.random() < how.null_keys else dice.choice("0123456789"),
            "value": f"{dice.randrange(10)}{dice.randrange(10)}",
            "ts": max(0, now - behind),
        }
        if dice.random() < how.tombstones:
            line["value"] = None
        if how.headers and dice.random() < 0.5:
            line["headers"] = {"h": dice.choice(("x", "yy", None)), "n": line["key"]}
        lines.append(line)
    return lines
