"""TLS, delegation tokens, authorisation and principals.

Columns: see `ottla.config.row`.
"""

ROWS = """
authorizer.class.name                     STRING  '' non-null low static authorizer
connection.failed.authentication.delay.ms INT     100 [0,...] low static security
connections.max.reauth.ms                 LONG    0 - medium static security
delegation.token.expiry.check.interval.ms LONG    3600000 [1,...] low static security
delegation.token.expiry.time.ms           LONG    86400000 [1,...] medium static security
delegation.token.max.lifetime.ms          LONG    604800000 [1,...] medium static security
delegation.token.secret.key               PASSWORD - - medium static security
principal.builder.class                   CLASS   o.a.k.common.security.authenticator.DefaultKafkaPrincipalBuilder - medium broker security
security.inter.broker.protocol            STRING  PLAINTEXT in:PLAINTEXT|SSL|SASL_PLAINTEXT|SASL_SSL medium static yes
security.providers                        STRING  - - low static security
ssl.allow.dn.changes                      BOOLEAN false - low static security
ssl.allow.san.changes                     BOOLEAN false - low static security
ssl.cipher.suites                         LIST    '' list+empty medium broker security
ssl.client.auth                           STRING  none in:required|requested|none medium broker security
ssl.enabled.protocols                     LIST    TLSv1.2,TLSv1.3 list+empty medium broker security
ssl.endpoint.identification.algorithm     STRING  https - low broker security
ssl.engine.factory.class                  CLASS   - - low broker security
ssl.key.password                          PASSWORD - - medium broker security
ssl.keymanager.algorithm                  STRING  SunX509 - medium broker security
ssl.keystore.certificate.chain            PASSWORD - - medium broker security
ssl.keystore.key                          PASSWORD - - medium broker security
ssl.keystore.location                     STRING  - - medium broker security
ssl.keystore.password                     PASSWORD - - medium broker security
ssl.keystore.type                         STRING  JKS - medium broker security
ssl.principal.mapping.rules               STRING  DEFAULT - low static security
ssl.protocol                              STRING  TLSv1.3 - medium broker security
ssl.provider                              STRING  - - medium broker security
ssl.secure.random.implementation          STRING  - - low broker security
ssl.trustmanager.algorithm                STRING  PKIX - medium broker security
ssl.truststore.certificates               PASSWORD - - medium broker security
ssl.truststore.location                   STRING  - - medium broker security
ssl.truststore.password                   PASSWORD - - medium broker security
ssl.truststore.type                       STRING  JKS - medium broker security
"""  # noqa: E501
