"""What users of `ottla.streams` see, with signatures, docstrings and an example of each operator,
for `generate.py`; and the topologies that pages show, drawn.

Examples stand in `streams_examples.py` and `streams_cases.py`; a test runs them, and counts those
that are missing.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from runpy import run_path
from types import ModuleType
from typing import Any

from ottla.streams import (
    Expression,
    FixedKeyProcessor,
    FixedKeyRecord,
    KGroupedStream,
    KGroupedTable,
    KStream,
    KTable,
    Processor,
    ProcessorContext,
    Record,
    Streams,
    Topology,
    ValueTransformer,
    WindowedKStream,
    errors,
    expressions,
    faces,
    serdes,
)
from ottla.streams.builder import columns, specs, windows
from ottla.streams.builder.application import Application, Told
from ottla.streams.builder.cogrouped import CogroupedKStream, WindowedCogrouped
from ottla.streams.builder.split import Split
from ottla.streams.drawing import Drawing
from ottla.streams.execution import Answer, Failure, Settings
from ottla.streams.expressions.expression import Times
from ottla.streams.plan import batched
from ottla.streams.testing import TestInput, TestOutput, TestRecord, TopologyTest

HERE = Path(__file__).parent
DOCS = HERE.parent
CLIENT = run_path(str(HERE / "client.py"))
EXAMPLES = run_path(str(HERE / "streams_examples.py"))

CASES: dict[str, str] = run_path(str(HERE / "streams_cases.py"))["CASES"]

OPERATORS = {
    "The application": (Application, Streams, Topology),
    "Streams of records": (KStream, Split),
    "Groups and windows": (KGroupedStream, WindowedKStream, CogroupedKStream, WindowedCogrouped),
    "Tables": (KTable, KGroupedTable),
}
"""Classes whose every public method has an example."""
FUNCTIONS = {
    "Windows": (windows, ("tumbling", "hopping", "sliding", "session", "unlimited", "join_within")),
    "Aggregates": (columns, ("count", "sum_of", "min_of", "max_of", "first_of", "last_of")),
    "Functions of many values": (batched, ("batched", "arrow")),
    "Stores": (specs, ("key_value", "lru", "versioned", "window_store", "session_store")),
}
WORDS = {
    "Windows": "What `windowed_by` and `within=` take. Lengths are ms, a `timedelta`, or a text "
    'such as `"5m"`, `"1m30s"`, `"1d"`.',
    "Aggregates": "What `aggregate(name=...)` takes: aggregates that both executors know, in an "
    "object of JSON.",
    "Functions of many values": "For operators that would ask a function once a record: the fast "
    "executor asks these once for all records of a batch that reach the operator.",
    "Stores": "What `store=` and `add_store` take, where a name is not enough.",
}
PROCESSORS = (
    Processor, FixedKeyProcessor, ValueTransformer, ProcessorContext, Record, FixedKeyRecord,
)  # fmt: skip
STORES = (faces.KeyValueFace, faces.WindowFace, faces.SessionFace, faces.VersionedFace)
WRITING = """\
What `context.store(...)` and `test.store(...)` give, by the kind of store. Tables of operators, and
stores that were made with `timestamped` or `with_headers`, hold a `ValueAndTimestamp(value,
timestamp, headers)`: that is what `get`, `fetch` and `all` give, and what `put` takes; versioned
stores give one too. Others hold plain values. What is not there is None, and None put takes a key
away. A processor may only read a global store.
"""
TESTS = (TopologyTest, TestInput, TestOutput, TestRecord)


def text() -> str:
    """The page behind its title."""
    before = EXAMPLES["BEFORE"].rstrip()
    intro = (
        "Operators by kind, each with an example that a test runs. How they fit together: "
        "[the tutorial](../tutorial-streams.md). Their twins in Java: "
        "[row by row](../guides/streams-from-java.md).\n\n"
        "A function's number of parameters says what it is called with: `lambda value:` or `lambda "
        "key, value:`. Where a function of a record stands, an "
        "[expression](#expressions) may; joiners, initializers and mergers have no record.\n\n"
        f"Before each example stands this:\n\n```python\n{before}\n```\n"
    )
    parts = [intro]
    for title, kinds in OPERATORS.items():
        parts += [f"## {title}\n", *(_operators(kind) for kind in kinds)]
    parts += [_functions(title) for title in FUNCTIONS]
    parts += [_serdes(), _expressions(), _processors(), _tests(), _settings(), _cases()]
    parts.append(_errors())
    return "\n".join(parts)


def methods(kind: type) -> Iterator[tuple[str, Any]]:
    """The public methods of a class, those that it has from its parents too, in their order."""
    seen: set[str] = set()
    above = {Application} if kind is not Application else set()
    for one in (each for each in reversed(kind.__mro__) if each not in above):
        for name, held in vars(one).items():
            if name.startswith("_") or name in seen or not callable(getattr(kind, name, None)):
                continue
            if inspect.isclass(held):
                continue
            seen.add(name)
            yield name, getattr(kind, name)


def _operators(kind: type) -> str:
    lines = [f"### {kind.__name__}\n", _prose(kind), ""]
    for name, call in methods(kind):
        full = f"{kind.__name__}.{name}"
        lines += [f"#### {full}\n", f"`{name}{_signature(call)}`\n", _prose(call), ""]
        if full in EXAMPLES["EXAMPLES"]:
            lines += [f"```pycon\n{EXAMPLES['EXAMPLES'][full].strip()}\n```", ""]
    return "\n".join(lines)


def _functions(title: str) -> str:
    module, names = FUNCTIONS[title]
    lines = [f"## {title}\n", f"{WORDS[title]}\n"]
    for name in names:
        call = getattr(module, name)
        lines.append(f"- `{name}{_signature(call)}`\n  {_said(call)}")
    return "\n".join([*lines, ""])


def _serdes() -> str:
    lines = [
        "## Serdes\n",
        "What `key=` and `value=` take: a type, or one of `ottla.streams.serdes`. `str`, `bytes`, "
        "`int`, `float`, `bool` and `uuid.UUID` are Kafka's String, ByteArray, Long, Double, "
        "Boolean and UUID; `dict` and `list` are JSON, and so is a dataclass or a "
        "`msgspec.Struct`, field by field.\n",
    ]
    calls = {name: getattr(serdes, name) for name in serdes.__all__}
    ready = [f"`{name}`" for name, one in calls.items() if isinstance(one, serdes.Serde)]
    lines.append(f"- Ready to use: {', '.join(ready)}")
    for name, one in calls.items():
        if inspect.isfunction(one):
            lines.append(f"- `{name}{_signature(one)}`\n  {_said(one)}")
        elif inspect.isclass(one):
            lines.append(f"- `{name}`\n  {CLIENT['_first'](one)}")
    return "\n".join([*lines, ""])


def _expressions() -> str:
    lines = [
        "## Expressions\n",
        "A field that is missing, or that belongs to null, is null, and so is what is computed of "
        "null; a filter leaves such a record out. A misspelt name is therefore no error: "
        "`is_null()` and `fill_null()` say what is meant.\n",
        "Where they begin. Operators are Python's: `+ - * / // %`, `== != < <= > >=`, `& | ~`.\n",
    ]
    for name in expressions.__all__:
        one = getattr(expressions, name)
        if inspect.isfunction(one):
            lines.append(f"- `{name}{_signature(one)}`\n  {_said(one)}")
    lines += ["", "What every expression offers:\n"]
    for name, call in expression_methods():
        if name not in ("rows", "fields"):  # of executors
            lines.append(f"- `{name}{_signature(call)}`\n  {_said(call)}")
        if name in EXAMPLES["EXPRESSIONS"]:
            shown, given, result = EXAMPLES["EXPRESSIONS"][name]
            lines[-1] += f" `{shown}` of `{given}` is `{result!r}`."
    return "\n".join([*lines, ""])


def expression_methods() -> Iterator[tuple[str, Any]]:
    """What expressions offer, and what they offer of times."""
    yield from methods(Expression)
    for name, call in methods(Times):
        yield f"time.{name}", call


def _processors() -> str:
    lines = ["## Processors\n", "Classes to write, and what they are given.\n"]
    lines += [_listed(kind) for kind in PROCESSORS]
    lines += ["## Stores of processors and tests\n", WRITING]
    lines += [_listed(kind) for kind in STORES]
    return "\n".join(lines)


def _tests() -> str:
    lines = ["## Tests\n", "In `ottla.streams.testing`.\n"]
    lines += [_listed(kind) for kind in TESTS]
    return "\n".join(lines)


def _listed(kind: type) -> str:
    """A class, its methods as a list."""
    lines = [f"### {kind.__name__}\n", f"{_prose(kind)}\n"]
    for name, call in methods(kind):
        if inspect.getdoc(call):
            lines.append(f"- `{name}{_signature(call)}`\n  {_said(call)}")
        elif not hasattr(kind, "_fields"):
            lines.append(f"- `{name}{_signature(call)}`")
    for name, held in vars(kind).items():
        if isinstance(held, property) and inspect.getdoc(held):
            lines.append(f"- `{name}`\n  {_said(held)}")
    return "\n".join([*lines, ""])


def _settings() -> str:
    lines = [
        "## Settings\n",
        f"What an application is told: `Streams{_signature(Streams)}`, and of these "
        f"{_told()}. An executor sees them as "
        "`Settings`, which a test may give in their place:\n",
    ]
    for kind in (Settings, Failure):
        fields = ", ".join(f"`{name}`" for name in kind.__dataclass_fields__)
        lines.append(f"- `{kind.__name__}`: {CLIENT['_first'](kind)} {fields}")
    answers = ", ".join(f"`Answer.{answer.name}`" for answer in Answer)
    lines.append(f"- `Answer`: {CLIENT['_first'](Answer)} {answers}")
    return "\n".join([*lines, ""])


def _cases() -> str:
    shown = (f"### {title}\n\n```pycon\n{text.strip()}\n```\n" for title, text in CASES.items())
    return "\n".join(["## More examples\n", *shown])


def _told() -> str:
    return ", ".join(f"`{name}`" for name in Told.__annotations__)


def _errors() -> str:
    found = [one for one in vars(errors).values() if _is_error(one, errors.__name__)]
    found += [serdes.SerdeError, expressions.ExpressionError]
    lines = ["## Errors\n", *(f"- `{one.__name__}`: {_said(one)}" for one in found)]
    return "\n".join([*lines, ""])


def _is_error(one: Any, module: str) -> bool:
    return inspect.isclass(one) and issubclass(one, Exception) and one.__module__ == module


def _signature(call: Any) -> str:
    told: str = CLIENT["_signature"](call)
    return re.sub(r"<[^<>]* at 0x[0-9a-f]+>", "...", told)


def _said(call: Any) -> str:
    told: str = CLIENT["_prose"](call)
    return told.replace("\n\n", "\n").replace("\n", "\n  ").strip()


def _prose(one: Any) -> str:
    """A docstring without its first uses, which the examples say better."""
    paragraphs = (inspect.getdoc(one) or "").split("\n\n")
    told = "\n\n".join(part for part in paragraphs if not part.startswith(">>>"))
    return CLIENT["_prose"](type("Told", (), {"__doc__": told}))  # type: ignore[no-any-return]


# ---------------------------------------------------------------- drawings
FILE = re.compile(r"```python\n# (\w+)\.py\n(.*?)```", re.DOTALL)
DRAWN = {
    "topology-seats": ("tutorial-streams.md", "seats"),
    "topology-shop": ("concepts/streams-topology.md", "shop"),
    "topology-foreign-key": ("concepts/streams-topology.md", "fruits"),
}
"""A drawing's name, and the page and the program whose `app` it shows."""


