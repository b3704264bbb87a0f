"""Random cases: topologies of one to eight operators, by a seed.

A maker is led by types: it knows of each node whether it is a stream, a table or grouped, what its
keys and values are, and whether their serdes are still known, and picks operators that fit. What an
operator's row looks like is in `streams.fuzzing.operators`; here is what they share.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Any

from streams.fuzzing.inputs import lines

OPERATORS_MAX = 8
TEXTS = ("text", "digits")
THROUGH = "m"
"""A topic that a source reads, and that sinks of the same topology may write."""

Row = dict[str, Any]
Made = Callable[["Maker", Row], "Row | None"]

#: Operators by the kind that they stand on: name, how often they are picked, what makes their row.
OPERATORS: dict[str, list[tuple[str, int, Made]]] = {}


def operator(name: str, on: str, weight: int = 2) -> Callable[[Made], Made]:
    """An operator on nodes of this kind. Its row comes without id and name, or not at all."""

    def noted(made: Made) -> Made:
        OPERATORS.setdefault(on, []).append((name, weight, made))
        return made

    return noted


class Maker:
    """A topology that grows, and its dice."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.nodes: list[Row] = []
        self.by_id: dict[str, Row] = {}
        self.topics: dict[str, str] = {}
        self.free = list("abcdefgh")
        #: Tables whose values are not texts and of which no serde tells how they are written.
        self.lost: set[str] = set()
        self.versioned: set[str] = set()
        #: Tables that Java cannot read for a join: cogroups in windows, and what is derived of one.
        self.unread: set[str] = set()
        #: Stores for processors, by name.
        self.stores: dict[str, str] = {}
        self.clocked = False
        self.scale = self.pick((1, 1, 1, 1, 60))
        self.config = self._config()
        self._names = 0

    def _config(self) -> Row:
        found: Row = {}
        optimised = ("all", "all", "merge.repartition.topics", "reuse.ktable.source.topics",
                     "single.store.self.join")  # fmt: skip
        if self.chance(0.5):
            found["optimization"] = self.pick(optimised)
        if self.chance(0.15):
            found["store_format"] = "headers"
        if self.chance(0.2):
            found["in_memory"] = True
        for stage in ("reading", "processing", "writing"):
            if self.chance(0.35):
                found[stage] = "continue"
        if self.chance(0.3):
            found["dead"] = "dead"
        return found

    # ------------------------------------------------------------ dice
    def chance(self, share: float) -> bool:
        return self.dice.random() < share

    def pick(self, among: Iterable[Any]) -> Any:
        return self.dice.choice(tuple(among))

    def ms(self, *among: int) -> int:
        """A length of time, in the scale of this case."""
        return int(self.pick(among)) * int(self.scale)

    def name(self) -> str:
        self._names += 1
        return f"n{self._names}"

    # ------------------------------------------------------------ nodes
    def add(self, row: Row) -> Row:
        """A node, with an id, and a name now and then."""
        row = {"id": str(len(self.nodes)), **row}
        nameless = ("branch", "add_store", "global_store")
        if row["op"] not in nameless and self.chance(0.25):
            row["name"] = self.name()
        self.nodes.append(row)
        self.by_id[row["id"]] = row
        above = row.get("on")
        store = row.get("store")
        if kind(row) == "table":
            derived = above in self.unread and not (row.get("store") or {}).get("name")
            if derived or (row["op"] == "cogroup" and row.get("windows")):
                self.unread.add(row["id"])
            if isinstance(store, dict):
                if store.get("kind") == "versioned":
                    self.versioned.add(row["id"])
            elif row["op"] in ("t_filter", "t_filter_not", "suppress"):
                self.lost |= {row["id"]} if above in self.lost else set()
            elif row["op"] in ("t_map_values", "t_transform", "t_join", "fk_join"):
                self.lost |= {row["id"]} if value(row) not in TEXTS else set()
        return row

    def of(self, *kinds: str) -> list[Row]:
        return [row for row in self.nodes if kind(row) in kinds]

    def like(self, row: Row, *, values: Iterable[str] | None = None) -> list[Row]:
        """Nodes of the same kind and type of key, and one of these types of value."""
        return [
            each
            for each in self.of(kind(row))
            if key(each) == key(row) and (values is None or value(each) in values)
        ]

    def sources(self, row: Row) -> set[str]:
        """The ids of all that a node stands on, itself among them."""
        found, waiting = set[str](), [row]
        while waiting:
            each = waiting.pop()
            if each["id"] not in found:
                found.add(each["id"])
                waiting += [self.by_id[each[way]] for way in ("on", "with") if each.get(way)]
        return found

    # ------------------------------------------------------------ what rows are made of
    def topic(self, values: str) -> str:
        """A new topic; seldom one that is read already."""
        known = [topic for topic, of in self.topics.items() if of == values]
        if known and self.chance(0.06):
            return str(self.pick(known))
        topic = self.free.pop(0)
        self.topics[topic] = values
        return topic

    def value_type(self) -> str:
        return str(self.pick(("text", "text", "number", "json")))

    def raising(self) -> Row:
        share = 0.3 if self.config.get("processing") else 0.02
        return {"raises": True} if self.chance(share) else {}

    def store(self, key_type: str, *, windows: Row | None = None, needed: bool = False) -> Row:
        """What is kept of a table; nothing at times, unless the serdes are needed."""
        luck = self.dice.random()
        if luck < 0.3 and not needed:
            return {}
        if luck < 0.5:
            return {"store": {}}
        row: Row = {"name": "s" + self.name()}
        kinds: list[str | None] = [None, None, "memory", "unlogged"]
        if windows is None:
            kinds += ["plain", "lru"] + (["versioned"] * 2 if key_type == "text" else [])
        elif windows["kind"] != "unlimited":
            kinds.append("retained")
        found = self.pick(kinds)
        if found is not None:
            row["kind"] = found
        if found == "versioned":
            row["retention"] = self.ms(0, 600, 5000)
        if found == "retained":
            assert windows is not None
            row["retention"] = 2 * windows["size"] + windows["grace"] + self.ms(0, 5000)
        if found == "lru":
            row["most"] = self.pick((1, 3, 6))
        return {"store": row}


