"""kafka-features.sh: describe, raise and lower the levels of features, and what goes with which.

`version-mapping` and `feature-dependencies` ask no node. As Apache's it takes the beginning of an
option's name for the whole, if it is that of no other.
"""

from __future__ import annotations

import sys
from typing import Final

from ottla.cli.connect import connect
from ottla.cli.feature_levels import (
    dependencies,
    dependency_lines,
    name_and_level,
    release_level,
    release_levels,
)
from ottla.cli.options import (
    BOOTSTRAP,
    BOOTSTRAP_CONTROLLER,
    COMMAND_CONFIG,
    Command,
    Option,
    Parsed,
    UsageError,
    is_java_int,
    whole,
)
from ottla.cli.run import Failed, run
from ottla.client.admin import features
from ottla.client.errors import ApiNotSupported, BrokerError
from ottla.metadata.features import (
    METADATA_VERSION,
    METADATA_VERSION_MAX,
    METADATA_VERSION_NAMES,
)

CHANGES: Final = ("upgrade", "downgrade", "disable")
VERBS: Final = (
    ("describe", "which levels a node supports, and which are final in its cluster"),
    ("upgrade", "raise the levels of features"),
    ("downgrade", "lower the levels of features"),
    ("disable", "lower features to level 0"),
    ("version-mapping", "which levels a release brings"),
    ("feature-dependencies", "what a level needs of other features"),
)
COMMAND = Command(
    "kafka-features.sh",
    "describe and change the levels of a cluster's features",
    (
        BOOTSTRAP,
        BOOTSTRAP_CONTROLLER,
        COMMAND_CONFIG,
        Option("--node-id", "Ask this node; any if left out.", "id", only_with=("describe",)),
        Option(
            "--feature",
            "A feature and its level: transaction.version=2; for `disable` its name alone.",
            "feature=level",
            many=True,
            only_with=(*CHANGES, "feature-dependencies"),
        ),
        Option(
            "--release-version",
            "A release, 4.3 or 4.3-IV0: all features as it has them.",
            "release",
            only_with=("upgrade", "downgrade", "version-mapping"),
        ),
        Option(
            "--metadata",
            "The level of metadata.version by its name, 4.3-IV0; older than --release-version.",
            "release",
            only_with=("upgrade", "downgrade"),
        ),
        Option(
            "--unsafe",
            "Even if metadata may be lost by it.",
            only_with=("downgrade", "disable"),
        ),
        Option("--dry-run", "Only say what would come of it.", only_with=CHANGES),
        Option(
            "--json",
            "Print JSON (Ottla only).",
            only_with=("describe", "version-mapping", "feature-dependencies"),
        ),
    ),
    (
        (
            "which levels are final",
            "kafka-features.sh --bootstrap-server localhost:9092 describe",
        ),
        (
            "would an upgrade to 4.3 be taken",
            "kafka-features.sh --bootstrap-server localhost:9092 upgrade --release-version 4.3 "
            "--dry-run",
        ),
        (
            "back to transactions as they were before 4.0",
            "kafka-features.sh --bootstrap-server localhost:9092 downgrade --feature "
            "transaction.version=0",
        ),
        ("what a release brings", "kafka-features.sh version-mapping --release-version 4.0"),
    ),
    words="verb",
    verbs=VERBS,
    help_exit_code=0,
)


def main(parsed: Parsed) -> int:
    """Do what the verb says."""
    verb = parsed.verb()
    if verb == "version-mapping":
        _print_mapping(parsed)
    elif verb == "feature-dependencies":
        _print_dependencies(parsed)
    else:
        if parsed.has("--bootstrap-server") == parsed.has("--bootstrap-controller"):
            raise UsageError("give one of --bootstrap-server and --bootstrap-controller")
        if verb == "describe":
            _describe(parsed)
        else:
            _change(parsed, verb)
    return 0


# ---------------------------------------------------------------------- describe
def _describe(parsed: Parsed) -> None:
    text = parsed.text("--node-id")
    if text is not None and not is_java_int(text):
        raise UsageError(f"--node-id takes a whole number, not '{text}'")
    node_id = None if text is None else int(text)
    if node_id is not None and node_id < 0:
        raise Failed(f"Invalid node id {node_id}: must be non-negative.")
    with connect(parsed) as client:
        found = features.describe(client, node_id)
    epoch = "-" if found.epoch is None else str(found.epoch)
    if parsed.has("--json"):
        _print_json({"epoch": found.epoch, "features": [row._asdict() for row in found.rows]})
        return
    for row in found.rows:
        low, high, final = (
            _level_name(row.name, level)
            for level in (row.min_level, row.max_level, row.final_level)
        )
        print(
            f"Feature: {row.name:40}  SupportedMinVersion: {low:15}  SupportedMaxVersion: "
            f"{high:15}  FinalizedVersionLevel: {final:15}  Epoch: {epoch}"
        )


