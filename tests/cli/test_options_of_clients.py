"""What the verbs and the console tools make of their options: every spelling of one means the same,
nothing is ignored, no number wraps, and what can't be done is refused in words.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.commands import run, start
from oracle import free_port
from servers import OttlaServer

PRODUCER, CONSUMER = "kafka-console-producer.sh", "kafka-console-consumer.sh"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (f"{CONSUMER} --topic t --partition 99999999999", "--partition"),
        (f"{CONSUMER} --topic t --partition -1", "--partition"),
        (f"{CONSUMER} --topic t --partition 0 --offset 99999999999999999999", "--offset"),
        (f"{CONSUMER} --topic t --partition 0 --command-property group.id=g", "group"),
        (f"{CONSUMER} --topic t --group=", "--group is empty"),
        (f"{CONSUMER} --topic t --max-messages 2147483648", "--max-messages"),
        (f"{CONSUMER} --topic t --command-property session.timeout.ms=4294977296", "session.tim"),
        (f"{CONSUMER} --include [", "is no regular expression"),
        (f"{PRODUCER} --topic t --request-timeout-ms 4294967297", "--request-timeout-ms"),
        (f"{PRODUCER} --topic t --message-send-max-retries 4294967296", "--message-send-max-ret"),
        (f"{PRODUCER} --topic t --batch-size 4294967297", "--batch-size"),
        (f"{PRODUCER} --topic t --command-property buffer.memory=x", "buffer.memory"),
        (f"{PRODUCER} --topic t --command-property linger.ms=soon", "linger.ms"),
    ],
)
def test_what_no_client_takes_is_refused(words: str, said: str, ottla_server: OttlaServer) -> None:
    """If this failed, a number would wrap to another one, or end in a traceback."""
    done = run([*words.split(), "--bootstrap-server", ottla_server.bootstrap], "x\n")
    assert done.exit_code == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_zero_and_less_are_numbers(ottla_server: OttlaServer, name: Callable[[], str]) -> None:
    """If this failed, a time-out of nothing would be for ever, and a negative count would read,
    and commit, without an end.
    """
    topic, group, node = name(), name(), ["--bootstrap-server", ottla_server.bootstrap]
    run([PRODUCER, "--topic", topic, *node], "one\n")
    for words in (["--timeout-ms", "0"], ["--max-messages", "-5"], ["--max-messages", "0"]):
        at_once = words[0] == "--timeout-ms"  # what is there already may still be read
        of = ["--group", name() if at_once else group]
        read = [CONSUMER, "--topic", topic, *of, "--from-beginning", *words, *node]
        with start(read, stdin=subprocess.DEVNULL) as process:
            try:
                out, said = process.communicate(timeout=20)
            finally:
                process.kill()
        assert process.returncode == 0, said
        assert out in ((b"", b"one\n") if at_once else (b"",)), said
        assert f"Processed a total of {out.count(b'one')} messages".encode() in said
    words = ["--topic", topic, "--group", group, "--from-beginning", "--max-messages", "1"]
    assert run([CONSUMER, *words, *node]).stdout == "one\n", "nothing was committed"
    nobody = ["--bootstrap-server", f"127.0.0.1:{free_port()}"]
    done = run([PRODUCER, "--topic", topic, "--max-block-ms", "0", *nobody], "x\n")
    assert "is not known after 0 ms" in done.stderr


def test_topics_are_included_by_pythons_expressions(
    ottla_server: OttlaServer, name: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """If this failed, an expression that was checked by one dialect would be matched by another."""
    stem, node = name(), ["--bootstrap-server", ottla_server.bootstrap]
    for end in "12":
        run([PRODUCER, "--topic", f"{stem}{end}", *node], f"{end}\n")
    run([PRODUCER, "--topic", f"{stem}x", *node], "x\n")
    read = [CONSUMER, "--from-beginning", *node, "--include"]
    done = run([*read, rf"{stem}\d", "--max-messages", "2", "--timeout-ms", "20000"])
    assert sorted(done.stdout.split()) == ["1", "2"]
    # A comma is a comma, which no topic has.
    done = run([*read, f"{stem}1,{stem}2", "--timeout-ms", "1000"])
    assert done.stdout == ""


def test_a_topic_that_comes_later_is_included(
    ottla_server: OttlaServer, name: Callable[[], str]
) -> None:
    """If this failed, a pattern would mean the topics of the moment when it was typed."""
    stem, node = name(), ["--bootstrap-server", ottla_server.bootstrap]
    age = ["--command-property", "metadata.max.age.ms=100"]
    words = [CONSUMER, "--include", rf"{stem}-\d", "--from-beginning", "--max-messages", "2"]
    with start([*words, *age, *node]) as process:
        try:
            assert process.stdout is not None
            for number in (b"1", b"2"):
                topic = f"{stem}-{number.decode()}"
                run([PRODUCER, "--topic", topic, *node], f"{number.decode()}\n")
                assert process.stdout.readline() == number + b"\n"
            assert process.wait(timeout=20) == 0
        finally:
            process.kill()


@pytest.mark.parametrize("words", ["consume {topic} -n 1", "topics"])
def test_a_full_disk_is_told_once(
    words: str, ottla_server: OttlaServer, name: Callable[[], str]
) -> None:
    """If this failed, output that can't be written would end in pages of traceback."""
    topic, node = name(), ["--at", ottla_server.bootstrap]
    run(["ottla", "produce", topic, *node], "one\n")
    with Path("/dev/full").open("wb") as full:
        done = start(["ottla", *words.format(topic=topic).split(), *node], stdout=full)
        _, said = done.communicate(timeout=20)
    assert done.returncode == 1
    assert said.count(b"No space left on device") == 1
    assert b"Traceback" not in said
    assert b"Exception ignored" not in said


@pytest.mark.parametrize(
    ("words", "closed", "said"),
    [
        ("consume t-closed --idle 1s", ">&-", b"standard output"),
        ("produce t-closed", "<&-", b"standard input"),
        ("topics --all", ">&-", b""),
        ("topics create bad/name", ">&- 2>&-", b""),
    ],
)
def test_a_stream_that_is_closed(
    words: str, closed: str, said: bytes, ottla_server: OttlaServer
) -> None:
    """If this failed, cron jobs without streams would end in tracebacks, or write into sockets."""
    import sys

    command = f"{sys.executable} -m ottla.cli ottla {words} --at {ottla_server.bootstrap} {closed}"
    from cli.commands import SOURCE

    done = subprocess.run(
        ["sh", "-c", f"PYTHONPATH={SOURCE} exec {command}"], capture_output=True, timeout=60
    )
    assert said in done.stderr
    assert b"Traceback" not in done.stderr
    assert done.returncode == (0 if "--all" in words else 1)
