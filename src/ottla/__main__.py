"""`python -m ottla up`."""

from __future__ import annotations

import sys

from ottla.cli.verb.app import entry

sys.exit(entry())
