"""Where partitions lie, and moving them to another folder."""

from __future__ import annotations

from pathlib import Path

from cli.commands import run
from cli.verb.test_topics import told
from servers import OttlaServer, Server


def test_folders_and_what_lies_in_them(either: Server) -> None:
    """If this failed, nobody would see how full a disk is; here or on Apache Kafka."""
    at = ["--at", either.bootstrap]
    run(["ottla", "topics", "create", "on-disk", "-p", "1", "-r", "1", *at])
    run(["ottla", "produce", "on-disk", *at], "one\n")
    (folder,) = told(["ottla", "disks"], either)
    assert (folder["broker"], folder["state"]) == (1, "online")
    assert folder["bytes"] > 0
    assert folder["total"] > folder["free"] > 0
    (row,) = told(["ottla", "disks", "list", "on-disk"], either)
    assert (row["path"], row["moves"], row["bytes"] > 0) == (folder["path"], False, True)


def test_a_partition_moves_to_another_folder(tmp_path: Path) -> None:
    """If this failed, a full disk could not be relieved by a verb."""
    folders = [str(tmp_path / "one"), str(tmp_path / "two")]
    server = OttlaServer(tmp_path / "one", {"log.dirs": ",".join(folders)})
    server.start()
    try:
        at = ["--at", server.bootstrap]
        run(["ottla", "topics", "create", "moving", "-p", "2", *at])
        run(["ottla", "produce", "moving", "-p", "0", *at], "one\n")
        rows = told(["ottla", "disks", "list", "moving:0"], server)
        (other,) = set(folders) - {rows[0]["path"]}
        done = run(["ottla", "disks", "move", "moving:0", other, "--wait", *at])
        assert (done.exit_code, done.stdout) == (0, f"moving:0 lies in {other}\n"), done
        (row,) = told(["ottla", "disks", "list", "moving:0"], server)
        assert (row["path"], row["moves"]) == (other, False)
        assert run(["ottla", "consume", "moving", "--exit", *at]).stdout == "one\n"
        done = run(["ottla", "disks", "move", "moving", "/nowhere", *at])
        assert (done.exit_code, "is no folder of broker 1" in done.stderr) == (1, True)
        assert folders[0] in done.stderr
    finally:
        server.stop()
