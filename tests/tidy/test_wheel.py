"""The wheels: one for each machine, for every Python from 3.11 on, whole outside the checkout.

What this machine can run is installed and run; the wheel of aarch64 is run too, by an emulator over
Debian's Python for that machine, where Debian's packages can be had.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.long, pytest.mark.seconds(1800)]

ROOT = Path(__file__).parent.parent.parent
PACKAGING = ROOT / "packaging"
MACHINES = ("x86_64", "aarch64")


@pytest.fixture(scope="module")
def wheels_module() -> Any:
    """packaging/wheels.py."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(PACKAGING)
        import wheels

        return wheels


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What `make wheel` says and the folder that it fills."""
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, PACKAGING / "wheels.py", "--out", out]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr[-5000:]
    return done.stdout, out


@pytest.fixture
def wheel(built: tuple[str, Path]) -> Path:
    """The wheel for the machine that this runs on."""
    (found,) = built[1].glob(f"*_{platform.machine()}.whl")
    return found


@pytest.mark.parametrize("machine", MACHINES)
def test_a_wheel_keeps_what_its_name_says(
    built: tuple[str, Path], wheels_module: Any, machine: str
) -> None:
    """If this failed, users of that machine or of an older system would get a wheel that does not
    load there.
    """
    said, out = built
    if left_out := re.search(f"left out: {machine}: (.*)", said):
        assert machine != platform.machine(), said
        pytest.skip(left_out[1])
    (found,) = out.glob(f"*_{machine}.whl")
    assert f"-cp311-abi3-manylinux2014_{machine}.manylinux_2_17_{machine}.whl" in found.name
    assert wheels_module.wrong(found, machine) == []
    assert wheels_module.library(found).glibc() == (2, 17)


def test_what_is_wrong_is_seen(wheel: Path, wheels_module: Any, tmp_path: Path) -> None:
    """If this failed, the look at a wheel would find nothing, whatever there is to find."""
    core = ROOT / "src" / "ottla" / "_core.abi3.so"  # linked here, against this machine's glibc
    other = tmp_path / wheel.name.replace("2_17", "2_5").replace("2014", "1")
    with zipfile.ZipFile(other, "w") as files:
        files.write(core, "ottla/_core.abi3.so")
    problems = "\n".join(wheels_module.wrong(other, platform.machine()))
    assert "its name says it does not" in problems
    assert "its symbols are still there" in problems
    (another,) = set(MACHINES) - {platform.machine()}
    assert f"not for {another}" in "\n".join(wheels_module.wrong(wheel, another))


def test_what_is_in_it(wheel: Path) -> None:
    """If this failed, the wheel would lack what commands read, or carry what is nobody's."""
    names = zipfile.ZipFile(wheel).namelist()
    for name in (
        "kraft/server.properties",
        "server.properties",
        "systemd/ottla.service",
        "prometheus/alerts.yml",
        "grafana/ottla.json",
    ):
        assert f"ottla/kafka_home/config/{name}" in names
    assert any(name.startswith("ottla/_core") and name.endswith(".so") for name in names)
    assert "ottla/py.typed" in names
    assert not [name for name in names if "__pycache__" in name or name.startswith("tests")]


SCRIPT = """
import pathlib, ottla
from ottla.client import Consumer, Producer
with ottla.Broker() as broker:
    with Producer(broker.client_config("ottla"), compression_type="zstd") as producer:
        producer.send("my-events", "hello")
    with Consumer(broker.client_config("ottla", group="readers")) as consumer:
        consumer.subscribe(["my-events"])
        assert consumer.poll(30)[0].value == b"hello"
print(pathlib.Path(ottla.__file__).resolve())
"""


def test_it_works_outside_the_checkout(wheel: Path, tmp_path: Path) -> None:
    """If this failed, `pip install ottla` would give a package that needs files of the checkout."""
    home = tmp_path / "venv"
    venv.create(home, with_pip=True)
    pip = [home / "bin" / "pip", "install", "-q", "--disable-pip-version-check", wheel]
    subprocess.run(pip, check=True, cwd=tmp_path)
    place = _run(tmp_path, home / "bin" / "python", "-I", "-c", SCRIPT)
    assert Path(place.strip()).is_relative_to(home)
    assert wheel.name.split("-")[1] in _run(tmp_path, home / "bin" / "ottla", "--version")
    assert "topics" in _run(tmp_path, home / "bin" / "ottla", "--help")
    assert "4.3.1" in _run(tmp_path, home / "bin" / "kafka-topics.sh", "--version")
    uuid = _run(tmp_path, home / "bin" / "kafka-storage.sh", "random-uuid").strip()
    info = [home / "bin" / "kafka-storage.sh", "format", "--ignore-formatted", "-t", uuid]
    properties = tmp_path / "server.properties"
    packaged = Path(place.strip()).parent / "kafka_home" / "config" / "kraft" / "server.properties"
    text = packaged.read_text().replace("/tmp/kraft-combined-logs", str(tmp_path / "data"))
    properties.write_text(text)
    _run(tmp_path, *info, "-c", properties)
    assert (tmp_path / "data" / "meta.properties").exists()


def test_the_other_machine_runs_its_own(built: tuple[str, Path], tmp_path: Path) -> None:
    """If this failed, a wheel would be published that nobody has ever seen to work."""
    if platform.machine() != "x86_64" or not (found := list(built[1].glob("*_aarch64.whl"))):
        pytest.skip("there is no wheel of another machine")
    if shutil.which("mmdebstrap") is None:
        pytest.skip("mmdebstrap is not here: apt-get install mmdebstrap")
    download = subprocess.run(
        "apt-get download -q qemu-user-static && dpkg-deb -x qemu-user-static_*.deb emulator",
        shell=True,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    if download.returncode:
        pytest.skip(f"no emulator: {download.stderr.strip()[-200:]}")
    root, packages = tmp_path / "root", tmp_path / "packages"
    debian = ["mmdebstrap", "--quiet", "--variant=extract", "--architectures=arm64"]
    include = "--include=python3.11-minimal,libpython3.11-stdlib"
    subprocess.run([*debian, include, "bookworm", root], check=True, capture_output=True)
    pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    other = ["--python-version=3.11", "--implementation=cp", "--only-binary=:all:"]
    platforms = ["--platform=manylinux2014_aarch64", "--platform=any"]
    subprocess.run([*pip, *other, *platforms, "--target", packages, found[0]], check=True)
    emulator = tmp_path / "emulator" / "usr" / "bin" / "qemu-aarch64-static"
    python = [emulator, "-L", root, root / "usr" / "bin" / "python3.11"]
    place = _run(tmp_path, *python, "-c", SCRIPT, PYTHONPATH=str(packages))
    assert Path(place.strip()).is_relative_to(packages)


def _run(folder: Path, *command: str | Path, **variables: str) -> str:
    environment = {**os.environ, **variables}
    if not variables:
        environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, cwd=folder, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
