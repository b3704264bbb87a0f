"""Faults of ours, put back on purpose: a simulation that does not find them finds nothing.

Each invariant is aimed at by one of them at least. None can be reached but through the simulator.

| plant | what is wrong then |
|---|---|
| early-answers | a producer is answered before the sync that its acknowledgement promises |
| believed-syncs | a sync that failed is made again, and what the second says is believed |
| forgotten-producers | a log that is opened knows nothing of its producers |
| kept-namesakes | checkpoints still name an earlier topic's partition under a new one's name |
| early-recovery-points | a recovery point is written before what lies below it is safe |
| patient-fetches | a Fetch that waits keeps what its client asked behind it waiting |
| broken-turns | a turn of the node's raises what nobody foresaw |
| others | see `answers.py`, what clients hear is spoilt on the way; and the files of their names |
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ottla.sim.plants.answers import ANSWERS
from ottla.sim.plants.compaction import COMPACTION
from ottla.sim.plants.files import EarlyRecoveryPoints, KeptNamesakes
from ottla.sim.plants.sound import Sound
from ottla.sim.plants.transactions import TRANSACTIONS
from ottla.sim.plants.turns import BrokenTurns

if TYPE_CHECKING:
    from ottla.sim.machine import Machine
    from ottla.sim.model import Model

KINDS: dict[str, Callable[[Machine, Model], Sound]] = {
    # These four are put back by the machine.
    "early-answers": Sound,
    "believed-syncs": Sound,
    "forgotten-producers": Sound,
    "patient-fetches": Sound,
    "kept-namesakes": KeptNamesakes,
    "early-recovery-points": EarlyRecoveryPoints,
    "broken-turns": BrokenTurns,
    **ANSWERS,
    **TRANSACTIONS,
    **COMPACTION,
}
PLANTS = tuple(KINDS)


def planted(plant: str, machine: Machine, model: Model) -> Sound:
    """What puts this fault back; "" is none."""
    return KINDS[plant](machine, model) if plant else Sound(machine, model)


__all__ = ["PLANTS", "Sound", "planted"]
