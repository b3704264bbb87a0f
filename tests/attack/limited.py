"""A process of its own with few descriptors, that runs a broker and does what it is told.

    python -m attack.limited FOLDER LIMIT [extra Broker configs as key=value]

It says its port, then evaluates one line of Python after another and prints each result. In scope:
`broker`, `node`, `core`, and `hoard()` and `release()`, which take all descriptors that are left
and give them back; `hoard_before` does the former as a method begins the next time.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import ottla

TESTS = Path(__file__).parents[1]
_hoard: list[int] = []


class Limited:
    """The process as the test holds it."""

    def __init__(self, folder: Path, limit: int, *configs: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "attack.limited", str(folder), str(limit), *configs],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=TESTS,
        )
        self.port = int(self._line())

    def __enter__(self) -> Limited:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()

    def do(self, line: str) -> str:
        """Evaluate it there; its `repr`, or the name of what it raised."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._line()

    def metric(self, name: str) -> float:
        """One of the core's numbers."""
        return float(self.do(f"core.metrics()[{name!r}]"))

    def end(self) -> int:
        """Close the broker and let the process end; its exit code."""
        assert self.do("broker.close()") == "None"
        assert self._process.stdin is not None
        self._process.stdin.close()
        return self._process.wait(30)

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the process has ended"
        return line.strip()


def hoard() -> int:
    """Open files until there can be no more; how many."""
    try:
        while True:
            _hoard.append(os.dup(0))
    except OSError:
        return len(_hoard)


def hoard_before(owner: Any, name: str) -> None:
    """Take all that are left when this method begins the next time."""
    method = getattr(owner, name)

    def instead(*args: Any, **kwargs: Any) -> Any:
        setattr(owner, name, method)
        hoard()
        return method(*args, **kwargs)

    setattr(owner, name, instead)


def release() -> None:
    """Close them."""
    while _hoard:
        os.close(_hoard.pop())


def _main() -> None:
    folder, limit, *configs = sys.argv[1:]
    resource.setrlimit(resource.RLIMIT_NOFILE, (int(limit), int(limit)))
    warnings.simplefilter("ignore")
    broker: Any = ottla.Broker(dir=folder, config=dict(row.split("=", 1) for row in configs))
    broker.start()
    scope = {
        "broker": broker,
        "node": broker._node,
        "core": broker._node._core,
        "hoard": hoard,
        "hoard_before": hoard_before,
        "release": release,
        "limits": lambda: resource.getrlimit(resource.RLIMIT_NOFILE),
    }
    print(broker.port, flush=True)
    for line in sys.stdin:
        try:
            print(repr(eval(line, scope)), flush=True)
        except Exception as problem:
            print(type(problem).__name__, flush=True)


if __name__ == "__main__":
    _main()
