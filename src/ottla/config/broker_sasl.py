"""SASL: how clients prove who they are.

Columns: see `ottla.config.row`.
"""

ROWS = """
sasl.client.callback.handler.class               CLASS   - - medium static security
sasl.enabled.mechanisms                          LIST    GSSAPI list+empty medium broker security
sasl.jaas.config                                 PASSWORD - - medium broker security
sasl.kerberos.kinit.cmd                          STRING  /usr/bin/kinit - medium broker security
sasl.kerberos.min.time.before.relogin            LONG    60000 - medium broker security
sasl.kerberos.principal.to.local.rules           LIST    DEFAULT list+empty medium broker security
sasl.kerberos.service.name                       STRING  - - medium broker security
sasl.kerberos.ticket.renew.jitter                DOUBLE  0.05 - medium broker security
sasl.kerberos.ticket.renew.window.factor         DOUBLE  0.8 - medium broker security
sasl.login.callback.handler.class                CLASS   - - medium static security
sasl.login.class                                 CLASS   - - medium static security
sasl.login.connect.timeout.ms                    INT     - - low static security
sasl.login.read.timeout.ms                       INT     - - low static security
sasl.login.refresh.buffer.seconds                SHORT   300 - medium broker security
sasl.login.refresh.min.period.seconds            SHORT   60 - medium broker security
sasl.login.refresh.window.factor                 DOUBLE  0.8 - medium broker security
sasl.login.refresh.window.jitter                 DOUBLE  0.05 - medium broker security
sasl.login.retry.backoff.max.ms                  LONG    10000 - low static security
sasl.login.retry.backoff.ms                      LONG    100 - low static security
sasl.mechanism.controller.protocol               STRING  GSSAPI - high static security
sasl.mechanism.inter.broker.protocol             STRING  GSSAPI - medium broker security
sasl.oauthbearer.assertion.algorithm             STRING  RS256 in-any-case:ES256|RS256 medium static security
sasl.oauthbearer.assertion.claim.aud             STRING  - - medium static security
sasl.oauthbearer.assertion.claim.exp.seconds     INT     300 [0,...,86400] low static security
sasl.oauthbearer.assertion.claim.iss             STRING  - - medium static security
sasl.oauthbearer.assertion.claim.jti.include     BOOLEAN false - medium static security
sasl.oauthbearer.assertion.claim.nbf.seconds     INT     60 [0,...,3600] low static security
sasl.oauthbearer.assertion.claim.sub             STRING  - - medium static security
sasl.oauthbearer.assertion.file                  STRING  - - medium static security
sasl.oauthbearer.assertion.private.key.file      STRING  - - medium static security
sasl.oauthbearer.assertion.private.key.passphrase PASSWORD - - medium static security
sasl.oauthbearer.assertion.template.file         STRING  - - medium static security
sasl.oauthbearer.client.credentials.client.id    STRING  - - medium static security
sasl.oauthbearer.client.credentials.client.secret PASSWORD - - medium static security
sasl.oauthbearer.clock.skew.seconds              INT     30 - low static security
sasl.oauthbearer.expected.audience               LIST    '' list+empty high static security
sasl.oauthbearer.expected.issuer                 STRING  - - high static security
sasl.oauthbearer.jwks.endpoint.refresh.ms        LONG    3600000 - low static security
sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms LONG    10000 - low static security
sasl.oauthbearer.jwks.endpoint.retry.backoff.ms  LONG    100 - low static security
sasl.oauthbearer.jwks.endpoint.url               STRING  - - medium static security
sasl.oauthbearer.jwt.retriever.class             CLASS   o.a.k.common.security.oauthbearer.DefaultJwtRetriever - medium static security
sasl.oauthbearer.jwt.validator.class             CLASS   o.a.k.common.security.oauthbearer.DefaultJwtValidator - medium static security
sasl.oauthbearer.scope                           STRING  - - medium static security
sasl.oauthbearer.scope.claim.name                STRING  scope - low static security
sasl.oauthbearer.sub.claim.name                  STRING  sub - low static security
sasl.oauthbearer.token.endpoint.url              STRING  - - medium static security
sasl.server.callback.handler.class               CLASS   - - medium static security
sasl.server.max.receive.size                     INT     524288 - medium static security
"""  # noqa: E501