def drawings() -> dict[str, str]:
    """The drawings of topologies that pages show."""
    found = {f"../concepts/{name}.svg": _drawn(*place).svg for name, place in DRAWN.items()}
    spans = run_path(str(HERE / "drawings.py"))["spans"]
    rows = [(name, counted(kind)) for name, kind in WINDOWS.items()]
    found["../concepts/windows.svg"] = spans(rows, AT, "Windows of the same five records")
    return found


AT = (5, 12, 16, 31, 50)
"""Seconds of the records in the drawing of windows."""
WINDOWS = {
    'tumbling("20s")': windows.tumbling("20s"),
    'hopping("20s", every="10s")': windows.hopping("20s", every="10s"),
    'sliding("10s")': windows.sliding("10s"),
    'session("10s")': windows.session("10s"),
}


def counted(kind: Any) -> list[tuple[int, int, str]]:
    """The windows that these records are counted in: from, to, how many; in seconds."""
    app = Streams("windows")
    stream = app.stream("in", key=str, value=str)
    stream.group_by_key().windowed_by(kind).count().to_stream().to("out")
    with TopologyTest(app, executor="python") as test:
        for at in AT:
            test.input("in").send("k", "v", at=at * 1000)
        found = test.output("out").read_table()
    return [
        (max(window.start, 0) // 1000, window.end // 1000, str(count))
        for window, count in found.items()
    ]


def _drawn(page: str, program: str) -> Drawing:
    sources = dict(FILE.findall((DOCS / page).read_text(encoding="utf-8")))
    loaded: dict[str, ModuleType] = {}
    for name, source in sources.items():
        if name == program or f"from {name} import" in sources[program]:
            loaded[name] = module = ModuleType(name)
            sys.modules[name] = module
            exec(compile(source, f"{page}:{name}", "exec"), module.__dict__)
    for name in loaded:
        del sys.modules[name]
    found: Streams = loaded[program].app
    return found.draw()
