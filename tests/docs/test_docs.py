"""Every command and program that the docs show is run, and prints what they say.

A page's ```console blocks run in order, in a folder of its own, with bin/ on the PATH.
`localhost:9092`, `127.0.0.1:9405` and the registries' 8081 and 8082 are other ports here, so that
nothing of the machine is disturbed; `ottla up` runs in the background until the page ends, and so
does a command that ends in `&`, until `kill %1` or another number ends it; whoever starts a
registry so waits until it answers. A Python block that begins with `# NAME.py` is a file for what
follows. A line of `...` stands for any lines, `...` inside a line for any text. A block of JSON or
Protobuf behind "`NAME`:" is saved under that name. A command that shows a `hint:` fails, and all
others don't. Whoever types kafka-server-stop.sh waits until the servers that it names have ended.
"""

from __future__ import annotations

import os
import pty
import re
import select
import socket
import subprocess
import sys
from collections.abc import Container, Iterator
from pathlib import Path

import pytest

from oracle import answers_api_versions, free_port
from servers import eventually

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    str(path.relative_to(ROOT))
    for folder in ("docs", "docs/guides", "docs/concepts")
    for path in (ROOT / folder).glob("*.md")
)
LOGS = "/tmp/kraft-combined-logs"
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
SAVED = re.compile(r"`([\w-]+\.(?:avsc|json|proto))`:\n+\Z")
FILE = re.compile(r"# (?!test_|conftest)(\w+\.py)\n")


