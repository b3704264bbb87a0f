"""`python -m ottla.cli kafka-topics.sh --list ...`."""

from __future__ import annotations

import sys

from ottla.cli.launch import launch

sys.exit(launch())
