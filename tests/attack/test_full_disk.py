"""A disk without room, from before the start to after the stop: what is served, what is refused by
which name, and what is there when there is room again.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import ottla
from attack.faults import METADATA_LOG, Fault, core_of, faults_from_the_start
from attack.partition_client import PartitionClient, client_of
from attack.test_disks import CLEAN, STORAGE, values
from ottla.errors import OttlaError

FULL = [Fault(verb, "", "ENOSPC") for verb in ("write", "allocate")]
"""No byte more, anywhere that the core writes."""


def full_in(folder: Path) -> list[Fault]:
    """No byte more below this folder, nor the new name of a file that is to replace another."""
    rows = [Fault(verb, f"{folder}/*", "ENOSPC") for verb in ("write", "allocate")]
    return [*rows, Fault("create", f"{folder}/*.tmp", "ENOSPC")]


def refuses_and_goes_on(client: PartitionClient) -> None:
    """Reads are served and appends refused until there is room."""
    assert values(client.fetch("orders")) == [b"kept"]
    assert client.produce("orders", b"refused") == STORAGE
    assert values(client.fetch("orders")) == [b"kept"]
    assert client.metadata("orders").leader_id == 1


@pytest.mark.parametrize("clean", [True, False])
def test_what_is_there_is_served_by_a_node_that_starts_on_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clean: bool
) -> None:
    """No room to say that its leader's epoch began kept a log from being opened: a full disk would
    cost the reads of every topic after a restart.
    """
    data, spare = tmp_path / "data", tmp_path / "spare"
    config = {"log.dirs": f"{data},{spare}", "metadata.log.dir": str(spare)}
    broker = ottla.Broker(config=config).start()
    with client_of(broker) as client:
        assert client.create("orders") == [0]
        assert client.produce("orders", b"kept") == 0
    broker.close() if clean else broker.kill()
    with monkeypatch.context() as patched:
        faults_from_the_start(patched, full_in(data))
        broker = ottla.Broker(config=config).start()
    with client_of(broker) as client:
        refuses_and_goes_on(client)
        core_of(broker).set_disk_faults([])
        assert client.produce("orders", b"later") == 0
    broker.kill()
    with ottla.Broker(config=config) as broker, client_of(broker) as client:
        assert values(client.fetch("orders")) == [b"kept", b"later"]


QUIET = {"metadata.max.idle.interval.ms": 0}
"""The controller writes nothing by itself: it would end the node, for want of room, before the stop
does.
"""


def test_a_stop_closes_the_logs_whatever_the_metadata_log_says(tmp_path: Path) -> None:
    """The broker's last word has no room in the metadata log: for that the partitions' logs would
    not be closed, and the next start would have to recover them all.
    """
    broker = ottla.Broker(dir=tmp_path, config=QUIET).start()
    with client_of(broker) as client:
        assert client.create("orders") == [0]
        assert client.produce("orders", b"kept") == 0
    core_of(broker).set_disk_faults([Fault("write", METADATA_LOG, "ENOSPC")])
    with pytest.raises(OttlaError, match="metadata log"):
        broker.close()
    assert (tmp_path / CLEAN).exists()
    with ottla.Broker(dir=tmp_path) as broker, client_of(broker) as client:
        assert values(client.fetch("orders")) == [b"kept"]


def test_a_stop_on_a_full_disk_loses_nothing_and_calls_nothing_clean(tmp_path: Path) -> None:
    """What was acknowledged would be gone, or be called clean without what a start needs."""
    broker = ottla.Broker(dir=tmp_path, config=QUIET).start()
    with client_of(broker) as client:
        assert client.create("orders", "others") == [0, 0]
        for topic in ("orders", "others"):
            assert client.produce(topic, b"kept") == 0
    core_of(broker).set_disk_faults(FULL)
    with pytest.raises(OttlaError, match="No space left"):
        broker.close()
    assert not (tmp_path / CLEAN).exists()
    with ottla.Broker(dir=tmp_path) as broker, client_of(broker) as client:
        for topic in ("orders", "others"):
            assert values(client.fetch(topic)) == [b"kept"]


def test_a_start_whose_metadata_log_has_no_room_says_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is told of a broken invariant looks for a bug, and not for space."""
    with ottla.Broker(dir=tmp_path) as broker, client_of(broker) as client:
        assert client.create("orders") == [0]
        assert client.produce("orders", b"kept") == 0
    with monkeypatch.context() as patched:
        faults_from_the_start(patched, FULL)
        with pytest.raises(OttlaError, match="No space left") as refused:
            ottla.Broker(dir=tmp_path).start()
    assert "free some space" in (refused.value.hint or "")
    with ottla.Broker(dir=tmp_path) as broker, client_of(broker) as client:
        assert values(client.fetch("orders")) == [b"kept"]


def test_a_start_that_can_not_save_its_quorum_state_says_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bare "No space left on device" names neither the file nor the folder."""
    ottla.Broker(dir=tmp_path).start().close()
    with monkeypatch.context() as patched:
        faults_from_the_start(patched, [Fault("write", "/quorum-state.tmp", "ENOSPC")])
        with pytest.raises(OttlaError, match="quorum-state can't be written") as refused:
            ottla.Broker(dir=tmp_path).start()
    assert str(tmp_path / "__cluster_metadata-0") in str(refused.value)
    assert "free some space" in (refused.value.hint or "")
    ottla.Broker(dir=tmp_path).start().close()


SERVER = """
import sys
from _pytest.monkeypatch import MonkeyPatch
from attack.faults import Fault, faults_from_the_start
from ottla.cli.kafka_server_start import entry
faults_from_the_start(MonkeyPatch(), [Fault("write", "/quorum-state.tmp", "ENOSPC")])
sys.exit(entry())
"""


def test_a_server_that_can_not_start_for_want_of_space_exits_with_the_way_out(
    tmp_path: Path,
) -> None:
    """Who supervises it would see a traceback, or that it ended well."""
    folder = tmp_path / "data"
    with ottla.Broker(dir=folder) as broker:
        kept = dict(broker._running().config.explicit)
    properties = tmp_path / "server.properties"
    properties.write_text("".join(f"{key}={value}\n" for key, value in kept.items()))
    path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    ended = subprocess.run(
        [sys.executable, "-c", SERVER, str(properties)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert ended.returncode == 1
    last = ended.stderr.splitlines()[-1]
    assert last.startswith("hint: free some space"), last
    assert f"{folder}/__cluster_metadata-0" in ended.stderr
    assert "Traceback" not in ended.stderr
