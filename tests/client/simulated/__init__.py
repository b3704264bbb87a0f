"""A cluster and a clock that are simulated, for the whole client (docs/design/client.md)."""
