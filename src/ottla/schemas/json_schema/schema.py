"""JSON Schema as one of the registry's languages: texts read, printed, compared and tagged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ottla.schemas import language
from ottla.schemas.json_schema import comparing, drafts, engine, linking, tagging
from ottla.schemas.json_schema.bundling import bundled
from ottla.schemas.json_schema.drafts import Draft
from ottla.schemas.json_schema.linking import Linked
from ottla.schemas.json_schema.parsing import line_and_column, parse, place, printed, shown
from ottla.schemas.language import BadFormat, Dependency, Difference, InvalidSchema, Tagging


class JsonSchema:
    """A JSON Schema that was read, with all that it refers to; it never changes.

    Attributes:
        text: compact, in the order that it was told in.
        draft: what it is read as.
    """

    def __init__(self, value: Any, draft: Draft, dependencies: tuple[Dependency, ...]) -> None:
        self.text = printed(value)
        self.draft = draft
        self._value = value
        self._dependencies = dependencies
        self._linked: Linked | None = None

    @property
    def linked(self) -> Linked:
        """The graph of the schema, made when it is first asked for."""
        if self._linked is None:
            values = [(d.name, _parsed(d)) for d in self._dependencies]
            self._linked = linking.link(self._value, self.draft, values, _check_part)
        return self._linked

    def normalized(self) -> str:
        """The text with the keys of all objects sorted; lists keep their order."""
        return printed(self._value, sort=True)

    def formatted(self, form: str) -> str:
        """ "" is `text`, "resolved" has the dependencies that are used within the schema."""
        if form == "":
            return self.text
        if form == "resolved":
            values = [(d.name, _parsed(d)) for d in self._dependencies]
            return printed(bundled(self._value, self.draft, values, self.linked.used))
        raise BadFormat(
            f"JSON Schema has no format {form!r}", hint='"resolved" is what there is, or none'
        )

    def unreadable(self, writer: language.Schema, *, lenient: bool = False) -> Sequence[Difference]:
        """Why a reader with this schema can't read what `writer` wrote (`comparing.py`)."""
        if not isinstance(writer, JsonSchema):
            raise TypeError(f"the writer's schema is no JSON Schema but {type(writer).__name__}")
        same = self.normalized() == writer.normalized() and self.draft == writer.draft
        if same and self._dependencies == writer._dependencies:
            return ()
        return comparing.unreadable(self.linked, writer.linked, strict=not lenient)

    def top_fields(self) -> list[str]:
        """The properties that the schema itself names."""
        properties = self._value.get("properties") if isinstance(self._value, dict) else None
        return list(properties) if isinstance(properties, dict) else []

    def tags(self) -> list[Tagging]:
        """The tags that stand in the text, by the paths that `tagging.py` tells of."""
        return tagging.tags(self._value, self.draft)

    def with_tags(self, add: Sequence[Tagging], remove: Sequence[Tagging]) -> JsonSchema:
        """The schema with tags added and removed.

        Raises:
            InvalidSchema: nothing is at a path.
        """
        value = tagging.tagged(self._value, self.draft, add, remove)
        return JsonSchema(value, self.draft, self._dependencies)


class JsonLanguage:
    """The language that registries call JSON."""

    name = language.JSON

    def read(self, text: str, dependencies: Sequence[Dependency] = ()) -> JsonSchema:
        """Read a schema of any draft from 4 on; draft 7 where it names none.

        Raises:
            InvalidSchema: it is no JSON, no schema of its draft, or refers to what is not there.
            EngineMissing: jsonschema-rs is not installed.
        """
        value = parse(text)
        draft = drafts.draft_of(value)
        engine.check(value, draft, text)
        schema = JsonSchema(value, draft, tuple(Dependency(*d) for d in dependencies))
        try:
            linked = schema.linked
        except InvalidSchema as error:
            if error.path and not error.line:
                tokens = [_token(t) for t in error.path.split("/")[1:]]
                error.line, error.column = place(text, tokens)
            raise
        pattern = engine.check_patterns(linked.root)
        if pattern is not None:
            line, column = line_and_column(text, max(0, text.find(printed(pattern))))
            raise InvalidSchema(
                f"the regular expression {shown(pattern)} can't be used: it comes to too much",
                line=line,
                column=column,
                hint="repeat fewer times what repeats already",
            )
        return schema


def _check_part(value: Any, draft: Draft) -> None:
    engine.check(value, draft, "")


def _token(token: str) -> str:
    return token.replace("~1", "/").replace("~0", "~")


def _parsed(dependency: Dependency) -> Any:
    """What a dependency says.

    Raises:
        InvalidSchema: naming the dependency.
    """
    try:
        value = parse(dependency.text)
    except InvalidSchema as error:
        raise InvalidSchema(f"the reference {dependency.name}: {error}") from None
    engine.check(value, drafts.draft_of(value), "", dependency.name)
    return value


def validator(schema: JsonSchema) -> Callable[[Any], list[str]]:
    """What says what is wrong with a document: each error with the JSON pointer of its place.

    A document is what `json.loads` makes; numbers may be Decimals. Formats are not asserted.
    """
    return engine.explain(schema.linked.root)


JSON_LANGUAGE = JsonLanguage()
