"""Run stages of `make test` one after another and print what each took; the first that fails ends
it.

Needs nothing but Python itself, since it runs before anything is installed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time


def main(stages: list[str]) -> int:
    """Run each stage as a make target; the status is 0 if all passed."""
    make = os.environ.get("MAKE", "make")
    environment = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL")}
    took: list[tuple[str, float]] = []
    failed = ""
    for stage in stages:
        print(f"== {stage}", flush=True)
        began = time.monotonic()
        status = subprocess.call([make, "--no-print-directory", stage], env=environment)
        took.append((stage, time.monotonic() - began))
        if status != 0:
            failed = stage
            break
    print("\nstage      seconds")
    for stage, seconds in took:
        print(f"{stage:<10} {seconds:7.1f}{'  FAILED' if stage == failed else ''}")
    print(f"{'all':<10} {sum(seconds for _, seconds in took):7.1f}", flush=True)
    if failed:
        print(f"\nthe stage {failed} failed; `make {failed}` runs it alone", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
