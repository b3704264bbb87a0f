"""Values to bytes and back by the schemas of a registry; and a client of such a registry.

`registry_client` talks to it, a module a language (`avro`, `protobuf`, `json_schema`) writes and
reads, `framing` is how a record names its schema, `rules` runs the rules that a schema carries.
It runs with any registry of the field and never imports ours.
"""
