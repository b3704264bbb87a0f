"""Files of one Rust crate use each other in one direction, as Python's modules do.

A file uses what its paths name, and what it calls on `self`: the `impl` blocks of one type may lie
in many files, and each of these sees the methods of all others without a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
CRATES = sorted(path.parent.name for path in (ROOT / "rust").glob("*/src"))

#: Circles that stand, as debts: what is in none of them may not join one. An operator forwards to
#: the engine, which calls the next operator, and tells the task's host of what fails.
STANDING: dict[str, list[set[str]]] = {
    "streams": [
        {
            "ahead", "application", "engine", "failures", "operators", "operators/functions",
            "punctuation", "reading", "stores", "task",
        },
        {
            "expression/arithmetic", "expression/comparisons", "expression/context",
            "expression/texts", "expression/times",
        },
        {"operators/joins/view", "operators/views"},
    ],
}  # fmt: skip

Module = tuple[str, ...]
"""Where a file stands in its crate: `hosting/cell.rs` is ("hosting", "cell"), as is its path."""

USE = re.compile(r"^[ \t]*(pub(?:\([a-z ]+\))? )?use ([^;]+);", re.MULTILINE)
PATH = re.compile(r"\b(?:crate|super)(?:::\w+)+")
ITEM = re.compile(
    r"^(?:pub(?:\([a-z ]+\))? )?(?:async |const |unsafe )*"
    r"(?:struct|enum|trait|fn|const|static|type) (\w+)",
    re.MULTILINE,
)
IMPL = re.compile(r"^impl\b([^{;]*)\{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
METHOD = re.compile(
    r"^    (?:pub(?:\([a-z ]+\))? )?(?:async |const |unsafe )*fn (\w+)", re.MULTILINE
)
CALL = re.compile(r"\b(?:self\s*\.|Self::)\s*(\w+)(?:::<[^(]*>)?\(")
TESTS = re.compile(r"^#\[cfg\(test\)\]\n(?:pub(?:\([a-z ]+\))? )?mod tests \{", re.MULTILINE)


def paths_of(tree: str) -> Iterator[str]:
    """The paths that a use declaration names: of `a::{b, c::{d, e}}` they are a::b, a::c::d, ..."""
    tree = " ".join(tree.split())
    if "{" not in tree:
        yield tree.split(" as ")[0]
        return
    head, inside = tree.split("{", 1)
    depth, part = 0, ""
    for letter in inside.rpartition("}")[0] + ",":
        depth += (letter == "{") - (letter == "}")
        if letter != "," or depth:
            part += letter
        elif part.strip():
            yield from (head + path for path in paths_of(part))
            part = ""
        else:
            part = ""


def subject_of(head: str) -> tuple[str, bool]:
    """Whose methods an `impl` has, by what stands before its brace; whether they are a trait's."""
    angles = re.compile(r"<[^<>]*>")
    head = head.replace("->", "")
    while angles.search(head):
        head = angles.sub("", head)
    trait, is_trait, subject = head.split(" where ")[0].strip().rpartition(" for ")
    return subject.split("::")[-1].strip("& "), bool(trait and is_trait)


class Crate:
    """What each file of a crate defines, re-exports and uses; its tests are left out."""

    def __init__(self, files: dict[Module, str]) -> None:
        bare = {module: re.sub(r"//[^\n]*", "", text) for module, text in files.items()}
        self._items: dict[Module, set[str]] = {}
        self._shown: dict[Module, list[Module]] = {}
        self._used: dict[Module, list[Module]] = {}
        for module, text in bare.items():
            text = TESTS.split(text)[0]
            self._items[module] = set(ITEM.findall(text))
            self._shown[module], self._used[module] = [], []
            for shown, tree in USE.findall(text):
                named = self._shown if shown else self._used
                named[module] += self._absolute(bare, module, paths_of(tree))
            self._used[module] += self._absolute(bare, module, PATH.findall(USE.sub("", text)))
        self._follow_methods({module: TESTS.split(text)[0] for module, text in bare.items()})

    def _follow_methods(self, files: dict[Module, str]) -> None:
        """Note which file's methods each file calls on `self`, whatever file the type is from."""
        defined: dict[tuple[Module, str, str], list[Module]] = {}
        called: list[tuple[Module, tuple[Module, str, str]]] = []
        for module, text in files.items():
            for head, body in IMPL.findall(text):
                subject, of_trait = subject_of(head)
                home = self._home_of_name(module, subject)
                for name in [] if of_trait else METHOD.findall(body):
                    defined.setdefault((home, subject, name), []).append(module)
                called += [(module, (home, subject, name)) for name in CALL.findall(body)]
        self._called: dict[Module, set[Module]] = {module: set() for module in files}
        for module, method in called:
            self._called[module].update(defined.get(method, ()))

    def _home_of_name(self, module: Module, name: str) -> Module:
        """The file that defines a type which is called so here."""
        if name in self._items[module]:
            return module
        for path in self._used[module] + self._shown[module]:
            if path[-1] == name:
                return self._home(path)
        return ()

    @staticmethod
    def _absolute(
        files: dict[Module, str], module: Module, paths: Iterator[str] | list[str]
    ) -> list[Module]:
        """Those of the paths that lead to this crate's files, from its root on."""
        found = []
        for path in paths:
            first, *rest = path.split("::")
            if first == "crate":
                found.append(tuple(rest))
            elif first == "super":
                above = module[:-1]
                while rest[0] == "super":
                    above, rest = above[:-1], rest[1:]
                found.append(above + tuple(rest))
            elif (*module, first) in files:
                found.append((*module, first, *rest))
        return found

    def _home(self, path: Module, known: frozenset[Module] = frozenset()) -> Module:
        """The file that defines what a path names, through however many re-exports."""
        if path in self._items or path in known:
            return path
        module = path
        while module not in self._items:
            module = module[:-1]
        name = path[len(module)]
        if name not in self._items[module]:
            for shown in self._shown[module] + self._used[module]:
                if shown[-1] == name:
                    return self._home(shown, known | {path})
                if shown[-1] == "*" and name in self._items.get(shown[:-1], ()):
                    return shown[:-1]
        return module

    def uses(self) -> dict[Module, set[Module]]:
        """Which files each file uses; to hand on what another one defines is no use of it."""
        return {
            module: ({self._home(path) for path in paths} | self._called[module]) - {module}
            for module, paths in self._used.items()
        }


