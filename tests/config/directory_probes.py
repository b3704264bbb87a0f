"""The probes of the keys about log directories; see `probes.py`."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ottla
from ottla.client.admin import configs
from ottla.client.client import Client
from ottla.wire.messages import alter_replica_log_dirs
from servers import eventually
from transacting import Transacting

CORDONED = "cordoned.log.dirs"
RATE = "replica.alter.log.dirs.io.max.bytes.per.second"


def _cordoned(node: Any) -> None:
    """Told of one broker only, as no two have the same folders."""
    numbers = iter(range(10_000))

    def is_made() -> bool:
        try:
            node.asking.create(f"cordoned-{next(numbers)}")
        except AssertionError:
            return False
        return True

    assert is_made()
    node.set(CORDONED, "*", name="1")
    eventually(lambda: not is_made(), "no topic is made any more")
    node.set(CORDONED, "", name="1")
    eventually(is_made, "a topic is made again")


def _moves_rate(node: Any) -> None:
    """Of a node with two folders."""
    with TemporaryDirectory() as place:
        folders = [Path(place, name) for name in ("a", "b")]
        config = {"log.dirs": ",".join(map(str, folders))}
        with ottla.Broker(dir=place, config=config) as broker:
            asking = Transacting(broker.port)
            asking.create("t")
            source = next(folder for folder in folders if (folder / "t-0").exists())
            target = folders[1 - folders.index(source)]
            for _ in range(20):
                broker.produce("t", os.urandom(50_000))
            _limit(broker, node.name, "200000")
            topic = alter_replica_log_dirs.AlterReplicaLogDirTopic(name="t", partitions=[0])
            one = alter_replica_log_dirs.AlterReplicaLogDir(path=str(target), topics=[topic])
            asking.line.ask(alter_replica_log_dirs.AlterReplicaLogDirsRequest(dirs=[one]), 2)
            eventually(lambda: list(target.glob("*-future")), "it moves, slowly")
            assert (source / "t-0").exists()
            _limit(broker, node.name, str(1 << 40))
            eventually(lambda: (target / "t-0").exists(), "it has moved")
            asking.close()


def _limit(broker: ottla.Broker, name: str, rate: str) -> None:
    with Client(broker.bootstrap_servers) as client:
        change = configs.Change(RATE, configs.SET, rate)
        configs.alter(client, configs.BROKER, {name: [change]})


PROBES: dict[str, Callable[[Any], None]] = {CORDONED: _cordoned, RATE: _moves_rate}
