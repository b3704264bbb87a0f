"""Feature levels as commands take and print them: `feature=level`, releases, what needs what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from ottla.cli.options import is_java_int
from ottla.cli.run import Failed
from ottla.metadata.features import (
    FEATURES,
    METADATA_VERSION,
    METADATA_VERSION_NAMES,
    latest_metadata_version,
    metadata_version_level,
)

SHORT_MAX: Final = (1 << 15) - 1


def name_and_level(text: str) -> tuple[str, int]:
    """A feature and its level.

    Raises:
        Failed: the text is none.
    """
    name, equals, level = text.partition("=")
    if not equals:
        raise Failed(f"Can't parse feature=level string {text}: equals sign not found.")
    level = level.strip()
    if not is_java_int(level) or not -SHORT_MAX - 1 <= int(level) <= SHORT_MAX:
        raise Failed(
            f"Can't parse feature=level string {text}: unable to parse {level} as a short."
        )
    return name.strip(), int(level)


def release_level(release: str, *, unstable: bool) -> int:
    """The metadata.version of a release.

    Raises:
        Failed: it is not known.
    """
    latest = latest_metadata_version(unstable=unstable)
    level = metadata_version_level(release)
    if level is None or level > latest:
        known = ", ".join(name for at, name in METADATA_VERSION_NAMES.items() if at <= latest)
        raise Failed(
            f"Unknown metadata.version '{release}'. Supported metadata.version are: {known}"
        )
    return level


def release_levels(metadata_version: int) -> dict[str, int]:
    """The levels of the other features that a cluster formatted at this one has."""
    return {name: feature.default_level(metadata_version) for name, feature in FEATURES.items()}


def dependencies(name: str, level: int, *, out_of_range: str) -> Mapping[str, int]:
    """What a level needs of other features; `out_of_range` says that the feature has no such
    level.

    Raises:
        Failed: there is no such feature, or level of it.
    """
    if name == METADATA_VERSION:
        if level not in METADATA_VERSION_NAMES:
            raise Failed(f"Unknown metadata.version {level}")
        return {}
    feature = FEATURES.get(name)
    if feature is None:
        raise Failed(f"Unknown feature: {name}")
    if not 0 <= level <= feature.max_level:
        raise Failed(out_of_range)
    return feature.dependencies.get(level, {})


def dependency_lines(name: str, level: int, needs: Mapping[str, int]) -> Iterator[str]:
    """How that is printed."""
    shown = f"{name}={level}{_called(name, level)}"
    yield f"{shown} requires:" if needs else f"{shown} has no dependencies."
    for other, least in needs.items():
        yield f"    {other}={least}{_called(other, least)}"


def _called(name: str, level: int) -> str:
    return f" ({METADATA_VERSION_NAMES[level]})" if name == METADATA_VERSION else ""
