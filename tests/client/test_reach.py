"""Settings of TLS and SASL by Java's and librdkafka's names, and where tokens come from."""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from client.certificates import Authority, Issued, openssl
from client.tls_peers import server_context
from ottla.client.connecting.addresses import parse_bootstrap
from ottla.client.connecting.jaas import parse_jaas
from ottla.client.connecting.reach import Reach, Tls
from ottla.client.connecting.reach_settings import reach_of
from ottla.client.connecting.sasl.login import PasswordLogin, TokenLogin
from ottla.client.connecting.sasl.tokens import (
    ClientCredentials,
    Token,
    TokenFile,
    Tokens,
    Unsecured,
)
from ottla.client.connecting.waiting import Waiting
from ottla.client.errors import AuthenticationFailed, BadAddress, BadSetting, ConnectionFailed
from ottla.errors import OttlaError

SECURITY = "org.apache.kafka.common.security"
SECRET = "very-secret"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Issued:
    """A client's certificate; its CA lies beside it."""
    return Authority(tmp_path_factory.mktemp("certificates")).issue("client")


def jaas(kind: str, options: str) -> str:
    """A login module with options."""
    return f"{SECURITY}.{kind}LoginModule required {options};"


def password(**given: str) -> dict[str, str]:
    """Settings of somebody with a password."""
    names = {key.replace("_", "."): value for key, value in given.items()}
    return {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", **names}


def token(**given: Any) -> dict[str, Any]:
    """Settings of somebody with tokens."""
    names = {key.replace("_", "."): value for key, value in given.items()}
    return {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "OAUTHBEARER", **names}


# ---------------------------------------------------------------- what is understood


def test_nothing_set_is_in_the_clear() -> None:
    """If this failed, a client without a setting of security would not reach a plain node."""
    assert reach_of({}) == Reach()
    assert reach_of({"client.id": "x", "acks": "all"}) == Reach("PLAINTEXT")


def test_both_names_say_the_same(own: Issued) -> None:
    """If this failed, the same settings would mean one thing from Java's file and another from
    librdkafka's.
    """
    ca = str(own.certificate.with_name("ca.pem"))
    java = {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.jaas.config": jaas("scram.Scram", f'username="alice" password="{SECRET}"'),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": ca,
        "ssl.keystore.type": "PEM",
        "ssl.keystore.certificate.chain": own.certificate.read_text(),
        "ssl.keystore.key": own.key.read_text(),
        "ssl.endpoint.identification.algorithm": "",
        "ssl.enabled.protocols": "TLSv1.3,TLSv1.2",
    }
    librdkafka = {
        "security.protocol": "sasl_ssl",
        "sasl.mechanisms": "SCRAM-SHA-512",
        "sasl.username": "alice",
        "sasl.password": SECRET,
        "ssl.ca.location": ca,
        "ssl.certificate.location": str(own.certificate),
        "ssl.key.location": str(own.key),
        "ssl.endpoint.identification.algorithm": "none",
        "ssl.enabled.protocols": "TLSv1.3,TLSv1.2",
    }
    assert reach_of(java) == reach_of(librdkafka)
    login = reach_of(java).sasl
    assert login == PasswordLogin("SCRAM-SHA-512", "alice", SECRET)
    assert not (reach_of(java).tls or Tls()).verifies_name


def test_pem_survives_a_properties_file(own: Issued) -> None:
    """If this failed, a certificate in a setting, whose lines a properties file joins, would be
    called none.
    """
    text = own.certificate.with_name("ca.pem").read_text()
    for given in (text, text.replace("\n", ""), text.replace("\n", " "), f"  {text}  "):
        found = reach_of({"security.protocol": "SSL", "ssl.truststore.certificates": given})
        assert found.tls is not None
        assert found.tls.ca_pem == text


def test_a_folder_of_certificates_is_one_truststore(own: Issued, tmp_path: Path) -> None:
    """If this failed, `ssl.ca.location=/etc/ssl/certs` and its like would be refused."""
    for number in range(2):
        ca = Authority(tmp_path / f"{number}", f"CA {number}").ca
        (tmp_path / f"{number}.pem").write_text(ca.read_text())
    found = reach_of({"security.protocol": "SSL", "ssl.ca.location": str(tmp_path)})
    assert found.tls is not None
    assert (found.tls.ca_pem or "").count("BEGIN CERTIFICATE") == 2


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ('username="alice" password="secret"', {"username": "alice", "password": "secret"}),
        ("username=alice\n  password=secret", {"username": "alice", "password": "secret"}),
        (r'username="a\"b\\c" password=" ;= "', {"username": 'a"b\\c', "password": " ;= "}),
        ("", {}),
    ],
)
def test_jaas_is_read_as_java_reads_it(text: str, options: dict[str, str]) -> None:
    """If this failed, a password with a quotation mark or a semicolon would be another one."""
    assert parse_jaas(jaas("plain.Plain", text)) == ("PLAIN", options)


