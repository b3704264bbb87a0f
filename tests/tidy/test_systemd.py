"""config/systemd/ottla.service: what systemd says of it, and that it means our own commands."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ottla.cli import server
from ottla.cli.kafka_server_start import COMMAND
from ottla.cli.kafka_storage import FORMAT

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "config" / "systemd" / "ottla.service"
BIN = "/opt/ottla/bin"
EXPOSURE_MAX = 20
"""Of 100, as `systemd-analyze security` counts it; what talks over a network has 10 at least."""


def _lines(key: str) -> list[str]:
    text = UNIT.read_text().replace("\\\n", " ")
    return re.findall(rf"^{key}=(.*)$", text, re.MULTILINE)


def test_the_unit_runs_commands_that_there_are() -> None:
    """If this failed, the service would not start for want of a command or of an option."""
    for line in (*_lines("ExecStartPre"), *_lines("ExecStart")):
        command, *words = line.split()
        assert (ROOT / "bin" / command.removeprefix(BIN + "/")).exists()
        rows = FORMAT.options if "format" in words else COMMAND.options
        known = {row.name for row in rows}
        assert {word for word in words if word.startswith("-")} <= known


def test_systemd_waits_for_a_clean_stop() -> None:
    """If this failed, systemd would kill a server that is still writing its checkpoints."""
    (seconds,) = _lines("TimeoutStopSec")
    assert int(seconds) * 1000 > server.STOP_TIMEOUT_MS
    assert _lines("KillSignal") == ["SIGTERM"]
    assert _lines("Type") == ["notify"], "ottla.cli.service_manager says READY=1"


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit, with commands that are there."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not here: apt-get install systemd")
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("kafka-storage.sh", "kafka-server-start.sh"):
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    path = tmp_path / "ottla.service"
    path.write_text(UNIT.read_text().replace(BIN, str(folder)))
    return path


def _analyze(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *words],
        env={**os.environ, "SYSTEMD_COLORS": "0"},
        capture_output=True,
        text=True,
    )


@pytest.mark.long
def test_systemd_reads_it(unit: Path) -> None:
    """If this failed, systemd would ignore a line of the unit, or refuse it."""
    done = _analyze("verify", "--man=no", unit)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    unit.write_text(unit.read_text().replace("TimeoutStopSec=", "TimeOutStop="))
    assert "TimeOutStop" in _analyze("verify", "--man=no", unit).stderr


@pytest.mark.long
def test_it_may_do_little(unit: Path) -> None:
    """If this failed, who takes over the server would have more of the machine than it needs."""
    done = _analyze("security", "--offline=true", f"--threshold={EXPOSURE_MAX}", unit)
    assert done.returncode == 0, done.stdout + done.stderr
