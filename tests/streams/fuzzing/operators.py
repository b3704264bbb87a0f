"""The rows of each operator that a random topology may have; `streams.fuzzing.making` picks."""

from __future__ import annotations

from streams.fuzzing.functions import (
    ADDERS,
    COLUMNS,
    JOINERS,
    MAPPERS,
    NATIVE_MAPPERS,
    NATIVE_PREDICATES,
    PREDICATES,
)
from streams.fuzzing.making import TEXTS, THROUGH, Maker, Row, key, kind, operator, value

#: Rows that begin, end or help a topology; the others are its operators.
ENDS = (
    "stream", "table", "global", "add_store", "global_store", "to", "foreach", "print", "branch",
)  # fmt: skip

#: Processors by the kind of store that they use, which is named side.
BY_STORE = {
    "texts": ("key_values", "remember"),
    "lru": ("touches",),
    "timestamped": ("timestamped",),
    "with_headers": ("with_headers",),
    "versioned": ("versions",),
    "windows": ("windows",),
    "timestamped_windows": ("timestamped_windows",),
    "windows_with_headers": ("windows_with_headers",),
    "sessions": ("sessions",),
    "sessions_with_headers": ("sessions_with_headers",),
}
CLOCKS = ("cancels", "later", "anchored", "bad_clock", "flusher")


# ---------------------------------------------------------------- where a topology begins
def source(m: Maker) -> None:
    """A topic as a stream, a table or a global table."""
    if not m.free:
        return
    luck, values = m.dice.random(), m.pick(("digits", "digits", "digits", "number", "json"))
    if luck < 0.06 and THROUGH not in m.topics:
        m.topics[THROUGH] = "text"
        m.add({"op": "stream", "topics": [THROUGH], "is": "stream text text"})
        return
    poison = {"poison": True} if values in TEXTS and m.chance(0.08) else {}
    if luck < 0.68:
        row: Row = {"op": "stream", "topics": [m.topic(values)], "is": f"stream text {values}"}
        if m.free and m.chance(0.1):
            row["topics"] = list(dict.fromkeys([*row["topics"], m.topic(values)]))
        elif m.chance(0.03):
            row["pattern"] = True  # Java's driver counts the offsets of several topics as one
        m.add({**row, **poison, **({"time": True} if m.chance(0.05) else {})})
        return
    is_global = luck > 0.92
    kept = m.store("text", needed=values not in TEXTS)
    if is_global and (not kept.get("store") or kept["store"].get("kind") == "versioned"):
        kept = {}  # Java refuses a versioned one, and fails with serdes that have no name
    m.add(
        {
            "op": "global" if is_global else "table",
            "topic": m.topic(values),
            "is": f"{'global' if is_global else 'table'} text {values}",
            **kept,
            **poison,
        }
    )


def ends(m: Maker) -> None:
    """A sink for each stream and table that nobody stands on, and for some of the others."""
    for row in list(m.nodes):
        used = any(row["id"] in (each.get("on"), each.get("with")) for each in m.nodes)
        if m.chance(0.15 if used else 0.95):
            if kind(row) == "table":
                row = m.add({"op": "to_stream", "on": row["id"], "is": like(row, "stream")})
            if kind(row) == "stream":
                sink(m, row)


def sink(m: Maker, on: Row) -> None:
    row: Row = {"op": "to", "on": on["id"], "is": "none - -"}
    through = [each for each in m.nodes if each.get("topics") == [THROUGH]]
    fits = key(on) == "text" and value(on) in TEXTS
    if through and fits and through[0]["id"] not in m.sources(on) and m.chance(0.6):
        m.add({**row, "topic": THROUGH})
        return
    if m.chance(0.06):
        m.add({**row, "op": m.pick(("foreach", "print"))})
        return
    if m.chance(0.85):
        row["topic"] = m.pick(("out", "out", "other"))
    poison = value(on) in TEXTS and m.chance(0.3 if m.config.get("writing") else 0.02)
    m.add({**row, **({"poison": True} if poison else {})})


def readable(m: Maker) -> list[Row]:
    """Tables that others may look into."""
    return [row for row in m.of("table") if row["id"] not in m.unread]


def like(on: Row, new_kind: str) -> str:
    return f"{new_kind} {key(on)} {value(on)}"


