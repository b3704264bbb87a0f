"""The house rules that no other tool holds: sizes, names, machine paths, sleeping tests, unfinished
work.
"""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
LINES_MAX = 600
LONGER = {"src/ottla/_core.pyi": 1650}
"""A stub is one file, whatever it holds; the tasks of streams took its latest lines."""
FUNCTION_LINES_MAX = 60

BANNED_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "base", "new", "v2"}
MAY_SLEEP = {
    "tests/oracle.py",
    "tests/servers.py",
    "tests/controller/record_admin_calls.py",
    "tests/coordinators/test_group_scripts_oracle.py",
    "tests/attack/chaos.py",
    "tests/attack/chaos_transactions.py",
    "tests/attack/chaos_troubles.py",
    "tests/attack/chaos_world.py",
    "tests/attack/extreme_configs.py",
}
"""The files whose business is to wait for a process of Apache Kafka, whose clock nobody moves; the
chaos, which has its rhythm; and what counts the turns of a node that rests.
"""

UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError|unimplemented!|todo!)\b")
MACHINE_PATH = re.compile(r"(?<![\w.$}])/(work|home|root|Users|workspace|mnt)/\w")

ELSEWHERE = {
    "attack", "clients", "conformance", "core", "docs", "embedded", "examples", "simulation",
    "stories", "tidy",
}  # fmt: skip
"""Folders of tests that are of no one room: ARCHITECTURE.md says what each is."""

DATA = ("tests/data/",)
"""Recorded answers of Apache Kafka: long lines and many of them are what they are."""


def tracked() -> list[str]:
    """Every file that git knows, or would be told of."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [f for f in done.stdout.splitlines() if (ROOT / f).is_file()]


def texts(*suffixes: str) -> Iterator[tuple[str, str]]:
    """Tracked text files of our own with one of these suffixes, and what is in them."""
    for file in tracked():
        if file.endswith(suffixes) and not file.startswith(DATA):
            try:
                yield file, (ROOT / file).read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue


def report(problems: list[str]) -> None:
    """Fail with all problems at once."""
    assert not problems, "\n" + "\n".join(problems)


def test_files_are_short() -> None:
    """If this failed, a file would have grown beyond what one reads at a sitting; split it along a
    noun.
    """
    report(
        [
            f"{file}: {lines} lines"
            for file, text in texts(".py", ".rs", ".java", ".md", ".pyi")
            if (lines := text.count("\n")) > LONGER.get(file, LINES_MAX)
            and not file.startswith("docs/reference/")
        ]
    )


def test_functions_are_short() -> None:
    """If this failed, a function would do more than one thing; split it, or name its parts."""
    found = []
    for file, text in texts(".py"):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                if lines > FUNCTION_LINES_MAX:
                    found.append(f"{file}:{node.lineno}: {node.name} has {lines} lines")
    report(found)


RUST_FUNCTION = re.compile(r"(\s*)(?:pub(?:\([a-z]+\))? )?(?:async |const |unsafe )*fn (\w+)")


def test_rust_functions_are_short() -> None:
    """If this failed, a function would do more than one thing; split it, or name its parts."""
    found = []
    for file, text in texts(".rs"):
        lines = text.splitlines()
        for start, line in enumerate(lines):
            if (begun := RUST_FUNCTION.match(line)) is None:
                continue
            end = f"{begun.group(1)}}}"  # rustfmt puts it there
            length = next((n for n, last in enumerate(lines[start:], 1) if last == end), 1)
            if length > FUNCTION_LINES_MAX:
                found.append(f"{file}:{start + 1}: {begun.group(2)} has {length} lines")
    report(found)


RUST_TESTS = re.compile(
    r"^#\[cfg\(test\)\]\n(?:pub(?:\([a-z ]+\))? )?mod \w+ \{.*", re.MULTILINE | re.DOTALL
)
AWAITED = {"append_as_follower", "follower_reached", "truncate_as_follower"}
"""What a follower does, and a leader hears of it: a broker that replicates will."""
RUST_SHOWN = re.compile(r"^ *pub(?:\([a-z ]+\))? (?:async |const |unsafe )*fn (\w+)", re.MULTILINE)


def untested(text: str) -> str:
    """Rust's code without comments and imports, and without what is there for tests alone."""
    code = re.sub(r"//[^\n]*", "", RUST_TESTS.sub("", text))
    code = re.sub(r"^ *(?:pub(?:\([a-z ]+\))? )?use [^;]*;", "", code, flags=re.MULTILINE)
    return re.sub(
        r"^( *)#\[cfg\(test\)\]\n(?: *#\[[^\n]*\n)* *(?:[^\n]*;\n|.*?^\1\}\n)",
        "",
        code,
        flags=re.MULTILINE | re.DOTALL,
    )


def words_used(code: str) -> Iterator[tuple[str, str]]:
    """Each word of Rust's code, with the function that it stands in: one that calls another of its
    own name is no use of either.
    """
    function, end = "", ""
    for line in code.splitlines():
        begun = None if function else RUST_FUNCTION.match(line)
        if begun is not None:
            function, end = begun.group(2), f"{begun.group(1)}}}"  # rustfmt puts it there
        for word in re.findall(r"\w+", line):
            yield function, word
        if line == end or (begun is not None and line.endswith(("}", ";"))):
            function, end = "", ""


def test_rust_functions_are_used() -> None:
    """If this failed, a function would be kept for its tests, or for nobody: rustc says so of what
    a crate keeps to itself, and of nothing that it shows.
    """
    users: dict[str, set[str]] = {}
    shown: dict[str, str] = {}
    for file, text in texts(".rs"):
        if "/tests/" in file or file.endswith("tests.rs"):
            continue
        code = untested(text)
        shown.update(dict.fromkeys(RUST_SHOWN.findall(code), file))
        # There Python calls, by the same names.
        at_the_border = file.startswith("rust/python/")
        for user, word in words_used(code):
            users.setdefault(word, set()).add(f"Python's {user}" if at_the_border else user)
    report(
        [
            f"{file}: nothing but tests uses {name}"
            for name, file in shown.items()
            if not users.get(name, set()) - {name} and name not in AWAITED
        ]
    )


def test_machines_keep_nothing_beside_themselves() -> None:
    """If this failed, two hosts or two simulations in one process would share something that
    changes, and the same seed would not give the same run.
    """
    changes = re.compile(
        r"\b(?:static \w+: .*(?:Atomic|Mutex|Lock|Cell|Once)|static mut|thread_local!)"
    )
    machines = ("rust/core/src/", "rust/sim/src/")
    sources = ((file, text) for file, text in texts(".rs") if file.startswith(machines))
    found = [
        f"{file}:{number}: {line.strip()}"
        for file, text in sources
        for number, line in enumerate(text.splitlines(), 1)
        if changes.search(line)
    ]
    report(found)


def test_names_say_something() -> None:
    """If this failed, a file would be named for nothing: name the noun that it holds."""
    report(
        [f"{f}: no name for a file" for f in tracked() if BANNED_NAMES & set(f.lower().split("."))]
        + [f"{f}: no name" for f in tracked() if BANNED_NAMES & set(Path(f.lower()).parts)]
        + [f"{f}: no name" for f in tracked() if Path(f).stem.lower() in BANNED_NAMES]
    )


