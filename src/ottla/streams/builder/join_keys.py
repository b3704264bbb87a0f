"""Keys of the two sides of a join: equal ones must have equal bytes, or they never meet.

Only where both sides have a serde of Kafka's own is it known that they differ; what a serde of the
user's writes, or JSON, may well be what the other side reads.
"""

from __future__ import annotations

from typing import Any

from ottla.streams.builder.building import Building
from ottla.streams.errors import TopologyError
from ottla.streams.serdes import Serde
from ottla.streams.serdes.kafka import SINGLE

#: What users write for the serde, by its name.
WRITTEN = {"STRING": "str", "LONG": "int", "DOUBLE": "float", "BOOLEAN": "bool", "BYTES": "bytes"}


def check_keys(building: Building, left: Any, right: Any) -> None:
    """The keys of two streams or tables, as they are when they meet.

    Raises:
        TopologyError: they are written in two ways.
    """
    one, other = (_known(side._key or building.key) for side in (left, right))
    if one is None or other is None or one.name == other.name:
        return
    raise TopologyError(
        f"a join of {left._name}, whose keys are {one.name}, with {right._name}, whose keys are "
        f"{other.name}: none of them are equal",
        hint=f"make the keys of one side those of the other before: select_key(…, "
        f"key={WRITTEN.get(other.name, other.name)}) of a stream, group_by(…, key=…) of a table; "
        "or on= with a foreign key or a global table",
    )


def _known(serde: Serde | None) -> Serde | None:
    return serde if type(serde) in SINGLE else None
