"""HTTP services of the platform: operations as rows, one ASGI application, one server for them all.

`operation` is a row, `application` finds and calls it, `access` says who may, `serving` is the only
file that has sockets and threads, `openapi` writes the rows as a description. It knows nothing of
Kafka. Why granian serves and nothing routes: docs/design/web.md.
"""
