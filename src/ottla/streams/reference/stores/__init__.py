"""The state of a task: stores that keep bytes in the order of their keys, and write changelogs."""