class Reader:
    """Somebody who types what a page says."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self._http_port = free_port()
        self._registries = {shown: str(free_port()) for shown in ("8081", "8082")}
        self._node: subprocess.Popen[bytes] | None = None
        self._terminals: list[int] = []
        self._behind: list[subprocess.Popen[bytes]] = []
        """What runs in the background beside the node."""
        runtime = folder / "runtime"
        runtime.mkdir()
        config = folder / "config" / "kraft"
        config.mkdir(parents=True)
        controller_port = str(free_port())
        for name in ("kraft/server.properties", "server.properties"):
            text = (ROOT / "config" / name).read_text()
            text = text.replace("9092", str(self._port)).replace("9093", controller_port)
            (folder / "config" / name).write_text(text.replace(LOGS, str(folder / "kraft")))
        self._environment = {
            **{key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
            "PATH": os.pathsep.join(
                [str(ROOT / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
            ),
            "XDG_RUNTIME_DIR": str(runtime),
            "LOG_DIR": str(folder / "logs"),
            "OTTLA_AT": f"127.0.0.1:{self._port}",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # the plugin is named, and must not come twice
        }

    def read(self, page: str) -> None:
        """Run every block of a page."""
        text = (ROOT / page).read_text()
        for found in BLOCK.finditer(text):
            kind, block = found.groups()
            if kind in ("json", "protobuf") and (saved := SAVED.search(text[: found.start()])):
                (self._folder / saved[1]).write_text(block)
            elif kind == "console":
                for command, expected in _commands(block):
                    self._type(command, expected)
            elif kind == "python" and (named := FILE.match(block)):
                (self._folder / named[1]).write_text(self._here(block))
            elif kind == "python" and "def test_" in block:
                (self._folder / "test_shown.py").write_text(block)
                # After pip install pytest finds the plugin by itself.
                plugin = ["-p", "ottla.testing.pytest_plugin"]
                words = [sys.executable, "-m", "pytest", "-q", *plugin, "test_shown.py"]
                self._run(words, python=True)
            elif kind == "python":
                self._run([sys.executable, "-c", self._here(block)], python=True)

    def _type(self, command: str, expected: list[str]) -> None:
        if command.startswith("ottla up"):
            self._up(command, expected)
            return
        if command.endswith(" &"):
            if command.startswith("ottla registry") and "--port" not in command:
                command = command.replace("registry", "registry --port 8081", 1)
            self._behind.append(self._begin(self._here(command[:-2]).split(), "behind.log"))
            if command.startswith("ottla registry"):
                port = int(self._registries["8082" if "8082" in command else "8081"])
                eventually(lambda: _is_taken(port), "the registry serves")
            return
        if job := re.fullmatch(r"kill %(\d+)", command):
            one = self._behind[int(job[1]) - 1]
            one.terminate()
            one.wait(20)
            return
        fails = any(line.startswith("hint: ") for line in expected)
        words = ["bash", "-o", "pipefail", "-c", self._here(command)]
        codes = (1,) if fails else (0, -13, 141)
        output = self._run(words, python=command.startswith("python "), codes=codes)
        ours = output.replace(f"127.0.0.1:{self._port}", "localhost:9092")
        ours = ours.replace(f"localhost:{self._port}", "localhost:9092")
        ours = ours.replace(f"127.0.0.1:{self._http_port}", "127.0.0.1:9405")
        ours = ours.replace(str(self._folder / "kraft"), LOGS)
        for shown, port in self._registries.items():
            ours = ours.replace(f"127.0.0.1:{port}", f"localhost:{shown}").replace(port, shown)
        seen = ours.splitlines()
        assert _fits(seen, expected), f"$ {command}\nshown: {expected}\nseen:  {seen}"
        for pid in re.findall(r"^SIG\w+ to process (\d+)", output, re.MULTILINE):
            eventually(lambda pid=pid: _has_ended(pid), f"the server {pid} has stopped")

    def _up(self, command: str, expected: list[str]) -> None:
        """In a terminal, as a reader has it; what is shown there is compared."""
        words = [str(ROOT / "bin" / "ottla"), *command.split()[1:], "--port", str(self._port)]
        registry = self._registries["8081"]
        if "--registry" in words:
            words.insert(words.index("--registry") + 1, registry)
        terminal, line = pty.openpty()
        self._node = subprocess.Popen(
            words, cwd=self._folder, env=self._environment, stdin=line, stdout=line, stderr=line
        )
        os.close(line)
        self._terminals.append(terminal)
        shown = b""
        while b"ottla status" not in shown:
            assert select.select([terminal], [], [], 30)[0], shown
            shown += os.read(terminal, 4096)
        text = re.sub(r"\x1b\[[\d;]*m", "", shown.decode()).replace("\r\n", "\n")
        text = text.replace(f" --at localhost:{self._port}", "").replace(str(self._port), "9092")
        text = text.replace(f"127.0.0.1:{registry}", "localhost:8081").replace(registry, "8081")
        assert not expected or _fits(text.splitlines(), expected), text

    def _begin(self, words: list[str], log: str) -> subprocess.Popen[bytes]:
        with (self._folder / log).open("ab") as said:
            return subprocess.Popen(
                words, cwd=self._folder, env=self._environment, stdout=said, stderr=said
            )

    def _run(
        self, words: list[str], *, python: bool = False, codes: Container[int] = (0, -13, 141)
    ) -> str:
        environment = dict(self._environment)
        if python:
            environment["PYTHONPATH"] = str(ROOT / "src")
        done = subprocess.run(
            words,
            cwd=self._folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        )
        assert done.returncode in codes, f"{words[-1]}\n{done.stdout}"
        return done.stdout

    def _here(self, text: str) -> str:
        text = text.replace("localhost:9092", f"127.0.0.1:{self._port}")
        text = text.replace("127.0.0.1:9405", f"127.0.0.1:{self._http_port}")
        for shown, port in self._registries.items():
            text = text.replace(f"localhost:{shown}", f"127.0.0.1:{port}")
            text = text.replace(f"--port {shown}", f"--port {port}")
        return text.replace(LOGS, str(self._folder / "kraft"))

    def close(self) -> None:
        """Stop what still runs."""
        for one in self._behind:
            one.kill()
            one.wait()
        stop = [ROOT / "bin" / "kafka-server-stop.sh"]
        subprocess.run(stop, env=self._environment, capture_output=True)
        eventually(lambda: not answers_api_versions(self._port), "the node has stopped")
        if self._node is not None:
            assert self._node.wait(20) == 0
        for terminal in self._terminals:
            os.close(terminal)


def _is_taken(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def _has_ended(pid: str) -> bool:
    """Whether the process is gone, or waits for nothing but to be buried."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def _commands(block: str) -> Iterator[tuple[str, list[str]]]:
    """Each `$ command` of a block with the lines that it prints."""
    command, output = "", []
    for line in block.splitlines():
        if line.startswith("$ "):
            if command:
                yield command, output
            command, output = line[2:], []
        else:
            output.append(line)
    yield command, output


