"""What is a regular expression of RE2, against what re2j 1.8 said of the same texts.

tests/data/re2-validity.jsonl holds texts, most of them put together by chance from parts of regular
expressions, and what its `Pattern.compile` had to say of each: "ok", or what is wrong.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ottla.regex.re2_syntax import re2_problem


def test_texts_are_judged_as_re2j_does(data_dir: Path) -> None:
    """If this failed, --validate-regex would promise what a broker refuses, or the other way."""
    lines = (data_dir / "re2-validity.jsonl").read_text(encoding="utf-8").splitlines()
    cases = [json.loads(line) for line in lines]
    wrong = [(text, said) for text, said in cases if (re2_problem(text) is None) != (said == "ok")]
    assert not wrong
    assert len(cases) > 300
    assert {said == "ok" for _, said in cases} == {True, False}


@pytest.mark.parametrize("text", ["a{" + "9" * 5000 + "}", "a{2," + "9" * 5000 + "}"])
def test_numbers_of_any_length_are_judged(text: str) -> None:
    """If this failed, a long number would end in a traceback."""
    assert re2_problem(text) is not None
