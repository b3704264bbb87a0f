"""Cases that hold the Python and the Rust side of expressions and serdes to the same results.

`python tests/streams/expressions/expression_cases.py` writes them anew to `tests/data/streams`,
from what Python does; a Rust test reads them (`rust/streams/src/expression/tests.rs`), and a Python
test checks that they still hold. With a seed, a count and a file it writes others, to look for more
(`OTTLA_EXPRESSION_CASES` tells the Rust test where).

A line is a case: `["evaluate", rows, key, value, timestamp, headers, result]`, or
`["read", serde, data, result]`, or `["write", serde, value, result]`. A value is the name of a
serde and bytes in hex, null is null, a refusal is `{"text": …, "hint": …}`.
"""

from __future__ import annotations

import json
import math
import random
import struct
import sys
from pathlib import Path
from typing import Any

from ottla.errors import OttlaError
from ottla.streams.expressions import (
    Expression,
    col,
    header,
    key,
    lit,
    parse_time,
    record,
    timestamp,
    value,
    when,
)
from ottla.streams.serdes import (
    BOOLEAN,
    BYTES,
    DOUBLE,
    FLOAT,
    INTEGER,
    JSON,
    LONG,
    SHORT,
    STRING,
    VOID,
    Serde,
    Windowed,
    session_windowed,
    time_windowed,
)

HOME = Path(__file__).parents[2] / "data" / "streams" / "expression_cases.jsonl"
TOPIC = "orders"
SERDES: dict[type, Serde] = {
    bool: BOOLEAN,
    int: LONG,
    float: DOUBLE,
    str: STRING,
    bytes: BYTES,
    dict: JSON,
    list: JSON,
    Windowed: session_windowed(STRING),
}
READ: list[Serde] = [
    STRING, BYTES, LONG, INTEGER, SHORT, DOUBLE, FLOAT, BOOLEAN, VOID, JSON,
    time_windowed(STRING, 1000), session_windowed(LONG), time_windowed(JSON, 2**62),
]  # fmt: skip

INTS = [0, 1, -1, 2, 3, 7, -7, 10, 25, 1000, 2**31, 2**53, 2**53 + 1, 2**63 - 1, -(2**63)]
FLOATS = [0.0, -0.0, 0.5, -0.5, 1.5, 2.5, 2.675, 1e-5, 1e-4, 12345.678, 1e15, 1e16, 1e22, 1e300,
          -1e300, 5e-324, math.inf, -math.inf, math.nan, 9007199254740993.0, 2.0**63]  # fmt: skip
TEXTS = ["", "a", "abc", "ABC", " a b ", "a,b,,c", "Straße", "ΟΔΟΣ", "İi", "😀é\u0301",
         "\x1f\u2003x\n", "12", "-007", "+5", "1.5", ".5e3", "1e999", "inf", "1_0", "٣",
         "9223372036854775808", "true", "false",
         "True", '"\\\u2028\x00\x7f', "a.b", "2026-11-28", "2026-11-28T05:31:43.120Z",
         "2024-02-29 23:59:59.9999+05:30", "2023-02-29", "1969-12-31t23:59-0130", "0001-01-01",
         "2026-11-28T24:00", "2026-11-28T05:31:43,5", "x" * 300]  # fmt: skip
TIMES = [0, -1, 1764307903120, -86_400_001, 951_782_400_000, 253402300799999, 253402300800000,
         -62135596800000, -62135596800001, 2**62, -(2**63)]  # fmt: skip
DOCUMENTS = [
    '{"price": 12, "qty": 2.5, "name": "abc", "ok": true, "none": null, "tags": ["x", "y", 3]}',
    '{"price":-3,"name":"Straße \\u00e9\\n","a":{"b":{"c":1},"d.e":[[1,2],{"f":"g"}]},"ok":false}',
    '{"price": 1e3, "qty": 18446744073709551615, "name": "2026-11-28T05:31:43Z", "price": 7}',
    '{"price": "12", "qty": -0.0, "big": 123456789012345678901, "name": [], "": 5, "a.b": 6}',
    '[1, [2, 3], {"price": 4}, -0, 1.0]',
    "{}",
]
NAMES = ["price", "qty", "name", "ok", "none", "tags", "a", "a.b", "a.b.c", "big", "missing"]
HEADERS = [["trace", "616263"], ["bad", "ff41"], ["trace", "78c3"], ["empty", None]]

