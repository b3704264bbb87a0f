"""Random schemas, what may become of them, and documents to hold them against.

All of it draws from a handful of names and values, so that schemas and documents meet often.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator
from random import Random
from typing import Any

SCALARS: list[Any] = [None, True, False, 0, 1, 2, 3, 6, -1, 0.5, 1.5, "", "a", "ab", "abc", "b"]
HELD: list[Any] = [1, "a", None, 0.5, [], {}, [1], {"a": 1}, {"a": "b"}, {"a": {"a": 1}}]
NAMES = ["a", "b", "c"]
NAMED = ["properties", "patternProperties", "dependentSchemas", "dependencies", "$defs"]
NAMED += ["definitions"]


def documents() -> list[Any]:
    """About a thousand documents: every scalar, small arrays, objects of up to three names."""
    found = list(SCALARS)
    for length in (0, 1, 2):
        found += map(list, itertools.product(HELD, repeat=length))
    found += map(list, itertools.product([1, "a", None], repeat=3))
    found += [[1, 1, 1, 1], ["a", 1, "a", 1], [[1], [1]], [{"a": 1}, {"a": 1}]]
    absent = object()
    for values in itertools.product([absent, *HELD[:8]], repeat=3):
        found.append({n: v for n, v in zip(NAMES, values, strict=True) if v is not absent})
    return [*found, {"d": 1}, {"a": 1, "d": "a"}, {"a": 1, "b": 1, "c": 1, "d": 1}]


def schema(rng: Random, depth: int = 3, *, modern: bool = True) -> Any:
    """A schema of 2020-12, or one of draft 7."""
    if rng.random() < 0.06:
        return rng.random() < 0.7
    found: dict[str, Any] = {}
    for _ in range(rng.choice([0, 1, 1, 2, 2, 3, 4])):
        keyword = rng.choice(MODERN if modern else CLASSIC)
        found.update(_keyword(rng, keyword, depth, modern))
    return found


def evolved(rng: Random, value: Any, *, modern: bool = True) -> Any:
    """The schema after one change somewhere in it."""
    if not isinstance(value, dict):
        return schema(rng, 1, modern=modern) if rng.random() < 0.5 else value
    value = copy.deepcopy(value)
    holder = rng.choice(list(_schemas(value)))
    keyword = rng.choice(MODERN if modern else CLASSIC)
    if holder and rng.random() < 0.6:
        keyword = rng.choice(list(holder))
        if keyword in ("$defs", "$ref", "definitions"):
            return value
        if rng.random() < 0.4:
            del holder[keyword]
            return value
    holder.update(_keyword(rng, keyword, 1, modern))
    return value


def recursive(rng: Random, *, modern: bool = True) -> Any:
    """A schema that is part of itself, through a definition."""
    home = "$defs" if modern else "definitions"
    node = schema(rng, 2, modern=modern)
    if not isinstance(node, dict):
        node = {}
    ref = {"$ref": f"#/{home}/node"}
    place = rng.choice(["properties", "items", "anyOf"])
    if place == "properties":
        node["properties"] = {**node.get("properties", {}), rng.choice(NAMES): ref}
    elif place == "items":
        node["items"] = ref
    else:
        node["additionalProperties"] = {"anyOf": [ref, schema(rng, 0, modern=modern)]}
    return {**ref, home: {"node": node}}


def _schemas(value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A schema and all within it."""
    yield value
    for keyword, held in value.items():
        below = held if isinstance(held, list) else [held]
        if keyword in NAMED:
            below = list(held.values())
        elif keyword in ("enum", "const", "dependentRequired"):
            continue
        for one in below:
            if isinstance(one, dict):
                yield from _schemas(one)


CLASSIC = [
    "type", "type", "type", "enum", "const", "maxLength", "minLength", "pattern", "maximum",
    "minimum", "exclusiveMaximum", "exclusiveMinimum", "multipleOf", "required", "properties",
    "properties", "additionalProperties", "patternProperties", "propertyNames", "maxProperties",
    "minProperties", "maxItems", "minItems", "uniqueItems", "items", "tuple", "contains", "allOf",
    "anyOf", "oneOf", "not", "if", "dependencies",
]  # fmt: skip
MODERN = [
    *(keyword for keyword in CLASSIC if keyword not in ("tuple", "dependencies")), "prefixItems",
    "dependentRequired", "dependentSchemas", "unevaluatedProperties", "unevaluatedItems",
    "containsCounted",
]  # fmt: skip
TYPES = ["string", "integer", "number", "boolean", "null", "object", "array"]


def _keyword(rng: Random, keyword: str, depth: int, modern: bool) -> dict[str, Any]:
    def below() -> Any:
        if depth == 0:
            return rng.choice([True, {"type": rng.choice(TYPES)}, {"const": rng.choice(SCALARS)}])
        return schema(rng, depth - 1, modern=modern)

    def some() -> dict[str, Any]:
        return {name: below() for name in NAMES if rng.random() < 0.5}

    match keyword:
        case "type":
            types = rng.sample(TYPES, rng.choice([1, 1, 1, 2, 3]))
            return {"type": types if len(types) > 1 else types[0]}
        case "enum":
            return {"enum": rng.sample(SCALARS, rng.randint(1, 4))}
        case "const":
            return {"const": rng.choice([*SCALARS, *HELD])}
        case "pattern":
            return {"pattern": rng.choice(["a", "^a", "b$", "^a|b$", "^$"])}
        case "maximum" | "minimum" | "exclusiveMaximum" | "exclusiveMinimum":
            return {keyword: rng.choice([-1, 0, 0.5, 1, 1.5, 2, 3])}
        case "multipleOf":
            return {"multipleOf": rng.choice([0.5, 1, 1.5, 2, 3])}
        case "required":
            return {"required": rng.sample(NAMES, rng.randint(0, 2))}
        case "properties":
            return {"properties": some()}
        case "patternProperties":
            return {"patternProperties": {rng.choice(["^a", "^b", "[ab]"]): below()}}
        case "dependentSchemas":
            return {keyword: {rng.choice(NAMES): below()}}
        case "dependentRequired":
            return {keyword: {rng.choice(NAMES): rng.sample(NAMES, rng.randint(1, 2))}}
        case "dependencies":
            held = below() if rng.random() < 0.5 else rng.sample(NAMES, rng.randint(1, 2))
            return {"dependencies": {rng.choice(NAMES): held}}
        case "uniqueItems":
            return {"uniqueItems": rng.random() < 0.8}
        case "prefixItems" | "allOf" | "anyOf" | "oneOf":
            return {keyword: [below() for _ in range(rng.randint(1, 3))]}
        case "tuple":
            further = {"additionalItems": below()} if rng.random() < 0.6 else {}
            return {"items": [below() for _ in range(rng.randint(1, 2))], **further}
        case "containsCounted":
            most = {"maxContains": rng.randint(1, 3)} if rng.random() < 0.5 else {}
            return {"contains": below(), "minContains": rng.randint(0, 2), **most}
        case "if":
            found = {"if": below(), "then": below(), "else": below()}
            return {k: v for k, v in found.items() if k == "if" or rng.random() < 0.7}
        case "additionalProperties" | "unevaluatedProperties" | "unevaluatedItems":
            return {keyword: False if rng.random() < 0.4 else below()}
        case "items" | "contains" | "propertyNames" | "not":
            return {keyword: below()}
    return {keyword: rng.randint(0, 3)}