def circles(uses: dict[Module, set[Module]]) -> list[set[Module]]:
    """The largest sets of files of which each one leads to each other."""
    reached: dict[Module, set[Module]] = {}
    for start in uses:
        found, ahead = set(), [start]
        while ahead:
            new = uses.get(ahead.pop(), set()) - found
            found |= new
            ahead += new
        reached[start] = found
    found_sets: list[set[Module]] = []
    for module, there in sorted(reached.items()):
        if module in there and not any(module in one for one in found_sets):
            found_sets.append({other for other in there if module in reached.get(other, ())})
    return found_sets


def folders(uses: dict[Module, set[Module]]) -> dict[Module, set[Module]]:
    """The same of whole folders: a crate's first floor."""
    of: dict[Module, set[Module]] = {}
    for module, there in uses.items():
        of.setdefault(module[:1], set()).update(other[:1] for other in there)
    return {folder: there - {folder, ()} for folder, there in of.items() if folder}


def crate(name: str) -> Crate:
    """One of ours, as it stands in the checkout."""
    source = ROOT / "rust" / name / "src"
    files = {}
    for file in source.rglob("*.rs"):
        parts = file.relative_to(source).with_suffix("").parts
        if not any(part == "tests" or part.endswith("_tests") for part in parts):
            files[tuple(part for part in parts if part not in ("mod", "lib"))] = file.read_text()
    return Crate(files)


def test_circles_are_found_through_re_exports() -> None:
    """If this failed, two files could use each other through their folder's front door, unseen."""
    files: dict[Module, str] = {
        (): "pub mod a;",
        ("a",): "mod b;\nmod c;\nmod d;\npub use b::{B, One};\npub use c::C;\npub use d::*;",
        ("a", "b"): "use super::C;\npub struct B;\npub enum One {}",
        ("a", "c"): "pub struct C;\nfn f(b: crate::a::B) {}\n#[cfg(test)]\nmod tests {\n}",
        ("a", "d"): "use super::{C, c::C as Other};\npub fn d() {}",
        ("e",): "use crate::a::{d, C};\n// use crate::e::E;\n",
    }
    uses = Crate(files).uses()
    b, c = ("a", "b"), ("a", "c")
    assert uses == {
        (): set(),
        ("a",): set(),
        b: {c},
        c: {b},
        ("a", "d"): {c},
        ("e",): {("a", "d"), c},
    }
    assert circles(uses) == [{b, c}]


def test_circles_are_found_through_the_methods_of_one_type() -> None:
    """If this failed, one type's `impl` blocks could tie all files of a folder together, unseen."""
    files: dict[Module, str] = {
        ("a",): "pub struct A<D: Disk>(D);\nimpl<D: Disk> A<D> {\n    fn low(&self) {}\n}\n",
        ("b",): "use crate::a::A;\nimpl<D: Disk> A<D> {\n    pub(super) async fn b(&self) {\n"
        "        self.low();\n        self\n            .c::<D>();\n    }\n}\n",
        ("c",): "use crate::a::A;\nimpl<D: Disk> A<D> {\n    fn c<T: Into<D>>(&self) {\n"
        "        Self::b(self);\n    }\n}\n",
        ("d",): "pub struct A;\nimpl A {\n    fn b(&self) {}\n    fn e(&self) {\n"
        "        self.b();\n    }\n}\n",
        ("e",): "use crate::a::A;\nimpl<D: Disk> Drop for A<D> {\n    fn drop(&mut self) {\n"
        "        self.b();\n    }\n}\n",
    }
    uses = Crate(files).uses()
    a, b, c = ("a",), ("b",), ("c",)
    assert uses == {a: set(), b: {a, c}, c: {a, b}, ("d",): set(), ("e",): {a, b}}
    assert circles(uses) == [{b, c}]


@pytest.mark.parametrize("name", CRATES)
def test_no_rust_files_use_each_other(name: str) -> None:
    """If this failed, none of them could be read, tested or moved without the others; move what
    they share to a file that uses none of them.
    """
    uses = crate(name).uses()
    assert sum(map(len, uses.values())) > len(uses) / 2, "hardly anything is found"
    found = [{"/".join(module) or "lib" for module in one} for one in circles(uses)]
    new = [sorted(one) for one in found if not any(one <= old for old in STANDING.get(name, []))]
    assert not new, new


@pytest.mark.parametrize("name", CRATES)
def test_no_rust_folders_use_each_other(name: str) -> None:
    """If this failed, a folder would be a drawer and no part: what it is could not be said without
    another one.
    """
    found = [{"/".join(module) for module in one} for one in circles(folders(crate(name).uses()))]
    standing = [{file.partition("/")[0] for file in old} for old in STANDING.get(name, [])]
    new = [sorted(one) for one in found if not any(one <= old for old in standing)]
    assert not new, new
