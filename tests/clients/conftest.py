"""What the transactional tests of all clients share: the views of a topic, where a group is, and
somebody else who takes a transactional id.
"""

from __future__ import annotations

import subprocess
import sys

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from ottla.client.admin import groups
from ottla.client.client import Client
from servers import Server, eventually
from stories import folders

TAKE_OVER = """
import sys

from confluent_kafka import Producer

bootstrap, transactional_id, topic = sys.argv[1:]
producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": transactional_id})
producer.init_transactions(20)
producer.begin_transaction()
producer.produce(topic, b"of another process", partition=0)
producer.commit_transaction(20)
"""


class Transactional:
    """A server, and what a test of transactions asks of it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.bootstrap = server.bootstrap

    def create(self, topic: str, partitions: int = 1) -> str:
        """Create a topic and wait until it is known."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(20)
        eventually(lambda: topic in admin.list_topics(timeout=20).topics, "the topic is there")
        return topic

    def views(self, topic: str) -> tuple[list[str], list[str]]:
        """What read_committed and what read_uncommitted see of its only partition."""
        committed, uncommitted = (
            [
                (row.value or b"").decode()
                for row in folders.read(self.bootstrap, topic, 0, isolation=isolation)
            ]
            for isolation in ("read_committed", "read_uncommitted")
        )
        return committed, uncommitted

    def seen(self, topic: str, committed: list[str], uncommitted: list[str]) -> None:
        """Wait until both views are so. A client's commit returns when the transaction is sure to
        end, which is before the end is written to each partition.
        """
        eventually(
            lambda: self.views(topic) == (committed, uncommitted),
            f"{topic} is {committed} and {uncommitted}",
        )

    def group_at(self, group: str, topic: str, offset: int) -> None:
        """Wait until the group is there."""
        eventually(lambda: self._offset(group, topic) == offset, f"{group} is at {offset}")

    def group_is_nowhere(self, group: str, topic: str) -> None:
        """See that nothing is committed; whoever ended the transaction before has waited for it."""
        assert self._offset(group, topic) is None

    def _offset(self, group: str, topic: str) -> int | None:
        """Where the group is, if it is anywhere; an answer waits for open transactions."""
        with Client(self.bootstrap) as client:
            found = groups.committed(client, group).get((topic, 0))
        return None if found is None else found.offset

    def take_over(self, transactional_id: str, topic: str) -> None:
        """Another process begins to use that id, and commits one record."""
        command = [sys.executable, "-c", TAKE_OVER, self.bootstrap, transactional_id, topic]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr


@pytest.fixture
def transactional(server: Server) -> Transactional:
    """The server, as these tests see it."""
    return Transactional(server)
