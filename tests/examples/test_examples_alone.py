"""Every example runs with nothing given, on a Broker of its own; on Apache Kafka 4.3.1 as well; and
its types hold.

What an example prints and writes is test_examples.py's and test_cases.py's.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from running import EXAMPLES, ROOT, printed

from oracle import Oracle

SCRIPTS = sorted(path.name for path in EXAMPLES.glob("*.py"))
FOLDERS = sorted(
    path.name for path in EXAMPLES.iterdir() if path.is_dir() and path.name != "flights"
)
RUN = [*SCRIPTS, *(name for name in FOLDERS if (EXAMPLES / name / "__main__.py").exists())]


@pytest.mark.parametrize("example", RUN)
def test_an_example_needs_nothing(example: str) -> None:
    """If this failed, the first command of a file that people copy would not work."""
    assert printed(example)


@pytest.mark.jvm
def test_examples_run_on_any_kafka(oracle: Oracle) -> None:
    """If this failed, an example would do on Ottla alone what it says of Kafka."""
    for example in RUN:
        assert printed(example, servers=oracle.bootstrap)


@pytest.mark.parametrize("example", RUN)
def test_an_example_says_how_it_is_run(example: str) -> None:
    """If this failed, a file would not say in its first lines what to type, or what it prints."""
    path = EXAMPLES / example
    text = (path / "__main__.py" if path.is_dir() else path).read_text()
    docstring = text.split('"""')[1]
    assert f"    python examples/{example}" in docstring
    assert "Prints" in docstring
    assert "OTTLA_AT" in docstring


def test_every_example_is_in_the_list() -> None:
    """If this failed, an example would be found by nobody."""
    text = (EXAMPLES / "README.md").read_text()
    names = [*SCRIPTS, *FOLDERS, "flights", "notebook.ipynb"]
    assert [name for name in names if f"({name})" not in text] == []


def test_types_hold() -> None:
    """If this failed, who copies an example into a typed program would have its errors too."""
    own = {**os.environ, "MYPYPATH": str(ROOT / "src")}
    for scripts in (SCRIPTS, *([f"{name}/*.py"] for name in FOLDERS)):
        files = [str(file) for pattern in scripts for file in EXAMPLES.glob(pattern)]
        done = subprocess.run(
            [sys.executable, "-m", "mypy", "--strict", *files],
            cwd=ROOT,
            env=own,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout
