"""Every kind of difference, as a row: what the reader does, and what to change.

The kinds are the field's words where the field has one; `{old}` is the writer's, `{new}` the
reader's. What STRICT refuses and LENIENT lets pass is a column of its own.
"""

from __future__ import annotations

from ottla.schemas.language import Difference

_OPEN = "{path} is a property that the writer may have written as anything: the reader wants {new}"
_CLOSE = (
    "give it a schema that accepts anything, or set additionalProperties to false in the writer's"
    " schema before properties are added"
)

KINDS: dict[str, tuple[str, str]] = {
    "TYPE_CHANGED": (
        "{path} is {new} for the reader, and the writer writes {old}",
        "let the reader take {old} too",
    ),
    "TYPE_NARROWED": (
        "{path} is {new} for the reader, and the writer may write {old}",
        "let the reader take {missing} too",
    ),
    "ENUM_ARRAY_NARROWED": (
        "{path} has only {new} for the reader, and the writer may write {old}",
        "keep {missing} in the reader's list",
    ),
    "ENUM_ARRAY_CHANGED": (
        "{path} has {new} for the reader, and the writer may write {old}",
        "keep {missing} in the reader's list",
    ),
    "MAX_LENGTH_ADDED": (
        "{path} lets the reader take {new} characters at most, and the writer any number",
        "leave maxLength out",
    ),
    "MAX_LENGTH_DECREASED": (
        "{path} lets the reader take {new} characters at most, and the writer {old}",
        "set it to {old} or more",
    ),
    "MIN_LENGTH_ADDED": (
        "{path} makes the reader want {new} characters at least, and the writer may write none",
        "leave minLength out",
    ),
    "MIN_LENGTH_INCREASED": (
        "{path} makes the reader want {new} characters at least, and the writer {old}",
        "set it to {old} or less",
    ),
    "PATTERN_ADDED": (
        "{path} makes the reader want text that matches {new}, and the writer writes any",
        "leave the pattern out",
    ),
    "PATTERN_CHANGED": (
        "{path} makes the reader want text that matches {new}, and the writer {old}",
        "keep the writer's pattern, or leave it out",
    ),
    "MAXIMUM_ADDED": (
        "{path} lets the reader take no more than {new}, and the writer has no such limit",
        "leave maximum out",
    ),
    "MAXIMUM_DECREASED": (
        "{path} lets the reader take no more than {new}, and the writer up to {old}",
        "set it to {old} or more",
    ),
    "MINIMUM_ADDED": (
        "{path} lets the reader take no less than {new}, and the writer has no such limit",
        "leave minimum out",
    ),
    "MINIMUM_INCREASED": (
        "{path} lets the reader take no less than {new}, and the writer down to {old}",
        "set it to {old} or less",
    ),
    "EXCLUSIVE_MAXIMUM_ADDED": (
        "{path} lets the reader take less than {new} only, and the writer has no such limit",
        "leave exclusiveMaximum out",
    ),
    "EXCLUSIVE_MAXIMUM_DECREASED": (
        "{path} lets the reader take less than {new} only, and the writer up to {old}",
        "set it to more than {old}",
    ),
    "EXCLUSIVE_MINIMUM_ADDED": (
        "{path} lets the reader take more than {new} only, and the writer has no such limit",
        "leave exclusiveMinimum out",
    ),
    "EXCLUSIVE_MINIMUM_INCREASED": (
        "{path} lets the reader take more than {new} only, and the writer down to {old}",
        "set it to less than {old}",
    ),
    "MULTIPLE_OF_ADDED": (
        "{path} lets the reader take multiples of {new} only, and the writer writes any number",
        "leave multipleOf out",
    ),
    "MULTIPLE_OF_EXPANDED": (
        "{path} lets the reader take multiples of {new} only, and the writer those of {old}",
        "set it to {old}, or to what divides it",
    ),
    "MULTIPLE_OF_CHANGED": (
        "{path} lets the reader take multiples of {new} only, and the writer those of {old}",
        "set it to {old}, or to what divides it",
    ),
    "REQUIRED_ATTRIBUTE_ADDED": (
        "{path} is required by the reader, and the writer may leave it out",
        "leave it optional, or give it a default",
    ),
    "REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL": (
        "{path} is required by the reader, and the writer has no such property",
        "leave it optional, or give it a default",
    ),
    "PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL": (_OPEN, _CLOSE),
    "PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL": (
        "{path} is a property that the writer's additional properties may have as {old},"
        " and the reader wants {new}",
        "give it a schema that accepts what additional properties may be",
    ),
    "PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL": (
        "{path} is a property that the writer has, and the reader takes none that it doesn't name",
        "keep the property, or let the reader take additional properties",
    ),
    "PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL": (
        "{path} is a property that the writer has as {old}, and the reader's additional properties"
        " are {new}",
        "keep the property, or widen the schema of additional properties",
    ),
    "ADDITIONAL_PROPERTIES_REMOVED": (
        "{path} lets the reader take no properties but those it names, and the writer may have"
        " written others",
        "leave additionalProperties out of the reader's schema",
    ),
    "ADDITIONAL_PROPERTIES_NARROWED": (
        "{path} lets the reader take additional properties that are {new}, and the writer any",
        "leave additionalProperties out of the reader's schema",
    ),
    "MAX_PROPERTIES_ADDED": (
        "{path} lets the reader take {new} properties at most, and the writer any number",
        "leave maxProperties out",
    ),
    "MAX_PROPERTIES_DECREASED": (
        "{path} lets the reader take {new} properties at most, and the writer {old}",
        "set it to {old} or more",
    ),
    "MIN_PROPERTIES_ADDED": (
        "{path} makes the reader want {new} properties at least, and the writer may write none",
        "leave minProperties out",
    ),
    "MIN_PROPERTIES_INCREASED": (
        "{path} makes the reader want {new} properties at least, and the writer {old}",
        "set it to {old} or less",
    ),
    "PROPERTY_NAMES_NARROWED": (
        "{path} lets the reader take names that are {new}, and the writer may write others",
        "leave propertyNames out, or let it accept all of the writer's names",
    ),
    "DEPENDENCY_ARRAY_ADDED": (
        "{path} makes the reader want {missing} wherever that property is, and the writer does not",
        "leave the dependency out",
    ),
    "DEPENDENCY_ARRAY_EXTENDED": (
        "{path} makes the reader want {missing} wherever that property is, and the writer does not",
        "leave {missing} out of the dependency",
    ),
    "DEPENDENCY_SCHEMA_ADDED": (
        "{path} holds the reader to a schema wherever that property is, and not the writer",
        "leave the dependency out",
    ),
    "MAX_ITEMS_ADDED": (
        "{path} lets the reader take {new} items at most, and the writer any number",
        "leave maxItems out",
    ),
    "MAX_ITEMS_DECREASED": (
        "{path} lets the reader take {new} items at most, and the writer {old}",
        "set it to {old} or more",
    ),
    "MIN_ITEMS_ADDED": (
        "{path} makes the reader want {new} items at least, and the writer may write none",
        "leave minItems out",
    ),
    "MIN_ITEMS_INCREASED": (
        "{path} makes the reader want {new} items at least, and the writer {old}",
        "set it to {old} or less",
    ),
    "UNIQUE_ITEMS_ADDED": (
        "{path} makes the reader want items that all differ, and the writer may repeat some",
        "leave uniqueItems out",
    ),
    "SCHEMA_ADDED": (
        "{path} makes the reader want items that are {new}, and the writer writes any",
        "leave the schema of items out",
    ),
    "ITEM_ADDED_TO_OPEN_CONTENT_MODEL": (
        "{path} is an item that the writer may have written as anything: the reader wants {new}",
        "give it a schema that accepts anything",
    ),
    "ITEM_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL": (
        "{path} is an item that the writer may have written as {old}, and the reader wants {new}",
        "give it a schema that accepts what the writer's further items may be",
    ),
    "ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL": (
        "{path} is an item that the writer has, and the reader takes none that it doesn't name",
        "keep the item, or let the reader take further items",
    ),
    "ITEM_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL": (
        "{path} is an item that the writer has as {old}, and the reader's further items are {new}",
        "keep the item, or widen the schema of further items",
    ),
    "ADDITIONAL_ITEMS_REMOVED": (
        "{path} lets the reader take no further items, and the writer may have written some",
        "let the reader take further items",
    ),
    "ADDITIONAL_ITEMS_NARROWED": (
        "{path} lets the reader take further items that are {new}, and the writer any",
        "let the reader take any further items",
    ),
    "CONTAINS_NARROWED": (
        "{path} makes the reader count items that are {new}, and the writer does not count them so",
        "leave contains out, or let it count what the writer counts",
    ),
    "NOT_TYPE_EXTENDED": (
        "{path} lets the reader take nothing that is {new}, and the writer may write some of it",
        "leave the not out, or let it exclude no more than the writer's",
    ),
    "PRODUCT_TYPE_EXTENDED": (
        "{path} is one schema more that the reader holds a value to",
        "leave it out, or hold the writer to it first",
    ),
    "SUM_TYPE_NARROWED": (
        "{path} has no schema for {missing}, which the writer may write{why}",
        "keep a schema that accepts it",
    ),
    "COMBINED_TYPE_SUBSCHEMAS_CHANGED": (
        "{path} has no schema that accepts {missing}, which the writer may write{why}",
        "let one of them accept it",
    ),
    "COMBINED_TYPE_CHANGED": (
        "{path} has no schema that accepts {old}, which the writer may write{why}",
        "let one of them accept it",
    ),
    "CONDITION_CHANGED": (
        "{path} holds the reader to a schema under a condition that the writer does not have",
        "keep the writer's condition, or leave it out",
    ),
    "UNEVALUATED_NARROWED": (
        "{path} lets the reader take only {new} beside what other keywords name, and the writer"
        " may have written more",
        "leave it out, or name everything under properties or items",
    ),
    "DYNAMIC_REFERENCE": (
        "{path} has a reference that leads elsewhere depending on the way to it, and what it takes"
        " can't be compared",
        "refer by $ref",
    ),
    "COMPATIBILITY_UNDECIDED": (
        "{path} can't be compared: the schemas go too deep, or combine too much to go through",
        "register it under compatibility NONE if you know better, or split the schema",
    ),
}

LENIENT = frozenset(
    {
        "ADDITIONAL_PROPERTIES_NARROWED",
        "ADDITIONAL_PROPERTIES_REMOVED",
        "PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL",
        "PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL",
        "PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL",
    }
)
"""What the policy LENIENT lets pass: properties that nobody promised to leave alone."""


def difference(kind: str, path: str, **values: str) -> Difference:
    """A difference with its sentence."""
    what, fix = KINDS[kind]
    told = {"old": "anything", "new": "something else", "missing": "what is left out", "why": ""}
    sentence = f"{what}; {fix}.".format(path=path, **{**told, **values})
    return Difference(kind, path, sentence)
