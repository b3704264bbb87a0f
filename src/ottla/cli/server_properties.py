"""Which server.properties a command means, and what is in it.

Guides say `config/kraft/server.properties`, which is right inside of a Kafka folder. Elsewhere the
file of that name that comes with the package is taken, and that is said.
"""

from __future__ import annotations

import os
import sys

from ottla.cli.options import UsageError
from ottla.cli.properties import key_values, read_properties
from ottla.errors import OttlaError

_FORMER = {
    "config/zookeeper.properties": "Kafka has no ZooKeeper any more: leave this step out",
    "config/kraft/broker.properties": "config/server.properties, for controller and broker in one",
    "config/kraft/controller.properties": "config/server.properties, for controller and broker in "
    "one",
    "config/kraft/reconfig-server.properties": "it is called config/server.properties now",
    "config/connect-standalone.properties": "Connect is not built yet",
    "config/connect-distributed.properties": "Connect is not built yet",
}
"""Paths of older guides, and what to say today."""

PACKAGED = os.path.join(os.path.dirname(os.path.dirname(__file__)), "kafka_home")


def find_properties(path: str) -> str:
    """The file that the path means: itself, or the packaged one of that name.

    Raises:
        OttlaError: there is neither.
    """
    if os.path.exists(path):
        return path
    relative = os.path.normpath(path)
    if not os.path.isabs(path) and not relative.startswith(".."):
        packaged = os.path.join(PACKAGED, relative)
        if os.path.isfile(packaged):
            print(
                f"{path} is not under {os.getcwd()}: using the one that comes with Ottla,"
                f" {packaged}",
                file=sys.stderr,
            )
            return packaged
    usual = "config/kraft/server.properties is always there: it comes with Ottla"
    raise OttlaError(f"{path} is not there", hint=_FORMER.get(relative, usual))


def load_properties(path: str, overrides: list[str]) -> dict[str, str]:
    """What the file sets, with `--override key=value` on top.

    Raises:
        OttlaError: the file can't be read.
        UsageError: an override is not key=value.
    """
    if not path:
        raise UsageError("the path of a server.properties is missing")
    properties = read_properties(find_properties(path))
    properties.update(key_values("--override", overrides))
    return properties