def test_a_delegation_token_is_one() -> None:
    """If this failed, `tokenauth` would be forgotten, and the token's id be taken for a user."""
    text = jaas("scram.Scram", f'username="id" password="{SECRET}" tokenauth="true"')
    given = {**password(sasl_jaas_config=text), "sasl.mechanism": "SCRAM-SHA-256"}
    login = reach_of(given).sasl
    assert isinstance(login, PasswordLogin)
    assert login.is_token


# ---------------------------------------------------------------- what is refused by name


REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "a protocol that is none": ({"security.protocol": "TLS"}, "security.protocol", "SASL_SSL"),
    "a misspelt setting": ({"ssl.ca.locatoin": "x"}, "ssl.ca.locatoin", "ssl.ca.location"),
    "a class of Java's": ({"ssl.engine.factory.class": "x"}, "ssl.engine.factory.class", "leave"),
    "TLS without TLS": ({"ssl.ca.location": "x"}, "ssl.ca.location", "security.protocol=SSL"),
    "a password without SASL": (
        {"security.protocol": "SSL", "sasl.username": "a", "sasl.password": SECRET},
        "sasl.username",
        "security.protocol=SASL_SSL",
    ),
    "no mechanism": ({"security.protocol": "SASL_SSL"}, "sasl.mechanism", "PLAIN"),
    "Kerberos": (password(sasl_mechanism="GSSAPI"), "sasl.mechanism", "SCRAM-SHA-512"),
    "two mechanisms": (password(sasl_mechanisms="GSSAPI"), "sasl.mechanism", "leave one"),
    "no user": (password(sasl_password=SECRET), "sasl.username", "sasl.username"),
    "no password": (password(sasl_username="alice"), "sasl.password", "sasl.password"),
    "two passwords": (
        password(
            sasl_username="alice",
            sasl_password=SECRET,
            sasl_jaas_config=jaas("plain.Plain", 'username="alice" password="other"'),
        ),
        "sasl.password",
        "leave one",
    ),
    "another module": (
        password(sasl_jaas_config=jaas("scram.Scram", f'username="a" password="{SECRET}"')),
        "sasl.jaas.config",
        "wrong",
    ),
    "a module of Java's": (
        password(sasl_jaas_config="com.sun.security.auth.module.Krb5LoginModule required;"),
        "sasl.jaas.config",
        "Kerberos",
    ),
    "a mark that is not closed": (
        password(sasl_jaas_config=jaas("plain.Plain", f'username="a" password="{SECRET}')),
        "sasl.jaas.config",
        "semicolon",
    ),
    "no semicolon": (
        password(sasl_jaas_config=jaas("plain.Plain", f"password={SECRET}")[:-1]),
        "sasl.jaas.config",
        "semicolon",
    ),
    "two modules": (
        password(sasl_jaas_config=jaas("plain.Plain", f"password={SECRET}") * 2),
        "sasl.jaas.config",
        "semicolon",
    ),
    "an algorithm that is none": (
        {"security.protocol": "SSL", "ssl.endpoint.identification.algorithm": "ldaps"},
        "ssl.endpoint.identification.algorithm",
        "https",
    ),
    "a protocol that is too old": (
        {"security.protocol": "SSL", "ssl.enabled.protocols": "TLSv1.2,TLSv1.1"},
        "ssl.enabled.protocols",
        "",
    ),
    "a cipher that is too weak": (
        {"security.protocol": "SSL", "ssl.cipher.suites": "TLS_RSA_WITH_AES_128_CBC_SHA"},
        "ssl.cipher.suites",
        "",
    ),
    "neither true nor false": (
        {"security.protocol": "SSL", "enable.ssl.certificate.verification": "no"},
        "enable.ssl.certificate.verification",
        "true",
    ),
    "a file that is not there": (
        {"security.protocol": "SSL", "ssl.ca.location": "/nowhere/ca.pem"},
        "ssl.ca.location",
        "",
    ),
    "a truststore of Java's": (
        {"security.protocol": "SSL", "ssl.truststore.location": "trust.jks"},
        "ssl.truststore.location",
        "keytool -exportcert",
    ),
    "PKCS#12": (
        {
            "security.protocol": "SSL",
            "ssl.keystore.location": "own.p12",
            "ssl.keystore.type": "PKCS12",
        },
        "ssl.keystore.location",
        "openssl pkcs12",
    ),
    "a text that is no PEM": (
        {"security.protocol": "SSL", "ssl.ca.pem": "MIIB..."},
        "ssl.ca.pem",
        "BEGIN",
    ),
    "two truststores": (
        {"security.protocol": "SSL", "ssl.ca.pem": "x", "ssl.truststore.certificates": "y"},
        "ssl.truststore.certificates",
        "leave one",
    ),
    "a token of nobody": (token(), "sasl.oauthbearer.token.endpoint.url", "client"),
    "OIDC of nowhere": (
        token(sasl_oauthbearer_method="oidc"),
        "sasl.oauthbearer.token.endpoint.url",
        "set",
    ),
    "an endpoint without a client": (
        token(sasl_oauthbearer_token_endpoint_url="https://tokens.example/token"),
        "sasl.oauthbearer.client.id",
        "set",
    ),
    "an endpoint of another kind": (
        token(sasl_oauthbearer_token_endpoint_url="ftp://tokens.example/token"),
        "sasl.oauthbearer.token.endpoint.url",
        "https://",
    ),
    "a handler of somebody's own": (
        token(sasl_login_callback_handler_class="com.example.Handler"),
        "sasl.login.callback.handler.class",
        "OAuthBearerLoginCallbackHandler",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_nonsense_is_refused_by_name(case: str) -> None:
    """If this failed, a setting that can't be honoured would be dropped without a word, at the
    price of safety; or a password would be shown to whoever reads the error.
    """
    given, key, hint = REFUSED[case]
    with pytest.raises(BadSetting) as caught:
        reach_of(given)
    assert caught.value.key == key
    assert key in str(caught.value)
    assert hint in (caught.value.hint or "")
    assert SECRET not in f"{caught.value} {caught.value.hint}"


def test_keys_and_certificates_that_do_not_go_together(own: Issued, tmp_path: Path) -> None:
    """If this failed, a key that is encrypted, or another's, would end in a failed handshake."""
    ca = str(own.certificate.with_name("ca.pem"))
    encrypted = tmp_path / "encrypted.key"
    words = ["-in", str(own.key), "-aes256", "-passout", "pass:1234", "-out", str(encrypted)]
    openssl("pkey", *words)
    other = Authority(tmp_path / "other").issue("other")
    both = {"ssl.certificate.location": str(own.certificate)}
    for given, key, text in [
        ({**both, "ssl.key.location": str(encrypted)}, "ssl.key.location", "encrypted"),
        ({**both, "ssl.key.location": str(other.key)}, "ssl.key.location", "not that of the"),
        ({**both, "ssl.key.location": ca}, "ssl.key.location", "no private key"),
        (both, "ssl.key.location", "no key to it"),
        ({"ssl.key.location": str(own.key)}, "ssl.certificate.location", "no certificate to it"),
        (
            {"ssl.certificate.location": str(own.key), "ssl.key.location": str(own.key)},
            "ssl.certificate.location",
            "no certificate in it",
        ),
    ]:
        with pytest.raises(BadSetting, match=text) as caught:
            reach_of({"security.protocol": "SSL", "ssl.ca.location": ca, **given})
        assert caught.value.key == key
        assert caught.value.hint


def test_a_keystore_that_only_says_to_be_pem(own: Issued, tmp_path: Path) -> None:
    """If this failed, a PKCS#12 file under another name would be a riddle."""
    store = tmp_path / "own.pem"
    files = ["-in", str(own.certificate), "-inkey", str(own.key), "-out", str(store)]
    openssl("pkcs12", "-export", *files, "-passout", "pass:1234")
    given = {"ssl.keystore.type": "PEM", "ssl.keystore.location": str(store)}
    with pytest.raises(BadSetting, match=r"is PKCS#12 or DER, not PEM") as caught:
        reach_of({"security.protocol": "SSL", **given})
    assert "openssl pkcs12" in (caught.value.hint or "")


def test_no_secret_is_shown(own: Issued) -> None:
    """If this failed, a log line would give a password, a key or a token away."""
    settings = {
        "sasl_oauthbearer_token_endpoint_url": "https://tokens.example/token",
        "sasl_oauthbearer_client_id": "me",
        "sasl_oauthbearer_client_secret": SECRET,
    }
    login = reach_of(token(**settings)).sasl
    assert isinstance(login, TokenLogin)
    by_password = reach_of(password(sasl_username="alice", sasl_password=SECRET))
    text = jaas("plain.Plain", f"password={SECRET}")
    shown = [login, login.tokens, login.tokens.source, by_password, Token(SECRET), parse_jaas(text)]
    assert SECRET not in repr(shown)


def test_a_reach_that_contradicts_itself() -> None:
    """If this failed, a program could believe that it speaks TLS, or is known, and would not."""
    login = PasswordLogin("PLAIN", "alice", SECRET)
    for made in (
        lambda: Reach("SASL_SSL"),
        lambda: Reach("SSL", sasl=login),
        lambda: Reach("PLAINTEXT", tls=Tls()),
        lambda: Reach("TLS"),
    ):
        with pytest.raises(BadSetting):
            made()
    assert Reach("SSL").tls == Tls()


def test_an_address_may_name_its_protocol() -> None:
    """If this failed, an address that asks for TLS could be talked to in the clear."""
    assert parse_bootstrap("SASL_SSL://a:1,b:2", "SASL_SSL") == [("a", 1), ("b", 2)]
    with pytest.raises(BadAddress, match=r"security\.protocol is PLAINTEXT") as caught:
        parse_bootstrap("SSL://a:1")
    assert caught.value.hint == "set security.protocol=SSL"


# ---------------------------------------------------------------- tokens


class Endpoint:
    """A token endpoint that says what a test says, over HTTP or HTTPS on 127.0.0.1."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.asked: list[tuple[Mapping[str, str], str]] = []
        self.says: tuple[int, bytes] = (200, b"{}")
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                endpoint.asked.append((dict(self.headers), self.rfile.read(length).decode()))
                status, body = endpoint.says
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Nobody reads it."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"http{'s' if context else ''}://127.0.0.1:{self._server.server_port}/token"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """A token endpoint."""
    found = Endpoint()
    yield found
    found.close()


def taken(tokens: Tokens) -> Token:
    """The token, as soon as it is there."""
    found: list[Token] = []

    def is_there() -> bool:
        token = tokens.take()
        if token is not None:
            found.append(token)
        return bool(found)

    waiting = Waiting()
    while not is_there():
        waiting.wait_for(lambda: False, waiting.now_ms() + 1)
    return found[0]


def granting(endpoint: Endpoint, **given: str) -> Tokens:
    """Tokens by settings."""
    settings = {
        "sasl.oauthbearer.method": "oidc",
        "sasl.oauthbearer.token.endpoint.url": endpoint.url,
        "sasl.oauthbearer.client.id": "me",
        "sasl.oauthbearer.client.secret": SECRET,
        "sasl.oauthbearer.scope": "kafka read",
        **given,
    }
    login = reach_of({**token(), **settings}).sasl
    assert isinstance(login, TokenLogin)
    return login.tokens


def test_a_grant_is_asked_for_once_and_kept(endpoint: Endpoint) -> None:
    """If this failed, every connection would ask the endpoint, or by another's words."""
    endpoint.says = (200, json.dumps({"access_token": "abc.d", "expires_in": 3600}).encode())
    tokens = granting(endpoint, **{"sasl.oauthbearer.extensions": "traceId=1,b=2"})
    for _ in range(5):
        assert taken(tokens) == Token("abc.d", 3_600_000, {"traceId": "1", "b": "2"})
    ((headers, form),) = endpoint.asked
    assert form == "grant_type=client_credentials&scope=kafka+read"
    both = base64.b64encode(f"me:{SECRET}".encode()).decode()
    assert headers["Authorization"] == f"Basic {both}"


@pytest.mark.parametrize(
    ("says", "error", "text"),
    [
        ((401, b'{"error":"invalid_client","x":"very-secret"}'), AuthenticationFailed, "HTTP 401"),
        ((500, b"oops"), ConnectionFailed, "HTTP 500"),
        ((429, b"later"), ConnectionFailed, "HTTP 429"),
        ((200, b"<html>"), AuthenticationFailed, "something else"),
        ((200, b"[]"), AuthenticationFailed, "something else"),
        ((200, b'{"access_token": 5}'), AuthenticationFailed, "without an access_token"),
        ((200, b'{"access_token": "a\\u0001b"}'), AuthenticationFailed, "no bearer token"),
        ((200, b'{"access_token": ""}'), AuthenticationFailed, "empty"),
    ],
)
def test_an_endpoint_that_gives_none(
    endpoint: Endpoint, says: tuple[int, bytes], error: type[OttlaError], text: str
) -> None:
    """If this failed, an endpoint's failure would be called the node's, tried for ever, or slip
    into the message to the node.
    """
    endpoint.says = says
    tokens = granting(endpoint)
    with pytest.raises(error, match=text) as caught:
        taken(tokens)
    assert SECRET not in str(caught.value)
    endpoint.says = (200, b'{"access_token": "good"}')
    assert taken(tokens).value == "good"


def test_an_endpoint_of_strangers_gets_no_secret(own: Issued) -> None:
    """If this failed, whoever poses as the token endpoint would be told the client's secret."""
    endpoint = Endpoint(server_context(own))
    try:
        endpoint.says = (200, b'{"access_token": "good"}')
        with pytest.raises(AuthenticationFailed, match="not trusted") as caught:
            taken(granting(endpoint))
        assert "https.ca.location" in (caught.value.hint or "")
        assert endpoint.asked == []
        ca = str(own.certificate.with_name("ca.pem"))
        assert taken(granting(endpoint, **{"https.ca.location": ca})).value == "good"
    finally:
        endpoint.close()


def test_an_endpoint_that_is_not_there() -> None:
    """If this failed, an endpoint that is down would be called a wrong password."""
    source = ClientCredentials("http://127.0.0.1:1/token", "me", SECRET)
    with pytest.raises(ConnectionFailed, match="no token") as caught:
        taken(Tokens(source))
    assert "token.endpoint.url" in (caught.value.hint or "")


def test_a_token_is_kept_until_most_of_its_life_is_over() -> None:
    """If this failed, a token would be shown that expires on its way, or asked for too often."""
    now_ms, count = [0], [0]

    def source() -> Token:
        count[0] += 1
        return Token(f"t{count[0]}", 100_000)

    tokens = Tokens(source, blocks=False, now_ms=lambda: now_ms[0])
    for at_ms, value in (
        (0, "t1"),
        (79_000, "t1"),
        (81_000, "t2"),
        (160_000, "t2"),
        (999_000, "t3"),
    ):
        now_ms[0] = at_ms
        found = tokens.take()
        assert found is not None
        assert found.value == value


def test_a_token_that_has_expired_is_shown_once() -> None:
    """If this failed, a source whose tokens are over would be asked for ever, by nobody's wish; the
    node says what is wrong with it.
    """
    asked = []
    tokens = Tokens(lambda: asked.append(1) or Token("old", 0))  # type: ignore[func-returns-value]
    assert taken(tokens).value == "old"
    assert asked == [1]


def test_a_callable_may_fail_as_it_likes() -> None:
    """If this failed, an error of somebody's callable would kill a thread, and its text, which may
    hold a secret, be shown.
    """

    def fails(_: str) -> Any:
        raise KeyError(SECRET)

    login = reach_of(token(oauth_cb=None) | {"oauth_cb": fails}).sasl
    assert isinstance(login, TokenLogin)
    with pytest.raises(AuthenticationFailed, match="raised KeyError") as caught:
        taken(login.tokens)
    assert SECRET not in str(caught.value)


def test_a_file_is_read_each_time(tmp_path: Path) -> None:
    """If this failed, a token that somebody else keeps fresh in a file would grow old here."""
    file = tmp_path / "token"
    settings = {"sasl_oauthbearer_token_endpoint_url": file.as_uri()}
    login = reach_of(token(**settings)).sasl
    assert isinstance(login, TokenLogin)
    assert isinstance(login.tokens.source, TokenFile)
    with pytest.raises(AuthenticationFailed, match="can't be read"):
        taken(login.tokens)
    for value in ("one", "two"):
        file.write_text(f"{value}\n")
        assert taken(login.tokens).value == value


@pytest.mark.parametrize(
    "settings",
    [
        {
            "sasl.jaas.config": jaas(
                "oauthbearer.OAuthBearer",
                'unsecuredLoginStringClaim_sub="alice" unsecuredLoginLifetimeSeconds="60" '
                'unsecuredLoginListClaim_scope=",a,b" unsecuredLoginExtension_traceId="1"',
            )
        },
        {
            "enable.sasl.oauthbearer.unsecure.jwt": "true",
            "sasl.oauthbearer.config": "principal=alice scope=a,b lifeSeconds=60",
            "sasl.oauthbearer.extensions": "traceId=1",
        },
    ],
)
def test_unsecured_tokens_say_who_one_is(settings: dict[str, str]) -> None:
    """If this failed, tests with unsecured tokens, as Java has them, could not be run by us."""
    login = reach_of({**token(), **settings}).sasl
    assert isinstance(login, TokenLogin)
    assert isinstance(login.tokens.source, Unsecured)
    found = taken(login.tokens)
    header, claims, signature = found.value.split(".")
    assert signature == ""
    assert _json(header) == {"alg": "none"}
    said = _json(claims)
    assert said["exp"] - said["iat"] == 60
    assert (said["sub"], said["scope"]) == ("alice", ["a", "b"])
    assert found.extensions == {"traceId": "1"}


def _json(segment: str) -> dict[str, Any]:
    text = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    found: dict[str, Any] = json.loads(text)
    return found
