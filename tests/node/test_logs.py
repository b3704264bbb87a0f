"""Log lines: their shape, their levels, and that they can't be forged or stop the node."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ottla.node.logs import Logs, open_logs

AT = 1_800_000_000.25


def lines(format: str = "text", level: str = "INFO") -> tuple[Logs, list[str]]:
    """Logs that collect what they write."""
    written: list[str] = []
    return Logs(written.append, format=format, level=level, now=lambda: AT), written


def test_text_for_people() -> None:
    """If this failed, log shippers that know Kafka's line would not parse ours."""
    logs, written = lines()
    logs.warn("disk is slow", ms=12)
    assert written[0].endswith(",250] WARN disk is slow ms=12\n")
    assert written[0].startswith("[2027-01-")


def test_json_for_machines() -> None:
    """If this failed, ottla.log.format=json would write something that is not one JSON object a
    line.
    """
    logs, written = lines("json")
    logs.error("failed\nbadly", topic="t", error=OSError("x"))
    assert written[0].count("\n") == 1
    assert json.loads(written[0]) == {
        "time": "2027-01-15T08:00:00.250Z",
        "level": "ERROR",
        "text": "failed\nbadly",
        "topic": "t",
        "error": "x",
    }


def test_levels_and_once() -> None:
    """If this failed, ottla.log.level would not hold, or a warning would come again and again."""
    logs, written = lines(level="WARN")
    logs.debug("a")
    logs.info("b")
    logs.warn_once("key", "c")
    logs.warn_once("key", "c")
    logs.error("d")
    assert [line.split("] ")[1] for line in written] == ["WARN c\n", "ERROR d\n"]
    Logs.silent().error("nobody hears this")


def test_a_client_can_not_forge_a_line() -> None:
    """If this failed, a topic or client id with a line end in it could fake log lines."""
    logs, written = lines()
    logs.info("client said\n[2026-01-01 00:00:00,000] ERROR gotcha\x1b[31m")
    assert written[0].count("\n") == 1
    assert "\x1b" not in written[0]


def broken() -> ZeroDivisionError:
    """An exception with a traceback, whose text has a line end in it."""
    try:
        raise ZeroDivisionError("for \x1b[31m\n[2026-01-01 00:00:00,000] ERROR gotcha")
    except ZeroDivisionError as problem:
        return problem


def test_a_traceback_can_be_read() -> None:
    """If this failed, a person would read a traceback as one long line, or a line of it could be
    taken for an event of its own.
    """
    logs, written = lines()
    logs.failure("the handler failed", broken())
    first, *rest = written[0].splitlines()
    assert first.endswith("] ERROR the handler failed")
    assert rest[0] == "    Traceback (most recent call last):"
    assert any(line.startswith("    ZeroDivisionError: for \\x1b") for line in rest)
    assert all(line.startswith("    ") for line in rest)
    assert written[0].endswith("gotcha\n")


def test_a_traceback_is_one_field_for_machines() -> None:
    """If this failed, a log shipper would take each line of a traceback for a broken event."""
    logs, written = lines("json")
    logs.failure("the handler failed", broken())
    assert written[0].count("\n") == 1
    event = json.loads(written[0])
    assert event["text"] == "the handler failed"
    assert event["traceback"].startswith("Traceback (most recent call last):\n  File ")


def test_to_a_file_and_into_nothing(tmp_path: Path) -> None:
    """If this failed, a log file would be overwritten at a restart, or a full disk would kill the
    node.
    """
    path = tmp_path / "node.log"
    open_logs(file=str(path)).info("first")
    open_logs(file=str(path)).info("second \udc80")
    assert [line.split("] ")[1] for line in path.read_text().splitlines()] == [
        "INFO first",
        "INFO second \\udc80",
    ]
    if os.path.exists("/dev/full"):
        open_logs(file="/dev/full").error("dropped, not raised")


def test_nobody_reads_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """If this failed, a reader of the server's log that hangs would stop all decisions."""
    reader, writer = os.pipe()
    try:
        with os.fdopen(writer, "w") as stdout:
            monkeypatch.setattr("sys.stdout", stdout)
            logs = open_logs()
            for number in range(1000):
                logs.info(f"{number:05d} {'.' * 200}")
            said = os.read(reader, 1 << 20).decode()
            logs.info("read again")
            said += os.read(reader, 1 << 20).decode()
    finally:
        os.close(reader)
    *before, again, lost = [line.split("] ")[1] for line in said.splitlines()]
    assert [line.split()[1] for line in before] == [f"{n:05d}" for n in range(len(before))]
    assert again == "INFO read again"
    assert lost.startswith(f"WARN {1000 - len(before)} lines before the last were lost")