# ---------------------------------------------------------------- functions that fit
def predicate(m: Maker, on: Row) -> Row:
    of = "text" if value(on) in TEXTS else value(on)
    native = [
        name
        for name, (kinds, _) in NATIVE_PREDICATES.items()
        if kinds == of or (not kinds and key(on) == "text")
    ]
    if native and m.chance(0.3):
        return {"call": m.pick(native)}
    return {"call": m.pick(PREDICATES), **m.raising()}


def mapper(m: Maker, on: Row) -> tuple[Row, str]:
    """A function of values, and the type that it gives."""
    of = "text" if value(on) in TEXTS else value(on)
    native = [name for name, (kinds, _, _) in NATIVE_MAPPERS.items() if kinds == of]
    if native and m.chance(0.3):
        name = m.pick(native)
        return {"call": name}, NATIVE_MAPPERS[name][1]
    name = m.pick(MAPPERS)
    return {"call": name, **m.raising()}, m.value_type()


def keys(m: Maker, on: Row) -> Row:
    if value(on) in TEXTS and m.chance(0.2):
        return {"call": "native_front"}
    return {"call": m.pick(("first", "last", "last", "last", "unless_three", "key", "same"))}


# ---------------------------------------------------------------- streams, record by record
@operator("filter", "stream", 3)
def _(m: Maker, on: Row) -> Row | None:
    op = m.pick(("filter", "filter_not"))
    return {"op": op, "on": on["id"], "is": on["is"], **predicate(m, on)}


@operator("map_values", "stream", 4)
def _(m: Maker, on: Row) -> Row | None:
    call, kind_of = mapper(m, on)
    return {"op": "map_values", "on": on["id"], "is": f"stream {key(on)} {kind_of}", **call}


@operator("flat_map_values", "stream")
def _(m: Maker, on: Row) -> Row | None:
    is_ = f"stream {key(on)} {m.value_type()}"
    return {"op": "flat_map_values", "on": on["id"], "is": is_, **m.raising()}


@operator("map", "stream")
def _(m: Maker, on: Row) -> Row | None:
    is_ = f"stream text {m.value_type()}"
    values = {"values": m.pick(MAPPERS)}
    call = {"call": m.pick(("first", "last", "unless_three", "key")), **m.raising()}
    return {"op": "map", "on": on["id"], "is": is_, **call, **values}


@operator("flat_map", "stream")
def _(m: Maker, on: Row) -> Row | None:
    is_ = f"stream text {m.value_type()}"
    return {"op": "flat_map", "on": on["id"], "is": is_, **m.raising()}


@operator("select_key", "stream", 5)
def _(m: Maker, on: Row) -> Row | None:
    return {"op": "select_key", "on": on["id"], "is": f"stream text {value(on)}", **keys(m, on)}


@operator("peek", "stream", 1)
def _(m: Maker, on: Row) -> Row | None:
    return {"op": "peek", "on": on["id"], "is": on["is"]}


@operator("merge", "stream", 3)
def _(m: Maker, on: Row) -> Row | None:
    other = m.pick(m.like(on, values=TEXTS if value(on) in TEXTS else (value(on),)))
    of = value(on) if value(on) == value(other) else "text"
    return {"op": "merge", "on": on["id"], "with": other["id"], "is": f"stream {key(on)} {of}"}


@operator("split", "stream")
def _(m: Maker, on: Row) -> Row | None:
    cases = [m.pick(PREDICATES) for _ in range(m.pick((1, 2, 3)))]
    row: Row = {"op": "split", "on": on["id"], "is": like(on, "split"), "cases": cases}
    return {**row, "default": m.chance(0.6), "named": m.chance(0.5)}


@operator("branch", "split")
def _(m: Maker, on: Row) -> Row | None:
    offered = list(range(0 if on["default"] else 1, len(on["cases"]) + 1))
    taken = [row.get("number") for row in m.nodes if row.get("on") == on["id"]]
    left = [number for number in offered if number not in taken]
    if not left:
        return None
    row: Row = {"op": "branch", "on": on["id"], "is": like(on, "stream")}
    return {**row, "number": m.pick(left)}


