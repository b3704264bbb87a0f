"""Whether a value fits its schema of Avro: one walk, compiled once a schema.

fastavro writes what it can make bytes of: an int of 33 bits, which nobody can read, 2.7 as 2, True
as 1; and it leaves out a field that the schema does not have. Here each schema becomes functions
that say of a value what is wrong with it, and where, or nothing. What fits is what fastavro's own
validation takes, with no field that is unknown, and with a float within its range. A field that is
missing has its default, or null where its type has that. A schema that holds itself is walked as
deep as its value is: who calls this has bounded that (`bounds.py`).
"""

from __future__ import annotations

import array
import datetime
import math
import numbers
import uuid
from collections.abc import Callable, Mapping, Sized
from difflib import get_close_matches
from typing import Any, NamedTuple

SHOWN_MAX = 60
FLOAT_MAX = float.fromhex("0x1.fffffep+127")
NAMED = ("record", "error", "enum", "fixed")
_MISSING = object()


class Fault(NamedTuple):
    """What is wrong in a value, and where: a path from the value itself, empty for the whole."""

    path: str
    text: str


Judge = Callable[[Any], Fault | None]
"""Says what is wrong with a value; None: nothing."""


class Part(NamedTuple):
    """A schema within one, compiled."""

    judge: Judge
    plain: type | None
    """A type all of whose values fit, so that nobody has to be asked."""
    told: str
    """What is wanted, in words."""
    takes_null: bool = False


class _Kind(NamedTuple):
    """A primitive type: what it is called, and what fits it."""

    told: str
    fits: Callable[[Any], bool]
    plain: type | None = None


WHOLE = {"int": (-(1 << 31), (1 << 31) - 1), "long": (-(1 << 63), (1 << 63) - 1)}
"""The least and the greatest of each."""


def _is_whole(value: Any, name: str) -> bool:
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        return False
    least, most = WHOLE[name]
    return least <= int(value) <= most


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _is_float(value: Any) -> bool:
    return _is_number(value) and (abs(value) <= FLOAT_MAX or not math.isfinite(value))


KINDS = {
    "null": _Kind("null", lambda value: value is None, type(None)),
    "boolean": _Kind("a boolean", lambda value: isinstance(value, bool), bool),
    "int": _Kind("an int of 32 bits", lambda value: _is_whole(value, "int")),
    "long": _Kind("a long of 64 bits", lambda value: _is_whole(value, "long")),
    "float": _Kind("a float of 32 bits", _is_float),
    "double": _Kind("a double", _is_number, float),
    "bytes": _Kind("bytes", lambda value: isinstance(value, bytes | bytearray), bytes),
    "string": _Kind("a string", lambda value: isinstance(value, str), str),
}

LOGICAL_PLAIN: Mapping[str, type] = {
    "long-timestamp-millis": datetime.datetime,
    "long-timestamp-micros": datetime.datetime,
    "long-local-timestamp-millis": datetime.datetime,
    "long-local-timestamp-micros": datetime.datetime,
    "int-date": datetime.date,
    "int-time-millis": datetime.time,
    "long-time-micros": datetime.time,
    "string-uuid": uuid.UUID,
}
"""Types all of whose values fit a logical type; of a decimal, the number of digits counts."""


def compiled(
    schema: Any,
    names: Mapping[str, Any],
    logical: Mapping[str, Callable[[Any, Any], Any]],
    *,
    knows_all: bool = True,
) -> Judge:
    """A judge of a schema's values.

    Args:
        schema: as fastavro has parsed it.
        names: its named types, by their full names.
        logical: what makes a value of a logical type what is written, by type and logical type.
        knows_all: whether a record may have no other fields than the schema's.
    """
    return _Compiler(names, logical, knows_all).part(schema).judge


