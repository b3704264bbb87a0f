"""Plants in a node's files: faults that were made once, or nearly, and mended; here the mend is
undone from outside.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from ottla._core import CoreError
from ottla.sim.machine import LOG_DIR
from ottla.sim.plants.sound import Sound

if TYPE_CHECKING:
    from ottla.sim.machine import Machine
    from ottla.sim.model import Model

STARTS = "log-start-offset-checkpoint"
POINTS = "recovery-point-offset-checkpoint"

Rows = dict[tuple[str, int], int]


class KeptNamesakes(Sound):
    """Rows of partitions that are gone stay in the checkpoints."""

    def __init__(self, machine: Machine, model: Model) -> None:
        super().__init__(machine, model)
        self._seen: dict[str, Rows] = {STARTS: {}, POINTS: {}}

    def stepped(self) -> None:
        """Remember the largest that was ever written of a name."""
        for name, seen in self._seen.items():
            for key, offset in read_rows(self.machine, name).items():
                seen[key] = max(offset, seen.get(key, 0))

    def ends(self) -> None:
        """What was forgotten is there again, for names that have had two topics."""
        names = [topic.name for topic in self.model.topics]
        for name, seen in self._seen.items():
            kept = {key: at for key, at in seen.items() if names.count(key[0]) > 1}
            if kept:
                write_rows(self.machine, name, read_rows(self.machine, name) | kept)


class EarlyRecoveryPoints(Sound):
    """Recovery points reach the log end, whatever of it is safe."""

    def ends(self) -> None:
        """As if a checkpoint had been written just now."""
        if not self.machine.runs or self.machine.died:
            return
        rows: Rows = {}
        for partition in self.model.partitions():
            try:
                offsets = self.machine.half.partition_offsets(partition.topic, partition.index)
            except CoreError:
                continue
            rows[partition.topic, partition.index] = offsets.log_end
        write_rows(self.machine, POINTS, read_rows(self.machine, POINTS) | rows)


def read_rows(machine: Machine, name: str) -> Rows:
    """What a checkpoint says."""
    text = (machine.disk.disk.read(f"{LOG_DIR}/{name}") or b"").decode()
    rows = [line.split() for line in text.splitlines()[2:]]
    return {(topic, int(index)): int(offset) for topic, index, offset in rows}


def write_rows(machine: Machine, name: str, rows: Rows) -> None:
    """Let a checkpoint say that."""
    lines = [f"{topic} {index} {offset}\n" for (topic, index), offset in sorted(rows.items())]
    contents = f"0\n{len(rows)}\n{''.join(lines)}".encode()
    with suppress(CoreError):  # the disk fails
        machine.disk.disk.replace(f"{LOG_DIR}/{name}", contents)
