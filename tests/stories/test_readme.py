"""What the README shows works as it is printed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from oracle import answers_api_versions, free_port
from servers import eventually

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text()
SHOWN = re.compile(r"```python\n(.*?)```\s+```text\n(.*?)```", re.DOTALL)
FIXTURE = re.compile(r"```python\n([^`]*?def test_.*?)```", re.DOTALL)
BLOCK = re.compile(r"```\w*\n(.*?)```", re.DOTALL)
PLUGIN = ["-p", "ottla.testing.pytest_plugin"]  # pytest finds it by itself where it is installed
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": str(ROOT / "src"),
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
}


def test_first_program() -> None:
    """If this failed, a newcomer's first program would not do what the README says."""
    shown = SHOWN.findall(TEXT)
    assert shown
    for program, output in shown:
        done = subprocess.run(
            [sys.executable, "-c", program],
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, output, "")


def test_the_fixture(tmp_path: Path) -> None:
    """If this failed, the first thing that somebody copies into a conftest would not work."""
    (program,) = FIXTURE.findall(TEXT)
    (tmp_path / "test_shown.py").write_text(program)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *PLUGIN, "test_shown.py"],
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout


def test_the_verbs(tmp_path: Path) -> None:
    """If this failed, the first lines that somebody types would not work as they are printed."""
    (tmp_path / "run").mkdir()
    environment = {
        **{key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
        "PATH": f"{ROOT / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "XDG_RUNTIME_DIR": str(tmp_path / "run"),
        "OTTLA_AT": f"localhost:{free_port()}",
    }

    def run(line: str) -> str:
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
        return done.stdout

    (block,) = [block for block in BLOCK.findall(TEXT) if "ottla doctor" in block]
    produce, consume, doctor = block.splitlines()
    run(f"ottla up -d --dev --port {environment['OTTLA_AT'].partition(':')[2]}")
    try:
        run(produce)
        assert run(consume) == "hello\n"
        assert "all is well" in run(doctor)
    finally:
        run("ottla stop")


def test_the_commands(tmp_path: Path) -> None:
    """If this failed, the lines that everybody types first would not work as they are printed."""
    port = free_port()
    config = tmp_path / "config" / "kraft" / "server.properties"
    config.parent.mkdir(parents=True)
    text = (ROOT / "config" / "kraft" / "server.properties").read_text()
    text = text.replace("9092", str(port)).replace("9093", str(free_port()))
    config.write_text(text.replace("/tmp/kraft-combined-logs", str(tmp_path / "logs")))
    (tmp_path / "run").mkdir()
    environment = {
        **{key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
        "PATH": f"{ROOT / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "XDG_RUNTIME_DIR": str(tmp_path / "run"),
    }
    (block,) = [block for block in BLOCK.findall(TEXT) if "kafka-storage.sh format" in block]
    lines = block.replace("localhost:9092", f"localhost:{port}").splitlines()
    form, start, create, produce, consume = lines

    def run(line: str, **more: str) -> str:
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            **more,
        )
        assert done.returncode == 0, f"{line}: {done.stderr}"
        return done.stdout

    run(form)
    server = subprocess.Popen(
        ["bash", "-c", f"exec {start}"], cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL
    )
    try:
        eventually(lambda: answers_api_versions(port), "the server answers")
        assert run(create) == "Created topic my-events.\n"
        run(produce, input="one\ntwo\n")
        assert sorted(run(f"{consume} --max-messages 2").split()) == ["one", "two"]
    finally:
        server.terminate()
        assert server.wait(30) == 0


def test_every_file_that_it_names_exists() -> None:
    """If this failed, a link or a path of the README would lead nowhere."""
    for target in re.findall(r"\]\(([^)#:]+)\)", TEXT):
        assert (ROOT / target).exists(), target
    for command in re.findall(r"^(kafka-[\w-]+\.sh)", TEXT, re.MULTILINE):
        assert (ROOT / "bin" / command).exists(), command
