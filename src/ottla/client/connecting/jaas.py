"""`sasl.jaas.config` as Java writes it: one login module, whether it is required, and its options.

    org.apache.kafka.common.security.plain.PlainLoginModule required username="a" password="b";

No error quotes the text: it holds a password.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from ottla.client.errors import BadSetting

KEY: Final = "sasl.jaas.config"
_PACKAGE: Final = "org.apache.kafka.common.security"
_MODULES: Final = {
    f"{_PACKAGE}.plain.PlainLoginModule": "PLAIN",
    f"{_PACKAGE}.scram.ScramLoginModule": "SCRAM",
    f"{_PACKAGE}.oauthbearer.OAuthBearerLoginModule": "OAUTHBEARER",
}
_FLAGS: Final = ("required", "requisite", "sufficient", "optional")
_HINT: Final = (
    f'write MODULE required username="..." password="..."; with {_PACKAGE}.plain.PlainLoginModule '
    "or .scram.ScramLoginModule for MODULE, and the semicolon at the end"
)
_TOKEN: Final = re.compile(r'\s*(?:"((?:[^"\\\n]|\\.)*)"|([^\s"=;]+)|([=;]))')
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "b": "\b", "a": "\a", "v": "\v"}


class Jaas(NamedTuple):
    """A login module and what it is told."""

    family: str
    """"PLAIN", "SCRAM" or "OAUTHBEARER"."""
    options: dict[str, str]

    def __repr__(self) -> str:
        return f"Jaas(family={self.family!r}, options={sorted(self.options)})"


def parse_jaas(text: str) -> Jaas:
    """The module and its options.

    Raises:
        BadSetting: it is something else, or a module that only Java has.
    """
    tokens = _tokens(text)
    if len(tokens) < 3 or tokens[-1] != (";", True):
        raise _bad("is not MODULE FLAG OPTION=VALUE ...;")
    module, flag = tokens[0][0], tokens[1][0]
    if (";", True) in tokens[:-1]:
        raise _bad("names several login modules, or has a semicolon between its options")
    if flag.lower() not in _FLAGS:
        raise _bad(f"has no {'|'.join(_FLAGS)} behind its module")
    options: dict[str, str] = {}
    rest = tokens[2:-1]
    if len(rest) % 3:
        raise _bad("has an option that is not NAME=VALUE")
    for (name, _), equals, (value, is_mark) in zip(rest[::3], rest[1::3], rest[2::3], strict=True):
        if equals != ("=", True) or is_mark:
            raise _bad("has an option that is not NAME=VALUE")
        options[name] = value
    family = _MODULES.get(module)
    if family is None:
        known = ", ".join(name.rpartition(".")[2] for name in _MODULES)
        hint = f"there are {known}, with their packages"
        if module.endswith("Krb5LoginModule"):
            hint = "Kerberos is not spoken; the node may also take SCRAM or PLAIN"
        short = module[:100]
        raise BadSetting(KEY, f"{KEY} names {short}, a class that only Java can load", hint=hint)
    return Jaas(family, options)


def _tokens(text: str) -> list[tuple[str, bool]]:
    """Words, quoted or not, and marks; each with whether it is a mark."""
    found: list[tuple[str, bool]] = []
    at, text = 0, text.strip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _bad("has a quotation mark that is not closed")
        quoted, word, mark = match.groups()
        if quoted is not None:
            found.append((_unescaped(quoted), False))
        else:
            found.append((word, False) if word is not None else (mark, True))
        at = match.end()
    return found


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[1]), text, flags=re.DOTALL)


def _bad(why: str) -> BadSetting:
    return BadSetting(KEY, f"{KEY} {why}", hint=_HINT)
