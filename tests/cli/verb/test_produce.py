"""Writing: lines, JSON and files, and what is said of what could not be written."""

from __future__ import annotations

import json
import shlex
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cli.commands import run, start
from cli.verb.terminal import Terminal
from servers import OttlaServer, Server

Name = Callable[[], str]


def _records(topic: str, node: Server) -> list[dict[str, Any]]:
    done = run(["ottla", "consume", topic, "--exit", "--json", "--at", node.bootstrap])
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("words", "stdin", "key", "value", "headers"),
    [
        ("", "one\n", None, "one", []),
        ("", "one\r\n", None, "one", []),
        ("", "without an end", None, "without an end", []),
        ("", "\n", None, "", []),
        ("-k K", "one\n", "K", "one", []),
        ("-K :", "a:b:c\n", "a", "b:c", []),
        (r"-K \t", "a\tb\n", "a", "b", []),
        ("-Z -K :", "a:\n", "a", None, []),
        ("-H a=1 -H b=x=y", "one\n", None, "one", [["a", "1"], ["b", "x=y"]]),
        ("--whole", "one\ntwo\n", None, "one\ntwo\n", []),
        ("--json", '{"key": "k", "value": {"n": 1}}\n', "k", '{"n":1}', []),
        ("--json -k K -H a=1", '{"headers": {"b": "2"}}\n', "K", None, [["b", "2"], ["a", "1"]]),
        ("-z zstd --acks 1", "one\n", None, "one", []),
    ],
)
def test_a_line_becomes_a_record(
    words: str,
    stdin: str,
    key: str | None,
    value: str | None,
    headers: list[list[str]],
    either: Server,
    name: Name,
) -> None:
    """If this failed, something else would be written than was given; here or on Apache Kafka."""
    topic, at = name(), ["--at", either.bootstrap]
    run(["ottla", "topics", "create", topic, "-p", "1", "-r", "1", *at])
    assert run(["ottla", "produce", topic, *words.split(), *at], stdin) == (0, "", "")
    (record,) = _records(topic, either)
    assert (record["key"], record["value"], record["headers"]) == (key, value, headers)


def test_files_in_their_order(ottla_server: OttlaServer, name: Name, tmp_path: Path) -> None:
    """If this failed, files would be mixed, or a picture be cut at its line ends."""
    topic, at = name(), ["--at", ottla_server.bootstrap]
    run(["ottla", "topics", "create", topic, "-p", "1", *at])
    (tmp_path / "a").write_bytes(b"1\n2\n")
    (tmp_path / "b").write_bytes(b"\x00\n\xff\n")
    files = [str(tmp_path / "a"), str(tmp_path / "b")]
    assert run(["ottla", "produce", topic, *files, "-", *at], "3\n").exit_code == 0
    assert [r.get("value", r.get("value_base64")) for r in _records(topic, ottla_server)] == [
        "1",
        "2",
        "\x00",
        "/w==",
        "3",
    ]
    assert run(["ottla", "produce", topic, files[1], "--whole", *at]).exit_code == 0
    assert _records(topic, ottla_server)[-1]["value_base64"] == "AAr/Cg=="
    done = run(["ottla", "produce", topic, str(tmp_path / "none"), *at])
    assert (done.exit_code, "none: No such file" in done.stderr) == (1, True)


def test_a_time_counts_for_json_too(ottla_server: OttlaServer, name: Name) -> None:
    """If this failed, --timestamp would be taken with --json, and ignored."""
    topic, now_ms = name(), int(time.time() * 1000)
    words = ["ottla", "produce", topic, "--json", "--timestamp", str(now_ms)]
    assert run([*words, "--at", ottla_server.bootstrap], '{"value": "x"}\n').exit_code == 0
    assert _records(topic, ottla_server)[0]["timestamp_ms"] == now_ms


def test_so_many_a_second(ottla_server: OttlaServer, name: Name) -> None:
    """If this failed, --rate would be taken and ignored."""
    topic = name()
    words = ["ottla", "produce", topic, "--rate", "50", "--at", ottla_server.bootstrap]
    assert run(words, "x\n" * 26).exit_code == 0
    times = [row["timestamp_ms"] for row in _records(topic, ottla_server)]
    assert times[-1] - times[0] >= 490


