"""Types of keys and values go through a topology: right programs pass, wrong ones are found."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
import typing
from collections import defaultdict
from pathlib import Path

import pytest

from ottla.streams.builder import KINDS

PROGRAM = Path(__file__).parent / "typed_program.py"
ROOT = PROGRAM.parents[3]

SAID = re.compile(r"^.*typed_program\.py:(\d+): (error|note): (.*)$")
REVEALED = re.compile(r'Revealed type is "(.*)"')
#: The modules before names: `ottla.streams.builder.stream.KStream` is `KStream`.
MODULES = re.compile(r"\b(?:[a-z_]+\.)+(?=[A-Za-z])")
#: How mypy shows a named tuple that is generic.
NAMED_TUPLE = re.compile(r"tuple\[[^\[\]]*, fallback=(\w+\[\w+\])\]")


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[int, list[str]]:
    """What mypy says of each line."""
    api = pytest.importorskip("mypy.api")
    config = str(ROOT / "pyproject.toml")
    cache = str(tmp_path_factory.mktemp("mypy"))
    told = ["--strict", "--config-file", config, "--cache-dir", cache, "--no-pretty"]
    out, broken, _ = api.run([*told, str(PROGRAM)])
    assert not broken, broken
    found: dict[int, list[str]] = defaultdict(list)
    for line in out.splitlines():
        match = SAID.match(line)
        if match:
            found[int(match[1])].append(f"{match[2]}: {match[3]}")
    return found


def lines(*marks: str) -> dict[int, str]:
    """The lines of the program with one of these comments, and what it says."""
    text = PROGRAM.read_text(encoding="utf-8").splitlines()
    return {
        number: told
        for number, line in enumerate(text, 1)
        for mark in marks
        for _, found, told in [line.partition(f"  # {mark} ")]
        if found
    }


def test_revealed(said: dict[int, list[str]]) -> None:
    """An operator would forget the types of keys or values, or make others of them."""
    expected = lines("is")
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
    expected = lines("wrong:", "wrong to mypy:")
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


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_hints(kind: type) -> None:
    """Who reads annotations while a program runs would get a NameError."""
    methods = [
        method
        for name, method in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_")
    ]
    for method in methods:
        for signature in (method, *typing.get_overloads(method)):
            assert "return" in typing.get_type_hints(signature), signature


@pytest.mark.long
def test_pyright(tmp_path: Path) -> None:
    """Editors would show other types than mypy, or red lines under right programs."""
    config = {"include": [str(PROGRAM)], "extraPaths": [str(ROOT / "src")]}
    rules = {"typeCheckingMode": "standard", "pythonVersion": "3.11"}
    project = tmp_path / "pyrightconfig.json"
    project.write_text(json.dumps(config | rules), encoding="utf-8")
    command = [sys.executable, "-m", "basedpyright", "-p", str(project), "--outputjson"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode in (0, 1), ran.stderr
    revealed, wrong = {}, set()
    for row in json.loads(ran.stdout)["generalDiagnostics"]:
        number = row["range"]["start"]["line"] + 1
        match = re.search(r'is "(.*)"$', row["message"])
        if row["severity"] == "information" and match:
            revealed[number] = match[1]
        else:
            wrong.add(number)
    assert revealed == lines("is")
    assert wrong == set(lines("wrong:"))
