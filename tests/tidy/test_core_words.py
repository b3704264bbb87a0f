"""What the core and Python both say: the stub's `Literal`s are Rust's own sets, and numbers
and names that stand on both sides are the same.

mypy holds Python's comparisons against the stub; here the stub is held against Rust.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from ottla.metadata.topic_names import METADATA_TOPIC
from ottla.wire.errors import ErrorCode

ROOT = Path(__file__).parent.parent.parent
RUST = ROOT / "rust"

REFUSING = re.compile(
    r'(?:(?:Core|Node)Error::(?:new|caused)|refusal_of|self\.error)\(\s*"([a-z-]+)"'
    r'|\bkind: "([a-z-]+)"'
)
"""Where Rust names the kind of a refusal."""


def literals() -> dict[str, set[str]]:
    """The stub's sets of words, by name."""
    stub = ast.parse((ROOT / "src" / "ottla" / "_core.pyi").read_text())
    return {
        node.target.id: {
            word.value for word in ast.walk(node.value) if isinstance(word, ast.Constant)
        }
        for node in stub.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value
    }


def words(file: str, pattern: str) -> set[str]:
    """What a pattern finds in one of Rust's files."""
    return set(re.findall(pattern, (RUST / file).read_text()))


@pytest.mark.parametrize(
    ("name", "file", "pattern"),
    [
        ("_Pass", "core/src/hosting/passes.rs", r'\("(\w+)", Self::'),
        ("_ReportKind", "python/src/named.rs", r'ReportKind::\w+ => "(\w+)"'),
        ("_MoveStep", "python/src/event.rs", r'MoveStep::\w+ => "([a-z-]+)"'),
        ("_Refusal", "python/src/errors.rs", r"^//! - `([a-z-]+)`"),
        ("_Deed", "python/src/faults.rs", r'\("(\w+)", \('),
        ("_TlsFaultKind", "tls/src/fault.rs", r'FaultKind::\w+ => "([a-z-]+)"'),
        ("_OutboundFaultKind", "python/src/outbound.rs", r'Fault::\w+ => (?:\{\s*)?"([a-z-]+)"'),
    ],
)
def test_words_are_the_cores(name: str, file: str, pattern: str) -> None:
    """If this failed, Python would ask for, or wait for, what the core never says."""
    found = words(file, f"(?m){pattern}")
    assert found, "the words are elsewhere by now"
    assert literals()[name] == found


def test_error_codes_are_the_cores() -> None:
    """If this failed, Produce and Fetch would tell clients one error for another."""
    source = (RUST / "core/src/code.rs").read_text()
    rows = re.findall(r"^    (\w+) = (-?\d+),$", source, re.MULTILINE)
    assert len(rows) == source.count(" = ") - source.count("fn ") + 1, "some rows are not found"
    found = {re.sub(r"(?<!^)([A-Z])", r"_\1", name).upper(): int(code) for name, code in rows}
    known = {error.name: int(error) for error in ErrorCode.all()}
    assert found == {name: known.get(name) for name in found}


def test_the_metadata_topic_is_the_cores() -> None:
    """If this failed, the quorum's own log would be taken for a partition that nobody knows."""
    assert words("core/src/hosting/dirs.rs", r'METADATA_TOPIC: &str = "(\w+)"') == {METADATA_TOPIC}


def test_no_refusal_is_of_another_kind() -> None:
    """If this failed, the core would refuse in a way that nobody in Python can know of."""
    sources = [
        path for path in RUST.glob("*/src/**/*.rs") if not re.search(r"tests?(?:\.rs|/)", str(path))
    ]
    said = {a or b for path in sources for a, b in REFUSING.findall(path.read_text())}
    assert {"storage", "invalid", "malformed"} < said, "hardly anything is found"
    assert said <= literals()["_Refusal"]
