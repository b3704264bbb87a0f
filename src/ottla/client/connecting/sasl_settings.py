"""Java's and librdkafka's settings of SASL, read into a `Login`.

The mechanism is never guessed: both clients would take Kerberos for it where it is not set, which
is not spoken here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from ottla.client.connecting import pem
from ottla.client.connecting.jaas import Jaas, parse_jaas
from ottla.client.connecting.sasl.login import (
    MECHANISMS,
    SCRAM_NAMES,
    Login,
    PasswordLogin,
    TokenLogin,
)
from ottla.client.errors import BadSetting

_MECHANISM: Final = ("sasl.mechanism", "sasl.mechanisms")
_CLIENT_ID: Final = (
    "sasl.oauthbearer.client.id",
    "sasl.oauthbearer.client.credentials.client.id",
)
_CLIENT_SECRET: Final = (
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.client.credentials.client.secret",
)
_URL: Final = "sasl.oauthbearer.token.endpoint.url"
_CLASSES: Final = {
    "sasl.login.callback.handler.class": (
        "OAuthBearerLoginCallbackHandler",
        "OAuthBearerUnsecuredLoginCallbackHandler",
    ),
    "sasl.oauthbearer.jwt.retriever.class": (
        "DefaultJwtRetriever",
        "ClientCredentialsJwtRetriever",
        "FileJwtRetriever",
    ),
}
"""Classes whose work is done here too."""
IDLE: Final = frozenset(("sasl.mechanism", "sasl.mechanisms"))
"""What asks for nothing by itself: some write it beside every protocol."""
KEYS: Final = frozenset(
    {
        *_MECHANISM,
        "sasl.username",
        "sasl.password",
        "sasl.jaas.config",
        *_CLIENT_ID,
        *_CLIENT_SECRET,
        _URL,
        "sasl.oauthbearer.method",
        "sasl.oauthbearer.scope",
        "sasl.oauthbearer.extensions",
        "sasl.oauthbearer.config",
        "enable.sasl.oauthbearer.unsecure.jwt",
        "oauth_cb",
        "https.ca.location",
        "https.ca.pem",
        *_CLASSES,
    }
)


def login_of(given: Mapping[str, Any]) -> Login:
    """Who the settings say to be.

    Raises:
        BadSetting: nobody, or somebody in a way that does not go together.
    """
    mechanism = (_one_of(given, _MECHANISM) or "").strip().upper()
    if not mechanism:
        hint = f"set it to one of {', '.join(MECHANISMS)}, as the node's listener has it"
        raise BadSetting("sasl.mechanism", "sasl.mechanism is not set", hint=hint)
    if mechanism not in MECHANISMS:
        why = "Kerberos is not spoken" if mechanism == "GSSAPI" else "it is not spoken"
        hint = f"there are {', '.join(MECHANISMS)}"
        raise BadSetting("sasl.mechanism", f"sasl.mechanism={mechanism}: {why}", hint=hint)
    jaas = parse_jaas(str(given["sasl.jaas.config"])) if given.get("sasl.jaas.config") else None
    family = "SCRAM" if mechanism in SCRAM_NAMES else mechanism
    if jaas is not None and jaas.family != family:
        raise BadSetting(
            "sasl.jaas.config",
            f"sasl.jaas.config has the login module of {jaas.family}, but sasl.mechanism is "
            f"{mechanism}",
            hint="one of both is wrong",
        )
    if mechanism == "OAUTHBEARER":
        return _token_login(given, jaas)
    return _password_login(given, mechanism, jaas)


def truth(given: Mapping[str, Any], key: str, default: bool) -> bool:
    """A setting that is true or false."""
    text = str(given.get(key, default)).strip().lower()
    if text not in ("true", "false"):
        raise BadSetting(key, f"{key}={text}", hint="it takes true or false")
    return text == "true"


def _password_login(given: Mapping[str, Any], mechanism: str, jaas: Jaas | None) -> PasswordLogin:
    options = jaas.options if jaas else {}
    found: dict[str, str] = {}
    for option in ("username", "password"):
        key = f"sasl.{option}"
        values = {str(v) for v in (given.get(key), options.get(option)) if v is not None}
        if len(values) > 1:
            text = f"{key} and sasl.jaas.config do not say the same"
            raise BadSetting(key, text, hint="leave one of them out")
        if not values:
            hint = f'set {key}, or {option}="..." in sasl.jaas.config'
            raise BadSetting(key, f"{mechanism} needs {key}, which is not set", hint=hint)
        (found[option],) = values
    if not found["username"] or "\0" in found["username"] + found["password"]:
        text = "sasl.username or sasl.password is empty or holds zeros"
        raise BadSetting("sasl.username", text, hint="a user of the cluster, and the password")
    is_token = options.get("tokenauth", "false").lower() == "true"
    if is_token and mechanism == "PLAIN":
        raise BadSetting("sasl.jaas.config", "PLAIN has no tokenauth", hint="SCRAM has")
    return PasswordLogin(mechanism, found["username"], found["password"], is_token)


# ---------------------------------------------------------------- OAUTHBEARER


def _token_login(given: Mapping[str, Any], jaas: Jaas | None) -> TokenLogin:
    from ottla.client.connecting.sasl.tokens import TokenFile, Tokens

    for key in ("sasl.username", "sasl.password"):
        if given.get(key):
            text = f"{key} is set, but OAUTHBEARER has none"
            raise BadSetting(key, text, hint="a client's id and secret have settings of their own")
    _require_classes(given)
    options = jaas.options if jaas else {}
    extensions = _extensions(given, options)
    url = str(given.get(_URL, "")).strip()
    if callable(given.get("oauth_cb")):
        return TokenLogin(Tokens(_called(given["oauth_cb"], given)))
    if url.lower().startswith("file:"):
        from urllib.parse import unquote, urlsplit

        return TokenLogin(Tokens(TokenFile(unquote(urlsplit(url).path), extensions), blocks=False))
    if url:
        return TokenLogin(Tokens(_client_credentials(given, options, url, extensions)))
    method = str(given.get("sasl.oauthbearer.method", "default")).strip().lower()
    if method == "oidc":
        raise BadSetting(_URL, f"sasl.oauthbearer.method=oidc, and no {_URL}", hint=f"set {_URL}")
    claims = _unsecured(given, options)
    if claims is None:
        hint = (
            f"set {_URL} and the client's id and secret; for tests, "
            'unsecuredLoginStringClaim_sub="NAME" in sasl.jaas.config'
        )
        raise BadSetting(_URL, f"OAUTHBEARER is set, but no {_URL}", hint=hint)
    from ottla.client.connecting.sasl.tokens import Unsecured

    claims_of, lifetime_s = claims
    return TokenLogin(Tokens(Unsecured(claims_of, lifetime_s, extensions), blocks=False))


def _require_classes(given: Mapping[str, Any]) -> None:
    method = str(given.get("sasl.oauthbearer.method", "default")).strip().lower()
    if method not in ("default", "oidc"):
        key = "sasl.oauthbearer.method"
        raise BadSetting(key, f"{key}={method}", hint="it takes default or oidc")
    for key, names in _CLASSES.items():
        name = str(given.get(key, "")).strip()
        if name and name.rpartition(".")[2] not in names:
            text = f"{key}={name} is a class that only Java can load"
            raise BadSetting(key, text, hint=f"there are {', '.join(names)}")


def _client_credentials(
    given: Mapping[str, Any], options: Mapping[str, str], url: str, extensions: dict[str, str]
) -> Any:
    from ottla.client.connecting.sasl.tokens import ClientCredentials

    if not url.lower().startswith(("http://", "https://")):
        raise BadSetting(_URL, f"{_URL}={url}", hint="it begins with https://, http:// or file:")
    client_id = _one_of(given, _CLIENT_ID) or options.get("clientId")
    client_secret = _one_of(given, _CLIENT_SECRET) or options.get("clientSecret")
    for key, value in ((_CLIENT_ID[0], client_id), (_CLIENT_SECRET[0], client_secret)):
        if not value:
            raise BadSetting(key, f"{_URL} is set, but no {key}", hint=f"set {key}")
    ca_pem = None
    if given.get("https.ca.location"):
        path = str(given["https.ca.location"])
        ca_pem = pem.read_pem("https.ca.location", path, hint=pem.HINT_TRUSTSTORE)
    elif given.get("https.ca.pem"):
        ca_pem = pem.checked("https.ca.pem", str(given["https.ca.pem"]))
    return ClientCredentials(
        url,
        str(client_id),
        str(client_secret),
        str(given.get("sasl.oauthbearer.scope") or options.get("scope") or "") or None,
        extensions,
        ca_pem,
    )


def _called(callback: Callable[..., Any], given: Mapping[str, Any]) -> Callable[[], Any]:
    """librdkafka's callback: of the config text; it gives a token and when that expires."""
    config = str(given.get("sasl.oauthbearer.config", ""))

    def call() -> Any:
        import time

        from ottla.client.connecting.sasl.tokens import Token

        answer = callback(config)
        if isinstance(answer, Token):
            return answer
        value, expires_at_s, *rest = answer
        extensions = dict(rest[1]) if len(rest) > 1 else {}
        return Token(value, max(0, int((expires_at_s - time.time()) * 1000)), extensions)

    return call


