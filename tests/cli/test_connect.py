"""What `--command-config` says, and what becomes of it."""

from __future__ import annotations

from pathlib import Path

from cli.commands import run
from servers import OttlaServer


def test_settings_of_connections_are_gone_by(ottla_server: OttlaServer, tmp_path: Path) -> None:
    """If this failed, a file that Java's tools take would be taken in part, or without a word."""
    path = tmp_path / "client.properties"
    words = ["kafka-topics.sh", "--list", "--bootstrap-server", ottla_server.bootstrap]
    words += ["--command-config", str(path)]
    path.write_text("reconnect.backoff.ms=20\nreceive.buffer.bytes=65536\nno.such.thing=1\n")
    done = run(words)
    assert done.exit_code == 0
    assert done.stderr.splitlines() == [f"WARN {path}: no.such.thing has no effect on this command"]
    path.write_text("reconnect.backoff.ms=-5\n")
    done = run(words)
    assert done.exit_code == 1
    assert "reconnect.backoff.ms" in done.stderr
    assert "0 or more" in done.stderr
