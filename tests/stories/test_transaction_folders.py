"""Transactions in every state change hands with their folder, between Ottla and Apache Kafka.

Who opens a folder ends what the other left: it writes the markers that are missing, aborts what is
late or fenced, and lets go on who is still there.
"""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path

import pytest

from javatools import JavaTools
from oracle import Oracle
from servers import BIN, OttlaProcess
from stories import transaction_folders as folders
from transacting import Transacting


def test_among_ourselves(tmp_path: Path) -> None:
    """If this failed, a kill between any two records of a transaction's end would leave a part of
    it, hold readers back for ever, or lose a producer its epoch.
    """
    node = OttlaProcess(tmp_path / "data", folders.CONFIG)
    node.start()
    played = folders.scenes("a")
    folders.write(node.port, played)
    node.kill()
    folders.cut(node.folder, played)
    node.start()
    folders.take_over(node.port, played)
    node.restart()
    checked_again(node.port, played)
    folders.nothing_hangs(node.port, node.folder)
    node.stop()


def checked_again(port: int, played: list[folders.Scene]) -> None:
    """What the other server has ended is so under this one."""
    node = Transacting(port)
    for scene in played:
        folders.expect(node, scene)
    node.close()
