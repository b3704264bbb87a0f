"""Values of keys: from the file's text to Python and back, and the rules that a single value must
keep.

Types are Kafka's; in Python they are int (INT, SHORT, LONG), float (DOUBLE), bool, str (STRING,
CLASS, PASSWORD), and a tuple of str (LIST). None where the default is none. Error texts are Kafka's
own, because scripts and people look for them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ottla.config.refusal import ConfigException
from ottla.config.row import Row
from ottla.config.whole_number import whole_number

INTEGER_BITS: Final = {"SHORT": 16, "INT": 32, "LONG": 64}


def invalid(name: str, value: object, why: str = "") -> ConfigException:
    """The exception that names the key, the value and the reason as Kafka words it."""
    tail = f": {why}" if why else ""
    return ConfigException(f"Invalid value {value} for configuration {name}{tail}")


def parse_value(row: Row, text: str | None) -> Any:
    """The value of a text for this key, type and validator checked.

    Raises:
        ConfigException: Kafka would refuse the text.
    """
    value = _typed(row.name, row.type, text)
    if row.validator:
        value = validate(row.name, row.validator, value)
    return value


def default_value(row: Row) -> Any:
    """The parsed default of a key; some of Kafka's defaults would not pass their validator."""
    return _typed(row.name, row.type, row.default)


def render(value: Any) -> str | None:
    """The text that stands for a parsed value in replies and records."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _java_double(value)
    if isinstance(value, tuple):
        return ",".join(value)
    return str(value)


def split_list(text: str) -> tuple[str, ...]:
    """The elements of a LIST, blanks around them gone."""
    text = text.strip()
    return tuple(part.strip() for part in text.split(",")) if text else ()


def _typed(name: str, kind: str, text: str | None) -> Any:
    if text is None or kind == "PASSWORD":
        return text
    trimmed = text.strip()
    if kind in INTEGER_BITS:
        return _integer(name, kind, text, trimmed)
    if kind == "BOOLEAN":
        lowered = trimmed.lower()
        if lowered not in ("true", "false"):
            raise invalid(name, text, "Expected value to be either true or false")
        return lowered == "true"
    if kind == "LIST":
        return split_list(text)
    if kind == "DOUBLE":
        return _double(name, text, trimmed)
    return trimmed


def _integer(name: str, kind: str, text: str, trimmed: str) -> int:
    number = whole_number(trimmed)
    bound = 1 << (INTEGER_BITS[kind] - 1)
    if number is not None and -bound <= number < bound:
        return number
    raise invalid(name, text, f"Not a number of type {kind}")


def _double(name: str, text: str, trimmed: str) -> float:
    digits = trimmed[:-1] if trimmed[-1:] in ("d", "D", "f", "F") else trimmed
    bare = digits.lstrip("+-")
    if bare in ("NaN", "Infinity") or (bare[:1] in tuple("0123456789.") and "_" not in bare):
        try:
            return float(digits)
        except ValueError:
            pass
    raise invalid(name, text, "Not a number of type DOUBLE")


def _java_double(value: float) -> str:
    """As Java's Double.toString writes it."""
    if value != value or value in (float("inf"), float("-inf")):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        digits = repr(value)
        return digits if "." in digits else digits + ".0"
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    power = int(exponent or 0)
    figures = whole + fraction
    if exponent == "":  # written out in full: find where its first figure stands
        stripped = figures.lstrip("0")
        power = len(whole) - 1 - (len(figures) - len(stripped))
        figures = stripped
    figures = figures.rstrip("0") or "0"
    sign = "-" if value < 0 else ""
    return f"{sign}{figures[0]}.{figures[1:] or '0'}E{power}"


def validate(name: str, word: str, value: Any) -> Any:
    """The value, after the validator's word had its say (lists lose elements that come twice).

    Raises:
        ConfigException: it refuses the value.
    """
    if word.startswith("["):
        _range(name, word, value)
    elif word.startswith("list"):
        return _list(name, word, value)
    elif word.startswith(("in:", "in-any-case:")):
        _one_of(name, word, value)
    else:
        _NAMED[word](name, value)
    return value


def _range(name: str, word: str, value: Any) -> None:
    if value is None:
        raise invalid(name, "null", "Value must be non-null")
    low, _, high = word[1:-1].partition(",...")
    high = high.lstrip(",")
    shown = render(value)
    if low and value < float(low):
        raise invalid(name, shown, f"Value must be at least {low}")
    if high and value > float(high):
        raise invalid(name, shown, f"Value must be no more than {high}")


