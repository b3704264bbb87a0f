"""Which resource (a topic) has its schemas under which subject: the associations of a state.

An association is kept as the value of its ASSOC record, with what the record's key says. It is
found by its resource's id, by its resource's name, or by its subject.
"""

from __future__ import annotations

from ottla.registry.contracts import Json
from ottla.registry.stored import ASSOCIATION_FIELDS, KEYED_FIELDS

Place = tuple[str, ...]


class Associations:
    """All that there are; one thread changes them, others look at the same time."""

    def __init__(self) -> None:
        self._rows: dict[Place, Json] = {}
        self._found: dict[tuple[str, str], dict[Place, None]] = {}
        """By a field's name and value, where they are."""

    def copy(self) -> Associations:
        """The same, to be changed alone."""
        copied = Associations()
        copied._rows = dict(self._rows)
        copied._found = {key: dict(places) for key, places in list(self._found.items())}
        return copied

    def every(self) -> list[Json]:
        """All, in the order of their resources' names, kinds and subjects."""
        return _ordered(list(self._rows.values()))

    def of_subject(self, subject: str) -> list[Json]:
        """Those that a subject has."""
        return self._with("subject", subject)

    def of_resource(self, resource_id: str) -> list[Json]:
        """Those of a resource, by its id."""
        return self._with("resourceId", resource_id)

    def named(self, name: str, namespace: str | None) -> list[Json]:
        """Those of a resource, by its name; None: in every namespace."""
        found = self._with("resourceName", name)
        return [row for row in found if namespace in (None, row["resourceNamespace"])]

    def apply(self, key: Json, value: Json | None) -> None:
        """Take an ASSOC record; a value of None ends what the key names."""
        place = tuple(str(key.get(name) or "") for name in KEYED_FIELDS)
        before = self._rows.pop(place, None)
        if before is not None:
            for field in _LOOKED_UP:
                places = self._found.get((field, before[field]), {})
                places.pop(place, None)
                if not places:
                    self._found.pop((field, before[field]), None)
        if value is None:
            return
        row: Json = {name: value[name] for name in ASSOCIATION_FIELDS if name in value}
        row |= dict(zip(KEYED_FIELDS, place, strict=True))
        row["resourceId"] = str(row.get("resourceId") or "")
        self._rows[place] = row
        for field in _LOOKED_UP:
            self._found.setdefault((field, row[field]), {})[place] = None

    def _with(self, field: str, value: str) -> list[Json]:
        places = list(self._found.get((field, value), {}))
        rows = (self._rows.get(place) for place in places)
        return _ordered([row for row in rows if row is not None])


_LOOKED_UP = ("subject", "resourceId", "resourceName")


def _ordered(rows: list[Json]) -> list[Json]:
    names = ("resourceName", "resourceNamespace", "resourceType", "associationType", "subject")
    return sorted(rows, key=lambda row: tuple(row[name] for name in names))
