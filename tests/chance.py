"""Tests of what chance makes: of little in each run of the tests, of much in the stage `long`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy


def by_chance(
    *strategies: SearchStrategy[Any], few: int, many: int
) -> Callable[[Callable[..., None]], Callable[[int], None]]:
    """Give a test `few` examples in each run, and `many` in the stage `long`."""

    def made(test: Callable[..., None]) -> Callable[[int], None]:
        def run(examples: int) -> None:
            # Neither how long an example takes nor how long it is made is what a test looks at.
            chosen = settings(
                max_examples=examples,
                deadline=None,
                suppress_health_check=[HealthCheck.too_slow],
            )
            chosen(given(*strategies)(test))()

        run.__name__, run.__qualname__ = test.__name__, test.__qualname__
        run.__module__, run.__doc__ = test.__module__, test.__doc__
        rows = [few, pytest.param(many, marks=pytest.mark.long)]
        marked: Callable[[int], None] = pytest.mark.parametrize("examples", rows)(run)
        return marked

    return made