def test_tests_lie_where_their_subject_does() -> None:
    """If this failed, nobody would find the tests of a file: tests/ROOM/test_X.py, or
    test_X_aspect.py, is about the module or package X of src/ottla/ROOM.
    """
    found = []
    for file in tracked():
        parts = Path(file).parts
        name = Path(file).stem.removeprefix("test_")
        if parts[0] != "tests" or not Path(file).match("test_*.py") or parts[1] in ELSEWHERE:
            continue
        room = (ROOT / "src" / "ottla").joinpath(*parts[1:-1][:1])
        subjects = {path.stem for path in room.rglob("*.py")}
        subjects |= {path.parent.name for path in room.rglob("__init__.py")} - {room.name}
        words = name.split("_")
        if not subjects & {"_".join(words[:count]) for count in range(1, len(words) + 1)}:
            found.append(f"{file}: no module or package of {room.relative_to(ROOT)} is called so")
    report(found)


def test_nothing_points_at_one_machine() -> None:
    """If this failed, the checkout would only work, or make sense, where somebody wrote it."""
    report(
        [
            f"{file}:{number}: {line.strip()[:90]}"
            for file, text in texts("")
            for number, line in enumerate(text.splitlines(), 1)
            if MACHINE_PATH.search(line) and file != "tests/tidy/test_tidy.py"
        ]
    )


def test_nothing_is_left_unfinished() -> None:
    """If this failed, somebody would meet half a feature; finish it or refuse it by name."""
    report(
        [
            f"{file}:{number}: {line.strip()[:90]}"
            for file, text in texts(".py", ".rs", ".md", ".java", "Makefile")
            for number, line in enumerate(text.splitlines(), 1)
            if UNFINISHED.search(line) and file != "tests/tidy/test_tidy.py"
        ]
    )


def test_tests_say_what_they_are_for() -> None:
    """If this failed, nobody would know what is broken when a test fails."""
    found = []
    for file, text in texts(".py"):
        if not file.startswith("tests/") or not Path(file).name.startswith("test_"):
            continue
        for node in ast.walk(ast.parse(text)):
            if (
                isinstance(node, ast.FunctionDef)
                and node.name.startswith("test_")
                and not ast.get_docstring(node)
            ):
                found.append(f"{file}:{node.lineno}: {node.name} has no docstring")  # noqa: PERF401
    report(found)


def _sleeps(call: ast.Call) -> bool:
    """Whether the call waits for nothing but time, however it is spelled."""
    name = ast.unparse(call.func)
    waits_for_nothing = [ast.unparse(one) for one in call.args[:3]] == ["[]"] * 3
    return (
        name in ("time.sleep", "sleep")
        or (name.endswith("Event().wait") and bool(call.args))
        or (name in ("select.select", "select") and waits_for_nothing)
    )


DESIGN_PATH = re.compile(r"`([A-Za-z_.-]+(?:/[A-Za-z_.-]+)+)`")
DESIGN_ROOTS = ("", "src", "src/ottla", "src/ottla/coordinators", "rust", "rust/core/src", "tests")


def test_the_design_names_files_that_exist() -> None:
    """If this failed, a page of the design would lead to a file that has been moved or renamed."""
    pages = [ROOT / "ARCHITECTURE.md", *sorted((ROOT / "docs" / "design").glob("*.md"))]
    report(
        [
            f"{page.relative_to(ROOT)}:{number}: {path}"
            for page in pages
            for number, line in enumerate(page.read_text().splitlines(), 1)
            for path in DESIGN_PATH.findall(line)
            if "NAME" not in path and "ROOM" not in path
            if not any((ROOT / root / path).exists() for root in DESIGN_ROOTS)
        ]
    )


def test_no_test_sleeps() -> None:
    """If this failed, a test would guess how long something takes; wait for a condition instead."""
    found = []
    for file, text in texts(".py"):
        if not file.startswith("tests/") or file in MAY_SLEEP:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and _sleeps(node):
                found.append(f"{file}:{node.lineno}: sleeps")  # noqa: PERF401
    report(found)


SILENCE = re.compile(
    r"settimeout\(0?\.\d|select\([^()]*, 0?\.\d+\)|has_more\((?!0(\.01)?\))\d"
    r"|raises\((TimeoutError|Silent|[a-z.]*Empty)\b|assert not [^#\n]*\.(wait|poll)\(\d"
)
"""What takes a while without an answer for an answer; polls of a loop may be as short as 0.01 s."""


