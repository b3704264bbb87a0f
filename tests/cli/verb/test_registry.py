"""`ottla registry` and `ottla up --registry`: from the first line to the end, and slips."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import ottla
from cli.commands import run, start
from cli.script import Ran
from client.certificates import Authority
from servers import eventually

AWAY = ["--at", "127.0.0.1:1", "-X", "max.block.ms=300"]


@contextmanager
def serving(*words: str) -> Iterator[tuple[dict[str, Any], subprocess.Popen[bytes]]]:
    """A registry in a process of its own, and what it told."""
    with start(["ottla", *words, "--json"]) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        line = process.stdout.readline()
        try:
            assert line, process.stderr.read()
            yield json.loads(line), process
        finally:
            process.kill()


def schemas(url: str, *words: Any) -> Ran:
    """`ottla schemas ...` there."""
    return run(["ottla", "schemas", *map(str, words), "--registry", url])


def test_two_instances_are_one_registry(registry_broker: ottla.Broker, tmp_path: Path) -> None:
    """If this failed, a registry beside a Kafka that is there would not start, or not end when
    somebody asks for it; or `--follower` would write, or nobody who asks it could.
    """
    at = ["--at", registry_broker.bootstrap_servers, "--topic", "two", "--group", "two"]
    schema = tmp_path / "s.avsc"
    schema.write_text('"int"')
    with (
        serving("registry", "--port", "0", *at) as (leader, first),
        serving("registry", "--port", "0", "--follower", *at) as (follower, second),
    ):
        assert leader["bootstrap_servers"] == registry_broker.bootstrap_servers
        done = schemas(follower["url"], "register", "s", schema)
        assert done.stdout == "registered s version 1, id 1\n"
        assert schemas(leader["url"], "show", "s").stdout == '"int"\n'
        for process, number in ((second, signal.SIGINT), (first, signal.SIGTERM)):
            process.send_signal(number)
            out, said = process.communicate(timeout=60)
            assert (process.returncode, out, said) == (0, b"", b"")


def test_keys_are_kept_where_it_was_told(registry_broker: ottla.Broker) -> None:
    """If this failed, `--keys-topic` would write among another registry's keys all the same."""
    at = ["--at", registry_broker.bootstrap_servers]
    words = ["--topic", "keyed", "--group", "keyed", "--keys-topic", "keyed-keys"]
    with serving("registry", "--port", "0", *words, *at) as (told, _):
        body = b'{"name": "k", "kmsType": "test", "kmsKeyId": "x"}'
        asked = urllib.request.Request(
            told["url"] + "/dek-registry/v1/keks", body, {"content-type": "application/json"}
        )
        with urllib.request.urlopen(asked, timeout=60) as got:
            assert got.status == 200
        assert "keyed-keys" in run(["ottla", "topics", *at]).stdout


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("--port 70000", 2, "--port"),
        ("--advertise a:b:c", 2, "--advertise takes host or host:port"),
        ("--advertise host:99999", 2, "--advertise takes host or host:port"),
        ("--tls-cert x.pem", 2, "--tls-cert and --tls-key go together"),
        ("--tls-client-ca x.pem", 2, "--tls-client-ca needs --tls-cert and --tls-key"),
        ("--tls-ca not-there.pem", 1, "not-there.pem"),
        ("--tls-cert x.pem --tls-key x.pem", 1, "x.pem: No such file"),
        ("--people none.txt", 1, "none.txt: No such file"),
        ("--people empty.txt", 1, "names nobody, so nobody could ask"),
        ("--people wrong.txt", 1, "line 2 of the people is not NAME:PASSWORD"),
        ("--tokens wrong.txt", 1, "line 1 of the tokens is not TOKEN NAME"),
        ("--people bytes.txt", 1, "bytes.txt is no text in UTF-8"),
        ("http://localhost:8081", 2, "is a word too many"),
        ("--bootstrap localhost:9092", 2, "did you mean"),
    ],
)
def test_what_is_wrong_is_told(
    words: str, code: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If this failed, a registry would start otherwise than was asked for."""
    monkeypatch.chdir(tmp_path)
    Path("empty.txt").write_text("\n# nobody\n")
    Path("wrong.txt").write_text("a:b\nnobody\n")
    Path("bytes.txt").write_bytes(b"\xff\xfe")
    done = run(["ottla", "registry", *AWAY, *words.split()])
    assert (done.exit_code, done.stdout) == (code, ""), done
    assert said in done.stderr


def test_a_port_that_is_taken(registry_broker: ottla.Broker) -> None:
    """If this failed, who starts a second one would not be told what to type."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        words = ["registry", "--port", port, "--at", registry_broker.bootstrap_servers]
        done = run(["ottla", *words])
        assert (done.exit_code, f"127.0.0.1:{port} can't be listened on" in done.stderr) == (
            1,
            True,
        )
        assert "--port PORT names another" in done.stderr
        with start(["ottla", "up", "--dev", "--port", "0", "--registry", port]) as process:
            out, said = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, b"")
    assert b"--registry PORT names another" in said


