"""Records `tests/data/apache-4.3.1-transactions-{2,0}.tar.xz`: transactions that a 4.3.1 of either
level of transaction.version left when it was killed, and `scenes.json`, which says what they are.

`python tests/stories/record_transaction_folders.py`, with `src` and `tests` on PYTHONPATH.
"""

from __future__ import annotations

import tarfile
import tempfile
from pathlib import Path

from oracle import Oracle
from stories import transaction_folders as folders
from stories.record_folder import without_owner

DATA = Path(__file__).parents[1] / "data"
FEW = {
    "offsets.topic.num.partitions": "2",
    "log.index.size.max.bytes": "4096",
    "log.retention.ms": "-1",
}


def main() -> None:
    """One folder a level."""
    for level in (2, 0):
        with tempfile.TemporaryDirectory() as scratch:
            node = Oracle(
                Path(scratch) / "apache",
                {**folders.CONFIG, **FEW},
                log_dir=Path(scratch) / "data",
                features={"transaction.version": level},
            )
            played = folders.scenes("apache", newer=level == 2)
            node.start()
            try:
                folders.write(node.port, played)
            finally:
                node.kill()
            folders.cut(node.log_dir, played)
            listed = Path(scratch) / "scenes.json"
            listed.write_text(folders.as_json(played))
            target = DATA / f"apache-4.3.1-transactions-{level}.tar.xz"
            with tarfile.open(target, "w:xz") as archive:
                archive.add(node.log_dir, "data", filter=without_owner)
                archive.add(listed, "scenes.json", filter=without_owner)


if __name__ == "__main__":
    main()
