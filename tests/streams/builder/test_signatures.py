"""Types of keys and values go through a topology: right programs pass, wrong ones are found."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / "typed_program.py"
ROOT = PROGRAM.parents[3]

SAID = re.compile(r"^.*typed_program\.py:(\d+): (error|note): (.*)$")
REVEALED = re.compile(r'Revealed type is "(.*)"')
#: The modules before names: `ottla.streams.builder.stream.KStream` is `KStream`.
MODULES = re.compile(r"\b(?:[a-z_]+\.)+(?=[A-Za-z])")
#: How mypy shows a named tuple that is generic.
NAMED_TUPLE = re.compile(r"tuple\[[^\[\]]*, fallback=(\w+\[\w+\])\]")


@pytest.fixture(scope="module")
def said() -> dict[int, list[str]]:
    """What mypy says of each line."""
    api = pytest.importorskip("mypy.api")
    config = str(ROOT / "pyproject.toml")
    out, broken, _ = api.run(["--strict", "--config-file", config, "--no-pretty", str(PROGRAM)])
    assert not broken, broken
    found: dict[int, list[str]] = defaultdict(list)
    for line in out.splitlines():
        match = SAID.match(line)
        if match:
            found[int(match[1])].append(f"{match[2]}: {match[3]}")
    return found


def lines(mark: str) -> list[tuple[int, str]]:
    """The lines of the program with this comment, and what it says."""
    text = PROGRAM.read_text(encoding="utf-8").splitlines()
    marked = ((number, line.partition(f"  # {mark} ")) for number, line in enumerate(text, 1))
    return [(number, told) for number, (_, found, told) in marked if found]


def test_revealed(said: dict[int, list[str]]) -> None:
    """An operator would forget the types of keys or values, or make others of them."""
    expected = dict(lines("is"))
    found = {}
    for number, messages in said.items():
        for message in messages:
            match = REVEALED.search(message)
            if match:
                found[number] = NAMED_TUPLE.sub(r"\1", MODULES.sub("", match[1]))
    assert len(expected) > 50
    assert found == expected


def test_wrong_lines(said: dict[int, list[str]]) -> None:
    """A wrong program would pass, or a right one would be refused."""
    expected = dict(lines("wrong:"))
    found = {
        number: " ".join(told)
        for number, messages in said.items()
        if (told := [message for message in messages if message.startswith("error")])
    }
    assert len(expected) > 20
    assert {number: found[number] for number in found if number not in expected} == {}
    missing = {
        number: word for number, word in expected.items() if word not in found.get(number, "")
    }
    assert missing == {}, {number: found.get(number) for number in missing}
