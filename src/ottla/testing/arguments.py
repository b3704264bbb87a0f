"""Whether what a Broker is given makes sense, said in the words of the one who gave it.

Only what would else be told of other keys, or by Python, is looked at here; the rest is the
configuration's own check.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from ottla.testing.errors import BadArgument, BadType
from ottla.testing.texts import Headers, as_bytes, as_property

PORT_MAX = 65535
INT32_MAX, INT64_MAX = 2**31 - 1, 2**63 - 1
_SECURE = ("SASL_PLAINTEXT", "SASL_SSL", "SSL")
_CONTROLLER = "CONTROLLER"


def checked_name(what: str, name: object) -> str:
    """The name of a topic or group.

    Raises:
        BadType: no str.
    """
    if not isinstance(name, str):
        raise BadType(f"{what}={name!r} is not a name", hint=f'a {what} is a str, such as "orders"')
    return name


def checked_whole(
    what: str, number: object, most: int, *, least: int = 0, hint: str | None = None
) -> int:
    """The number, if it is a whole one within these bounds.

    Raises:
        BadType: no whole number.
        BadArgument: too small or too large.
    """
    if not isinstance(number, int) or isinstance(number, bool):
        raise BadType(f"{what}={number!r} is not a whole number", hint=hint)
    if not least <= number <= most:
        raise BadArgument(f"{what}={number} is not from {least} to {most}", hint=hint)
    return number


def checked_seconds(seconds: object) -> float:
    """How long to wait.

    Raises:
        BadArgument: no number, or less than none.
    """
    if not hasattr(seconds, "__float__") or not float(seconds) >= 0:
        raise BadArgument(f"timeout={seconds!r} is no number of seconds", hint="5 is five seconds")
    return float(seconds)


def checked_headers(headers: Headers) -> tuple[tuple[str, bytes | None], ...]:
    """A record's headers as they are sent.

    Raises:
        BadType: neither a mapping nor pairs, or a name or value that can be none.
    """
    hint = 'such as {"source": "shop"}, or [("source", "shop")]'
    rows = headers.items() if isinstance(headers, Mapping) else headers
    if isinstance(rows, (str, bytes)) or not isinstance(rows, Iterable):
        raise BadType(f"headers={headers!r} are neither a mapping nor pairs", hint=hint)
    found = []
    for row in rows:
        if not isinstance(row, (tuple, list)) or len(row) != 2 or not isinstance(row[0], str):
            raise BadType(f"{row!r} is no header: a name and a value", hint=hint)
        found.append((row[0], as_bytes(row[1], "a header")))
    return tuple(found)


def registry_port_of(registry: object) -> int | None:
    """The port of a registry that is wanted, 0 for any; None where none is.

    Raises:
        BadArgument: it is neither a bool nor a port.
    """
    if isinstance(registry, bool):
        return 0 if registry else None
    if isinstance(registry, int) and 0 <= registry <= 65535:
        return registry
    raise BadArgument(
        f"registry={registry!r} is neither True nor a port",
        hint="registry=True serves one on a free port; one that runs elsewhere needs no argument",
    )


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


def folder_of(config: Mapping[str, str], folder: object) -> str | None:
    """Where a broker's logs lie: in the first log dir of its configuration, or else in `folder`;
    None if that is for nobody but us to say.

    Raises:
        BadType: no path.
        BadArgument: an empty one.
    """
    given = None if folder is None else checked_dir(folder)
    named = config.get("log.dirs") or config.get("log.dir", "")
    return named.split(",")[0].strip() or given


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
