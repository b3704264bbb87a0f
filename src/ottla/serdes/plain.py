"""Values of a program as the plain dicts and lists that Avro and JSON write."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any


def plain(value: Any, to_dict: Callable[[Any], Any] | None) -> Any:
    """A value as `to_dict` makes it; without one, dataclasses are taken apart."""
    if to_dict is not None:
        return to_dict(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return value
