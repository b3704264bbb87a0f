"""`unevaluatedProperties` and `unevaluatedItems`, told by keywords that do not look around.

Where nothing but `$ref` and `allOf` stands beside them, what they leave over is known without a
document: all that no `properties`, `patternProperties` or `prefixItems` of these names.
"""

from __future__ import annotations

from typing import Any

from ottla.schemas.json_schema.linking import NAMES

_ASIDE = {"anyOf", "oneOf", "if", "dependentSchemas", "unevaluatedProperties", "unevaluatedItems"}


def told(node: dict[str, Any], keyword: str) -> list[dict[str, Any]] | None:
    """The nodes that say the same as a keyword; None where it depends on the document."""
    parts: dict[int, dict[str, Any]] = {}
    stack: list[Any] = [node]
    while stack:
        part = stack.pop()
        if isinstance(part, dict) and id(part) not in parts:
            parts[id(part)] = part
            stack += [part.get("$ref"), *part.get("allOf", ())]
    beside = [part for part in parts.values() if part is not node]
    if any(_ASIDE & part.keys() for part in beside) or (_ASIDE - {keyword}) & node.keys():
        return None
    names = {**node.get(NAMES, {})}
    if keyword == "unevaluatedProperties":
        if any("additionalProperties" in part for part in parts.values()):
            return []
        names["additionalProperties"] = keyword
        plain: dict[str, Any] = {"additionalProperties": node[keyword], NAMES: names}
        for held in ("properties", "patternProperties"):
            found = {name: True for part in parts.values() for name in part.get(held, ())}
            if found:
                plain[held] = found
        return [plain]
    if any("items" in part for part in parts.values()):
        return []
    if any("contains" in part for part in parts.values()):
        return None
    count = max(len(part.get("prefixItems", ())) for part in parts.values())
    names["items"] = keyword
    return [{"prefixItems": [True] * count, "items": node[keyword], NAMES: names}]
