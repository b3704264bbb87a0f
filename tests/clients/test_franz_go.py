"""franz-go's transactions, as its users know them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.long

BUILD_SECONDS_MAX = 400
SOURCE = Path(__file__).parent / "franz_go"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, built where Go is there; it fetches franz-go from Go's module proxy."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("Go is not installed")
    found = tmp_path_factory.mktemp("franz-go") / "transactions"
    done = subprocess.run(
        [go, "build", "-o", found, "."],
        cwd=SOURCE,
        env={**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "-buildvcs=false -mod=readonly"},
        capture_output=True,
        text=True,
        timeout=BUILD_SECONDS_MAX,
    )
    if "requires go >=" in done.stderr:
        pytest.skip(f"this Go is too old for franz-go: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    return found


def test_transactions(transactional: Any, program: Path, name: Callable[[], str]) -> None:
    """If this failed, a Go program's commit, abort, offsets or fencing would come out wrong."""
    source, sink = transactional.create(name()), transactional.create(name())
    group = name()
    done = subprocess.run(
        [program, transactional.bootstrap, source, sink, group, name()],
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "read_committed": ["a", "c", "d"],
        "read_uncommitted": ["a", "b", "c", "d"],
        "session aborted": True,
        "session committed": True,
        "fenced": True,
        "sink": ["committed", "of the second"],
    }
    # Each end of a transaction has an offset in the source too: its last record has the 6.
    transactional.group_at(group, source, 7)
