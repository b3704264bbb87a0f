"""Rules that a schema carries, run where data is written and read."""
