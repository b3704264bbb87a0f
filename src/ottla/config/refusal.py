"""What a value that a config key does not take is refused with."""

from __future__ import annotations

from ottla.errors import OttlaError


class ConfigException(OttlaError):
    """A value or a set of values that Kafka would refuse; the text is Kafka's, the hint is ours."""

    def __init__(self, text: str, hint: str | None = None) -> None:
        super().__init__(text, hint=hint)
        self.text = text


class RequirementFailed(ConfigException):
    """A rule that 4.3.1 words on the wire as a failed requirement."""

    @property
    def on_the_wire(self) -> str:
        """What clients are told."""
        return f"requirement failed: {self.text}"