def _fits(ours: list[str], shown: list[str]) -> bool:
    if not shown:
        return not ours
    pattern = "".join(
        "(?:.*\n)*" if line == "..." else re.escape(line).replace(r"\.\.\.", ".*") + "\n"
        for line in shown
    )
    return re.fullmatch(pattern, "".join(line + "\n" for line in ours)) is not None


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_shows(page: str, tmp_path: Path) -> None:
    """If this failed, somebody who follows the page would see something else, or an error."""
    reader = Reader(tmp_path)
    try:
        reader.read(page)
    finally:
        reader.close()


def test_every_command_is_documented() -> None:
    """If this failed, a command would be there that no guide tells of."""
    from ottla.cli.launch import COMMANDS

    text = (ROOT / "docs" / "guides" / "commands.md").read_text()
    missing = [name for name in COMMANDS if f"`{name}" not in text]
    assert not missing


def test_every_page_is_listed_once() -> None:
    """If this failed, a page would be found by nobody, or a list be two lists run together."""
    text = (ROOT / "docs" / "README.md").read_text().partition("\n## ")[2]
    links = re.findall(r"\]\(([^)#:]+)\)", text)
    pages = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")}
    assert pages - set(links) == {"README.md"}
    assert len(links) == len(set(links))
    assert not re.search(r"\)\n +\[", text), "a comma is missing at the end of a line"


def test_what_is_said_to_be_missing_is_missing() -> None:
    """If this failed, the docs would deny a command that is there."""
    from ottla.cli.launch import COMMANDS

    text = (ROOT / "docs" / "not-here-yet.md").read_text()
    missed = re.findall(r"`(kafka-[a-z-]+)\.sh`", text)
    assert len(missed) > 5
    assert not set(missed) & set(COMMANDS)


def test_contributing_names_what_is_there() -> None:
    """If this failed, whoever follows CONTRIBUTING.md would look for files that are gone."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    names = re.findall(r"`((?:src|tests|docs|bin)/[\w./-]*)`", text)
    assert len(names) > 10
    assert not [name for name in names if not (ROOT / name).exists()]


def test_a_command_stands_in_every_place() -> None:
    """If this failed, a command would be there in a checkout and not after pip install, or the
    other way round.
    """
    import tomllib

    from ottla.cli.launch import COMMANDS

    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    links = {path.name for path in (ROOT / "bin").iterdir()}
    for name, module in COMMANDS.items():
        for called in (name, f"{name}.sh") if name != "ottla" else (name,):
            assert scripts[called] == f"ottla.cli.{module}:entry"
        assert (name if name == "ottla" else f"{name}.sh") in links


def test_make_help_names_every_target() -> None:
    """If this failed, a stage would be found only by who reads the Makefile."""
    text = (ROOT / "Makefile").read_text().replace("\\\n", "")
    (phony,) = re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    told = set(re.findall(r"^([a-z-]+):.*## ", text, re.MULTILINE))
    assert set(phony.split()) - told == {
        "buildah",
        "core",
        "curl",
        "jars",
        "kcat",
        "mmdebstrap",
        "openssl",
        "prometheus",
    }, "what the others need"


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    """If this failed, a link would be dead."""
    for target in re.findall(r"\]\(([^)#:]+)\)", (ROOT / page).read_text()):
        assert ((ROOT / page).parent / target).exists(), target
