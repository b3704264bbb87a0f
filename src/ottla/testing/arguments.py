"""Whether what a Broker is given makes sense, said in the words of the one who gave it.

Only what would else be told of other keys, or by Python, is looked at here; the rest is the
configuration's own check.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from ottla.testing.errors import BadArgument, BadType
from ottla.testing.texts import as_property

PORT_MAX = 65535
_SECURE = ("SASL_PLAINTEXT", "SASL_SSL", "SSL")
_CONTROLLER = "CONTROLLER"


def checked_port(port: object) -> int:
    """The port, if it is one.

    Raises:
        BadType: no number.
        BadArgument: no port.
    """
    hint = f"0 takes any free port, 1 to {PORT_MAX} that one"
    if not isinstance(port, int) or isinstance(port, bool):
        raise BadType(f"port={port!r} is not a number", hint=hint)
    if not 0 <= port <= PORT_MAX:
        raise BadArgument(f"port={port} is not a port", hint=hint)
    return port


def checked_dir(folder: object) -> str:
    """The folder's path.

    Raises:
        BadType: no path.
        BadArgument: an empty one.
    """
    hint = "give a folder that can be written, or leave dir out for a temporary one"
    if not isinstance(folder, (str, bytes, os.PathLike)):
        raise BadType(f"dir={folder!r} is not a path", hint=hint)
    path = os.fsdecode(folder)
    if not path:
        raise BadArgument("dir='' is no folder", hint=hint)
    return path


def checked_config(config: object) -> dict[str, str]:
    """The properties as texts.

    Raises:
        BadType: no mapping, or a key or value that no properties file could have.
        BadArgument: a listener with TLS or SASL.
    """
    if not isinstance(config, Mapping):
        raise BadType(
            f"config is a mapping, not {type(config).__name__}",
            hint='such as {"num.partitions": 3}',
        )
    texts = {}
    for key, value in config.items():
        if not isinstance(key, str) or not isinstance(value, (str, int, float)):
            raise BadType(
                f"config[{key!r}] is {value!r}, which is no property",
                hint="keys are str, values str, numbers or bool; leave out what has its default",
            )
        texts[key] = as_property(value)
    _refuse_security(texts)
    return _with_controller(texts)


def _refuse_security(config: Mapping[str, str]) -> None:
    protocols = dict(_pairs(config.get("listener.security.protocol.map", "")))
    for key in ("listeners", "advertised.listeners"):
        for part in config.get(key, "").split(","):
            name = part.strip().partition("://")[0].upper()
            _refuse_protocol(key, protocols.get(name, name))
    for protocol in protocols.values():
        _refuse_protocol("listener.security.protocol.map", protocol)
    _refuse_protocol(
        "security.inter.broker.protocol", config.get("security.inter.broker.protocol", "")
    )


def _pairs(text: str) -> list[tuple[str, str]]:
    pairs = (part.strip().upper().partition(":") for part in text.split(","))
    return [(name.strip(), protocol.strip()) for name, _, protocol in pairs]


def _refuse_protocol(key: str, protocol: str) -> None:
    if protocol.upper() in _SECURE:
        raise BadArgument(
            f"config[{key!r}] asks for {protocol.upper()}, which no listener speaks yet",
            hint=f"leave {key} out: the broker then listens on 127.0.0.1 in PLAINTEXT",
        )


def _with_controller(config: dict[str, str]) -> dict[str, str]:
    """Who sets listeners thinks of clients; the controller's own is not for them to know."""
    listeners = config.get("listeners", "")
    names = {part.strip().partition("://")[0].upper() for part in listeners.split(",")}
    if listeners and "controller.listener.names" not in config and _CONTROLLER not in names:
        config["listeners"] = f"{listeners},{_CONTROLLER}://127.0.0.1:0"
    return config
