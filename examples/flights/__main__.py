"""The main job: real flights through a node that is killed half way, every record accounted for.

    make run

A node starts; the 336,776 flights of 2013 are loaded into a topic of three partitions; three
processes in one group keep a table of delays by airline. One of them is killed, and the group goes
on without it. The node is killed with SIGKILL while it is being written to, starts again on the
same folder, and nothing that it acknowledged is missing. A second group reads everything again. All
is checked against the file itself.

With --bootstrap-server it runs against any Kafka, and kills only its own process of the group.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path

from board import Board, Heard
from checks import Checks, Replay, difference
from flight_file import FLIGHTS, FlightFile, fetch
from group import Group
from loader import Loader

from node import ROOT, Node
from ottla.client.admin import groups, offsets, topics
from ottla.client.client import Client

TOPIC, GROUP, SECOND_GROUP = "flights", "delays", "delays-again"
PARTITIONS = 3
MEMBERS = ("alma", "bela", "cleo")
KILL_MEMBER_AT, KILL_NODE_AT = 0.3, 0.6
PATIENCE_S = 60


def main() -> int:
    """Tell the story; 1 if a check failed."""
    parser = argparse.ArgumentParser(prog="make run", description="flights through Kafka, checked")
    parser.add_argument("--bootstrap-server", help="a running Kafka, instead of a node of our own")
    parser.add_argument("--archive", type=Path, help="where the archive is kept")
    options = parser.parse_args()
    begun = time.monotonic()
    flights = FlightFile(fetch(options.archive or ROOT / ".tools"))
    node = None if options.bootstrap_server else Node()
    try:
        if node is not None:
            node.format()
            seconds = node.start()
            print(f"a node serves at {node.bootstrap}, {seconds:.2f} s after its start")
        bootstrap = options.bootstrap_server or (node.bootstrap if node else "")
        failed = Story(bootstrap, node, flights).run()
        if node is not None:
            failed += _ended_badly(node)
    finally:
        if node is not None:
            node.remove()
    print(f"\n{time.monotonic() - begun:.1f} s in all")
    if failed:
        print(f"{failed} checks FAILED")
        return 1
    print(TRY_NEXT)
    return 0


TRY_NEXT = """\
Everything adds up. Try next:
  bin/ottla up                                     a node at localhost:9092, for your own programs
  bin/ottla topics create my-events --partitions 3
  bin/ottla produce my-events                      what you type becomes records
  bin/ottla consume my-events                      and here they are
  docs/tutorial.md                                 the same, step by step, and from Python"""


class Story:
    """What happens, in order."""

    def __init__(self, bootstrap: str, node: Node | None, flights: FlightFile) -> None:
        self._bootstrap, self._node, self._flights = bootstrap, node, flights
        self._suffix = "" if node is not None else f"-{time.time_ns() % 10**9}"
        self._topic = TOPIC + self._suffix
        self._board = Board(flights.airlines, len(flights))
        self._group = Group(bootstrap, GROUP + self._suffix, self._topic, self._board.happened)
        logging.getLogger("ottla.client").addHandler(Heard(self._board))
        self._loader: Loader
        self._checks = Checks()

    def run(self) -> int:
        """Load, kill, go on, check; how many checks failed."""
        try:
            self._make_topic()
            for member in MEMBERS:
                self._group.start(member)
            self._wait("the group shares the partitions", self._shared(MEMBERS))
            self._loader = Loader(self._bootstrap, self._topic, self._flights)
            self._loader.start()
            had = self._kill_member()
            if self._node is not None:
                self._kill_node(self._node)
            self._wait("all records are acknowledged", lambda: not self._loader.is_alive())
            truth = self._flights.table()
            self._wait("the others have its partitions", self._shared(MEMBERS[1:]))
            self._wait("the table is complete", lambda: self._group.table() == truth)
            self._board.say("\nthe table of the first group:")
            self._board.say("\n".join(self._board.rows(self._group.table())))
            self._check(had)
        finally:
            self._group.close()
        return self._checks.failed

    def _make_topic(self) -> None:
        topic = topics.NewTopic(
            self._topic,
            PARTITIONS,
            1,
            configs={"retention.ms": "-1"},  # flights of 2013 are old
        )
        with Client(self._bootstrap) as client:
            error = topics.create(client, [topic])[self._topic]
        if error is not None:
            raise SystemExit(f"the topic could not be made: {error}")

    def _kill_member(self) -> list[int]:
        """One process of the group ends without a word; its partitions go to the others."""
        self._loaded(KILL_MEMBER_AT)
        victim = MEMBERS[0]
        had = self._group.kill(victim)
        self._board.happened(f"killed {victim}, who had partition {had}: the others take over")
        return had

    def _kill_node(self, node: Node) -> None:
        """SIGKILL while records are on their way; the same folder again."""
        self._loaded(KILL_NODE_AT)
        acknowledged = self._loader.acknowledged
        node.kill()
        self._board.happened(f"killed the node with SIGKILL, {acknowledged:,} records acknowledged")
        seconds = node.start()
        self._board.happened(f"the node serves again, {seconds:.2f} s after its start")

    def _loaded(self, share: float) -> None:
        wanted = int(len(self._flights) * share)
        self._wait(f"{wanted:,} records are loaded", lambda: self._loader.acknowledged >= wanted)

    def _shared(self, members: tuple[str, ...]) -> Callable[[], bool]:
        """Whether these members, and only they, have all partitions."""

        def shared() -> bool:
            owners = self._group.owners()
            return len(owners) == PARTITIONS and set(owners.values()) == set(members)

        return shared

    def _wait(self, what: str, condition: Callable[[], bool]) -> None:
        """Until it is so, which is said; or not within the time, which is said too."""
        if self._until(condition):
            self._board.happened(what)
        else:
            self._board.happened(f"not within {PATIENCE_S} s: {what}")

    def _until(self, condition: Callable[[], bool], *, live: bool = True) -> bool:
        """Whether it came to be so; if not, the checks at the end say what is wrong."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            if time.monotonic() > deadline:
                return False
            if live and hasattr(self, "_loader"):
                table, owners = self._group.table(), self._group.owners()
                self._board.show(self._loader.acknowledged, table, owners)
            time.sleep(0.02)
        return True

    def _check(self, had: list[int]) -> None:
        """Every check, one line each."""
        print("\nchecked against the file:")
        check, loader, truth = self._checks.check, self._loader, self._flights.table()
        total = len(self._flights)
        check(total == FLIGHTS, f"the file has {FLIGHTS:,} flights", f"{total:,}")
        check(
            loader.acknowledged == total and not loader.failures,
            f"{total:,} records acknowledged, {total / max(loader.seconds, 0.001):,.0f}/s "
            "with the kills",
            f"{loader.acknowledged:,}; {loader.failures[:1]}",
        )
        ends = self._ends()
        check(sum(ends.values()) == total, "the topic holds as many, none twice", str(ends))
        owners = self._group.owners()
        check(
            all(owners.get(partition) in MEMBERS[1:] for partition in had),
            f"partition {had} of {MEMBERS[0]}, who was killed, went to the others",
            str(owners),
        )
        table = self._group.table()
        check(table == truth, "the group's table is right", difference(table, truth))
        self._until(lambda: self._committed() == ends, live=False)
        committed = self._committed()
        check(
            committed == ends, "the group has committed the end of each partition", str(committed)
        )
        replay = Replay(self._bootstrap, SECOND_GROUP + self._suffix, self._topic)
        replay.run(self._flights, loader.places, PARTITIONS)
        check(
            len(replay.found) == total and not replay.wrong,
            f"a second group found every acknowledged record at its offset: {len(replay.found):,}",
            f"{replay.wrong[:2]}",
        )
        check(replay.table() == truth, "its table is right", difference(replay.table(), truth))

    def _ends(self) -> dict[int, int]:
        places = {(self._topic, number): offsets.LATEST for number in range(PARTITIONS)}
        with Client(self._bootstrap) as client:
            found = offsets.list_offsets(client, places)
        return {
            partition: row.offset
            for (_, partition), row in found.items()
            if isinstance(row, offsets.Found)
        }

    def _committed(self) -> dict[int, int]:
        with Client(self._bootstrap) as client:
            found = groups.committed(client, GROUP + self._suffix)
        return {partition: row.offset for (_, partition), row in sorted(found.items())}


def _ended_badly(node: Node) -> int:
    code = node.stop()
    checks = Checks()
    checks.check(code == 0, "the node stopped cleanly", f"exit code {code}")
    return checks.failed


if __name__ == "__main__":
    sys.exit(main())