def test_silence_is_proved_by_what_comes_after() -> None:
    """If this failed, a node that is merely slow would pass for one that waits: ask for something
    else after it, on a way that comes by the same place, and show that its answer is there.
    """
    report(
        [
            f"{file}:{number}: {line.strip()}"
            for file, text in texts(".py")
            if file.startswith("tests/") and file != "tests/tidy/test_tidy.py"
            for number, line in enumerate(text.splitlines(), 1)
            if SILENCE.search(line)
        ]
    )


def test_modules_open_with_their_theory() -> None:
    """If this failed, a reader would open a file that does not say what it is."""
    report(
        [
            f"{file}: no docstring at its head"
            for file, text in texts(".py")
            if text.strip() and not ast.get_docstring(ast.parse(text))
        ]
    )


ROOMS_OF_THE_PLATFORM = ("client", "console", "sql", "mirror", "connect", "streams", "registry")
ROOMS_OF_DECIDERS = {
    "decide", "driver", "wire", "raft", "metadata", "controller", "coordinators", "security",
}  # fmt: skip
MAY_REACH_CORE = {"wire", "schemas", "streams.fast", "node", "sim", "__init__"}
"""The rooms as ARCHITECTURE.md rules them; what `.importlinter` says of each is held against it."""


def rooms() -> list[str]:
    """The packages and modules right under ottla that stand today."""
    source = ROOT / "src" / "ottla"
    found = [p.parent.name for p in source.glob("*/__init__.py")]
    return found + [p.stem for p in source.glob("*.py") if not p.stem.startswith("__")]


def test_every_room_stands_in_the_import_contracts() -> None:
    """If this failed, a new room would be free of the import rules until somebody remembered it."""
    text = (ROOT / ".importlinter").read_text(encoding="utf-8")
    _, layers, platform, deciders, *_ = text.split("[importlinter:contract:")
    for room in rooms():
        assert re.search(rf"\b{room}\b", layers), f"{room} is in no layer of .importlinter"
        if room in ROOMS_OF_THE_PLATFORM:
            assert f"ottla.{room}\n" in platform.split("forbidden_modules")[0], room
        if room in ("broker", "node", "replication", "controller", "coordinators", "raft"):
            assert f"ottla.{room}\n" in platform.split("forbidden_modules")[1], room
    among = set(re.findall(r"^    ottla\.(\w+)$", deciders.split("forbidden_modules")[0], re.M))
    assert among == ROOMS_OF_DECIDERS


def imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """(module, name) of all that a file imports, early or late, but not for type checkers alone;
    "" where it is the module itself.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.module, alias.name) for alias in node.names)


def imports(tree: ast.Module) -> Iterator[str]:
    """Every module that a file imports, and every name in one that could be a module."""
    for module, name in imported(tree):
        yield module
        if name:
            yield f"{module}.{name}"


def sources() -> Iterator[tuple[str, str, ast.Module]]:
    """Every module of ours: its dotted name, its room, and what is in it."""
    for file, text in texts(".py"):
        parts = Path(file).with_suffix("").parts
        if parts[:2] == ("src", "ottla"):
            name = ".".join(parts[1:]).removesuffix(".__init__")
            yield name, parts[2], ast.parse(text)


def test_only_who_may_reaches_the_core() -> None:
    """If this failed, a room above would depend on Rust, and could not be simulated or run on any
    Kafka; ask `ottla.wire` or the object that the node hands in instead. Of Streams the fast
    executor alone may: what is held against it must be Python's own.
    """
    report(
        [
            f"{name}: imports ottla._core; only {', '.join(sorted(MAY_REACH_CORE))} may"
            for name, room, tree in sources()
            if not {room, ".".join(name.split(".")[1:3])} & MAY_REACH_CORE
            and "ottla._core" in {*imports(tree)}
        ]
    )


def test_deciders_open_no_file() -> None:
    """If this failed, a decider would read what no simulated disk holds: `open` needs no import."""
    report(
        [
            f"{name}:{node.lineno}: opens a file"
            for name, room, tree in sources()
            if Path(room).stem in ROOMS_OF_DECIDERS
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "open"
        ]
    )


def cycles(uses: dict[str, set[str]]) -> dict[str, set[str]]:
    """What is left when who uses nothing, or is used by nobody, is taken away again and again."""
    left = {one: set(used) for one, used in uses.items()}
    while True:
        used = {one for some in left.values() for one in some}
        idle = {one for one, some in left.items() if not some or one not in used}
        if not idle:
            return left
        left = {one: some - idle for one, some in left.items() if one not in idle}


def uses(modules: dict[str, ast.Module]) -> dict[str, set[str]]:
    """Which of these each of them needs. Of a package that may be its place alone (`from ottla.wire
    import api` needs the module), or what its `__init__` says; and who comes from outside runs that
    `__init__`, whatever module in it is wanted.
    """
    found: dict[str, set[str]] = {}
    for user, tree in modules.items():
        used = set[str]()
        for module, name in imported(tree):
            wanted = f"{module}.{name}" if f"{module}.{name}" in modules else module
            parts = wanted.split(".")
            places = {".".join(parts[:count]) for count in range(1, len(parts))}
            used |= {wanted, *(place for place in places if not f"{user}.".startswith(f"{place}."))}
        found[user] = used & modules.keys() - {user}
    return found


CIRCLES = {
    "two modules": ({"a": "import b", "b": "from a import x", "c": "import a"}, {"a", "b"}),
    "a package and a module of it": (
        {"p": "from p.m import f", "p.m": "from p import g", "q": "from p import m"},
        {"p", "p.m"},
    ),
    "through a package, to a module that has no part in it": (
        {"p": "from p.m import f", "p.m": "import q", "p.n": "", "q": "from p.n import g"},
        {"p", "p.m", "q"},
    ),
    "late": ({"a": "def f():\n    import b", "b": "from a import f"}, {"a", "b"}),
    "none, but for type checkers": (
        {"a": "if TYPE_CHECKING:\n    import b", "b": "import a"},
        set(),
    ),
    "none, but a place": (
        {"p": "from p.m import f", "p.m": "from p import n", "p.n": "", "q": "import p.n"},
        set(),
    ),
}


@pytest.mark.parametrize("name", CIRCLES)
def test_circles_are_found(name: str) -> None:
    """If this failed, the next test would pass whatever imports whatever."""
    texts_of, circle = CIRCLES[name]
    assert cycles(uses({one: ast.parse(text) for one, text in texts_of.items()})).keys() == circle


def test_no_modules_import_each_other() -> None:
    """If this failed, neither of the two could be read, tested or moved without the other; a late
    import hides that and does not mend it.
    """
    modules = {name: tree for name, _, tree in sources()}
    modules["ottla._core"] = ast.Module([], [])
    left = cycles(uses(modules))
    report([f"{name}: {', '.join(sorted(used))}" for name, used in left.items()])


HEAVY = {"asyncio", "dataclasses", "enum", "inspect", "json", "logging", "uuid", "re"}


@pytest.mark.parametrize("room", ["node", "broker", "config", "wire", "metadata", "raft"])
def test_start_up_imports_nothing_heavy(room: str) -> None:
    """If this failed, every start of a node would pay for a module that it may not need."""
    found = []
    for file, text in texts(".py"):
        if not file.startswith(f"src/ottla/{room}/"):
            continue
        for node in ast.parse(text).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = set(imports(ast.Module([node], [])))
                heavy = {n.split(".")[0] for n in names} & HEAVY
                found += [f"{file}:{node.lineno}: {name}" for name in sorted(heavy)]
    report(found)