# ---------------------------------------------------------------- through topics, into groups
@operator("repartition", "stream")
def _(m: Maker, on: Row) -> Row | None:
    row: Row = {"op": "repartition", "on": on["id"], "is": on["is"]}
    if m.chance(0.3):
        row["partitions"] = 3
    if value(on) in TEXTS and m.chance(0.2 if m.config.get("writing") else 0.01):
        row["poison"] = True
    return row


@operator("group_by_key", "stream", 6)
def _(m: Maker, on: Row) -> Row | None:
    return {"op": "group_by_key", "on": on["id"], "is": like(on, "grouped")}


@operator("group_by", "stream", 4)
def _(m: Maker, on: Row) -> Row | None:
    return {"op": "group_by", "on": on["id"], "is": f"grouped text {value(on)}", **keys(m, on)}


@operator("to_table", "stream", 3)
def _(m: Maker, on: Row) -> Row | None:
    needed = key(on) != "text" or value(on) not in TEXTS
    kept = m.store(key(on), needed=needed)
    return {"op": "to_table", "on": on["id"], "is": like(on, "table"), **kept}


# ---------------------------------------------------------------- processors
@operator("process", "stream", 8)
def _(m: Maker, on: Row) -> Row | None:
    if key(on) != "text" or value(on) not in TEXTS:
        return None
    row: Row = {"op": "process", "on": on["id"], "is": "stream text text"}
    luck = m.dice.random() if value(on) != "digits" else 2 * m.dice.random()
    if luck < 0.3:
        return {**row, "processor": m.pick(("swap", "header_changes", "told"))}
    if luck < 0.55:
        return _clocked(m, row)
    if luck < 0.62 and m.free and "glob" not in m.stores:
        m.stores["glob"] = "global"
        topic = m.topic("digits")
        m.add({"op": "global_store", "topic": topic, "is": "none - -"})
    if luck < 0.62 and "glob" in m.stores:
        return {**row, "processor": "global_reader"}
    if value(on) != "digits":
        return None
    kind_of = _side(m, BY_STORE)
    if kind_of not in BY_STORE:
        return None
    return {**row, "processor": m.pick(BY_STORE[kind_of]), "uses": ["side"]}


def _clocked(m: Maker, row: Row) -> Row:
    m.clocked = True
    row |= {"processor": m.pick(CLOCKS), "every": m.ms(250, 400, 900)}
    if row["processor"] == "flusher":
        if "agg" not in m.stores:
            m.stores["agg"] = "numbers"
            made: Row = {"op": "add_store", "store": "agg", "kind": "numbers", "is": "none - -"}
            m.add({**made, "memory": m.chance(0.5)})
        row["uses"] = ["agg"]
    return row


def _side(m: Maker, among: object) -> str:
    """The kind of the store `side`, which is made if there is none."""
    if "side" not in m.stores:
        of = m.stores["side"] = str(m.pick(among))  # type: ignore[arg-type]
        row: Row = {"op": "add_store", "store": "side", "kind": of, "is": "none - -"}
        if of in ("texts", "numbers", "windows", "sessions"):
            row |= {"memory": m.chance(0.4)}
        if of == "windows":
            row |= {"duplicates": m.chance(0.3)}
        row |= {"retention": m.ms(600, 2000)} if of == "versioned" else {"retention": m.ms(2000)}
        m.add({**row, "unlogged": m.chance(0.1)})
    return m.stores["side"]


@operator("process_values", "stream", 1)
def _(m: Maker, on: Row) -> Row | None:
    if key(on) != "text" or value(on) not in TEXTS or _side(m, ("numbers",)) != "numbers":
        return None
    row: Row = {"op": "process_values", "on": on["id"], "is": "stream text text"}
    return {**row, "processor": "numbered", "uses": ["side"]}


# ---------------------------------------------------------------- joins of streams
def _joined(m: Maker) -> Row:
    return {"call": m.pick(JOINERS), **m.raising()}


@operator("join_stream", "stream", 6)
def _(m: Maker, on: Row) -> Row | None:
    other = on if m.chance(0.15) else m.pick(m.like(on))
    diff = m.ms(1, 100, 300)
    row: Row = {"op": "join_stream", "kind": m.pick(("inner", "left", "outer")), "on": on["id"]}
    row |= {"with": other["id"], "diff": diff, "grace": m.ms(0, 100, 600)}
    if m.chance(0.2):
        row["before"] = m.ms(0, 500)
    if m.chance(0.2):
        row["after"] = m.ms(0, 500) if row.get("before", 1) else m.ms(500)
    if m.chance(0.3):
        row["store_name"] = "j" + m.name()
    if m.chance(0.1):
        row["unlogged"] = True
    return {**row, "is": f"stream {key(on)} {m.value_type()}", **_joined(m)}


