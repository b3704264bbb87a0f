"""What expressions offer, print and mean; the cases that Rust is held to still hold in Python."""

from __future__ import annotations

import copy
import dataclasses
import datetime
import functools
import json
import operator
import pickle
import uuid
from typing import Any

import expression_cases as cases
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ottla.streams.expressions import (
    Expression,
    ExpressionError,
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
from ottla.streams.expressions.expression import DEPTH_MAX
from ottla.streams.serdes import Windowed


class Line(msgspec.Struct, rename="camel"):
    unit_price: float
    at: datetime.date = datetime.date(2026, 11, 28)


@dataclasses.dataclass
class Order:
    name: str
    lines: list[Line]
    number: uuid.UUID


ORDER = Order("a", [Line(2.5)], uuid.UUID(int=7))
VALUE: dict[str, Any] = {"price": 12, "qty": 2.5, "name": "abc", "a": {"b": [1, {"c": "x"}]}}


def run(of: Any, value: object = VALUE, key: object = None, headers: object = None) -> Any:
    assert isinstance(of, Expression)
    return of.evaluate(key, value, 1764307903120, headers)


def test_what_the_cases_say_still_holds() -> None:
    """If this fails, Python means something else than when Rust was last compared with it."""
    lines = [json.loads(line) for line in cases.HOME.read_text("utf-8").splitlines()]
    wrong = [line for line in lines if _again(*line) != line[-1]]
    assert len(lines) > 300
    assert wrong[:3] == []


def _again(kind: str, row: Any, *rest: Any) -> Any:
    if kind == "evaluate":
        return cases.evaluated(Expression(_rows(row)), list(rest[:-1]))
    serde = next(s for s in cases.READ if cases.plain_rows(s.native) == row)
    if kind == "read":
        return cases.read(serde, bytes.fromhex(rest[0]))[-1]
    return cases.write(serde, cases.given(rest[0]))[-1]


def _rows(plain: Any) -> Any:
    if isinstance(plain, list):
        return tuple(map(_rows, plain))
    if isinstance(plain, dict):
        if "bytes" in plain:
            return bytes.fromhex(plain["bytes"])
        return cases.DOUBLE.deserialize(bytes.fromhex(plain["float"]))
    return plain


@pytest.mark.parametrize(
    ("of", "text"),
    [
        (col("price") >= 10, 'col("price") >= 10'),
        ((col("a.b")[0]["c.d"] + 1) * -col("q"), '(col("a.b")[0]["c.d"] + 1) * (-col("q"))'),
        (10 - col("q"), "10 - col(\"q\")"),
        (value()["a.b"].is_null(), 'value()["a.b"].is_null()'),
        (~(key() == "k") & header("h").is_in(["x"]) & True, None),
        (lit("x").upper().concat(col("n"), "!"), 'lit("x").upper().concat(col("n"), "!")'),
        (timestamp().time.truncate("1h").time.iso(), None),
        (when(col("x") > 1).then("a").otherwise(None), None),
        (record(a=col("x"), b=1.5), 'record(a=col("x"), b=1.5)'),
        (col("n").substring(1).replace('"', "\n").split(",")[-1].cast(int), None),
        (col("x").between(1, 5.0).fill_null(False), 'col("x").between(1, 5.0).fill_null(False)'),
        (parse_time("2026-11-28"), 'parse_time("2026-11-28")'),
        (col("x").is_in(range(9)), 'col("x").is_in([0, 1, 2, 3, 4, …])'),
    ],
)  # fmt: skip
def test_an_expression_prints_as_it_would_be_typed(of: Expression, text: str | None) -> None:
    """If this fails, an error names something that the user did not write."""
    if text is not None:
        assert repr(of) == text
    if "…" not in repr(of):
        again = eval(repr(of))
        assert again.rows() == of.rows()


@pytest.mark.parametrize(
    ("of", "result"),
    [
        (col("a.b")[1]["c"], "x"),
        (col("a")["z"]["y"], None),
        (col("missing") + 1 > 3, None),
        (lit(None) & False, False),
        (lit(None) | True, True),
        (lit(None) & True, None),
        ((col("price") != 0) & (24 // col("price") == 2), True),
        (lit(0).is_in([False or 0]), True),
        (when(col("price") > 99).then("high").when(lit(1) > 0).then("mid").otherwise("low"), "mid"),
        (when(lit(None)).then(1), None),
        (lit(-7) // 2, -4),
        (lit(-7) % 2, 1),
        (lit(7) / 2, 3.5),
        (lit(2.675).round(2), 2.67),
        (lit(2.5).ceil(), 3),
        (lit("a😀").length(), 2),
        (lit(1e16).cast(str), "1e+16"),
        (lit(True).cast(str), "true"),
        (record(a=lit(float("nan"))), {"a": None}),
        (timestamp().time.iso(), "2025-11-28T05:31:43.120Z"),
        (timestamp().time.weekday(), 4),
        (parse_time("2025-11-28T05:31:43.1209+00:00") == timestamp(), True),
    ],
)  # fmt: skip
def test_results(of: Expression, result: object) -> None:
    """If this fails, an operation gives something else than what is documented."""
    found = run(of)
    assert found == result
    assert type(found) is type(result)


def test_headers_keys_and_windows() -> None:
    """If this fails, expressions read the record's other parts wrongly."""
    headers = [("h", b"1"), ("h", b"\xff2"), ("n", None)]
    assert run(header("h"), headers=headers) == "\ufffd2"
    assert run(header("n"), headers=headers) is None
    assert run(header("other")) is None
    windowed = Windowed("k", 0, 5)
    assert run(key(), key=windowed) is windowed
    with pytest.raises(ExpressionError, match=r'type Windowed has no field "x"'):
        run(key()["x"], key=windowed)


def test_objects_are_read_by_the_names_of_their_json() -> None:
    """If this fails, a field of a dataclass or struct reads otherwise than from its JSON."""
    assert run(value(), ORDER) is ORDER
    assert run(col("name"), ORDER) == "a"
    assert run(col("number"), ORDER) == str(uuid.UUID(int=7))
    assert run(col("lines")[0]["unitPrice"] * 2, ORDER) == 5.0
    assert run(col("lines")[0]["at"], ORDER) == "2026-11-28"
    assert run(col("lines")[0]["unit_price"], ORDER) is None
    assert run(record(all=value())["all"]["name"], ORDER) == "a"
    with pytest.raises(ExpressionError, match="a value of type object"):
        run(col("x"), object())
    with pytest.raises(ExpressionError, match="does not fit 64 bits"):
        run(col("x"), {"x": 2**63})


@pytest.mark.parametrize(
    ("of", "text"),
    [
        (col("name") > 1, 'col("name") > 1: > does not compare str with int'),
        (col("price") == "12", 'col("price") == "12": == does not compare int with str'),
        (col("price") / 0, 'col("price") / 0: division by zero'),
        (lit(2**63 - 1) + 1, "9223372036854775807 + 1: the result does not fit 64 bits"),
        (col("a.b.c"), 'col("a.b.c"): type list has no field "c"'),
        (col("price") & True, 'col("price") & True: & takes bool, not int'),
        (lit(True) + 1, "True + 1: + takes numbers, not bool and int"),
        (col("name").cast(int), 'col("name").cast(int): the text "abc" is no int'),
        (lit("x" * 999).upper() + 1, None),
    ],
)
def test_a_value_of_the_wrong_kind_is_named(of: Expression, text: str | None) -> None:
    """If this fails, a poison record is skipped in silence, or nobody learns why it failed."""
    with pytest.raises(ExpressionError) as caught:
        run(of)
    assert caught.value.hint
    assert len(str(caught.value)) < 300
    if text is not None:
        assert str(caught.value) == text


@pytest.mark.parametrize(
    "make",
    [
        lambda: bool(col("x") == 1),
        lambda: 1 < col("x") < 5,
        lambda: col("x") == 1 and col("y") == 2,
        lambda: col(""),
        lambda: col("a..b"),
        lambda: col(5),  # type: ignore[arg-type]
        lambda: header(None),  # type: ignore[arg-type]
        lambda: lit(2**63),
        lambda: lit("\ud800"),
        lambda: lit([1]),
        lambda: col("x") == print,
        lambda: col("x").is_in([1, "a"]),
        lambda: col("x").is_in([None]),
        lambda: col("x").round(-1),
        lambda: col("x").substring(-1),
        lambda: col("x").split(""),
        lambda: col("x").cast(list),
        lambda: col("x")[1.5],  # type: ignore[index]
        lambda: col("x").time.truncate("1 fortnight"),
        lambda: col("x").time.truncate("0s"),
    ],
)
def test_what_cannot_be_meant_is_refused_when_it_is_built(make: Any) -> None:
    """If this fails, a mistake shows at the first record, or never."""
    with pytest.raises(ExpressionError) as caught:
        make()
    assert caught.value.hint


def test_expressions_are_bounded() -> None:
    """If this fails, a program can build an expression that ends in a RecursionError."""
    deep = col("x")
    for _ in range(DEPTH_MAX - 1):
        deep = deep + 1
    with pytest.raises(ExpressionError, match="too large"):
        deep + 1
    assert "x" in repr(deep)
    assert deep.fields() == {("x",)}
    assert run(deep, {"x": 0}) == DEPTH_MAX - 1
    wide = col("x")
    for _ in range(12):
        wide = wide * wide
    with pytest.raises(ExpressionError, match="too large"):
        wide * wide
    long = functools.reduce(operator.or_, [col("x") == n for n in range(1000)])
    assert run(long, {"x": 999}) is True
    with pytest.raises(ExpressionError, match="too large"):
        functools.reduce(operator.or_, [col("x") == n for n in range(9000)])


def test_an_expression_does_not_change() -> None:
    """If this fails, what two operators share can be changed under one of them."""
    of = col("x")
    with pytest.raises(AttributeError):
        of.rows = None  # type: ignore[method-assign, assignment]
    with pytest.raises(AttributeError):
        del of._rows
    for again in (copy.deepcopy(of), pickle.loads(pickle.dumps(of > 1))):
        assert repr(again) in ('col("x")', 'col("x") > 1')
    assert len({of, of}) == 1
    for endless in (iter, list):
        with pytest.raises(TypeError):
            endless(of)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("of", "fields"),
    [
        (col("a.b") + col("c")[0] > timestamp(), {("a", "b"), ("c", 0)}),
        (key() == header("h"), set()),
        (col("a") + value()["b"], {("a",), ("b",)}),
        (record(a=when(col("x")).then(col("y")).otherwise(col("z"))), {("x",), ("y",), ("z",)}),
        (col("a").is_in(["x"]) & value().is_null(), None),
    ],
)
def test_fields(of: Expression, fields: object) -> None:
    """If this fails, an executor decodes fields that nobody reads, or leaves out one that is."""
    assert of.fields() == fields


@given(st.integers(-62135596800000, 253402300799999))
def test_times_are_those_of_the_calendar(at: int) -> None:
    """If this fails, a day, an hour or a text of time is wrong somewhere in 9999 years."""
    moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=at)
    time = lit(at).time
    parts = (time.year(), time.month(), time.day(), time.hour(), time.minute(), time.second())
    assert tuple(map(run, parts)) == moment.timetuple()[:6]
    assert run(time.weekday()) == moment.weekday()
    assert run(parse_time(time.iso())) == at
    assert run(time.iso()) == moment.isoformat(timespec="milliseconds") + "Z"
