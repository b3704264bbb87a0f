"""A case that differs, made as small as it goes while the same engine still differs alike.

Input lines go first, in halves, quarters and so on; then operators with all that stands on them,
or alone where what they stand on is of their type; then what rows and the config say besides. Each
step asks the engines anew, so how many are asked is bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

CHECKS_MAX = 250

#: What a row may be without.
OPTIONAL = (
    "name", "raises", "poison", "close", "every", "before", "after", "store_name", "unlogged",
    "records", "bytes", "stops", "partitions", "time", "pattern", "duplicates", "memory", "store",
    "grace",
)  # fmt: skip

Case = dict[str, Any]
Differs = Callable[[Case], bool]


def shrunk(case: Case, differs: Differs, checks_max: int = CHECKS_MAX) -> Case:
    """The smallest case that was found in so many checks."""
    left = checks_max
    again = True
    while again and left > 0:
        again = False
        for part in (_fewer_lines, _fewer_nodes, _fewer_words):
            for smaller in part(case):
                left -= 1
                if left < 0:
                    return case
                if differs(smaller):
                    case, again = smaller, True
                    break
            if again:
                break
    return case


def _fewer_lines(case: Case) -> Iterator[Case]:
    lines = case["input"]
    size = len(lines)
    while size > 0:
        for start in range(0, len(lines), size):
            yield {**case, "input": [*lines[:start], *lines[start + size :]]}
        size //= 2


def _fewer_nodes(case: Case) -> Iterator[Case]:
    nodes = case["nodes"]
    for node in reversed(nodes):
        gone = {node["id"]}
        for each in nodes:
            if each.get("on") in gone or each.get("with") in gone:
                gone.add(each["id"])
        yield {**case, "nodes": [each for each in nodes if each["id"] not in gone]}
    types = {node["id"]: node["is"] for node in nodes}
    for node in reversed(nodes):
        for way in ("on", "with"):
            if node.get(way) and fits(types[node[way]], node["is"]):
                yield {**case, "nodes": _without(nodes, node["id"], node[way])}


def fits(given: str, wanted: str) -> bool:
    """Whether a node of one type may stand where one of the other type stood."""
    return given == wanted or given.replace("digits", "text") == wanted


def _without(nodes: list[Case], gone: str, instead: str) -> list[Case]:
    """Without a node, in whose place stands another."""
    found = []
    for node in nodes:
        if node["id"] != gone:
            moved = {way: instead for way in ("on", "with") if node.get(way) == gone}
            found.append({**node, **moved})
    return found


def _fewer_words(case: Case) -> Iterator[Case]:
    for word in case["config"]:
        yield {**case, "config": {key: of for key, of in case["config"].items() if key != word}}
    for place, node in enumerate(case["nodes"]):
        for word in OPTIONAL:
            needed = word == "grace" and node["op"] == "join_stream"
            if word in node and not needed:
                less = {key: of for key, of in node.items() if key != word}
                yield {**case, "nodes": _replaced(case["nodes"], place, less)}
        if node.get("store", {}) and isinstance(node["store"], dict) and "kind" in node["store"]:
            less = {**node, "store": {"name": node["store"]["name"]}}
            yield {**case, "nodes": _replaced(case["nodes"], place, less)}
    for place, line in enumerate(case["input"]):
        if "headers" in line:
            bare = {key: of for key, of in line.items() if key != "headers"}
            yield {**case, "input": _replaced(case["input"], place, bare)}


def _replaced(rows: list[Any], place: int, row: Any) -> list[Any]:
    return [*rows[:place], row, *rows[place + 1 :]]