def test_who_waits_for_its_rate_is_written(ottla_server: OttlaServer, name: Name) -> None:
    """If this failed, Ctrl-C would lose a line that was read and waited for its time."""
    topic, at = name(), ["--at", ottla_server.bootstrap]
    with start(["ottla", "produce", topic, "--rate", "0.1", *at]) as process:
        assert process.stdin is not None
        process.stdin.write(b"a\nb\n")
        process.stdin.flush()
        read = ["ottla", "consume", topic, "-n", "1", *at]
        assert run(read).stdout == "a\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 130
    assert [row["value"] for row in _records(topic, ottla_server)] == ["a", "b"]


@pytest.mark.parametrize(
    ("words", "stdin", "code", "said", "hint"),
    [
        ("-K :", "nothing\n", 1, "line 1: there is no ':' in it", "--key-separator"),
        ("--json", '{}\n{"x": 1}\n', 1, "line 2: a record has no 'x'", "value"),
        ("-p 9", "one\n", 1, "partition", ""),
        ("-k a -K :", "", 2, "say different things", ""),
        ("--json --whole", "", 2, "no --whole", ""),
        ("-H x", "", 2, "--header takes name=value", ""),
        ("-z brotli", "", 2, "'brotli' is not one of", ""),
        ("--rate 0", "", 2, "0.0 is not in the range", ""),
        ("--timestamp -7", "", 2, "-7 is not in the range", ""),
        ("-p 9999999999999", "", 2, "is not in the range", ""),
        ("-K ''", "", 2, "--key-separator is empty", ""),
        ("--json", '{"timestamp_ms": -5}', 1, "timestamp_ms is a whole number from 0", ""),
        ("--json", '{"partition": 99999999999}', 1, "partition is a whole number from 0", ""),
        ("--json", "[" * 100_000, 1, "line 1: this is no JSON", ""),
        ("--json", '{"value": 1e400}', 1, "that JSON has not", ""),
        ("--json", '{"headers": {"\\ud800": "x"}}', 1, "a header's name is text", ""),
    ],
)
def test_what_can_not_be_written_is_told(
    words: str, stdin: str, code: int, said: str, hint: str, ottla_server: OttlaServer, name: Name
) -> None:
    """If this failed, a record would be lost without a word, or nobody know which line it was."""
    topic, at = name(), ["--at", ottla_server.bootstrap]
    run(["ottla", "topics", "create", topic, "-p", "1", *at])
    done = run(["ottla", "produce", topic, *shlex.split(words), *at], stdin)
    assert (done.exit_code, done.stdout) == (code, ""), done
    assert said in done.stderr
    assert hint in done.stderr.partition("hint: ")[2]


def test_a_record_that_is_too_large(ottla_server: OttlaServer, name: Name) -> None:
    """If this failed, nobody would learn which limit it is, and lines after it would be lost."""
    topic, at = name(), ["--at", ottla_server.bootstrap]
    run(["ottla", "topics", "create", topic, "-p", "1", *at])
    done = run(["ottla", "produce", topic, *at], "x" * 2_000_000 + "\nsmall\n")
    assert done.exit_code == 1
    assert "bytes is too large: max.request.size is 1048576" in done.stderr
    assert f"ottla config set {topic} max.message.bytes=BYTES" in done.stderr
    assert "1 of 2 records were not written" in done.stderr
    assert [row["value"] for row in _records(topic, ottla_server)] == ["small"]
    larger = ["-X", "max.request.size=5000000"]
    done = run(["ottla", "produce", topic, *larger, *at], "x" * 2_000_000 + "\n")
    assert done.exit_code == 1
    run(["ottla", "config", "set", topic, "max.message.bytes=5MB", *at])
    assert run(["ottla", "produce", topic, *larger, *at], "x" * 2_000_000 + "\n").exit_code == 0


def test_nobody_to_write_to() -> None:
    """If this failed, `ottla produce` with a wrong port would wait a minute, as a script may."""
    done = run(["ottla", "produce", "t", "--at", "127.0.0.1:1"], "x\n")
    assert done.exit_code == 1
    assert "connection refused" in done.stderr
    assert done.stderr.count("is a node running there?") == 1


def test_who_types_is_told_how_to_end(ottla_server: OttlaServer, name: Name) -> None:
    """If this failed, `ottla produce t` would look like a hang."""
    topic = name()
    with Terminal(["ottla", "produce", topic, "--at", ottla_server.bootstrap]) as terminal:
        terminal.until(f"type lines for {topic}; Ctrl-D ends")
        terminal.type("hello\n\x04")
        assert terminal.ended() == 0
    assert f"1 record(s) written to {topic}" in terminal.shown
    assert [row["value"] for row in _records(topic, ottla_server)] == ["hello"]
