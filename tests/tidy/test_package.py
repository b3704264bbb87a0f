"""What the package says of itself, and that its source distribution has all that a build reads."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tidy.test_tidy import tracked

ROOT = Path(__file__).parent.parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

TOPICS = {
    "Development Status",
    "Environment",
    "Framework",
    "Intended Audience",
    "Operating System",
    "Programming Language",
    "Topic",
    "Typing",
}
"""The first words of classifiers that the index knows and we use."""


def test_classifiers() -> None:
    """If this failed, the index would refuse an upload at its last step, for a word."""
    found: list[str] = PROJECT["classifiers"]
    assert len(found) == len(set(found))
    assert {row.split(" :: ")[0] for row in found} <= TOPICS
    assert not [row for row in found if row.startswith("License ::")], "PEP 639: `license` says it"
    try:
        from trove_classifiers import classifiers  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        return
    assert not set(found) - set(classifiers)


def test_every_python_that_is_named_is_served() -> None:
    """If this failed, the index would show a Python that pip refuses, or not our oldest."""
    prefix = "Programming Language :: Python :: 3."
    minors = [int(row[len(prefix) :]) for row in PROJECT["classifiers"] if row.startswith(prefix)]
    assert PROJECT["requires-python"] == f">=3.{min(minors)}"
    assert f"abi3-py3{min(minors)}" in (ROOT / "rust" / "Cargo.toml").read_text()


def test_what_an_index_shows() -> None:
    """If this failed, the project's page would lack its text, or have links that lead nowhere."""
    assert PROJECT["readme"] == {"file": "README.md", "content-type": "text/markdown"}
    assert 20 < len(PROJECT["description"]) < 200
    assert all(len(word) < 30 and word == word.lower() for word in PROJECT["keywords"])
    for name, url in PROJECT.get("urls", {}).items():
        parts = urlsplit(url)
        assert parts.scheme == "https", name
        assert "." in parts.netloc, name
        assert "example" not in parts.netloc, name


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution, unpacked."""
    folder = tmp_path_factory.mktemp("sdist")
    command = [sys.executable, "-m", "maturin", "sdist", "--out", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (packed,) = folder.glob("*.tar.gz")
    with tarfile.open(packed) as files:
        files.extractall(folder, filter="data")
    return folder / packed.name.removesuffix(".tar.gz")


def test_the_sources_are_whole(sdist: Path) -> None:
    """If this failed, `pip install` from source would miss a file, or carry what is none."""
    wanted = {
        file
        for file in tracked()
        if file.startswith(("src/", "rust/")) or file in ("pyproject.toml", "README.md", "LICENSE")
    }
    found = {str(path.relative_to(sdist)) for path in sdist.rglob("*") if path.is_file()}
    assert wanted - found == set()
    assert found - wanted == {"PKG-INFO"}


def test_cargo_reads_the_sources(sdist: Path) -> None:
    """If this failed, the sources would name a crate of the workspace that they do not carry."""
    command = ["cargo", "metadata", "--format-version=1", "--no-deps", "--locked"]
    done = subprocess.run(
        [*command, "--manifest-path", sdist / "rust" / "python" / "Cargo.toml"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    for name in ("core", "node", "sim", "tls"):
        assert f'"name":"ottla-{name}"' in done.stdout
