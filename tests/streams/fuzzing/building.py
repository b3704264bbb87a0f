"""A topology of rows, built with the users' API; `tests/java/streams/Given*.java` build its twin.

A case is `{"config": {…}, "nodes": […], "input": […]}`. Its config may say `optimization`,
`store_format`, `in_memory`, `dead` (the topic of dead letters) and `reading`, `processing`,
`writing` ("continue"). A node has an `id`, an operator `op`, the ids of what it stands `on` and
`with`, and what it `is`: "KIND KEY VALUE", where keys are `text`, `time:SIZE` or `session`, and
values `text`, `digits` (texts that end in a digit), `number` or `json`. Functions and processors
are named (`streams.fuzzing.functions`, `PROCESSORS` here). All else is as the operator has it: a
`name`, a `store` of a `kind`, `windows`, a `call`; `raises` makes a function refuse values that end
in 7, and `poison` a serde.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from ottla.streams import (
    Streams,
    batched,
    hopping,
    join_within,
    key_value,
    lru,
    session,
    session_store,
    sliding,
    tumbling,
    unlimited,
    versioned,
    window_store,
)
from ottla.streams.serdes import JSON, LONG, STRING, Serde, session_windowed, time_windowed
from streams.fuzzing import functions
from streams.topologies import steps
from streams.topologies.poison import Picky
from streams.topologies.steps import Kept, KeptSessions, Swap, Versions

Node = Mapping[str, Any]
Case = Mapping[str, Any]

#: Processors by name; those with a clock get its interval.
PROCESSORS: dict[str, Callable[[int], Any]] = {
    "swap": lambda every: Swap,
    "header_changes": lambda every: steps.HeaderChanges,
    "told": lambda every: steps.Told,
    "cancels": lambda every: lambda: steps.Cancels(every, 3),
    "later": lambda every: lambda: steps.Later(every),
    "anchored": lambda every: lambda: steps.Anchored(every, 1500),
    "bad_clock": lambda every: lambda: steps.BadClock(every),
    "flusher": lambda every: lambda: steps.Flusher(every),
    "remember": lambda every: lambda: steps.Remember("r"),
    "global_reader": lambda every: steps.GlobalReader,
    "key_values": lambda every: steps.KeyValues,
    "touches": lambda every: steps.Touches,
    "timestamped": lambda every: steps.Timestamped,
    "with_headers": lambda every: steps.WithHeaders,
    "versions": lambda every: Versions,
    "windows": lambda every: steps.Windows,
    "timestamped_windows": lambda every: steps.TimestampedWindows,
    "windows_with_headers": lambda every: Kept,
    "sessions": lambda every: steps.Sessions,
    "sessions_with_headers": lambda every: KeptSessions,
    "numbered": lambda every: steps.Numbered,
}


def application(case: Case) -> Streams:
    """The application of a case.

    Raises:
        OttlaError: it cannot be built.
    """
    config = case["config"]
    app = Streams(
        "app",
        key=str,
        value=str,
        optimization=config.get("optimization"),
        store_format=config.get("store_format", "default"),
        in_memory=config.get("in_memory", False),
        deserialization_handler=config.get("reading"),
        processing_handler=config.get("processing"),
        production_handler=config.get("writing"),
        dead_letter_topic=config.get("dead"),
        emit_interval=0,
    )
    rows = Rows(app)
    for node in case["nodes"]:
        rows.add(node)
    app.build()
    return app


def key_serde(kind: str) -> Serde:
    if kind == "session":
        return session_windowed(STRING)
    return time_windowed(STRING, int(kind[5:])) if kind.startswith("time:") else STRING


def value_serde(kind: str) -> Serde:
    return {"number": LONG, "json": JSON}.get(kind, STRING)


def windows_of(row: Mapping[str, Any]) -> Any:
    """Windows of an aggregation."""
    if row["kind"] == "unlimited":
        return unlimited(start=row["start"])
    size, grace = row["size"], row["grace"]
    if row["kind"] == "time":
        every = row.get("every")
        return hopping(size, every=every, grace=grace) if every else tumbling(size, grace=grace)
    return {"sliding": sliding, "session": session}[row["kind"]](size, grace=grace)


def processor_store(node: Node) -> Any:
    """A store for processors, by its kind."""
    kind, name = node["kind"], node["store"]
    more: dict[str, Any] = {"key": str, "value": int if kind == "numbers" else str}
    more["logged"] = not node.get("unlogged")
    if kind == "lru":
        return lru(name, 3, **more)
    if kind == "versioned":
        return versioned(name, history=node["retention"], **more)
    if node.get("memory"):
        more["in_memory"] = True
    more["with_headers"] = kind.endswith("with_headers")
    if kind.startswith("sessions"):
        return session_store(name, retention=node["retention"], **more)
    more["timestamped"] = kind.startswith("timestamped") or more["with_headers"]
    if "windows" in kind:
        more |= {"size": 500, "retention": node["retention"]}
        return window_store(name, duplicates=bool(node.get("duplicates")), **more)
    return key_value(name, **more)


class Rows:
    """An application that grows by rows. `add` calls the method of the operator's name."""

    def __init__(self, app: Streams) -> None:
        self.app = app
        #: What each node gives, by its id.
        self.made: dict[str, Any] = {}
        self.types: dict[str, list[str]] = {}

    def add(self, node: Node) -> None:
        self.node = node
        self.types[node["id"]] = node["is"].split(" ")
        op = node["op"]
        of_tables = op in ("t_filter", "t_filter_not", "t_map_values")
        self.made[node["id"]] = getattr(self, "_" + (op[2:] if of_tables else op))()

    # ------------------------------------------------------------ what a row says
    @property
    def on(self) -> Any:
        return self.made[self.node["on"]]

    @property
    def other(self) -> Any:
        return self.made[self.node["with"]]

    @property
    def named(self) -> dict[str, Any]:
        return {"name": self.node.get("name")}

    @property
    def raises(self) -> bool:
        return bool(self.node.get("raises"))

    @property
    def value(self) -> str:
        return self.types[self.node["id"]][2]

    @property
    def key(self) -> str:
        return self.types[self.node["id"]][1]

    @property
    def serdes(self) -> dict[str, Any]:
        return {"key": key_serde(self.key), "value": value_serde(self.value)}

    def _store(self, key: str) -> Any:
        row = self.node.get("store")
        if row is None:
            return None
        serdes: dict[str, Any] = {"key": key_serde(key), "value": value_serde(self.value)}
        if self.node.get("poison"):
            serdes["value"] = Picky(reads=True)
        name, kind = row.get("name"), row.get("kind")
        cut = (self.node.get("windows") or {}).get("kind")
        if cut is not None:
            keep: Any = session_store if cut == "session" else window_store
        else:
            keep = key_value
        if name is None or kind is None:
            return keep(name, **serdes)
        if kind == "versioned":
            return versioned(name, history=row["retention"], **serdes)
        if kind == "lru":
            return lru(name, row["most"], **serdes)
        if kind == "retained":
            return keep(name, retention=row["retention"], **serdes)
        more: dict[str, Any] = {
            "memory": {"in_memory": True}, "unlogged": {"logged": False}, "plain": {"plain": True},
        }[kind]  # fmt: skip
        return keep(name, **serdes, **more)

    @property
    def kept(self) -> dict[str, Any]:
        """The store and the name of a table's operator."""
        return {"store": self._store(self.key), **self.named}

    @property
    def folded(self) -> dict[str, Any]:
        """The store and the name of an aggregation, whose keys are those that are grouped."""
        return {"store": self._store(self.types[self.node["on"]][1]), **self.named}

    def _mapper(self, field: str = "call", kind: str | None = None) -> Any:
        return functions.mapper(self.node[field], kind or self.value, self.raises)

    def _joiner(self, *, keyed: bool) -> Any:
        return functions.joiner(self.node["call"], self.value, self.raises, keyed=keyed)

    def _adder(self, field: str = "call") -> Any:
        return functions.adder(self.node[field], self.value, self.raises)

    # ------------------------------------------------------------ topics
    def _read(self) -> dict[str, Any]:
        poison = self.node.get("poison")
        value = Picky(reads=True) if poison else value_serde(self.value)
        return {"key": str, "value": value, **self.named}

    def _stream(self) -> Any:
        topics = self.node["topics"]
        given = [re.compile(f"[{''.join(topics)}]")] if self.node.get("pattern") else topics
        timestamp = functions.time if self.node.get("time") else None
        return self.app.stream(*given, timestamp=timestamp, **self._read())

    def _table(self) -> Any:
        return self.app.table(self.node["topic"], store=self._store("text"), **self._read())

    def _global(self) -> Any:
        return self.app.global_table(self.node["topic"], store=self._store("text"), **self._read())

    def _add_store(self) -> Any:
        return self.app.add_store(processor_store(self.node))

    def _global_store(self) -> Any:
        kept = key_value("glob", key=str, value=str, in_memory=True, logged=False)
        topic = self.node["topic"]
        return self.app.add_global_store(kept, topic, steps.GlobalWriter, key=str, value=str)

    def _to(self) -> Any:
        key, value = self.types[self.node["on"]][1:]
        serde = Picky(reads=False) if self.node.get("poison") else value_serde(value)
        topic = self.node.get("topic") or functions.BySize()
        self.on.to(topic, key=key_serde(key), value=serde, **self.named)

    def _repartition(self) -> Any:
        serdes = self.serdes
        if self.node.get("poison"):
            serdes["value"] = Picky(reads=False)
        return self.on.repartition(**serdes, partitions=self.node.get("partitions"), **self.named)

    # ------------------------------------------------------------ record by record
    def _predicate(self) -> Any:
        return functions.predicate(self.node["call"], self.raises)

    def _many(self, function: Any) -> Any:
        """Every second function that needs no key is asked for many values at once."""
        if (
            self.node["call"] in functions.OF_KEYS
            or int(self.node["id"]) % 2
            or not callable(function)
        ):
            return function
        return batched(lambda values: [function(None, value) for value in values])

    def _filter(self) -> Any:
        if self.node["op"] == "t_filter":
            return self.on.filter(self._predicate(), **self.kept)
        return self.on.filter(self._many(self._predicate()), **self.named)

    def _filter_not(self) -> Any:
        more = self.kept if self.node["op"] == "t_filter_not" else self.named
        return self.on.filter_not(self._predicate(), **more)

    def _map_values(self) -> Any:
        if self.node["op"] == "t_map_values":
            return self.on.map_values(self._mapper(), **self.kept)
        return self.on.map_values(self._many(self._mapper()), **self.named)

    def _flat_map_values(self) -> Any:
        return self.on.flat_map_values(functions.several(self.value, self.raises), **self.named)

    def _map(self) -> Any:
        keys, values = self._mapper(kind="text"), self._mapper("values")
        return self.on.map(lambda k, v: (keys(k, v), values(k, v)), **self.named)

    def _flat_map(self) -> Any:
        return self.on.flat_map(functions.pairs(self.value, self.raises), **self.named)

    def _select_key(self) -> Any:
        return self.on.select_key(self._mapper(kind="text"), **self.named)

    def _peek(self) -> Any:
        return self.on.peek(lambda k, v: None, **self.named)

    def _foreach(self) -> Any:
        self.on.foreach(lambda k, v: None, **self.named)

    def _print(self) -> Any:
        self.on.print(file=_Nowhere(), **self.named)

    def _merge(self) -> Any:
        return self.on.merge(self.other, **self.named)

    def _split(self) -> Any:
        parts = self.on.split(**self.named)
        names = self.node.get("named")
        for number, call in enumerate(self.node["cases"], 1):
            parts = parts.branch(functions.predicate(call), name=f"p{number}" if names else None)
        if not self.node.get("default"):
            return parts.no_default()
        return parts.default(name="p0" if names else None)

    def _branch(self) -> Any:
        number = str(self.node["number"])
        return next(part for name, part in self.on.items() if name.endswith(number))

    def _group_by_key(self) -> Any:
        return self.on.group_by_key(**self.serdes, **self.named)

    def _group_by(self) -> Any:
        return self.on.group_by(self._mapper(kind="text"), **self.serdes, **self.named)

    def _process(self) -> Any:
        made = PROCESSORS[self.node["processor"]](self.node.get("every", 400))
        return self.on.process(made, *self.node.get("uses", ()), **self.named)

    def _process_values(self) -> Any:
        return self.on.process_values(steps.Numbered, *self.node["uses"], **self.named)

    # ------------------------------------------------------------ joins of streams
    def _join(self) -> Callable[..., Any]:
        kind = {"inner": "join", "left": "left_join", "outer": "outer_join"}[self.node["kind"]]
        return getattr(self.on, kind)  # type: ignore[no-any-return]

    def _sides(self) -> dict[str, Any]:
        key, value = self.types[self.node["on"]][1:]
        other = self.types[self.node["with"]][2]
        serdes = {"key": key_serde(key), "this_value": value_serde(value)}
        return {**serdes, "other_value": value_serde(other)}

    def _join_stream(self) -> Any:
        node = self.node
        within = join_within(
            node["diff"], before=node.get("before"), after=node.get("after"), grace=node["grace"]
        )
        more = {"store": node.get("store_name"), "logged": not node.get("unlogged")}
        joiner = self._joiner(keyed=True)
        return self._join()(
            self.other, joiner, within=within, **self._sides(), **more, **self.named
        )

    def _join_table(self) -> Any:
        grace = self.node.get("grace")
        joiner = self._joiner(keyed=True)
        sides = {**self._sides(), "other_value": None}  # the table's own
        return self._join()(self.other, joiner, grace=grace, **sides, **self.named)

    def _join_global(self) -> Any:
        selector = functions.mapper(self.node["selector"], "text")
        return self._join()(self.other, self._joiner(keyed=True), on=selector, **self.named)

    # ------------------------------------------------------------ tables
    def _to_table(self) -> Any:
        return self.on.to_table(**self.kept)

    def _to_stream(self) -> Any:
        selector = self._mapper(kind="text") if self.node.get("call") else None
        return self.on.to_stream(selector, **self.named)

    def _t_transform(self) -> Any:
        made = steps.Counting if self.node["processor"] == "counting" else steps.Shown
        return self.on.transform_values(made, *self.node.get("uses", ()), **self.kept)

    def _t_group_by(self) -> Any:
        keys, values = self._mapper(kind="text"), self._mapper("values")
        return self.on.group_by(
            lambda k, v: (keys(k, v), values(k, v)), **self.serdes, **self.named
        )

    def _t_join(self) -> Any:
        return self._join()(self.other, self._joiner(keyed=False), **self.kept)

    def _fk_join(self) -> Any:
        selector = functions.mapper(self.node["selector"], "text")
        return self._join()(self.other, self._joiner(keyed=False), on=selector, **self.kept)

    def _suppress(self) -> Any:
        node = self.node
        how = {"until": "window_closes"} if node.get("final") else {"wait": node["wait"]}
        bounds = {"records_max": node.get("records"), "bytes_max": node.get("bytes")}
        full = "shut_down" if node.get("stops") else None
        logged = not node.get("unlogged")
        return self.on.suppress(**how, **bounds, when_full=full, logged=logged, **self.named)

    # ------------------------------------------------------------ aggregations
    def _windowed(self) -> Any:
        windows = self.node.get("windows")
        if windows is None:
            return self.on
        made = self.on.windowed_by(windows_of(windows))
        return made.emit("on_window_close") if self.node.get("close") else made

    @property
    def _merges(self) -> tuple[Any, ...]:
        """Sessions have one function more."""
        is_session = (self.node.get("windows") or {}).get("kind") == "session"
        return (functions.merger(self.value),) if is_session else ()

    def _count(self) -> Any:
        return self._windowed().count(**self.folded)

    def _reduce(self) -> Any:
        reducer = functions.reducer(self.node["call"], self.value, self.raises)
        return self._windowed().reduce(reducer, **self.folded)

    def _aggregate(self) -> Any:
        calls = (functions.begun(self.value), self._adder(), *self._merges)
        return self._windowed().aggregate(*calls, **self.folded)

    def _columns(self) -> Any:
        columns = {name: functions.COLUMNS[name] for name in self.node["columns"]}
        return self._windowed().aggregate(**columns, **self.folded)

    def _cogroup(self) -> Any:
        made = self.on.cogroup(self._adder())
        if self.node.get("with"):
            made = made.cogroup(self.other, self._adder("other"))
        if self.node.get("windows"):
            made = made.windowed_by(windows_of(self.node["windows"]))
        return made.aggregate(functions.begun(self.value), *self._merges, **self.folded)

    def _g_count(self) -> Any:
        return self.on.count(**self.folded)

    def _g_reduce(self) -> Any:
        add = functions.reducer(self.node["call"], self.value, self.raises)
        less = functions.reducer(self.node["less"], self.value, self.raises)
        return self.on.reduce(add, less, **self.folded)

    def _g_aggregate(self) -> Any:
        add, less = self._adder(), self._adder("less")
        return self.on.aggregate(functions.begun(self.value), add, less, **self.folded)


class _Nowhere:
    """A file that keeps nothing."""

    def write(self, text: str) -> int:
        return len(text)


__all__ = ["PROCESSORS", "Case", "Node", "application"]
