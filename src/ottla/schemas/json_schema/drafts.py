"""The five drafts of JSON Schema that registries meet, as rows: their names and their keywords.

A keyword that a draft doesn't know means nothing there, and is left out of every comparison. The
one exception is `dependencies`, which 2019-09 split in two and every validator still obeys.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple


class Draft(NamedTuple):
    """One draft. `number` orders them: 4, 6, 7, 2019 and 2020."""

    number: int
    uri: str
    """Of its meta-schema, as `$schema` has it."""

    @property
    def identifier(self) -> str:
        """The keyword that gives a schema its URI."""
        return "id" if self.number == 4 else "$id"


DRAFTS = (
    Draft(4, "http://json-schema.org/draft-04/schema#"),
    Draft(6, "http://json-schema.org/draft-06/schema#"),
    Draft(7, "http://json-schema.org/draft-07/schema#"),
    Draft(2019, "https://json-schema.org/draft/2019-09/schema"),
    Draft(2020, "https://json-schema.org/draft/2020-12/schema"),
)
DEFAULT = DRAFTS[2]
"""What registries take a schema for that names no draft, or one that they have never heard of."""

SINCE = {
    "const": 6, "contains": 6, "propertyNames": 6, "if": 7, "then": 7, "else": 7,
    "minContains": 2019, "maxContains": 2019, "dependentRequired": 2019, "dependentSchemas": 2019,
    "unevaluatedItems": 2019, "unevaluatedProperties": 2019, "$defs": 2019, "prefixItems": 2020,
}  # fmt: skip
"""The draft that brought a keyword, of those that not all of them have."""

ONE = frozenset(
    {
        "additionalProperties", "additionalItems", "items", "contains", "propertyNames", "not",
        "if", "then", "else", "unevaluatedItems", "unevaluatedProperties",
    }
)  # fmt: skip
"""Keywords whose value is a schema."""
MANY = frozenset({"allOf", "anyOf", "oneOf", "prefixItems", "items"})
"""Keywords whose value is a list of schemas."""
NAMED = frozenset(
    {"properties", "patternProperties", "dependentSchemas", "dependencies", "$defs", "definitions"}
)
"""Keywords whose value has a schema for each name."""

PLAIN = frozenset(
    {
        "type", "enum", "const", "maxLength", "minLength", "pattern", "maximum", "minimum",
        "exclusiveMaximum", "exclusiveMinimum", "multipleOf", "required", "maxProperties",
        "minProperties", "dependentRequired", "maxItems", "minItems", "uniqueItems", "maxContains",
        "minContains",
    }
)  # fmt: skip
"""Keywords that say something of a document, and hold no schema."""

_NAMED_BY = {re.sub(r"^https?:|#$", "", draft.uri): draft for draft in DRAFTS}


def draft_of(value: Any, default: Draft = DEFAULT) -> Draft:
    """The draft of a whole schema, by its `$schema`."""
    return known(value.get("$schema")) or default if isinstance(value, dict) else default


def known(uri: Any) -> Draft | None:
    """The draft whose meta-schema has this URI; http or https, with a "#" or not."""
    return _NAMED_BY.get(re.sub(r"^https?:|#$", "", uri)) if isinstance(uri, str) else None


def knows(draft: Draft, keyword: str) -> bool:
    """Whether a keyword means something in a draft."""
    return SINCE.get(keyword, 0) <= draft.number
