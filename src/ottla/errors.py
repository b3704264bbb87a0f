"""The root of every error that Ottla raises on purpose.

An error says what happened; its `hint` says what to do next, and a traceback shows it as a note.
Subclasses carry what a program may want to look at as fields, never only in the text.
"""

from __future__ import annotations


class OttlaError(Exception):
    """Something that Ottla refuses or can't do, with a hint when there is something to try."""

    def __init__(self, text: str, *, hint: str | None = None) -> None:
        super().__init__(text)
        self._hint: str | None = None
        self.hint = hint

    @property
    def hint(self) -> str | None:
        """What to do next."""
        return self._hint

    @hint.setter
    def hint(self, hint: str | None) -> None:
        notes = getattr(self, "__notes__", [])
        if self._hint is not None and _note(self._hint) in notes:
            notes.remove(_note(self._hint))
        self._hint = hint
        if hint is not None:
            self.add_note(_note(hint))


class BrokenInvariant(OttlaError):
    """What is in memory may not be what is in the log, or something that always holds does not.

    Nobody on the way may take it for the fault of one request: it goes up to the decision loop and
    ends the node.
    """


def _note(hint: str) -> str:
    return f"hint: {hint}"
