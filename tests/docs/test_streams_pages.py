"""What the pages of Streams say beyond the programs on them: examples, names, drawings."""

from __future__ import annotations

import doctest
import inspect
import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ottla.streams
from ottla.streams import expressions, processors, serdes, testing
from ottla.streams.builder.application import Told
from ottla.streams.builder.cogrouped import CogroupedKStream

ROOT = Path(__file__).parents[2]
PAGE: dict[str, Any] = runpy.run_path(str(ROOT / "docs" / "reference" / "streams.py"))
EXAMPLES: dict[str, str] = PAGE["EXAMPLES"]["EXAMPLES"]
CASES: dict[str, str] = PAGE["CASES"]
BEFORE: str = PAGE["EXAMPLES"]["BEFORE"]
JAVA = (ROOT / "docs" / "guides" / "streams-from-java.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)


def operators() -> set[str]:
    """Every operator by class and name."""
    kinds = [kind for some in PAGE["OPERATORS"].values() for kind in some]
    return {f"{kind.__name__}.{name}" for kind in kinds for name, _ in PAGE["methods"](kind)}


def test_every_operator_has_an_example() -> None:
    """If this failed, an operator would stand in the reference without a use of it."""
    assert operators() == set(EXAMPLES)


@pytest.mark.parametrize("executor", ["rust", "python"])
@pytest.mark.parametrize("name", [*EXAMPLES, *CASES])
def test_an_example_gives_what_it_says(
    name: str, executor: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If this failed, who types an example would see something else."""
    monkeypatch.chdir(tmp_path)
    made = f"TopologyTest(app, executor={executor!r})"
    names: dict[str, Any] = {}
    exec(BEFORE.replace("TopologyTest(app)", made), names)
    text = (EXAMPLES | CASES)[name].replace("TopologyTest(app)", made)
    found = doctest.DocTestParser().get_doctest(text, names, name, None, 0)
    assert found.examples
    said: list[str] = []
    assert doctest.DocTestRunner(verbose=False).run(found, out=said.append).failed == 0, said


def test_examples_of_expressions() -> None:
    """If this failed, a method of expressions would have no example, or give something else."""
    rows = PAGE["EXAMPLES"]["EXPRESSIONS"]
    methods = {name for name, _ in PAGE["expression_methods"]()}
    assert set(rows) | {"rows", "fields"} == methods
    for text, value, result in rows.values():
        expression = eval(text, vars(expressions))
        assert expression.evaluate(None, value, 0, ()) == result, text


def rows(text: str) -> Iterator[tuple[str, str]]:
    """The rows of a page's tables: what was there, what is here."""
    for line in BLOCK.sub("", text).splitlines():
        cells = re.split(r"(?<!\\)\|", line)
        if len(cells) == 4 and not set(line) <= set("|- "):
            yield cells[1], cells[2]


def known() -> set[str]:
    """Every name that a user may type."""
    kinds = [kind for some in PAGE["OPERATORS"].values() for kind in some]
    kinds += [
        CogroupedKStream,
        processors.Cancellable,
        *PAGE["PROCESSORS"],
        *PAGE["TESTS"],
        expressions.Expression,
    ]
    modules = (ottla.streams, serdes, expressions, processors, testing)
    found = {name for module in modules for name in vars(module)}
    found |= {name for kind in kinds for name in dir(kind)}
    return found | {"len", "compile", "adder", "subtractor", "merger", "initializer", "stores"}


def parameters() -> set[str]:
    """Every keyword of an operator, a window, a store, an application or a test."""
    kinds = [kind for some in PAGE["OPERATORS"].values() for kind in some]
    calls = [call for kind in kinds for _, call in PAGE["methods"](kind)]
    calls += [ottla.streams.Streams, testing.TopologyTest, testing.TestInput.send]
    calls += [processors.ProcessorContext.forward, testing.TestInput.record]
    for module, names in PAGE["FUNCTIONS"].values():
        calls += [getattr(module, name) for name in names]
    found = {name for call in calls for name in inspect.signature(call).parameters}
    return found | {*Told.__annotations__}


@pytest.mark.parametrize("page", ["streams-from-java", "streams-from-faust-and-quix"])
def test_guides_name_what_is_there(page: str) -> None:
    """If this failed, who comes from elsewhere would type a name or a keyword that nobody knows."""
    text = (ROOT / "docs" / "guides" / f"{page}.md").read_text(encoding="utf-8")
    own = {"f", "p", "q", "n", "total", "city", "price"}  # names that the examples make up
    wrong = []
    for _, here in rows(text):
        for span in re.findall(r"`([^`]+)`", here):
            called = set(re.findall(r"(?<![\w\"'])([a-z_]\w+)\(", re.sub(r'"[^"]*"', '""', span)))
            named = set(re.findall(r"(?<![\w.])([a-z_]\w*)=(?![=\s])", span))
            wrong += sorted(called - known() - own)
            wrong += sorted(named - parameters() - own)
    assert wrong == []


def test_the_guide_from_java_has_every_operator() -> None:
    """If this failed, an operator of ours would have no twin in the guide."""
    text = "\n".join(here for _, here in rows(JAVA))
    names = {each.partition(".")[2] for each in operators()} - {"build", "settings"}
    assert {name for name in names if not re.search(rf"\b{name}\b", text)} == set()


@pytest.mark.parametrize("page", ["README.md"])
def test_the_snippet_of_the_readme(page: str) -> None:
    """If this failed, the first thing that anybody sees of Streams would not run."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    mine = [block for block in blocks if "ottla.streams" in block]
    assert len(mine) == 1
    exec(mine[0], {})


def test_drawings_show_the_programs_of_pages() -> None:
    """If this failed, a page would show another topology than the one above it."""
    for place, text in PAGE["drawings"]().items():
        assert (ROOT / "docs" / "reference" / place).read_text(encoding="utf-8") == text, place