class _Compiler:
    """Compiles one schema; each named type once."""

    def __init__(
        self,
        names: Mapping[str, Any],
        logical: Mapping[str, Callable[[Any, Any], Any]],
        knows_all: bool,
    ) -> None:
        self._names, self._logical, self._knows_all = names, logical, knows_all
        self._made: dict[str, Part] = {}

    def part(self, schema: Any) -> Part:
        """A schema's part."""
        if isinstance(schema, list):
            return self._union(schema)
        if isinstance(schema, str):
            if schema in KINDS:
                return _primitive(schema)
            return self._named(schema, self._names[schema])
        kind = schema["type"]
        if kind in NAMED:
            return self._named(schema["name"], schema)
        if kind == "array":
            made = _array(self.part(schema["items"]))
        elif kind == "map":
            made = _map(self.part(schema["values"]))
        else:
            made = self.part(kind)
        return self._with_logical(schema, kind, made)

    def _named(self, name: str, schema: Any) -> Part:
        if name in self._made:
            return self._made[name]
        kind = schema["type"]
        if kind == "enum":
            made = _enum(name, schema["symbols"])
        elif kind == "fixed":
            made = _fixed(name, schema["size"])
        else:
            # A record that holds itself finds this, which by then is asked for the real judge.
            later: Judge = lambda value: self._made[name].judge(value)  # noqa: E731
            self._made[name] = Part(later, None, f"a record {name}")
            made = self._record(name, schema["fields"])
        made = self._with_logical(schema, kind, made)
        self._made[name] = made
        return made

    def _with_logical(self, schema: Any, kind: Any, base: Part) -> Part:
        key = f"{kind}-{schema.get('logicalType')}"
        prepare = self._logical.get(key)
        if prepare is None:
            return base
        plain, told = LOGICAL_PLAIN.get(key), f"{base.told} ({schema['logicalType']})"

        def judge(value: Any) -> Fault | None:
            if type(value) is plain:
                return None
            try:
                fault = base.judge(prepare(value, schema))
            except Exception as error:
                return Fault("", f"{_shown(value)} is no {schema['logicalType']}: {error}")
            return None if fault is None else Fault(fault.path, _wanted(told, value))

        return Part(judge, plain, told, base.takes_null)

    def _record(self, name: str, fields: Any) -> Part:
        rows = []
        for field in fields:
            part = self.part(field["type"])
            may_miss = "default" in field or part.takes_null
            rows.append((field["name"], part.plain, part.judge, may_miss))
        known = frozenset(row[0] for row in rows)
        knows_all = self._knows_all

        def judge(value: Any) -> Fault | None:
            if not isinstance(value, Mapping):
                return Fault("", _wanted(f"a record {name}", value))
            missing = 0
            for field, plain, inner, may_miss in rows:
                item = value.get(field, _MISSING)
                if item is _MISSING:
                    if not may_miss:
                        return Fault(f".{field}", "the field is missing, and has no default")
                    missing += 1
                    continue
                if type(item) is plain:
                    continue
                fault = inner(item)
                if fault is not None:
                    return Fault(f".{field}{fault.path}", fault.text)
            if not knows_all and "-type" not in value:
                return None
            if len(value) == len(rows) - missing:
                return None
            return _unknown(name, known, value, knows_all)

        return Part(judge, None, f"a record {name}")

    def _union(self, schema: list[Any]) -> Part:
        parts = [self.part(branch) for branch in schema]
        takes_null = any(part.takes_null for part in parts)
        others = [part for part in parts if part.plain is not type(None)]
        told = " or ".join(part.told for part in parts)
        named = {_branch_name(branch): part for branch, part in zip(schema, parts, strict=True)}
        records = [p for b, p in zip(schema, parts, strict=True) if self._is_record(b)]
        plains = frozenset(part.plain for part in parts if part.plain is not None)
        # Of a value that no branch takes, that one's fault is told which is likely meant.
        meant = others[0] if len(others) == 1 else None
        record = records[0] if len(records) == 1 else None

        def judge(value: Any) -> Fault | None:
            if type(value) in plains:
                return None
            if isinstance(value, tuple) and len(value) == 2:
                part = named.get(value[0]) if isinstance(value[0], str) else None
                if part is None:
                    return Fault("", f"the union has no branch {_shown(value[0])}")
                return part.judge(value[1])
            for part in parts:
                if part.judge(value) is None:
                    return None
            likely = record if isinstance(value, Mapping) else meant
            return blamed(None if likely is None else likely.judge(value), value)

        def blamed(fault: Fault | None, value: Any) -> Fault:
            """What a branch says that is likely meant, if it says more than what it is."""
            if fault is not None and (fault.path or (record and isinstance(value, Mapping))):
                return fault
            return Fault("", _wanted(told, value))

        if meant is None or len(parts) != 2 or not takes_null:
            return Part(judge, None, told, takes_null)
        only = meant.judge

        def judge_optional(value: Any) -> Fault | None:
            if value is None:
                return None
            if isinstance(value, tuple):
                return judge(value)
            fault = only(value)
            return None if fault is None else blamed(fault, value)

        return Part(judge_optional, meant.plain, told, True)

    def _is_record(self, branch: Any) -> bool:
        whole = self._names.get(branch, branch) if isinstance(branch, str) else branch
        return isinstance(whole, dict) and whole["type"] in ("record", "error")


