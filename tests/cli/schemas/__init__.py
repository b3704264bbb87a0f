"""Tests of what `ottla schemas` does below its command line."""
