"""Tests of `ottla doctor`: each fault that it knows is staged, and has to be told as itself."""