@operator("join_table", "stream", 5)
def _(m: Maker, on: Row) -> Row | None:
    tables = [row for row in readable(m) if key(row) == key(on)]
    if not tables:
        return None
    other = m.pick(tables)
    row: Row = {"op": "join_table", "kind": m.pick(("inner", "left")), "on": on["id"]}
    if other["id"] in m.versioned and m.chance(0.5):
        row |= {"grace": m.ms(0, 300), "kind": "inner"}
    is_ = f"stream {key(on)} {m.value_type()}"
    return {**row, "with": other["id"], "is": is_, **_joined(m)}


@operator("join_global", "stream", 6)
def _(m: Maker, on: Row) -> Row | None:
    if not m.of("global"):
        return None
    row: Row = {"op": "join_global", "kind": m.pick(("inner", "left")), "on": on["id"]}
    row |= {"with": m.pick(m.of("global"))["id"], "selector": keys(m, on)["call"]}
    return {**row, "is": f"stream {key(on)} {m.value_type()}", **_joined(m)}


# ---------------------------------------------------------------- tables
@operator("t_filter", "table", 3)
def _(m: Maker, on: Row) -> Row | None:
    op = m.pick(("t_filter", "t_filter_not"))
    kept = m.store(key(on))
    return {"op": op, "on": on["id"], "is": on["is"], **predicate(m, on), **kept}


@operator("t_map_values", "table", 3)
def _(m: Maker, on: Row) -> Row | None:
    call, of = mapper(m, on)
    is_ = f"table {key(on)} {of}"
    return {"op": "t_map_values", "on": on["id"], "is": is_, **call, **m.store(key(on))}


@operator("t_transform", "table", 1)
def _(m: Maker, on: Row) -> Row | None:
    if key(on) != "text" or value(on) not in TEXTS:
        return None
    row: Row = {"op": "t_transform", "on": on["id"], "is": "table text text"}
    if m.chance(0.5) and _side(m, ("numbers",)) == "numbers":
        # Without a store of its own Java's would ask that of joins below, which cannot reach it.
        row |= {"processor": "counting", "uses": ["side"], "store": {"name": "s" + m.name()}}
        return row
    return {**row, "processor": "shown", **m.store("text")}


@operator("to_stream", "table", 4)
def _(m: Maker, on: Row) -> Row | None:
    row: Row = {"op": "to_stream", "on": on["id"], "is": like(on, "stream")}
    if m.chance(0.4):
        calls = ("key",) if key(on) != "text" else ("first", "last", "key", "unless_three")
        row |= {"call": m.pick(calls), "is": f"stream text {value(on)}"}
    return row


@operator("t_group_by", "table", 3)
def _(m: Maker, on: Row) -> Row | None:
    calls = {"call": m.pick(("first", "last", "unless_three")), "values": m.pick(MAPPERS)}
    is_ = f"grouped_table text {m.value_type()}"
    return {"op": "t_group_by", "on": on["id"], "is": is_, **calls, **m.raising()}


@operator("t_join", "table", 5)
def _(m: Maker, on: Row) -> Row | None:
    others = [row for row in readable(m) if key(row) == key(on)]
    if on not in others:
        return None
    other = m.pick(others)
    row: Row = {"op": "t_join", "kind": m.pick(("inner", "left", "outer")), "on": on["id"]}
    row |= {"with": other["id"], "is": f"table {key(on)} {m.value_type()}"}
    return {**row, **_joined(m), **m.store(key(on))}


@operator("fk_join", "table", 4)
def _(m: Maker, on: Row) -> Row | None:
    known = [row for row in readable(m) if key(row) == "text" and row["id"] not in m.lost]
    if not known or on["id"] in m.lost or on["id"] in m.unread:
        return None
    row: Row = {"op": "fk_join", "kind": m.pick(("inner", "left")), "on": on["id"]}
    row |= {"with": m.pick(known)["id"], "is": f"table {key(on)} {m.value_type()}"}
    row["selector"] = m.pick(("first", "last", "last", "unless_three", "key"))
    return {**row, **_joined(m), **m.store(key(on))}


