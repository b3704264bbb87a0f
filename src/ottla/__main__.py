"""`python -m ottla up`."""

from __future__ import annotations

import sys

from ottla.cli.ottla import entry

sys.exit(entry())
