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


def typed(process: subprocess.Popen[str], text: str) -> None:
    """Type something, and do not end."""
    assert process.stdin is not None
    process.stdin.write(text)
    process.stdin.flush()


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
    typed(writer, "never mind\n")
    eventually(lambda: transactional.views(topic)[1] == ["never mind"], "it is in the log")
    writer.terminate()
    ended(writer)
    transactional.seen(topic, [], ["never mind"])


def test_fenced_by_another_process(transactional: Any, name: Callable[[], str]) -> None:
    """If this failed, two kcats of one id could both commit."""
    topic, transactional_id = transactional.create(name()), name()
    writer = kcat(transactional, "-P", "-t", topic, "-X", f"transactional.id={transactional_id}")
    typed(writer, "of the first\n")
    eventually(lambda: transactional.views(topic)[1] == ["of the first"], "it is in the log")
    transactional.take_over(transactional_id, topic)
    status, _, err = ended(writer)
    assert status != 0
    assert "fenced" in err, err
    transactional.seen(topic, ["of another process"], ["of the first", "of another process"])
