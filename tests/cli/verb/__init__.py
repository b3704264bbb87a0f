"""Tests of the `ottla` verb, one file a module of `ottla.cli.verb`."""