def kind(row: Row) -> str:
    return str(row["is"].split(" ")[0])


def key(row: Row) -> str:
    return str(row["is"].split(" ")[1])


def value(row: Row) -> str:
    return str(row["is"].split(" ")[2])


def case(seed: int) -> Row:
    """The case of a seed, with its inputs."""
    from streams.fuzzing import operators

    maker = Maker(seed)
    for _ in range(maker.pick((1, 1, 2, 2, 3))):
        operators.source(maker)
    wanted = maker.dice.randint(1, OPERATORS_MAX)
    for _ in range(4 * OPERATORS_MAX):
        if sum(row["op"] not in operators.ENDS for row in maker.nodes) >= wanted:
            break
        grow(maker)
    operators.ends(maker)
    return {
        "config": maker.config,
        "nodes": maker.nodes,
        "input": lines(maker.dice, maker.topics, maker.scale, clocked=maker.clocked),
    }


def grow(maker: Maker) -> None:
    """One more operator, on a late node more often than on an early one. What is grouped is mostly
    aggregated at once.
    """
    from streams.fuzzing import operators

    standing = maker.of("stream", "table", "grouped", "grouped_table", "split")
    if maker.chance(0.06) or not standing:
        operators.source(maker)
        return
    waits = kind(standing[-1]) not in ("stream", "table")
    on = standing[-1] if maker.chance(0.95 if waits else 0.55) else maker.pick(standing)
    offered = OPERATORS[kind(on)]
    made = maker.dice.choices([row for _, _, row in offered], [weight for _, weight, _ in offered])
    row = made[0](maker, on)
    if row is not None:
        maker.add(row)
