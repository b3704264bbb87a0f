"""Cases handed one by one to a process that may hang or die of one of them.

`work` is the child's loop: it reads cases as JSON lines, says when it begins one, and writes what
came of it. `results` is the parent's side: it replaces a child that died or said nothing for too
long, and names the case.
"""

from __future__ import annotations

import json
import select
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any

SECONDS_MAX = 30
"""For one case: what takes longer hangs."""


def work(attempt: Callable[[Any], Any]) -> None:
    """Take cases until there are no more."""
    for line in sys.stdin:
        try:
            outcome = attempt(json.loads(line))
        except BaseException as problem:
            outcome = f"{type(problem).__name__}: {problem}"
        print(json.dumps([outcome]), flush=True)


def results(program: str, cases: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    """Each case and what came of it; a text that begins with HUNG if nothing came."""
    left = list(cases)
    while left:
        # What a child says of its troubles goes to a file: a pipe that nobody reads would fill up.
        with (
            tempfile.TemporaryFile() as errors,
            subprocess.Popen(
                [sys.executable, program],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            ) as child,
        ):
            while left:
                case = left.pop(0)
                line = _ask(child, case)
                if not line:
                    child.kill()
                    child.wait()
                    yield case, _last_words(errors)
                    break
                yield case, json.loads(line)[0]
            child.communicate()


def _ask(child: subprocess.Popen[bytes], case: Any) -> bytes:
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        child.stdin.write(json.dumps(case).encode() + b"\n")
        child.stdin.flush()
    except BrokenPipeError:
        return b""
    ready = select.select([child.stdout], [], [], SECONDS_MAX)[0]
    return child.stdout.readline() if ready else b""


def _last_words(errors: IO[bytes]) -> str:
    errors.seek(0)
    return "HUNG or died: " + errors.read().decode(errors="replace")[-1500:]
