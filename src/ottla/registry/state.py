"""What the topic `_schemas` comes to: nothing is known but by `apply`, record after record.

One thread applies; others read at the same time. So what they go through is copied in one step
before (`list(...)` of a dict), and a record that is half applied shows at worst as not yet there.
What stays true: a version is under its subject and under its id, or under neither; the highest id
of a context never falls while this state lives, also when its schema is gone for good. What the log
has forgotten by compaction, a state that is read anew does not know.
"""

from __future__ import annotations

from typing import NamedTuple, TypeVar

from ottla.registry import stored
from ottla.registry.associations import Associations
from ottla.registry.contracts import Json
from ottla.registry.stored import Version
from ottla.registry.subjects import DEFAULT_CONTEXT, parsed, qualified

K = TypeVar("K")
V = TypeVar("V")


class Place(NamedTuple):
    """A version, by name."""

    subject: str
    version: int


class State:
    """All that a registry knows."""

    def __init__(self) -> None:
        self._subjects: dict[str, dict[int, Version]] = {}
        self._last: dict[str, int] = {}
        """The last living version of each subject that has one."""
        self._ids: dict[tuple[str, int], dict[Place, None]] = {}
        """By context and id, whoever has it."""
        self._ids_of: dict[tuple[str, bytes], dict[int, None]] = {}
        """By context and hash; more than one where schemas came with ids of their own."""
        self._contexts_of: dict[bytes, dict[str, None]] = {}
        """By hash, where it has an id."""
        self._id_max: dict[str, int] = {}
        self._configs: dict[str | None, Json] = {}
        self._modes: dict[str | None, str] = {}
        self._contexts: dict[str, None] = {}
        self._referrers: dict[Place, dict[Place, None]] = {}
        self.associations = Associations()
        self.unread = 0
        """Records that made no sense."""

    def copy(self) -> State:
        """The same, to be changed alone: what is decided step by step is tried on it."""
        copied = State()
        copied._subjects = {name: dict(held) for name, held in list(self._subjects.items())}
        copied._last = dict(self._last)
        copied._ids = {name: dict(held) for name, held in list(self._ids.items())}
        copied._ids_of = {name: dict(held) for name, held in list(self._ids_of.items())}
        copied._contexts_of = {name: dict(held) for name, held in list(self._contexts_of.items())}
        copied._id_max = dict(self._id_max)
        copied._configs = dict(self._configs)
        copied._modes = dict(self._modes)
        copied._contexts = dict(self._contexts)
        copied._referrers = {name: dict(held) for name, held in list(self._referrers.items())}
        copied.associations = self.associations.copy()
        return copied

    # ------------------------------------------------------------ what is known

    def subjects(self) -> list[str]:
        """Every subject, those with nothing but deleted versions too, in order."""
        return sorted(self._subjects)

    def versions(self, subject: str, *, deleted: bool = False) -> list[Version]:
        """The versions of a subject in order; with `deleted`, softly deleted ones as well."""
        found = list(self._subjects.get(subject, {}).values())
        kept = found if deleted else [version for version in found if not version.deleted]
        return sorted(kept, key=lambda version: version.version)

    def version(self, subject: str, number: int) -> Version | None:
        """One version, softly deleted or not."""
        return self._subjects.get(subject, {}).get(number)

    def latest(self, subject: str, *, deleted: bool = False) -> Version | None:
        """The last version of a subject."""
        if deleted:
            return self.version(subject, self.last_number(subject))
        return self.version(subject, self._last.get(subject, 0))

    def last_number(self, subject: str) -> int:
        """The highest version that is or was there softly; 0 where there was none."""
        return max(list(self._subjects.get(subject, {})), default=0)

    def with_id(self, context: str, schema_id: int) -> list[Version]:
        """Every version that has an id in a context, in the order in which they came."""
        places = list(self._ids.get((context, schema_id), {}))
        found = (self.version(*place) for place in places)
        return [version for version in found if version is not None]

    def id_of(self, context: str, digest: bytes) -> int | None:
        """The id of a schema in a context, by its hash."""
        return next(iter(list(self._ids_of.get((context, digest), {}))), None)

    def contexts_of(self, digest: bytes) -> list[str]:
        """The contexts that a schema has an id in."""
        return sorted(self._contexts_of.get(digest, {}))

    def id_max(self, context: str) -> int:
        """The highest id that a context ever had; 0 where it had none."""
        return self._id_max.get(context, 0)

    def contexts(self) -> list[str]:
        """Every context, the default one first."""
        return sorted({DEFAULT_CONTEXT, *list(self._contexts)})

    def config(self, subject: str | None) -> Json | None:
        """What was set for a subject, or a context (`:.ctx:`; None is the default one)."""
        return self._configs.get(subject)

    def configs(self) -> dict[str | None, Json]:
        """Every config that was set."""
        return dict(self._configs)

    def mode(self, subject: str | None) -> str | None:
        """The mode that was set for a subject or a context."""
        return self._modes.get(subject)

    def modes(self) -> dict[str | None, str]:
        """Every mode that was set."""
        return dict(self._modes)

    def referrers(self, subject: str, version: int, *, deleted: bool = False) -> list[Version]:
        """The versions that refer to one."""
        found = (self.version(*p) for p in list(self._referrers.get(Place(subject, version), {})))
        return [known for known in found if known and (deleted or not known.deleted)]

    def holds(self, key: Json, value: Json | None) -> bool:
        """Whether what a record says is so, now that others may have written after or before it.

        Only schemas can be in each other's way: of two with one id, or as one version, one lost.
        """
        if key["keytype"] != stored.SCHEMA or value is None:
            return True
        held = self.version(key["subject"], key["version"])
        if held is None or (held.id, held.hash.stored) != (value["id"], value["md5"]):
            return False
        holders = self.with_id(parsed(held.subject).context, held.id)
        return all(holder.text == held.text for holder in holders)

    # ------------------------------------------------------------ what a record changes

    def apply(self, key_bytes: bytes | None, value_bytes: bytes | None, ts: int) -> bool:
        """Take one record of the log.

        Returns:
            False where it makes no sense; then nothing has changed.
        """
        key = stored.read_key(key_bytes)
        value = stored.read_value(value_bytes)
        if key is None or (value is None and value_bytes is not None):
            return self._not_read()
        match key["keytype"]:
            case stored.SCHEMA:
                return self._apply_schema(key, value, ts)
            case stored.CONFIG:
                config = None if value is None else stored.read_config(value)
                if value is not None and config is None:
                    return self._not_read()
                self._set(self._configs, key["subject"], config)
            case stored.MODE:
                mode = None if value is None else value.get("mode")
                if value is not None and not isinstance(mode, str):
                    return self._not_read()
                self._set(self._modes, key["subject"], mode)
            case stored.DELETE_SUBJECT if value is not None:
                self._delete_subject(key["subject"], value.get("version"))
            case stored.CLEAR_SUBJECT if value is not None:
                for version in self.versions(key["subject"], deleted=True):
                    if version.deleted:
                        self._remove(version)
            case stored.CONTEXT if key.get("context"):
                if value is None:
                    self._contexts.pop(key["context"], None)
                else:
                    self._contexts[key["context"]] = None
            case stored.ASSOC:
                self.associations.apply(key, value)
        return True

    def _apply_schema(self, key: Json, value: Json | None, ts: int) -> bool:
        before = self.version(key["subject"], key["version"])
        if value is None:
            if before is not None:
                self._remove(before)
            return True
        version = stored.read_version(key, value, ts)
        if version is None:
            return self._not_read()
        if before is not None and (before.id, before.hash) != (version.id, version.hash):
            self._remove(before)
        context = parsed(version.subject).context
        place = Place(version.subject, version.version)
        self._subjects.setdefault(version.subject, {})[version.version] = version
        self._keep_last(version)
        self._ids.setdefault((context, version.id), {})[place] = None
        self._ids_of.setdefault((context, version.hash.digest), {})[version.id] = None
        self._contexts_of.setdefault(version.hash.digest, {})[context] = None
        self._id_max[context] = max(self._id_max.get(context, 0), version.id)
        self._contexts.setdefault(context)
        for reference in version.references:
            at = Place(qualified(reference.subject, context), reference.version)
            self._referrers.setdefault(at, {})[place] = None
        return True

    def _not_read(self) -> bool:
        self.unread += 1
        return False

    def _delete_subject(self, subject: str, upto: object) -> None:
        for version in self.versions(subject):
            if type(upto) is not int or version.version <= upto:
                self._subjects[subject][version.version] = version._replace(deleted=True)
        self._find_last(subject)

    def _remove(self, version: Version) -> None:
        place = Place(version.subject, version.version)
        context = parsed(version.subject).context
        versions = self._subjects.get(version.subject, {})
        versions.pop(version.version, None)
        if self._last.get(version.subject) == version.version:
            self._find_last(version.subject)
        if not versions:
            self._subjects.pop(version.subject, None)
        self._let_go_of_id(context, place, version)
        for reference in version.references:
            at = Place(qualified(reference.subject, context), reference.version)
            self._referrers.get(at, {}).pop(place, None)

    def _let_go_of_id(self, context: str, place: Place, version: Version) -> None:
        digest = version.hash.digest
        holders = self._ids.get((context, version.id), {})
        holders.pop(place, None)
        if not holders:
            self._ids.pop((context, version.id), None)
        if any(other.hash.digest == digest for other in self.with_id(context, version.id)):
            return
        ids = self._ids_of.get((context, digest), {})
        ids.pop(version.id, None)
        if not ids:
            self._ids_of.pop((context, digest), None)
            self._contexts_of.get(digest, {}).pop(context, None)

    def _keep_last(self, version: Version) -> None:
        last = self._last.get(version.subject, 0)
        if not version.deleted:
            self._last[version.subject] = max(last, version.version)
        elif version.version == last:
            self._find_last(version.subject)

    def _find_last(self, subject: str) -> None:
        versions = self._subjects.get(subject, {}).values()
        last = max((v.version for v in versions if not v.deleted), default=0)
        if last:
            self._last[subject] = last
        else:
            self._last.pop(subject, None)

    @staticmethod
    def _set(held: dict[K, V], at: K, value: V | None) -> None:
        if value is None:
            held.pop(at, None)
        else:
            held[at] = value
