"""A process that serves a registry until it is killed; it prints where."""

from __future__ import annotations

import json
import sys
import threading

from ottla.registry.service import Options
from registry.asked import serve

if __name__ == "__main__":
    bootstrap, topic, group = json.loads(sys.argv[1])
    served = serve(bootstrap, Options(port=0, topic=topic, group=group))
    print(served.asked.url, flush=True)
    threading.Event().wait()