@operator("suppress", "table", 3)
def _(m: Maker, on: Row) -> Row | None:
    if on["id"] in m.lost:
        return None
    row: Row = {"op": "suppress", "on": on["id"], "is": on["is"]}
    endless = key(on).startswith("time:") and len(key(on)) > 15
    if key(on) != "text" and not endless and m.chance(0.7):
        row["final"] = True
    else:
        row["wait"] = m.ms(0, 100, 400)
    if m.chance(0.3):
        row |= m.pick(({"records": m.pick((1, 4, 50))}, {"bytes": m.pick((100, 300, 5000))}))
        row |= {"stops": True} if m.chance(0.3) else {}
    return {**row, **({"unlogged": True} if m.chance(0.1) else {})}


# ---------------------------------------------------------------- aggregations
def _windows(m: Maker) -> tuple[Row, str]:
    """Windows, and the type of their keys."""
    of = m.pick(("time", "time", "time", "sliding", "sliding", "session", "session", "unlimited"))
    if of == "unlimited":
        return {"kind": of, "start": m.pick((0, 2000))}, f"time:{2**63 - 1}"
    grace = m.ms(0, 100, 500)
    if of == "session":
        return {"kind": of, "size": m.ms(60, 200, 400), "grace": grace}, "session"
    size = m.ms(1, 100, 300) if of == "sliding" else m.ms(400, 1000)
    row: Row = {"kind": of, "size": size, "grace": grace}
    if of == "time" and m.chance(0.4):
        row["every"] = max(1, size * m.pick((25, 50, 99)) // 100)
    return row, f"time:{size}"


@operator("aggregate", "grouped", 6)
def _(m: Maker, on: Row) -> Row | None:
    ops = ("count", "reduce", "aggregate") + (("columns",) * 3 if value(on) == "json" else ())
    op = m.pick(ops)
    of = {"count": "number", "reduce": value(on), "aggregate": m.value_type()}.get(op, "json")
    of = "text" if of == "digits" else of
    row: Row = {"op": op, "on": on["id"]}
    if op == "columns":
        row["columns"] = m.dice.sample(sorted(COLUMNS), m.pick((1, 2, 4)))
    elif op != "count":
        row |= {"call": m.pick(ADDERS), **m.raising()}
    keys_of, windows = key(on), None
    if keys_of == "text" and m.chance(0.6):
        windows, keys_of = _windows(m)
        row["windows"] = windows
        if windows["kind"] != "unlimited" and m.chance(0.35):
            row["close"] = True
    kept = m.store(
        key(on), windows=windows, needed=op not in ("count", "reduce") or key(on) != "text"
    )
    return {**row, "is": f"table {keys_of} {of}", **kept}


@operator("cogroup", "grouped", 3)
def _(m: Maker, on: Row) -> Row | None:
    row: Row = {"op": "cogroup", "on": on["id"], "call": m.pick(ADDERS), **m.raising()}
    if m.chance(0.7):
        row |= {"with": m.pick(m.like(on))["id"], "other": m.pick(ADDERS)}
        if row["with"] == on["id"]:
            del row["with"], row["other"]
    keys_of, windows = key(on), None
    if keys_of == "text" and m.chance(0.5):
        windows, keys_of = _windows(m)
        row["windows"] = windows
    kept = m.store(key(on), windows=windows, needed=True)
    return {**row, "is": f"table {keys_of} {m.value_type()}", **kept}


@operator("g_aggregate", "grouped_table")
def _(m: Maker, on: Row) -> Row | None:
    op = m.pick(("g_count", "g_reduce", "g_aggregate"))
    of = {"g_count": "number", "g_reduce": value(on), "g_aggregate": m.value_type()}[op]
    row: Row = {"op": op, "on": on["id"], "is": f"table text {of}"}
    if op != "g_count":
        row |= {"call": m.pick(ADDERS), "less": m.pick(("minus", "minus", "forget", "latest"))}
        row |= m.raising()
    return {**row, **m.store("text", needed=op == "g_aggregate")}
