"""What expressions mean: rows to Python functions. The reference that the Rust executor follows.

Every function takes (key, value, timestamp, headers). A part gives null, a bool, an int of 64
bits, a float, text, bytes, a dict, a list or a windowed key; an operation evaluates all its parts
from left to right, is null where one of them is, and then looks at their types.
"""
