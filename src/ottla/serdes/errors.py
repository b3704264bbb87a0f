"""What can go wrong between a value and its bytes.

Four kinds, which callers treat differently: the registry refuses (`RegistryError`), nobody answers
where it should be (`RegistryUnreachable`), a value or a record does not fit its schema (`BadData`),
and a rule of the schema said no or could not run (`RuleFailed`).
"""

from __future__ import annotations

from ottla.errors import OttlaError

SHOWN_BYTES_MAX = 16


class RegistryError(OttlaError):
    """The registry's answer is an error.

    Attributes:
        status: of HTTP.
        code: the registry's own, of five digits, of which the first three are usually the status;
            the status itself where the answer has none.
        text: what the registry says, with no word of ours.
    """

    def __init__(
        self, status: int, code: int, text: str, *, asked: str = "", hint: str | None = None
    ) -> None:
        self.status, self.code, self.text = status, code, text
        told = f"{asked}: {text}" if asked else text
        super().__init__(f"{told} ({code})", hint=hint)


class RegistryUnreachable(OttlaError):
    """No registry answered at any of its URLs, or what answered is none."""


class BadRegistrySetting(OttlaError):
    """A setting of a client, serializer or deserializer that can't be meant."""


class BadData(OttlaError):
    """A value that its schema does not allow, or bytes that are no data of their schema.

    Attributes:
        topic, subject, schema_id, field: where it was, as far as that is known; a schema's id is a
            number or a GUID.
        began_with: the first bytes of the record, where one was read.
    """

    def __init__(
        self,
        text: str,
        *,
        topic: str | None = None,
        subject: str | None = None,
        schema_id: int | str | None = None,
        field: str | None = None,
        data: bytes | None = None,
        hint: str | None = None,
    ) -> None:
        self.topic, self.subject, self.schema_id, self.field = topic, subject, schema_id, field
        self.began_with = None if data is None else bytes(data[:SHOWN_BYTES_MAX])
        places = (
            ("topic", topic),
            ("subject", subject),
            ("schema", schema_id),
            ("field", field),
        )
        told = [f"{name} {value}" for name, value in places if value not in (None, "")]
        if data is not None:
            more = "…" if len(data) > SHOWN_BYTES_MAX else ""
            told.append(f"{len(data)} bytes: {self.began_with!r}{more}")
        super().__init__(f"{text} ({', '.join(told)})" if told else text, hint=hint)


class RuleFailed(OttlaError):
    """A rule of the schema was not met, or could not be run; `rule` is its name."""

    def __init__(self, rule: str, text: str, *, hint: str | None = None) -> None:
        self.rule = rule
        super().__init__(text, hint=hint)


class MissingExtra(OttlaError, ImportError):
    """A package that the serializers stand on is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"the package {package} is not installed", hint=f"pip install 'ottla[{extra}]'"
        )
