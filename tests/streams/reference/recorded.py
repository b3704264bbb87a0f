"""All recorded topologies that stand here as plans, whichever file they are written in."""

from __future__ import annotations

from streams.reference import (
    recorded_joins,
    recorded_more,
    recorded_plans,
    recorded_processors,
    recorded_suppressions,
    recorded_tables,
    recorded_windows,
)
from streams.reference.recorded_words import BUILDS, SETTINGS_OF

#: Those that put their topologies into `BUILDS`.
ROOMS = (
    recorded_joins,
    recorded_more,
    recorded_plans,
    recorded_processors,
    recorded_suppressions,
    recorded_tables,
    recorded_windows,
)

__all__ = ["BUILDS", "ROOMS", "SETTINGS_OF"]
