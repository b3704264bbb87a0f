"""JSON's data: compact, in UTF-8, and valid under its schema when it is written and when read.

Validity is judged after the rules have run, in both directions: it is what comes out that has to be
right.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from ottla.schemas.json_schema import JSON_LANGUAGE, validator
from ottla.schemas.json_schema.engine import EngineMissing, engine
from ottla.schemas.language import JSON, Dependency
from ottla.serdes.codec import Change, Misfit
from ottla.serdes.contract import Contract
from ottla.serdes.errors import MissingExtra
from ottla.serdes.framing import Indexes
from ottla.serdes.json_schema.fields import Walk

ERRORS_MAX = 3
"""Of those of one document, how many are told."""


class JsonSchemaRead:
    """A schema that was read, with what it refers to."""

    def __init__(self, text: str, dependencies: Sequence[Dependency]) -> None:
        self._text, self._dependencies = text, dependencies
        self._schema = JSON_LANGUAGE.read(text, dependencies)

    @cached_property
    def errors_of(self) -> Callable[[Any], list[str]]:
        """What is wrong with a document."""
        return validator(self._schema)

    @cached_property
    def walk(self) -> Walk:
        """How rules find fields."""
        return Walk(self._text, self._dependencies)

    @cached_property
    def title(self) -> str | None:
        """What the schema calls itself."""
        value = json.loads(self._text)
        title = value.get("title") if isinstance(value, dict) else None
        return title if isinstance(title, str) else None


class JsonCodec:
    """JSON.

    Args:
        validate: whether documents are held against their schema.

    Raises:
        MissingExtra: jsonschema-rs is not installed; schemas can't be read without it either.
    """

    type = JSON
    has_indexes = False

    def __init__(self, *, validate: bool = True) -> None:
        try:
            engine()
        except EngineMissing:
            raise MissingExtra("jsonschema-rs", "registry") from None
        self._validate = validate

    def read(self, contract: Contract, dependencies: Sequence[Dependency]) -> JsonSchemaRead:
        """A schema, with what it refers to.

        Raises:
            InvalidSchema: it is none.
        """
        return JsonSchemaRead(contract.text, dependencies)

    def name(self, parsed: JsonSchemaRead, indexes: Indexes = ()) -> str | None:
        """The schema's title."""
        return parsed.title

    def encode(self, parsed: JsonSchemaRead, value: Any) -> bytes:
        """A document as text.

        Raises:
            Misfit: it is not valid, or no JSON.
        """
        self.check(parsed, value)
        try:
            return json.dumps(
                value, separators=(",", ":"), ensure_ascii=False, allow_nan=False
            ).encode()
        except RecursionError:
            raise Misfit("the value nests too deep") from None
        except (TypeError, ValueError) as error:
            raise Misfit(
                f"the value is no JSON: {error}", hint="to_dict= can make JSON of it"
            ) from error

    def decode(
        self,
        writer: JsonSchemaRead,
        payload: bytes,
        reader: JsonSchemaRead | None,
        indexes: Indexes = (),
    ) -> Any:
        """The document of a text; `check` judges it, when rules have run.

        Raises:
            Misfit: it is no JSON.
        """
        try:
            return json.loads(payload)
        except RecursionError:
            raise Misfit("the JSON nests too deep") from None
        except ValueError as error:
            raise Misfit(f"the bytes are no JSON: {error}") from error

    def check(self, parsed: JsonSchemaRead, value: Any) -> None:
        """Hold a document against its schema.

        Raises:
            Misfit: naming the first places that are wrong, as JSON pointers.
        """
        if not self._validate:
            return
        try:
            errors = parsed.errors_of(value)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise Misfit(f"the value can't be held against its schema: {error}") from error
        if errors:
            told = "; ".join(error[:300] for error in errors[:ERRORS_MAX])
            more = f"; and {len(errors) - ERRORS_MAX} more" if len(errors) > ERRORS_MAX else ""
            place = errors[0].partition(":")[0].removeprefix("#")
            raise Misfit(
                f"the value is not valid under its schema: {told}{more}", field=place or None
            )

    def to_plain(self, writer: JsonSchemaRead, payload: bytes, indexes: Indexes) -> Any:
        """The value as it is."""
        return self.decode(writer, payload, None)

    def from_plain(
        self, writer: JsonSchemaRead, reader: JsonSchemaRead, value: Any, indexes: Indexes
    ) -> Any:
        """The value as migrations made it."""
        return value

    def change_fields(
        self, parsed: JsonSchemaRead, value: Any, change: Change, indexes: Indexes = ()
    ) -> Any:
        """Have the properties changed."""
        return parsed.walk.changed(value, change)
