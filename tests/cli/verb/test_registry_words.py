"""What `ottla registry` and `ottla schemas` say of the registry, against the registry itself.

They can't import it to say so: `--help` would wait for all of it.
"""

from __future__ import annotations

from cli.commands import run
from ottla.cli.registry_options import PORT
from ottla.cli.schemas.levels import DEFAULT, LEVELS
from ottla.registry import service, settings


def test_defaults_are_those_of_the_registry() -> None:
    """If this failed, `--help` would name a place where nothing is, or a port of nobody."""
    options = service.Options()
    assert options.port == PORT
    said = " ".join(run(["ottla", "registry", "--help"]).stdout.split())
    for place in (options.topic, options.keys_topic, options.group, str(options.port)):
        assert f"{place} if left out" in said


def test_levels_are_those_of_the_registry() -> None:
    """If this failed, a level that the registry has could not be set, or it would be refused."""
    assert sorted(LEVELS) == sorted(settings.LEVELS)
    assert settings.DEFAULT_LEVEL == DEFAULT
