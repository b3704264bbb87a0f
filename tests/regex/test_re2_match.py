"""Which names are of an expression of RE2, against what re2j 1.8 said, and what it costs.

tests/data/re2-matches.jsonl holds expressions that were put together by chance, with the texts that
are matched and those that are not; null where it is no expression.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from ottla.regex.re2_match import BadPattern, Pattern


def test_names_are_matched_as_re2j_does(data_dir: Path) -> None:
    """If this failed, kafka-transactions.sh would list other ids than it does of Apache Kafka."""
    lines = (data_dir / "re2-matches.jsonl").read_text(encoding="utf-8").splitlines()
    wrong = []
    for text, matched, rest in map(json.loads, lines):
        if matched is None:
            with pytest.raises(BadPattern):
                Pattern(text)
            continue
        pattern = Pattern(text)
        told = [name for name in (*matched, *rest) if pattern.matches(name)]
        if told != matched:
            wrong.append((text, set(told) ^ set(matched)))
    assert not wrong, f"{len(wrong)} of {len(lines)}: {wrong[:20]}"
    assert len(lines) > 300


@pytest.mark.parametrize(
    "missing", ["\\p{Greek}", "(" * 300 + ")" * 300, "(a{999}){999}", "a{1000}" * 3]
)
def test_what_is_not_had_is_refused(missing: str) -> None:
    """If this failed, it would be matched wrongly, or cost memory and time without end."""
    with pytest.raises(BadPattern, match="here"):
        Pattern(missing)


BOMBS = ["(a+)+$", "(a|a)*b", "(a?){200}a{200}", "(.*a){60}.*b", "(a|b)*a(a|b){200}", "((a*)*)*b"]


@pytest.mark.parametrize("bomb", BOMBS)
def test_the_work_grows_as_the_name_does(bomb: str) -> None:
    """If this failed, one request with a pattern could keep the decision thread busy for years."""
    small, large = (work(Pattern(bomb), "ab" * length + "!") for length in (500, 4000))
    assert large <= 10 * small + 100_000, (small, large)


def work(pattern: Pattern, name: str) -> int:
    """How many calls and lines of ours it takes to look at a name."""
    count = 0

    def seen(frame: object, event: str, argument: object) -> object:
        nonlocal count
        count += 1
        return seen

    sys.settrace(seen)  # type: ignore[arg-type]
    try:
        assert not pattern.matches(name)
    finally:
        sys.settrace(None)
    return count
