"""An example, run as a user runs it: a Python of its own, in a folder of its own.

What an example makes must lie on the cluster that it was given, or on the Broker that it starts; so
each may be run either way. Nothing here says what an example prints: its tests do.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
SECONDS_MAX = 60


def environment(servers: str | None = None) -> dict[str, str]:
    """Ours, with the checkout's package, and with the cluster if there is one to be used."""
    own = {key: value for key, value in os.environ.items() if key != "OTTLA_AT"}
    own["PYTHONPATH"] = str(ROOT / "src")
    own["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # the plugin is named, and must not come twice
    return own if servers is None else {**own, "OTTLA_AT": servers}


@contextmanager
def begin(
    example: str, *arguments: str, servers: str | None = None
) -> Iterator[subprocess.Popen[str]]:
    """A running example, which is killed at the end of the block if it has not ended."""
    words = [sys.executable, "-W", "error", str(EXAMPLES / example), *arguments]
    with subprocess.Popen(
        words,
        env=environment(servers),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def printed(example: str, *arguments: str, servers: str | None = None) -> list[str]:
    """Run an example to its end, which must be a good one; the lines that it printed."""
    with begin(example, *arguments, servers=servers) as process:
        output, log = process.communicate(timeout=SECONDS_MAX)
    assert process.returncode == 0, output + log
    return output.splitlines()
