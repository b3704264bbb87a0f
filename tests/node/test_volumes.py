"""How much room log directories have: a volume that does not answer holds nobody up."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from ottla.node.volumes import Volumes
from servers import eventually


def test_each_folder_says_what_its_volume_has(tmp_path: Path) -> None:
    """If this failed, a disk that fills up would be seen too late; a folder that is gone must not
    hide the others.
    """
    found = dict(Volumes([str(tmp_path), str(tmp_path / "gone")]).measures())
    volume = os.statvfs(tmp_path)
    assert found[f"directory.total_bytes.{tmp_path}"] == volume.f_blocks * volume.f_frsize
    assert set(found) == {f"directory.{one}_bytes.{tmp_path}" for one in ("total", "usable")}


def test_a_volume_that_hangs_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """If this failed, one mount whose server is away would end all watching of the node, or take a
    thread at each look.
    """
    answers = threading.Event()
    asked: list[str] = []

    def statvfs(path: str) -> SimpleNamespace:
        asked.append(path)
        if path == "/hangs":
            answers.wait()
        return SimpleNamespace(f_frsize=4096, f_blocks=10, f_bavail=3)

    monkeypatch.setattr(os, "statvfs", statvfs)
    volumes = Volumes(["/hangs", "/works"])
    works = {"directory.total_bytes./works": 40960, "directory.usable_bytes./works": 12288}
    assert dict(volumes.measures()) == works
    assert dict(volumes.measures()) == works
    assert asked.count("/hangs") == 1
    answers.set()
    eventually(lambda: len(dict(volumes.measures())) == 4, "it is asked again when it works")
