"""The kinds of coordinators, by the number that FindCoordinator gives to their keys."""

from __future__ import annotations

from typing import Final

GROUP: Final = 0
TRANSACTION: Final = 1
SHARE: Final = 2
