"""Java's regular expressions in RE2's words."""

from __future__ import annotations

import pytest

from ottla.regex.java_pattern import BadPattern, JavaPattern, NotHonoured

MATCHES = [
    ("a.*", ["a", "abc"], ["b", "a\nb", "a\u2028"]),
    (r"client-\d+", ["client-12"], ["client-", "client-\u0661"]),
    ("[a-c]+x?", ["abx", "c"], ["d", ""]),
    (r"\Qa.b\E+", ["a.b", "a.bb"], ["axb"]),
    ("(?i)Ab", ["aB"], ["a"]),
    ("(?i:a)b", ["Ab"], ["AB"]),
    ("a|b", ["a", "b"], ["ab"]),
    ("(?<host>[a-z]+)[.]local", ["node.local"], ["node,local"]),
    (r"\s+", ["\x0b ", "\t"], ["a", "\xa0"]),
    (r"[\s-]+", [" -"], ["a"]),
    (r"[^\s]", ["a"], [" "]),
    ("[]a]", ["]", "a"], ["b"]),
    ("[.+*{(]", ["+", "{", "("], ["a"]),
    (r"\p{Lu}\u0041\x42", ["ZAB"], ["aAB"]),
    ("x{2,3}", ["xx", "xxx"], ["x", "xxxx"]),
    ("a+?b", ["aab"], ["b"]),
    ("^a$", ["a"], ["a\n", "ba"]),
    ("", [""], ["a"]),
]


@pytest.mark.parametrize(("text", "hits", "misses"), MATCHES)
def test_it_matches_as_java_does(text: str, hits: list[str], misses: list[str]) -> None:
    """A subscription would be for other clients than on Apache Kafka."""
    pattern = JavaPattern(text)
    assert all(pattern.matches(one) for one in hits)
    assert not any(pattern.matches(one) for one in misses)


@pytest.mark.parametrize(
    "text",
    ["a++", "(?=a)b", "(?<!a)b", "(?>a)", r"\1", "[a[b]]", "[a-z&&[^b]]", "(?s)a", r"\h", r"\bx"],
)
def test_what_is_not_honoured_is_refused_by_name(text: str) -> None:
    """It would match something else, or nothing, and nobody would know why."""
    with pytest.raises(NotHonoured, match="not honoured"):
        JavaPattern(text)


@pytest.mark.parametrize("text", ["[", "(", ")", "x{1,a}", "x{1", "\\", "a**", "(?P<n>a)", "*a"])
def test_what_is_no_pattern_is_refused(text: str) -> None:
    """It would be kept, and match nobody."""
    with pytest.raises(BadPattern) as refused:
        JavaPattern(text)
    assert not isinstance(refused.value, NotHonoured)


def test_no_pattern_keeps_a_node_busy() -> None:
    """One subscription would stop all that is decided: Java needs years for this."""
    pattern = JavaPattern("(a|a)*(a+)+$")
    for _ in range(200):
        assert not pattern.matches("a" * 2000 + "b")
        assert pattern.matches("a" * 2000)