def _one_of(name: str, word: str, value: Any) -> None:
    kind, _, choices = word.partition(":")
    wanted = choices.split("|")
    if kind == "in":
        if value not in wanted:
            raise invalid(name, value, f"String must be one of: {', '.join(wanted)}")
    elif value is None or value.upper() not in [w.upper() for w in wanted]:
        why = f"String must be one of (case insensitive): {', '.join(wanted)}"
        raise invalid(name, value, why)


def _list(name: str, word: str, value: Any) -> Any:
    flags, _, choices = word.partition(":")
    if value is None:
        if "null" not in flags:
            raise ConfigException(f"Configuration '{name}' values must not be null.")
        return None
    if not value and "empty" not in flags:
        wanted = f"[{', '.join(choices.split('|'))}]" if choices else "any non-empty value"
        text = f"Configuration '{name}' must not be empty. Valid values include: {wanted}"
        raise ConfigException(text)
    for element in value:
        if not element:
            raise ConfigException(f"Configuration '{name}' values must not be empty.")
        if choices:
            _one_of(name, f"in:{choices}", element)
    return tuple(dict.fromkeys(value))


def _gzip_level(name: str, value: Any) -> None:
    if value != -1 and not 1 <= value <= 9:
        raise invalid(name, value, "Value must be between 1 and 9 or equal to -1")


def _non_empty(name: str, value: Any) -> None:
    if value == "":
        raise invalid(name, value, "String must be non-empty")


def _non_empty_printable(name: str, value: Any) -> None:
    if value is None:
        raise invalid(name, "null", "entry must be non null")
    if value == "":
        raise invalid(name, value, "String may not be empty")
    if any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in value):
        raise invalid(name, value, "String may not contain control sequences")


def _throttled_replicas(name: str, value: Any) -> None:
    def pair(text: str) -> bool:
        partition, colon, broker = text.partition(":")
        return bool(colon) and partition.isdigit() and broker.isdigit()

    if value != ("*",) and not all(pair(v) for v in value):
        wanted = "must be the literal '*' or a list of replicas in the following format:"
        shape = "[partitionId]:[brokerId],[partitionId]:[brokerId],..."
        raise invalid(
            name,
            f"[{', '.join(value)}]",
            f"{name} {wanted} {shape}",
        )


def _offset_reset_or_none(name: str, value: Any) -> None:
    if value == "none":
        return
    known = "'earliest', 'latest', 'none' or of the format 'by_duration:<PnDTnHnMn.nS.>'."
    _offset_reset(name, value, known)


def _offset_reset(
    name: str,
    value: Any,
    known: str = "'earliest', 'latest' or of the format 'by_duration:<PnDTnHnMn.nS>'.",
) -> None:
    if value in ("earliest", "latest"):
        return
    if isinstance(value, str) and value.startswith("by_duration:"):
        from ottla.config.duration import is_positive_duration

        if is_positive_duration(value.removeprefix("by_duration:")):
            return
    raise invalid(
        name,
        value,
        f"Invalid value `{value}` for configuration {name}. The value must be either {known}",
    )


def _voters(name: str, value: Any) -> None:
    from ottla.config.quorum import parse_voters

    parse_voters(name, value)


def _endpoints(name: str, value: Any) -> None:
    from ottla.config.quorum import parse_bootstrap_servers

    parse_bootstrap_servers(name, value)


def _http_listen(name: str, value: Any) -> None:
    host, colon, port = value.rpartition(":")
    if value and not (host and colon and _is_port(port)):
        raise invalid(name, value, "Expected host:port, or nothing for no HTTP")


def _is_port(text: str) -> bool:
    number = whole_number(text)
    return number is not None and 0 <= number < 65536


def _non_null(name: str, value: Any) -> None:
    if value is None:
        raise invalid(name, "null", "entry must be non null")


_NAMED: Final[dict[str, Callable[[str, Any], None]]] = {
    "endpoints": _endpoints,
    "gzip-level": _gzip_level,
    "http-listen": _http_listen,
    "non-empty": _non_empty,
    "non-empty-printable": _non_empty_printable,
    "non-null": _non_null,
    "offset-reset": _offset_reset,
    "offset-reset-or-none": _offset_reset_or_none,
    "throttled-replicas": _throttled_replicas,
    "voters": _voters,
}
