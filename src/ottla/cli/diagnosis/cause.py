"""What was found to be wrong: one cause in one sentence, and what to type."""

from __future__ import annotations

from ottla.errors import OttlaError


class Cause(OttlaError):
    """Why it does not work; `kind` names it for programs, the hint says what to type."""

    def __init__(self, kind: str, text: str, *, hint: str) -> None:
        self.kind = kind
        super().__init__(text, hint=hint)