# ---------------------------------------------------------------- random expressions


def leaf(rng: random.Random) -> Expression:
    kind = rng.randrange(14)
    if kind < 6:
        return col(rng.choice(NAMES))
    if kind == 6:
        return rng.choice(
            [key(), value(), timestamp(), header(rng.choice(["trace", "bad", "empty", "no"]))]
        )
    if kind == 7:
        of = value() if rng.random() < 0.5 else col(rng.choice(["tags", "a", "name"]))
        return of[rng.choice([0, 1, -1, 5, "a.b", "", "price", "d.e"])]
    pool: list[Any] = rng.choice([INTS, FLOATS, TEXTS, TIMES, [True, False], [None], [b"", b"ab"]])
    return lit(rng.choice(pool))


def number(rng: random.Random, depth: int) -> Expression:
    """Mostly a number."""
    pick = rng.randrange(12)
    if depth <= 0 or pick == 0:
        return rng.choice(
            [col("price"), col("qty"), lit(rng.choice(INTS)), lit(rng.choice(FLOATS)), timestamp()]
        )
    if pick < 7:
        a, b = number(rng, depth - 1), number(rng, depth - 1)
        return [a + b, a - b, a * b, a / b, a // b, a % b][pick - 1]
    a = expression(rng, depth - 1) if rng.random() < 0.2 else number(rng, depth - 1)
    return [a.abs(), -a, a.round(rng.choice([0, 1, 2, 15])), a.floor(), a.ceil()][pick - 7]


def truth(rng: random.Random, depth: int) -> Expression:
    """Mostly a truth."""
    if depth <= 0:
        return rng.choice([col("ok"), lit(True), lit(False), lit(None), col("missing").is_null()])
    pick = rng.randrange(14)
    if pick < 6:
        side = rng.choice([number, text, expression])
        a, b = side(rng, depth - 1), side(rng, depth - 1)
        return [a == b, a != b, a < b, a <= b, a > b, a >= b][pick]
    if pick < 9:
        a, b = truth(rng, depth - 1), truth(rng, depth - 1)
        return [a & b, a | b, ~a][pick - 6]
    of = expression(rng, depth - 1)
    if pick == 9:
        return of.is_null()
    if pick == 10:
        pool: list[Any] = rng.choice([[*INTS, 2.5, 12.0, 1e300], TEXTS, [True], [b"ab"], []])
        return of.is_in(rng.sample(pool, min(len(pool), rng.randrange(8))))
    if pick == 11:
        return of.between(number(rng, depth - 1), number(rng, depth - 1))
    other = text(rng, depth - 1)
    return rng.choice([of.starts_with, of.ends_with, of.contains])(other)


def text(rng: random.Random, depth: int) -> Expression:
    """Mostly a text."""
    if depth <= 0:
        return rng.choice(
            [col("name"), header("trace"), lit(rng.choice(TEXTS)), lit(rng.choice(TEXTS))]
        )
    a = expression(rng, depth - 1) if rng.random() < 0.1 else text(rng, depth - 1)
    pick = rng.randrange(10)
    if pick == 0:
        return a.upper()
    if pick == 1:
        return a.lower()
    if pick == 2:
        return a.strip()
    if pick == 3:
        return a.substring(rng.choice([0, 1, 2, 400]), rng.choice([None, 0, 1, 3, 1000]))
    if pick == 4:
        return a.replace(rng.choice(["a", "b,", "é"]), rng.choice(["", "xx", '"']))
    if pick == 5:
        return a.split(rng.choice([",", "a", "bb"]))[rng.choice([0, 1, -1, 9])]
    if pick == 6:
        return a.concat(text(rng, depth - 1), "!")
    if pick == 7:
        return number(rng, depth - 1).cast(str)
    if pick == 8:
        return expression(rng, depth - 1).cast(str)
    return rng.choice([lit(rng.choice(TIMES)), timestamp(), number(rng, depth - 1)]).time.iso()


def expression(rng: random.Random, depth: int) -> Expression:
    if depth <= 0:
        return leaf(rng)
    pick = rng.randrange(11)
    if pick < 2:
        return number(rng, depth)
    if pick < 4:
        return truth(rng, depth)
    if pick < 6:
        return text(rng, depth)
    below = [expression(rng, depth - 1) for _ in range(3)]
    if pick == 6:
        return below[0].cast(rng.choice([str, int, float, bool]))
    if pick == 7:
        return rng.choice(
            [below[0].fill_null(below[1]), below[0].length(), parse_time(text(rng, depth - 1))]
        )
    if pick == 8:
        return (
            when(truth(rng, depth - 1))
            .then(below[0])
            .when(truth(rng, 0))
            .then(below[1])
            .otherwise(below[2])
        )
    if pick == 9:
        made = record(x=below[0], y=below[1])
        return rng.choice([made, made["x"], made["y"]["b"], made.cast(str)])
    of = rng.choice([lit(rng.choice(TIMES)), timestamp(), below[0], parse_time(text(rng, 0))])
    part = rng.choice(["year", "month", "day", "weekday", "hour", "minute", "second", "iso", "cut"])
    return (
        of.time.truncate(rng.choice(["1ms", "7s", "1h", "3d"]))
        if part == "cut"
        else getattr(of.time, part)()
    )


# ---------------------------------------------------------------- random documents

NUMBERS = [
    "0",
    "-0",
    "1",
    "-17",
    "1.5",
    "1.50",
    "1E3",
    "1e-7",
    "0.00001",
    "0.0001",
    "-0.0",
    "123456789012345678",
    "9223372036854775808",
    "18446744073709551616",
    "1e400",
    "-1e-400",
    "12345678901234567890.5",
    "100000000000000.1",
    "01",
    "1.",
    "-",
    "NaN",
]
LETTERS = ["a", "b", "c", "é", "😀", "\\n", "\\/", "\\u0041", "\\u001F", "\\u001f", '\\"', "\\\\",
           "\\u00e9", "\\ud83d\\ude00", "\x7f", "\u2028",
           "longer text of several words"]  # fmt: skip


def document(rng: random.Random, depth: int = 4) -> str:
    """A document, with spaces, odd escapes, odd numbers and keys that come twice."""
    space = rng.choice(["", "", "", " ", "\n\t"])
    kind = rng.randrange(9 if depth else 5)
    if kind < 2:
        number = repr(rng.random() * 10 ** rng.randrange(-30, 30))
        large = rng.getrandbits(64) - rng.choice([0, 2**63])
        return rng.choice([*NUMBERS, number, str(large)])
    if kind == 2:
        return rng.choice(
            ["true", "false", "null", "nul", "True"] if rng.random() < 0.1 else ["true", "null"]
        )
    if kind < 5:
        return quoted(rng)
    many = rng.randrange(1, 5) if rng.random() < 0.9 else rng.randrange(20, 40)
    if kind < 7:
        parts = [f"{space}{document(rng, depth - 1)}{space}" for _ in range(many - 1)]
        return (
            "[" + ",".join(parts) + (space if parts else "") + rng.choice(["]"] * 30 + [",]", "}"])
        )
    fields = [
        f"{space}{quoted(rng)}{space}:{space}{document(rng, depth - 1)}{space}" for _ in range(many)
    ]
    return "{" + ",".join(fields) + rng.choice(["}"] * 30 + [",}", "]"])


def quoted(rng: random.Random) -> str:
    odd = ["\\ud800", "\\udc00", "\n", "\\x", "\\u12g4", '"', "\\ud800\\u0041"]
    return '"' + "".join(
        rng.choice(odd if rng.random() < 0.004 else LETTERS) for _ in range(rng.randrange(4))
    ) + '"'  # fmt: skip


# ---------------------------------------------------------------- cases as lines


def plain_rows(rows: Any) -> Any:
    """Rows as JSON: floats and bytes by name, in hex."""
    if isinstance(rows, tuple):
        return [plain_rows(row) for row in rows]
    if isinstance(rows, float):
        return {"float": struct.pack(">d", rows).hex()}
    return {"bytes": rows.hex()} if isinstance(rows, bytes) else rows


def plain_value(of: Any) -> Any:
    """A value as the name of its serde and its bytes."""
    if of is None:
        return None
    if isinstance(of, float) and math.isnan(of):
        of = math.nan
    serde = SERDES[type(of)]
    return [plain_rows(serde.native), (serde.serialize(of, TOPIC) or b"").hex()]


def refusal(error: OttlaError) -> dict[str, str | None]:
    return {"text": str(error), "hint": error.hint}


def evaluated(of: Expression, case: list[Any]) -> Any:
    key_, value_, at, headers = case
    known = [(name, None if data is None else bytes.fromhex(data)) for name, data in headers]
    try:
        return plain_value(of.evaluate(given(key_), given(value_), at, known))
    except OttlaError as error:
        return refusal(error)


def given(of: Any) -> Any:
    """The value that a case is given."""
    if of is None:
        return None
    row, data = of
    serde = next(s for s in [*SERDES.values(), *READ] if plain_rows(s.native) == row)
    return serde.deserialize(bytes.fromhex(data), TOPIC)


def read(serde: Serde, data: bytes) -> list[Any]:
    try:
        found = serde.deserialize(data, TOPIC)
        result = (
            None
            if found is None
            else [plain_rows(serde.native), (serde.serialize(found, TOPIC) or b"").hex()]
        )
    except OttlaError as error:
        result = refusal(error)
    return ["read", plain_rows(serde.native), data.hex(), result]


def write(serde: Serde, of: Any) -> list[Any]:
    try:
        data = serde.serialize(of, TOPIC)
        result: Any = None if data is None else data.hex()
    except OttlaError as error:
        result = refusal(error)
    return ["write", plain_rows(serde.native), plain_value(of), result]


def cases(seed: int, count: int) -> list[list[Any]]:
    rng = random.Random(seed)
    found: list[list[Any]] = []
    while len(found) < count:
        of = expression(rng, rng.randrange(1, 5))
        data = rng.choice(DOCUMENTS).encode()
        given_value = rng.choice(
            [[["json"], data.hex()]] * 9 + [None, plain_value(5), plain_value("a")]
        )
        given_key = rng.choice(
            [None, plain_value("k"), plain_value(7), plain_value(Windowed("w", 5, 9))]
        )
        case = [given_key, given_value, rng.choice(TIMES), HEADERS if rng.random() < 0.5 else []]
        try:
            line = ["evaluate", plain_rows(of.rows()), *case, evaluated(of, case)]
        except OttlaError:  # a result that no serde writes
            continue
        found.append(line)
    odd = [b"", b"\x00", b"\x01", b"\x02", b"ab\xff\xed\xa0\x80\xf0\x9f\x98", bytes(8), bytes(7),
           b"x" + bytes(8), b"\xff" * 8, bytes(16), b"k" + struct.pack(">qq", 9, 5),
           b"{}" + struct.pack(">q", 2**62 + 1),
           struct.pack(">d", 0.1), struct.pack(">f", 0.1), b"null", b" [1]\n",
           b"\xef\xbb\xbf1"]  # fmt: skip
    found += [read(serde, data) for serde in READ for data in odd]
    values: list[Any] = [*INTS, *FLOATS[:10], 1e39, "a😀", "", b"\xff", True, {"a": [1]}, [],
                         Windowed("k", 5, 9), Windowed(7, 5, 9),
                         Windowed({"b": None}, 5, 9)]  # fmt: skip
    writable = [of for of in values if not isinstance(of, Windowed) or isinstance(of.key, str)]
    found += [write(serde, of) for serde in READ for of in writable]
    for most in (254, 255, 1024, 1025):
        found += [read(JSON, (b"[" * most + b"]" * most))] if most in (254, 1025) else []
    found += [read(JSON, document(rng).encode()) for _ in range(count // 3)]
    return found


def main(seed: str = "1", count: str = "500", home: str = str(HOME)) -> None:
    Path(home).parent.mkdir(parents=True, exist_ok=True)
    lines = [
        json.dumps(case, ensure_ascii=False, separators=(",", ":"))
        for case in cases(int(seed), int(count))
    ]
    Path(home).write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