def _level_name(feature: str, level: int) -> str:
    if feature == METADATA_VERSION:
        return METADATA_VERSION_NAMES.get(level, f"UNKNOWN {level}")
    return str(level)


def _print_json(value: object) -> None:
    import json

    print(json.dumps(value, indent=2))


# ---------------------------------------------------------------------- changes
def _change(parsed: Parsed, verb: str) -> None:
    way = features.UPGRADE
    if verb != "upgrade":
        unsafe = parsed.has("--unsafe")
        way = features.UNSAFE_DOWNGRADE if unsafe else features.SAFE_DOWNGRADE
    levels = _levels(parsed, verb)
    if not levels:
        raise Failed(f"You must specify at least one feature to {verb}")
    dry = parsed.has("--dry-run")
    updates = [features.Update(name, level, way) for name, level in levels.items()]
    refusal: str | None = None
    with connect(parsed) as client:
        try:
            features.update(client, updates, validate_only=dry)
        except (ApiNotSupported, BrokerError) as error:
            refusal = str(error)
    for name in sorted(levels):
        _print_outcome(verb, name, levels[name], refusal, dry=dry)
    if refusal is not None:
        raise Failed(f"{len(levels)} out of {len(levels)} operation(s) failed.")


def _print_outcome(verb: str, name: str, level: int, refusal: str | None, *, dry: bool) -> None:
    disables = verb == "disable"
    if refusal is not None:
        what = name if disables else f"{name} to {level}"
        print(f"{'Can' if dry else 'Could'} not {verb} {what}. {refusal}")
        return
    done = "disabled." if disables else f"{verb}d to {level}."
    print(f"{name} {'can be' if dry else 'was'} {done}")


def _levels(parsed: Parsed, verb: str) -> dict[str, int]:
    """The level that each feature is to be at, that of metadata.version first."""
    given = parsed.all("--feature")
    release, metadata = parsed.text("--release-version"), parsed.text("--metadata")
    found: dict[str, int] = {}
    if release is not None:
        if given or metadata is not None:
            raise Failed("Can not specify `release-version` with other feature flags.")
        level = release_level(release, unstable=True)
        found[METADATA_VERSION] = level
        levels = release_levels(level).items()
        found |= {name: default for name, default in levels if default or verb != "upgrade"}
    if metadata is not None:
        print(" `metadata` flag is deprecated and may be removed in a future release.", flush=True)
        found[METADATA_VERSION] = release_level(metadata, unstable=True)
    for text in given:
        name, level = (text, 0) if verb == "disable" else name_and_level(text)
        if name in found:
            raise Failed(f"Feature {name} was specified more than once.")
        found[name] = level
    return found


# ---------------------------------------------------------------------- without a node
def _print_mapping(parsed: Parsed) -> None:
    release = parsed.text("--release-version") or METADATA_VERSION_NAMES[METADATA_VERSION_MAX]
    level = release_level(release, unstable=True)
    levels = release_levels(level)
    if parsed.has("--json"):
        _print_json({METADATA_VERSION: level, **levels})
        return
    print(f"{METADATA_VERSION}={level} ({release})")
    for name, default in levels.items():
        print(f"{name}={default}")


def _print_dependencies(parsed: Parsed) -> None:
    asked = parsed.all("--feature")
    if not asked:
        raise UsageError("argument --feature is required")
    rows: list[object] = []
    for text in asked:
        name, level = name_and_level(text)
        none = f"No feature:{name} with feature level {level}"
        needs = dependencies(name, level, out_of_range=none)
        if parsed.has("--json"):
            rows.append({"feature": name, "level": level, "requires": dict(needs)})
            continue
        for line in dependency_lines(name, level, needs):
            print(line)
    if parsed.has("--json"):
        _print_json(rows)


def entry() -> int:
    """kafka-features.sh."""
    return run(COMMAND, main, whole(COMMAND, sys.argv[1:]))