def _extensions(given: Mapping[str, Any], options: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in str(given.get("sasl.oauthbearer.extensions", "")).split(","):
        name, equals, value = pair.strip().partition("=")
        if equals:
            found[name] = value
        elif name:
            key = "sasl.oauthbearer.extensions"
            raise BadSetting(key, f"{key} is not NAME=VALUE,NAME=VALUE")
    for option, value in options.items():
        for prefix in ("extension_", "unsecuredLoginExtension_"):
            if option.startswith(prefix):
                found[option.removeprefix(prefix)] = value
    return found


def _unsecured(
    given: Mapping[str, Any], options: Mapping[str, str]
) -> tuple[dict[str, Any], int] | None:
    """The claims of tokens that nobody signs, and how many seconds one lives; None for no such."""
    if any(option.startswith("unsecuredLogin") for option in options):
        return _java_claims(options)
    if not truth(given, "enable.sasl.oauthbearer.unsecure.jwt", False):
        return None
    words = dict(
        pair.partition("=")[::2] for pair in str(given.get("sasl.oauthbearer.config", "")).split()
    )
    claims: dict[str, Any] = {}
    if words.get("principal"):
        claims[words.get("principalClaimName", "sub")] = words["principal"]
    if words.get("scope"):
        claims[words.get("scopeClaimName", "scope")] = words["scope"].split(",")
    if "principal" not in words:
        key = "sasl.oauthbearer.config"
        raise BadSetting(key, f"{key} names no principal", hint="principal=NAME scope=A,B")
    return claims, _seconds("sasl.oauthbearer.config", words.get("lifeSeconds", "3600"))


def _java_claims(options: Mapping[str, str]) -> tuple[dict[str, Any], int]:
    key = "sasl.jaas.config"
    claims: dict[str, Any] = {}
    for option, value in options.items():
        kind, _, name = option.partition("_")
        if kind == "unsecuredLoginStringClaim":
            claims[name] = value
        elif kind == "unsecuredLoginNumberClaim":
            try:
                claims[name] = float(value)
            except ValueError:
                raise BadSetting(key, f"{key}: {option} is no number") from None
        elif kind == "unsecuredLoginListClaim":
            claims[name] = value[1:].split(value[0]) if value else []
    principal = options.get("unsecuredLoginPrincipalClaimName", "sub")
    if not claims.get(principal):
        hint = f'add unsecuredLoginStringClaim_{principal}="NAME"'
        raise BadSetting(key, f"{key} names no principal ({principal})", hint=hint)
    return claims, _seconds(key, options.get("unsecuredLoginLifetimeSeconds", "3600"))


def _seconds(key: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise BadSetting(key, f"{key}: the life of a token is a whole number of seconds above 0")
    return int(text)


def _one_of(given: Mapping[str, Any], keys: tuple[str, ...]) -> str | None:
    """The value of a setting that has several names."""
    found = {str(given[key]) for key in keys if given.get(key)}
    if len(found) > 1:
        raise BadSetting(keys[0], f"{keys[0]} and {keys[1]} differ", hint="leave one of them out")
    return next(iter(found), None)
