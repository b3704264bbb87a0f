"""Schemas in the three languages that a registry knows: read, printed, compared.

`language.py` is the shape that `avro`, `protobuf` and `json_schema` have in common. All of it is
pure: who keeps schemas under names and ids is `ottla.registry`, who writes data with them is
`ottla.serdes`.
"""
