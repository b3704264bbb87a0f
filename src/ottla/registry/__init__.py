"""A schema registry: schemas in versions under subjects, kept in the topic `_schemas`.

`stored` is the topic's language, `state` what the topic comes to, `deciding` says what a request
adds to it, `topic` reads and writes, `service` is all of it behind HTTP (`api`). It stands on
`ottla.client` alone, and runs on any Kafka. How it is built: docs/design/registry.md.
"""
