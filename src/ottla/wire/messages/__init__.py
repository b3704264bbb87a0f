"""One file an API, its request and its response; loaded by `ottla.wire.api` on first use."""
