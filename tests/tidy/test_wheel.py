"""The wheel: one file for every Python from 3.11 on, whole outside the checkout."""

from __future__ import annotations

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkout built as `make wheel` builds it."""
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "maturin", "build", "--release", "--out", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (found,) = out.glob("*.whl")
    return found


def test_one_wheel_for_every_python(wheel: Path) -> None:
    """If this failed, users of another Python than the builder's would have to compile."""
    assert "-cp311-abi3-" in wheel.name
    names = zipfile.ZipFile(wheel).namelist()
    assert any(name.startswith("ottla/_core") and name.endswith(".so") for name in names)
    for file in ("kraft/server.properties", "prometheus/alerts.yml", "grafana/ottla.json"):
        assert f"ottla/kafka_home/config/{file}" in names
    assert not [name for name in names if "__pycache__" in name or name.startswith("tests")]


SCRIPT = """
import pathlib, ottla
with ottla.Broker() as broker:
    assert broker.port > 0
print(pathlib.Path(ottla.__file__).resolve())
"""


def test_it_works_outside_the_checkout(wheel: Path, tmp_path: Path) -> None:
    """If this failed, `pip install ottla` would give a package that needs files of the checkout."""
    home = tmp_path / "venv"
    venv.create(home, with_pip=True)
    pip = [home / "bin" / "pip", "install", "-q", "--disable-pip-version-check", wheel]
    subprocess.run(pip, check=True, cwd=tmp_path)
    python = [home / "bin" / "python", "-I", "-c", SCRIPT]
    done = subprocess.run(python, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_relative_to(home)
    commands = [home / "bin" / "ottla", "--help"]
    assert subprocess.run(commands, capture_output=True, cwd=tmp_path).returncode == 0
