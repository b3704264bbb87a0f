"""The settings of docs/guides/one-server.md: a server that starts and complains of nothing."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cli.test_server import Place
from oracle import answers_api_versions, free_port
from ottla.config.properties import parse_properties
from servers import eventually

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "guides" / "one-server.md").read_text()


def _of_systemd(_folder: Path) -> dict[str, str]:
    (block,) = re.findall(r"```properties\n(.*?)```", GUIDE, re.DOTALL)
    return parse_properties(block)


def _of_compose(folder: Path) -> dict[str, str]:
    """What the image's entrypoint makes of the variables."""
    (block,) = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)
    variables = dict(re.findall(r"^ +(KAFKA_\w+): (.*)$", block, re.MULTILINE))
    program = (
        "import entrypoint, json, sys\n"
        "print(json.dumps(entrypoint.settings(json.loads(sys.argv[1]), {})[0]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps(variables)],
        env={"PYTHONPATH": str(ROOT / "packaging" / "image")},
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("settings", [_of_systemd, _of_compose])
def test_the_settings_that_are_shown(settings: object, tmp_path: Path) -> None:
    """If this failed, whoever copies them would have a server that does not start, or whose log
    begins with warnings.
    """
    assert callable(settings)
    properties = settings(tmp_path)
    place = Place(tmp_path)
    ports = {
        port: str(free_port())
        for port in sorted(set(re.findall(r":(\d{4,5})", " ".join(properties.values()))))
    }
    for key, value in properties.items():
        moved = re.sub(r":(\d{4,5})", lambda found: ":" + ports[found[1]], value)
        properties[key] = moved.replace("/var/lib/ottla", str(tmp_path))
    properties["ottla.http.listen"] = "127.0.0.1:0"
    place.port = int(ports["9092"])
    place.properties.write_text("".join(f"{k}={v}\n" for k, v in properties.items()))
    place.format()
    with place.start("kafka-server-start.sh", "server.properties") as server:
        names = re.findall(r":(\d+)", properties["listeners"].rpartition(",CONTROLLER")[0])
        for port in names:
            eventually(
                lambda port=port: answers_api_versions(int(port)), "every listener of clients"
            )
        server.terminate()
        output, _ = server.communicate(timeout=60)
    assert server.returncode == 0, output
    assert "WARN" not in output
    assert "ERROR" not in output
