"""The inputs of a case: records that fit its topics, and what befalls real ones.

Null keys and values, late records and ones from the future, records twice, bytes that no serde
reads, steps of the wall clock. `streams.generated` makes those of the recorded topologies; here
topics have types.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

Line = dict[str, Any]


#: Bytes that are no UTF-8: a lone one, one that is cut short, half of a pair, one too long.
ODD = ("ff", "c3", "eda080", "f09f98", "c080", "e282")


def value_text(dice: random.Random, kind: str) -> str | dict[str, str]:
    """A value of this type, as it stands in a topic; seldom one that cannot be read."""
    digits = f"{dice.randrange(10)}{dice.randrange(10)}"
    if kind == "number":
        return "12" if dice.random() < 0.01 else "\0" * 7 + chr(dice.randrange(1, 100))
    if kind == "json":
        luck = dice.random()
        if luck < 0.01:
            return "{bad"
        if luck < 0.06:
            return f'{{"v": null, "n":{digits[1]} }}'
        if luck < 0.11:
            return f'{{"v":"{digits}"}}'
        return f'{{"v":"{digits}","n":{digits[0]}}}'
    if dice.random() < 0.01:
        return {"hex": dice.choice(ODD) + digits.encode().hex()}
    return digits


def lines(
    dice: random.Random, topics: Mapping[str, str], scale: int, *, clocked: bool
) -> list[Line]:
    """Input lines; `topics` has the type of each one's values."""
    found: list[Line] = []
    now = 1000
    late = dice.choice((0, 200, 600, 3000))
    advances = 0.08 if clocked else 0.01
    null_keys = dice.choice((0, 0.05))
    tombstones = dice.choice((0, 0.1, 0.25))
    headers = dice.random() < 0.4
    keys = "0123456789"[: dice.choice((2, 5, 10))]
    for _ in range(dice.choice((8, 25, 25, 60, 60, 120))):
        now += dice.randrange(60) * scale
        luck = dice.random()
        if luck < advances:
            found.append({"advance": dice.choice((100, 400, 900))})
            continue
        if luck > 0.95 and found and "topic" in found[-1]:
            found.append(dict(found[-1]))
            continue
        behind = dice.randrange(late * scale) if late and dice.random() < 0.3 else 0
        ahead = 2000 * scale if dice.random() < 0.01 else 0
        topic = dice.choice(sorted(topics))
        line: Line = {
            "topic": topic,
            "key": None if dice.random() < null_keys else dice.choice(keys),
            "value": value_text(dice, topics[topic]),
            "ts": max(0, now - behind + ahead),
        }
        if dice.random() < tombstones:
            line["value"] = None
        if headers and dice.random() < 0.5:
            line["headers"] = {"h": dice.choice(("x", "yy", None)), "n": line["key"]}
        found.append(line)
    return found
