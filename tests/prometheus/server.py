"""Debian's Prometheus, as `make prometheus` unpacks it: a server that scrapes one node each second,
by the files that Ottla ships, and promtool.

The shipped files are changed as a user would change them: where the node is, how often it is
scraped. Alerts lose their `for:`, so that a test need not wait for minutes: what that does is
promtool's to say.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from oracle import dies_with_us, free_port
from servers import eventually

HERE = Path(__file__).parent
CONFIG = HERE.parents[1] / "config"
ALERTS = CONFIG / "prometheus" / "alerts.yml"
DASHBOARD = CONFIG / "grafana" / "ottla.json"


def program(name: str) -> str:
    """prometheus or promtool."""
    found = shutil.which(name, path=str(HERE / "target" / "bin")) or shutil.which(name)
    assert found is not None, f"{name} is missing: `make prometheus`"
    return found


def promtool(*words: str | Path) -> str:
    """What promtool says; it must have nothing against what it is asked of."""
    done = subprocess.run([program("promtool"), *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Prometheus:
    """Scrapes `127.0.0.1:http_port` from `with` on until its end."""

    def __init__(self, folder: Path, http_port: int) -> None:
        self._folder = folder
        self._url = f"http://127.0.0.1:{free_port()}"
        self._process: subprocess.Popen[bytes] | None = None
        shipped = (ALERTS.parent / "prometheus.yml").read_text()
        shipped = shipped.replace("localhost:9405", f"127.0.0.1:{http_port}")
        folder.mkdir()
        (folder / "prometheus.yml").write_text(shipped.replace("15s", "1s"))
        (folder / "alerts.yml").write_text(re.sub(r"for: \w+", "for: 0s", ALERTS.read_text()))

    def __enter__(self) -> Prometheus:
        words = [
            *dies_with_us(),
            program("prometheus"),
            f"--config.file={self._folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self._folder / 'data'}",
            f"--web.listen-address={self._url.removeprefix('http://')}",
        ]
        self._log = (self._folder / "prometheus.log").open("wb")
        self._process = subprocess.Popen(words, stdout=self._log, stderr=self._log)
        try:
            eventually(self._is_ready, "Prometheus is ready")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            process.wait(20)
        self._log.close()

    def _is_ready(self) -> bool:
        assert self._process is not None
        log = self._folder / "prometheus.log"
        assert self._process.poll() is None, log.read_text()[-4000:]
        try:
            urllib.request.urlopen(f"{self._url}/-/ready", timeout=5).close()
        except OSError:
            return False
        return True

    def get(self, path: str, **words: str) -> Any:
        """What its HTTP API answers."""
        url = f"{self._url}/api/v1/{path}?{urllib.parse.urlencode(words)}"
        try:
            with urllib.request.urlopen(url, timeout=20) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as refused:
            raise AssertionError(f"{words}: {refused.read().decode()}") from None

    def ask(self, expr: str) -> list[dict[str, Any]]:
        """The series of an expression, each with its labels and a value."""
        found: list[dict[str, Any]] = self.get("query", query=expr)["result"]
        return found

    def numbers(self, expr: str) -> list[float]:
        """The values of an expression that are numbers."""
        values = [float(one["value"][1]) for one in self.ask(expr)]
        return [value for value in values if value == value]

    def firing(self) -> dict[str, list[dict[str, str]]]:
        """The alerts that fire, each with its labels and what it says."""
        found: dict[str, list[dict[str, str]]] = {}
        for alert in self.get("alerts")["alerts"]:
            if alert["state"] == "firing":
                said = {**alert["labels"], **alert["annotations"]}
                found.setdefault(said["alertname"], []).append(said)
        return found
