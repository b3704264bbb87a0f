"""The names of Java's exceptions, which programs look for in what tools print."""

from __future__ import annotations

from pathlib import Path

import pytest

from javatools import JavaTools
from ottla.cli.exceptions import exception_name, exception_text
from ottla.client.errors import BrokerError
from ottla.wire.errors import ErrorCode


def recorded(data_dir: Path) -> dict[int, str]:
    """What 4.3.1 raises for each error code."""
    lines = (data_dir / "exceptions.tsv").read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if not line.startswith("#")]
    return {int(code): name for code, name in rows}


def test_every_code_has_apache_s_name(data_dir: Path) -> None:
    """If this failed, a script that looks for an exception would not find it in what ours print."""
    theirs = recorded(data_dir)
    assert theirs.keys() == set(ErrorCode.by_code) - {ErrorCode.NONE}
    ours = {code: exception_name(BrokerError(code)) for code in theirs}
    assert ours == theirs


def test_a_text_is_the_name_and_what_happened() -> None:
    """If this failed, a line with an exception would not be in the form that scripts split."""
    error = BrokerError(ErrorCode.INVALID_RECORD, "no key: refused")
    assert exception_text(error) == (
        "org.apache.kafka.common.InvalidRecordException: no key: refused"
    )
    unknown = "org.apache.kafka.common.errors.UnknownServerException"
    assert exception_name(BrokerError(12345)) == unknown


@pytest.mark.jvm
def test_recorded_names_are_what_the_jars_say(java_tools: JavaTools, data_dir: Path) -> None:
    """If this failed, the table that our names are held against would itself be wrong."""
    said = java_tools.run("MessageProgram", "facts").json()["exceptions"]
    assert {int(code): name for code, name in said.items()} == recorded(data_dir)
