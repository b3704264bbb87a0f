"""Build the wheels: one for x86_64, one for aarch64, each for every Linux with glibc 2.17 or newer.

    make wheel

Rust compiles for either machine on any; zig is the linker and the C compiler, since it carries the
symbols of every glibc there was. One wheel serves every Python from 3.11 on. Each is looked at
before it is called done: its machine, no newer symbol than its name says, nothing to debug left.
What can't be built here is named, and why; elsewhere than on Linux that is all but this machine's.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from elf import Library, read

ROOT = Path(__file__).resolve().parents[1]
MACHINES = ("x86_64", "aarch64")
LIBRARIES = ("libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "libgcc_s.so.1",
             "librt.so.1", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1")  # fmt: skip
"""Every Linux with glibc has these."""


def main() -> int:
    """Build those that were asked for; 1 if one that can be built here was not."""
    parser = argparse.ArgumentParser(prog="make wheel", description="build the wheels")
    parser.add_argument("machines", nargs="*", help=f"of {', '.join(MACHINES)}; both if none")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="the folder for them")
    options = parser.parse_args()
    if not sys.platform.startswith("linux"):
        _maturin(options.out)
        print("left out: the wheels for Linux, which are built on Linux")
        return 0
    failed = False
    for machine in options.machines or MACHINES:
        if missing := _missing(machine):
            print(f"left out: {machine}: {missing}")
            continue
        wheel = _maturin(options.out, "--zig", "--target", _target(machine))
        problems = wrong(wheel, machine)
        failed = failed or bool(problems)
        print(described(wheel))
        for problem in problems:
            print(f"  WRONG {problem}")
    return int(failed)


def library(wheel: Path) -> Library:
    """The native core of a wheel."""
    with zipfile.ZipFile(wheel) as files:
        return read(files.read("ottla/_core.abi3.so"))


def described(wheel: Path) -> str:
    """A wheel in one line: its size, what it takes when it is installed, what it needs."""
    with zipfile.ZipFile(wheel) as files:
        installed = sum(file.file_size for file in files.infolist())
        core = files.getinfo("ottla/_core.abi3.so").file_size
    glibc = ".".join(map(str, library(wheel).glibc()))
    return (
        f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB, installed {installed / 1e6:.1f} MB, "
        f"{core / 1e6:.1f} MB of it the core, which needs glibc {glibc}"
    )


def wrong(wheel: Path, machine: str) -> list[str]:
    """What a wheel's name promises and its library does not keep."""
    problems = []
    found = library(wheel)
    if found.machine != machine:
        problems.append(f"its core is for {found.machine}, not for {machine}")
    tags = re.findall(r"manylinux_(\d+)_(\d+)_" + machine, wheel.name)
    if not tags:
        problems.append(f"its name has no manylinux tag of {machine}")
    oldest = min((tuple(map(int, tag)) for tag in tags), default=(0,))
    if found.glibc() > oldest:
        asked = ".".join(map(str, found.glibc()))
        problems.append(f"it asks for glibc {asked}, and its name says it does not")
    if others := set(found.needed) - set(LIBRARIES):
        problems.append(f"it loads {', '.join(sorted(others))}")
    if not found.stripped:
        problems.append("its symbols are still there")
    return problems


def _target(machine: str) -> str:
    return f"{machine}-unknown-linux-gnu"


def _missing(machine: str) -> str:
    """Why it can't be built here, or nothing; Rust's library for it is fetched if need be."""
    target = _target(machine)
    asked = subprocess.run(
        ["rustc", "--print", "target-libdir", "--target", target], capture_output=True, text=True
    )
    if asked.returncode:
        return asked.stderr.strip() or "rustc does not know it"
    if list(Path(asked.stdout.strip()).glob("libstd-*.rlib")):
        return ""
    if shutil.which("rustup") is None:
        return f"Rust's standard library for {target} is not here, and there is no rustup"
    added = subprocess.run(["rustup", "target", "add", target], capture_output=True, text=True)
    if added.returncode:
        said = added.stderr.strip().splitlines() or ["it failed"]
        return f"`rustup target add {target}`: {said[-1]}"
    return ""


def _maturin(out: Path, *words: str) -> Path:
    """Build one wheel and say where it is."""
    with tempfile.TemporaryDirectory(prefix="ottla-wheel-") as folder:
        profile = ["--profile", "dist"]
        command = [sys.executable, "-m", "maturin", "build", *profile, "--out", folder, *words]
        # maturin looks for zig where it looks for Python.
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        done = subprocess.run(command, cwd=ROOT, env={**os.environ, "PATH": path})
        if done.returncode:
            raise SystemExit(done.returncode)
        (built,) = Path(folder).glob("*.whl")
        out.mkdir(parents=True, exist_ok=True)
        return Path(shutil.move(built, out / built.name))


if __name__ == "__main__":
    sys.exit(main())
