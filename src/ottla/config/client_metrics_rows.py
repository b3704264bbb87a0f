"""What a client metrics subscription may set.

Columns: see `ottla.config.row`.
"""

ROWS = """
interval.ms INT     300000 - medium
match       LIST    '' list+empty medium
metrics     LIST    '' list+empty medium
"""
