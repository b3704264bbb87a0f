"""Records `tests/data/apache-4.3.1-folder.tar.xz`: what 4.3.1 leaves after `WriteFolder.java`.

`python tests/stories/record_folder.py`, with `src` and `tests` on PYTHONPATH.
"""

from __future__ import annotations

import tarfile
import tempfile
from pathlib import Path

from javatools import JavaTools
from oracle import Oracle
from stories import folders

TARGET = Path(__file__).parents[1] / "data" / "apache-4.3.1-folder.tar.xz"


def main() -> None:
    """Start a 4.3.1, fill it, stop it, and pack its log directory."""
    with tempfile.TemporaryDirectory() as scratch:
        classes = Path(scratch) / "classes"
        classes.mkdir()
        tools = JavaTools(classes)
        few = {
            "offsets.topic.num.partitions": "1",
            "transaction.state.log.num.partitions": "1",
        }
        node = Oracle(Path(scratch) / "apache", few, log_dir=Path(scratch) / "data")
        with node:
            tools.run("WriteFolder", node.bootstrap).checked()
            folders.check_apaches_folder(node.bootstrap)
        tools.close()
        with tarfile.open(TARGET, "w:xz") as archive:
            archive.add(node.log_dir, "data", filter=without_owner)


def without_owner(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """The same entry, saying nothing of who packed it."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


if __name__ == "__main__":
    main()
