"""kcat's transactions: all that is typed is one of them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from typing import Any

from servers import eventually


def kcat(transactional: Any, *args: str) -> subprocess.Popen[str]:
    """Start kcat."""
    program = shutil.which("kcat")
    assert program is not None, "kcat is not installed (Debian: `apt-get install kcat`)"
    return subprocess.Popen(
        [program, "-b", transactional.bootstrap, *args],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str], stdin: str = "") -> tuple[int, str, str]:
    """Its exit status, output and errors, after this input and its end."""
    out, err = process.communicate(stdin, timeout=60)
    return process.returncode, out, err


LINES = 20_000


def in_the_log(transactional: Any, process: subprocess.Popen[str], topic: str) -> None:
    """Type so much that some of it is in the log: kcat reads in large pieces. And do not end."""
    assert process.stdin is not None
    process.stdin.write("of the first\n" * LINES)
    process.stdin.flush()
    eventually(lambda: transactional.views(topic)[1], "the first lines are in the log")


def test_commit_and_isolation(transactional: Any, name: Callable[[], str]) -> None:
    """If this failed, kcat -X transactional.id would not write, or -X isolation.level be void."""
    topic = transactional.create(name())
    writer = kcat(transactional, "-P", "-t", topic, "-X", f"transactional.id={name()}")
    status, _, err = ended(writer, "a\nb\n")
    assert status == 0, err
    transactional.seen(topic, ["a", "b"], ["a", "b"])
    for isolation in ("read_committed", "read_uncommitted"):
        options = ("-e", "-q", "-X", f"isolation.level={isolation}")
        assert ended(kcat(transactional, "-C", "-t", topic, *options))[:2] == (0, "a\nb\n")


def test_terminated_aborts(transactional: Any, name: Callable[[], str]) -> None:
    """If this failed, what was typed before Ctrl-C would be committed."""
    topic = transactional.create(name())
    writer = kcat(transactional, "-P", "-t", topic, "-X", f"transactional.id={name()}")
    in_the_log(transactional, writer, topic)
    writer.terminate()
    status, _, err = ended(writer)
    assert status != 0
    assert "terminated" in err, err
    assert transactional.views(topic)[0] == []


def test_fenced_by_another_process(transactional: Any, name: Callable[[], str]) -> None:
    """If this failed, two kcats of one id could both commit."""
    topic, transactional_id = transactional.create(name()), name()
    writer = kcat(transactional, "-P", "-t", topic, "-X", f"transactional.id={transactional_id}")
    in_the_log(transactional, writer, topic)
    transactional.take_over(transactional_id, topic)
    status, _, err = ended(writer)
    assert status != 0
    assert "fenced" in err.lower(), err
    assert transactional.views(topic)[0] == ["of another process"]
