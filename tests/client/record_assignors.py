"""Records `tests/data/assignors.jsonl.xz`: what Java's assignors give to groups that chance made up
(`tests/java/tools/AssignorsProgram.java` says what a line holds).

`python tests/client/record_assignors.py`, with `src` and `tests` on PYTHONPATH.
"""

from __future__ import annotations

import lzma
import tempfile
from pathlib import Path

from javatools import JavaTools

TARGET = Path(__file__).parents[1] / "data" / "assignors.jsonl.xz"
SEED = "11"
GROUPS = "70"


def recorded(seed: str = SEED, groups: str = GROUPS) -> str:
    """Ask a JVM."""
    with tempfile.TemporaryDirectory() as scratch:
        tools = JavaTools(Path(scratch))
        try:
            return tools.run("AssignorsProgram", seed, groups).checked()
        finally:
            tools.close()


if __name__ == "__main__":
    TARGET.write_bytes(lzma.compress(recorded().encode(), preset=9 | lzma.PRESET_EXTREME))
