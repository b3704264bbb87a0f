"""Stop `make` with a sentence where the Python that it found is too old."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 (an older Python runs this file)
    found = ".".join(map(str, sys.version_info[:3]))
    sys.exit(
        f"Ottla needs Python 3.11 or later, and {sys.executable} is {found}.\n\n"
        "hint: make PYTHON=/path/to/python3.11"
    )
