"""How instances of the registry agree on a leader."""