def _primitive(name: str) -> Part:
    kind = KINDS[name]
    fits, told = kind.fits, kind.told
    if name in WHOLE:
        least, most = WHOLE[name]

        def judge_whole(value: Any) -> Fault | None:
            if type(value) is int and least <= value <= most:
                return None
            return None if fits(value) else Fault("", _wanted(told, value))

        return Part(judge_whole, None, told)

    def judge(value: Any) -> Fault | None:
        return None if fits(value) else Fault("", _wanted(told, value))

    return Part(judge, kind.plain, told, told == "null")


def _enum(name: str, symbols: Any) -> Part:
    known = frozenset(symbols)
    told = f"one of {', '.join(symbols[:8])}{', …' if len(symbols) > 8 else ''} ({name})"

    def judge(value: Any) -> Fault | None:
        if isinstance(value, str) and value in known:
            return None
        return Fault("", _wanted(told, value))

    return Part(judge, None, told)


def _fixed(name: str, size: int) -> Part:
    told = f"{size} bytes ({name})"

    def judge(value: Any) -> Fault | None:
        if not isinstance(value, bytes):
            return Fault("", _wanted(told, value))
        if len(value) == size:
            return None
        return Fault("", f"{told} are wanted, and {len(value)} are given")

    return Part(judge, None, told)


def _array(items: Part) -> Part:
    plain, inner = items.plain, items.judge

    def judge(value: Any) -> Fault | None:
        if not isinstance(value, list | tuple | array.array) and not _is_listed(value):
            return Fault("", _wanted("an array", value))
        for at, item in enumerate(value):
            if type(item) is plain:
                continue
            fault = inner(item)
            if fault is not None:
                return Fault(f"[{at}]{fault.path}", fault.text)
        return None

    return Part(judge, None, "an array")


def _is_listed(value: Any) -> bool:
    """Whether it has items in an order that we need not know, as an array of numpy."""
    return (
        isinstance(value, Sized)
        and hasattr(value, "__iter__")
        and not isinstance(value, str | bytes | bytearray | memoryview | Mapping)
    )


def _map(values: Part) -> Part:
    plain, inner = values.plain, values.judge

    def judge(value: Any) -> Fault | None:
        if not isinstance(value, Mapping):
            return Fault("", _wanted("a map", value))
        for key, item in value.items():
            if not isinstance(key, str):
                return Fault("", f"a map's keys are strings, and {_shown(key)} is one")
            if type(item) is plain:
                continue
            fault = inner(item)
            if fault is not None:
                return Fault(f"[{_shown(key)}]{fault.path}", fault.text)
        return None

    return Part(judge, None, "a map")


def _unknown(name: str, known: frozenset[str], value: Any, knows_all: bool) -> Fault | None:
    """What is wrong with the fields that a record has and its schema has not."""
    for field in value:
        if field in known:
            continue
        if field == "-type":  # fastavro's way to name the branch of a union
            if value[field] != name:
                return Fault("", _wanted(f"a record {name}", value[field]))
        elif knows_all:
            near = get_close_matches(str(field), known, 1)
            more = f"; did you mean {near[0]!r}?" if near else ""
            return Fault("", f"{name} has no field {_shown(field)}{more}")
    return None


def _branch_name(branch: Any) -> str:
    """What fastavro knows a branch by, where a value names it."""
    if isinstance(branch, str):
        return branch
    if isinstance(branch, list):
        return "union"
    kind = branch["type"]
    return str(branch["name"] if kind in NAMED else kind)


def _wanted(told: str, value: Any) -> str:
    if value is None:
        return f"{told} is wanted, and None is given"
    return f"{told} is wanted, and {_shown(value)} ({type(value).__name__}) is given"


def _shown(value: Any) -> str:
    """A value in a few characters, however long it is and whatever its repr does."""
    if isinstance(value, int) and value.bit_length() > 200:
        return f"a number of {value.bit_length()} bits"
    if isinstance(value, str | bytes | bytearray):
        value = value[: SHOWN_MAX + 1]
    elif isinstance(value, Mapping | list | tuple) and len(value) > 8:
        return f"one of {len(value)} items"
    try:
        told = repr(value).replace("\n", " ")
    except Exception:
        told = f"a {type(value).__name__}"
    return told if len(told) <= SHOWN_MAX else f"{told[:SHOWN_MAX]}…"
