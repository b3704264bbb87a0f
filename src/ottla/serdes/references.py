"""What a schema refers to, fetched from the registry with all that it refers to in turn."""

from __future__ import annotations

from ottla.schemas.language import Dependency
from ottla.serdes.contract import Contract, Registered
from ottla.serdes.errors import BadData
from ottla.serdes.registry_client import SchemaRegistry, context_of

REFERENCES_MAX = 1000
DEPTH_MAX = 100


def dependencies(
    registry: SchemaRegistry, contract: Contract, subject: str | None = None
) -> list[Dependency]:
    """The texts that a schema needs, each once, those that others need first.

    A reference without a context means the subject in the context of the schema itself.

    Raises:
        BadData: they go in a circle, or there are too many, also one behind the other.
        RegistryError: one is not there.
    """
    found: dict[str, Dependency] = {}
    _follow(registry, contract, context_of(subject), found, [])
    return list(found.values())


def _follow(
    registry: SchemaRegistry,
    contract: Contract,
    context: str,
    found: dict[str, Dependency],
    under_way: list[tuple[str, int]],
) -> None:
    for reference in contract.references:
        if reference.name in found:
            continue
        subject = reference.subject
        if context and not subject.startswith(":"):
            subject = f":{context}:{subject}"
        place = (subject, reference.version)
        if place in under_way:
            circle = " → ".join(f"{name} {version}" for name, version in [*under_way, place])
            raise BadData(f"the references of schemas go in a circle: {circle}", subject=subject)
        if len(under_way) >= DEPTH_MAX:
            raise BadData(
                f"more than {DEPTH_MAX} references lead from one schema to the next",
                subject=subject,
            )
        if len(found) >= REFERENCES_MAX:
            raise BadData(f"a schema has more than {REFERENCES_MAX} references", subject=subject)
        version = _version(registry, subject, reference.version)
        under_way.append(place)
        _follow(registry, version.contract, context_of(subject), found, under_way)
        under_way.pop()
        found[reference.name] = Dependency(reference.name, version.text)


def _version(registry: SchemaRegistry, subject: str, number: int) -> Registered:
    """A version, deleted or not: what refers to it was registered while it was there."""
    if number == -1:
        return registry.latest(subject)
    return registry.version(subject, number, deleted=True)
