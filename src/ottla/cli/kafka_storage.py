"""kafka-storage.sh: format the folders of a node, look at them, draw an id.

`format`, `info`, `random-uuid`, `version-mapping`, `feature-dependencies`, with Apache's flags and
the lines that scripts look for. One thing differs: where `controller.quorum.bootstrap.servers` is
set and no flag says who the first controllers are, Apache's tool asks for one; ours formats a
quorum of this node alone, as with --standalone, and says so. So the line that the guides print
works with either kind of configuration.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ottla.cli.options import Command, Option, Parsed, UsageError, nearest
from ottla.cli.run import Failed, run

if TYPE_CHECKING:
    from ottla.config.broker import BrokerConfig
    from ottla.raft.voters import VoterSet

_SHORT = {
    "-c": "--config",
    "-f": "--feature",
    "-g": "--ignore-formatted",
    "-h": "--help",
    "-I": "--initial-controllers",
    "-N": "--no-initial-controllers",
    "-r": "--release-version",
    "-s": "--standalone",
    "-S": "--add-scram",
    "-t": "--cluster-id",
}

_CONFIG = Option("--config", "The server.properties of the node (-c).", "file")
_RELEASE = Option(
    "--release-version",
    "The release whose features the cluster begins with: 4.2, or 4.2-IV1 (-r). The latest if "
    "left out.",
    "version",
)

FORMAT = Command(
    "kafka-storage.sh format",
    "format the folders of a node, once, before its first start",
    (
        _CONFIG,
        Option("--cluster-id", "The id of the cluster, the same for all of its nodes (-t).", "id"),
        Option(
            "--standalone",
            "Begin a dynamic quorum of this controller alone (-s). So it is done, too, where no "
            "flag says who the first controllers are.",
        ),
        Option(
            "--initial-controllers",
            "Begin a dynamic quorum of these: id@host:port:directory-id, several with commas "
            "between, the same on all of them (-I).",
            "voters",
        ),
        Option(
            "--no-initial-controllers",
            "Say nothing of controllers: the node joins a quorum that is there (-N).",
        ),
        Option(
            "--feature",
            "The level of a feature: transaction.version=1 (-f).",
            "feature=level",
            many=True,
        ),
        _RELEASE,
        Option("--ignore-formatted", "Leave folders be that are formatted already (-g)."),
        Option(
            "--add-scram",
            "A SCRAM credential to begin with (-S).",
            "credential",
            many=True,
            refused="SASL listeners are not served yet, so nobody could log in with it",
        ),
    ),
    (
        (
            "as the guides say",
            'kafka-storage.sh format -t "$(kafka-storage.sh random-uuid)" '
            "-c config/kraft/server.properties",
        ),
        (
            "add a folder to log.dirs of a node that is formatted",
            "kafka-storage.sh format -g -t <its cluster id> -c server.properties",
        ),
    ),
    help_exit_code=0,
)
INFO = Command(
    "kafka-storage.sh info",
    "say which folders a node has, and what they say of themselves",
    (_CONFIG,),
    (("look at the folders", "kafka-storage.sh info -c config/kraft/server.properties"),),
    ((0, "all is well"), (1, "a folder is missing, not formatted, or fits not the others")),
    help_exit_code=0,
)
RANDOM_UUID = Command(
    "kafka-storage.sh random-uuid",
    "print a new id for a cluster or a directory",
    (),
    (("draw one", "kafka-storage.sh random-uuid"),),
    words="",
    help_exit_code=0,
)
VERSION_MAPPING = Command(
    "kafka-storage.sh version-mapping",
    "print the features that a release begins with",
    (_RELEASE,),
    (("of release 4.0", "kafka-storage.sh version-mapping -r 4.0"),),
    words="",
    help_exit_code=0,
)
FEATURE_DEPENDENCIES = Command(
    "kafka-storage.sh feature-dependencies",
    "print what a level of a feature needs of others",
    (Option("--feature", "The feature and level (-f).", "feature=level", many=True),),
    (("of one", "kafka-storage.sh feature-dependencies -f transaction.version=2"),),
    help_exit_code=0,
)
VERBS = Command(
    "kafka-storage.sh",
    "format, info, random-uuid, version-mapping or feature-dependencies",
    (),
    (
        ("what format can do", "kafka-storage.sh format --help"),
        FORMAT.examples[0],
        *INFO.examples,
        *RANDOM_UUID.examples,
    ),
    words="what to do",
    help_exit_code=0,
)


# ---------------------------------------------------------------------- format
def format_folders(parsed: Parsed) -> int:
    """Format what the properties file names."""
    from ottla.node.format import format_directories, metadata_version_name

    parsed.not_together("--standalone", "--no-initial-controllers", "--initial-controllers")
    config = _config(parsed)
    cluster_id = parsed.required("--cluster-id")
    level, features = _features(parsed, unstable=config.unstable_features)
    _check_kraft_version(config, features)
    voters, standalone = _first_controllers(parsed, config)
    done = format_directories(
        config,
        cluster_id,
        metadata_version=level,
        levels=features,
        voters=voters,
        standalone=standalone,
        ignore_formatted=parsed.has("--ignore-formatted"),
    )
    if not done:
        print("All of the log directories are already formatted.")
    for folder in done:
        name = metadata_version_name(level)
        print(f"Formatting {folder.kind} {folder.directory} with metadata.version {name}.")
    return 0


def _config(parsed: Parsed) -> BrokerConfig:
    from ottla.cli.server_properties import load_properties
    from ottla.config.broker import BrokerConfig

    config = BrokerConfig(load_properties(parsed.required("--config"), []))
    if config.node_id < 0:
        raise Failed("node.id is negative", hint="set node.id to 0 or more")
    return config


def _features(parsed: Parsed, *, unstable: bool) -> tuple[int, dict[str, int]]:
    """(metadata.version, levels of the other features) as the flags say."""
    from ottla.cli.feature_levels import name_and_level
    from ottla.metadata.features import METADATA_VERSION, METADATA_VERSION_NAMES

    levels = dict(map(name_and_level, parsed.all("--feature")))
    release = parsed.text("--release-version")
    named = levels.pop(METADATA_VERSION, None)
    if named is not None and release is not None:
        raise Failed(
            "Use --release-version instead of --feature metadata.version=X to avoid ambiguity."
        )
    if named is not None and named not in METADATA_VERSION_NAMES:
        raise Failed(f"No feature:{METADATA_VERSION} with feature level {named}")
    level = named if named is not None else _release_level(release, unstable=unstable)
    return level, levels


def _release_level(release: str | None, *, unstable: bool) -> int:
    from ottla.cli.feature_levels import release_level
    from ottla.metadata.features import latest_metadata_version

    if release is None:
        return latest_metadata_version(unstable=unstable)
    return release_level(release, unstable=unstable)


def _check_kraft_version(config: BrokerConfig, features: dict[str, int]) -> None:
    from ottla.metadata.features import KRAFT_VERSION

    level = features.get(KRAFT_VERSION)
    if level is None:
        return
    if level not in (0, 1):
        raise Failed(f"No feature:{KRAFT_VERSION} with feature level {level}")
    if config.voters and level > 0:
        raise Failed(
            "Cannot set kraft.version to 1 unless controller.quorum.voters is empty",
            hint="for a dynamic quorum, set controller.quorum.bootstrap.servers instead",
        )
    if not config.voters and level == 0:
        raise Failed(
            "Cannot set kraft.version to 0 if controller.quorum.voters is empty",
            hint="leave --feature kraft.version out",
        )


def _first_controllers(parsed: Parsed, config: BrokerConfig) -> tuple[VoterSet | None, bool]:
    """(the voters to begin with, whether that is this node alone)."""
    chosen = parsed.text("--initial-controllers")
    if config.voters:
        if parsed.has("--standalone") or chosen is not None:
            raise Failed(
                "You cannot specify controller.quorum.voters and format the node with "
                "--initial-controllers or --standalone.",
                hint="for a dynamic quorum, set controller.quorum.bootstrap.servers instead of "
                "controller.quorum.voters",
            )
        return None, False
    if chosen is not None:
        return _voters(chosen, config), False
    if "controller" not in config.process_roles or parsed.has("--no-initial-controllers"):
        if parsed.has("--standalone"):
            raise Failed("--standalone is for controllers; process.roles names none")
        return None, False
    if not parsed.has("--standalone"):
        print(
            "controller.quorum.voters is not set: formatting a quorum of this controller alone, as "
            "with --standalone",
            file=sys.stderr,
        )
    return None, True


def _voters(text: str, config: BrokerConfig) -> VoterSet:
    from ottla.config.quorum import split_address
    from ottla.raft.voters import Voter
    from ottla.wire.types import uuid_from_text

    listener = config.controller_listener_names[0]
    voters: dict[int, Voter] = {}
    for entry in text.split(","):
        number, at, rest = entry.strip().partition("@")
        if not at:
            raise Failed(f"No @ found in dynamic voter string '{entry}'.", hint=_VOTER_HINT)
        address, _, directory = rest.rpartition(":")
        endpoint = split_address(address)
        try:
            directory_id = uuid_from_text(directory)
            voter_id = int(number)
        except ValueError:
            endpoint = None
        if endpoint is None:
            raise Failed(f"'{entry}' is no voter", hint=_VOTER_HINT)
        if voter_id in voters:
            raise Failed(f"Node id {voter_id} was specified more than once.")
        voters[voter_id] = Voter(voter_id, directory_id, ((listener, *endpoint),))
    return voters


_VOTER_HINT = "each is id@host:port:directory-id, as in 1@a.example:9093:JEXY6aqzQY-32P5TStzaFg"


# ---------------------------------------------------------------------- the other verbs
def info(parsed: Parsed) -> int:
    """Say what is in the folders."""
    import os

    from ottla.node.meta_properties import MetaPropertiesError, read_meta_properties
    from ottla.node.world import machine

    disk, config = machine().disk, _config(parsed)
    directories = list(dict.fromkeys((*config.log_dirs, config.metadata_log_dir)))
    there = [directory for directory in sorted(directories) if os.path.isdir(directory)]
    problems = [f"{d} does not exist" for d in sorted(directories) if d not in there]
    found = []
    for directory in there:
        try:
            meta = read_meta_properties(directory, disk)
        except MetaPropertiesError as error:
            problems.append(str(error))
            continue
        if meta is None:
            problems.append(f"{directory} is not formatted.")
        else:
            found.append(meta)
    if there:
        _section("Found log director", there)
    if found:
        print(f"Found metadata: {found[0].described()}\n")
        problems.extend(
            f"folders do not belong together: {meta.described()}"
            for meta in found[1:]
            if (meta.cluster_id, meta.node_id) != (found[0].cluster_id, found[0].node_id)
        )
    if problems:
        _section("Found problem", problems, plural="s", singular="")
    return 1 if problems else 0


def _section(title: str, lines: Sequence[str], *, plural: str = "ies", singular: str = "y") -> None:
    print(f"{title}{singular if len(lines) == 1 else plural}:")
    for line in lines:
        print(f"  {line}")
    print()


def random_uuid(parsed: Parsed) -> int:
    """Print an id."""
    from ottla.node.entropy import SystemEntropy
    from ottla.wire.types import uuid_text

    print(uuid_text(SystemEntropy().uuid()))
    return 0


def version_mapping(parsed: Parsed) -> int:
    """Print what a release begins with."""
    from ottla.cli.feature_levels import release_levels
    from ottla.metadata.features import METADATA_VERSION, METADATA_VERSION_NAMES

    release = parsed.text("--release-version")
    level = _release_level(release, unstable=release is not None)
    print(f"{METADATA_VERSION}={level} ({release or METADATA_VERSION_NAMES[level]})")
    for name, default in release_levels(level).items():
        print(f"{name}={default}")
    return 0


def feature_dependencies(parsed: Parsed) -> int:
    """Print what features need."""
    from ottla.cli.feature_levels import dependencies, dependency_lines, name_and_level

    if not parsed.has("--feature"):
        raise UsageError("--feature is missing")
    for text in parsed.all("--feature"):
        name, level = name_and_level(text)
        none = f"Feature level {level} is not supported for feature {name}"
        for line in dependency_lines(name, level, dependencies(name, level, out_of_range=none)):
            print(line)
    return 0


def _no_verb(parsed: Parsed) -> int:
    verbs = ", ".join(VERB_ROWS)
    if parsed.words:
        raise UsageError(
            f"'{parsed.words[0]}' is not one of {verbs}", hint=nearest(parsed.words[0], VERB_ROWS)
        )
    raise UsageError(f"say what to do: one of {verbs}")


VERB_ROWS: dict[str, tuple[Command, Callable[[Parsed], int]]] = {
    "info": (INFO, info),
    "format": (FORMAT, format_folders),
    "version-mapping": (VERSION_MAPPING, version_mapping),
    "feature-dependencies": (FEATURE_DEPENDENCIES, feature_dependencies),
    "random-uuid": (RANDOM_UUID, random_uuid),
}


def storage(arguments: Sequence[str]) -> int:
    """Run one verb; the exit code."""
    words = [_SHORT.get(word, word) for word in arguments]
    if words and words[0] in VERB_ROWS:
        command, main = VERB_ROWS[words[0]]
        return run(command, main, words[1:])
    if words and not words[0].startswith("-"):
        words = words[:1]  # a verb that is none: its options are not what is wrong
    return run(VERBS, _no_verb, words)


def entry() -> int:
    """kafka-storage.sh."""
    return storage(sys.argv[1:])
