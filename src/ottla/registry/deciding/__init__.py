"""What a request adds to `_schemas`: pure functions of the state, one noun a file.

Each raises `Refusal` for what may not be, and else gives the records that are to be written and
what is answered once they are there. None of them writes, waits or knows the time.
"""
