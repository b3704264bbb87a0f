"""A process that serves, answers, stops, and ends; it prints what it answered."""

from __future__ import annotations

import urllib.request

from ottla.web.serving import Serving
from web.asking import application

if __name__ == "__main__":
    for _ in range(2):
        served = Serving(application())
        served.start()
        with urllib.request.urlopen(f"{served.url}/things/a") as answer:
            print(answer.status, flush=True)
        served.stop()
