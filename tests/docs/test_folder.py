"""What `docs/concepts/folder.md` says may be deleted is deleted here, and the node starts again."""

from __future__ import annotations

import runpy
import shutil
from pathlib import Path
from typing import Any

import pytest

import ottla
from ottla.testing.errors import NotAsExpected

ROOT = Path(__file__).parents[2]
FOLDER: dict[str, Any] = runpy.run_path(str(ROOT / "docs" / "reference" / "folder.py"))
KINDS = {kind.name: kind for kind in (*FOLDER["ROOT"], *FOLDER["PARTITION"])}
MAY_GO = sorted(name for name, kind in KINDS.items() if kind.may_go.startswith("yes"))
WRITTEN = ["one bicycle", "two bells"]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the page shows."""
    folder = tmp_path_factory.mktemp("page") / "data"
    FOLDER["run"](str(folder))
    return folder


def without(written: Path, name: str, tmp_path: Path) -> Path:
    """A copy of it, and every file of that kind deleted."""
    folder = tmp_path / "data"
    shutil.copytree(written, folder)
    gone = [*folder.glob(name), *folder.glob(f"orders-0/{name}")]
    assert gone
    for path in gone:
        path.unlink()
    return folder


@pytest.mark.parametrize("name", MAY_GO)
def test_what_may_go(written: Path, name: str, tmp_path: Path) -> None:
    """If this failed, somebody who deletes what the page calls safe would lose records, or his
    node.
    """
    with ottla.Broker(dir=str(without(written, name, tmp_path))) as broker:
        broker.expect("orders", WRITTEN)
        broker.produce("orders", "three baskets")
        broker.expect("orders", [*WRITTEN, "three baskets"])


def test_the_transaction_index_may_not(written: Path, tmp_path: Path) -> None:
    """If this failed, the page would warn of what does no harm."""
    folder = without(written, "*.txnindex", tmp_path)
    with ottla.Broker(dir=str(folder)) as broker, pytest.raises(NotAsExpected):
        broker.expect("orders", WRITTEN)


def test_meta_properties_may_not(written: Path, tmp_path: Path) -> None:
    """If this failed, the page would warn of what does no harm."""
    folder = without(written, "meta.properties", tmp_path)
    with pytest.raises(ottla.OttlaError, match=r"meta\.properties"):
        ottla.Broker(dir=str(folder)).start()
