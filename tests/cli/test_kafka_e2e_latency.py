"""kafka-e2e-latency.sh: what it sends, and that it notices what is not its own."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from cli.commands import run
from ottla.cli.kafka_e2e_latency import Sent, _compare, _record
from ottla.cli.run import Failed
from servers import Server

SIZES = {
    "--record-size": 5,
    "--record-key-size": 3,
    "--num-headers": 2,
    "--record-header-key-size": 4,
    "--record-header-size": 6,
}


def test_records_are_as_large_as_they_were_asked_for() -> None:
    """If this failed, a latency would be told of records of another size."""
    record = _record(Random(0), SIZES)
    assert (len(record.value or b""), len(record.key or b"")) == (5, 3)
    assert [(len(key), len(value or b"")) for key, value in record.headers] == [(4, 6)] * 2
    bare = _record(Random(0), {**dict.fromkeys(SIZES, 0), "--num-headers": 1})
    assert (bare.value, bare.key, bare.headers) == (b"", None, (("", b""),))


@pytest.mark.parametrize(
    ("came", "what"),
    [
        (Sent(b"x", b"k", (("h", b"1"),)), "value"),
        (Sent(b"v", None, (("h", b"1"),)), "key"),
        (Sent(b"v", b"k", ()), "headers"),
        (Sent(b"v", b"k", (("h", b"2"),)), "headers"),
    ],
)
def test_somebody_elses_record_is_noticed(came: Sent, what: str) -> None:
    """If this failed, the latency of a record would be told of another one."""
    sent = Sent(b"v", b"k", (("h", b"1"),))
    _compare(sent, sent)  # type: ignore[arg-type]
    with pytest.raises(Failed, match=f"record's {what} came back"):
        _compare(sent, came)  # type: ignore[arg-type]


def test_a_file_for_several_clients(server: Server, name: Callable[[], str], tmp_path: Any) -> None:
    """If this failed, one file with settings of producer and consumer would be refused."""
    path = tmp_path / "clients.properties"
    words = ["kafka-e2e-latency.sh", "--topic", name(), "--num-records", "3", "--producer-acks"]
    words += ["all", "--record-size", "9", "--bootstrap-server", server.bootstrap]
    path.write_text("batch.size=1000\nfetch.min.bytes=1\nclient.id=me\nmax.block.ms=5\n")
    done = run([*words, "--command-config", str(path)])
    assert (done.exit_code, len(done.stdout.splitlines())) == (0, 4), done.stderr
    path.write_text("batch.size=1000\ninterceptor.classes=x.Y\n")
    done = run([*words, "--command-config", str(path)])
    assert (done.exit_code, "interceptor.classes is not honoured" in done.stderr) == (1, True)