def test_a_kafka_that_is_away() -> None:
    """If this failed, a registry without a Kafka would look as if it served, or never end."""
    done = run(["ottla", "registry", *AWAY])
    assert (done.exit_code, done.stdout) == (1, "")
    assert "127.0.0.1:1: connection refused\n" in done.stderr
    assert "hint: is a node running there?" in done.stderr


def test_ctrl_c_while_a_kafka_is_away() -> None:
    """If this failed, who named a wrong address would wait for a minute."""
    with start(["ottla", "registry", "--at", "127.0.0.1:1"]) as process:
        assert process.stderr is not None
        assert b"still trying" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, said = process.communicate(timeout=60)
    assert (process.returncode, out, said) == (130, b"", b"")


def test_who_may_ask_and_over_tls(registry_broker: ottla.Broker, tmp_path: Path) -> None:
    """If this failed, a registry for some would answer all, or nobody could come by our options."""
    authority = Authority(tmp_path / "ca")
    issued = authority.issue("server")
    people, tokens = tmp_path / "people.txt", tmp_path / "tokens.txt"
    people.write_text("ann:pass:word\n")
    tokens.write_text("s3cret build\n")
    words = ["--people", people, "--tokens", tokens]
    words += ["--tls-cert", issued.certificate, "--tls-key", issued.key, "--topic", "private"]
    words += ["--tls-ca", authority.ca]
    at = ["--at", registry_broker.bootstrap_servers, "--port", "0", "--group", "private"]
    with serving("registry", *map(str, words), *at) as (told, _):
        url = told["url"]
        assert url.startswith("https://127.0.0.1:")
        done = schemas(url, "level")
        assert (done.exit_code, "hint: --ca FILE names its CA" in done.stderr) == (1, True)
        done = schemas(url, "level", "--ca", authority.ca)
        assert (done.exit_code, "--token TOKEN" in done.stderr.partition("hint: ")[2]) == (1, True)
        assert schemas(url, "level", "--ca", authority.ca, "--token", "no").exit_code == 1
        assert schemas(url, "level", "--ca", authority.ca, "--token", "s3cret").exit_code == 0
        named = url.replace("https://", "https://ann:pass%3Aword@")
        assert schemas(named, "level", "--ca", authority.ca).exit_code == 0
        done = schemas(url.replace("https", "http"), "level")
        assert (done.exit_code, done.stdout) == (1, "")


def test_a_node_with_a_registry_in_the_background(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If this failed, `up -d --registry` would lose its registry on the way to the background, or
    keep it when it stops.
    """
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.delenv("OTTLA_REGISTRY", raising=False)
    monkeypatch.chdir(tmp_path)
    words = ["ottla", "up", "-d", "--dev", "--port", "0", "--registry", "0", "--json"]
    with start(words) as process:
        out, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    told = json.loads(out)
    try:
        Path("s.avsc").write_text('"int"')
        done = run(["ottla", "schemas", "register", "s", "s.avsc"])
        assert done == (0, "registered s version 1, id 1\n", f"at {told['registry']}\n")
        status = run(["ottla", "status", "--at", told["bootstrap_servers"]])
        assert told["registry"] in status.stdout
    finally:
        assert run(["ottla", "stop", str(told["pid"])]).exit_code == 0
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(told["registry"], timeout=20)
    eventually(lambda: not os.path.exists(told["dir"]), "the folder is gone")
