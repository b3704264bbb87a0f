"""Records `tests/data/re2-matches.jsonl`: expressions put together by chance, texts, and which of
them re2j 1.8 says are matched as a whole; null for what is no expression to it.

`python tests/regex/record_re2_matches.py`, with `src` and `tests` on PYTHONPATH.
"""

from __future__ import annotations

import json
import random
import tempfile
from pathlib import Path

from javatools import JavaTools

TARGET = Path(__file__).parents[1] / "data" / "re2-matches.jsonl"
COUNT = 1500
PARTS = (
    *("a", "b", "c", "ab", "-", "_", "K", "k", "s", "\u017f", "\u212a", "\u00e9", "\u00c9"),
    *("(", "(", ")", ")", "(?:", "(?i)", "(?i:", "(?m)", "(?s)", "(?-i)", "(?<n>", "|", "|"),
    *("*", "+", "?", "*?", "{2}", "{1,2}", "{0,1}", "{1,}", "{", "\\p{^Lu}", "\U0001f600"),
    *(".", "^", "$", "\\A", "\\z", "\\b", "\\B", "\\d", "\\W", "\\s", "\\n", "\\x41", "\\."),
    *("[ab]", "[^a]", "[a-k]", "[[:alpha:]]", "[^[:^digit:]_]", "[\\d-]", "[\\W]", "[]a]", "\\pL"),
    *("\\p{Lu}", "\\P{L}", "(?i)[k-s]", "(?i)[^k]", "(?i)\\w", "(?i)\\pL", "\\Qa.\\E"),
)
LETTERS = "aaaabbbcABkKsS-_. 1\n\u017f\u212a\u00e9\u00c9\U0001f600"


def main() -> None:
    """Ask a JVM."""
    dice = random.Random(7)
    asked = []
    for _ in range(COUNT):
        text = "".join(dice.choice(PARTS) for _ in range(dice.randrange(1, 8)))
        names = ["".join(dice.choice(LETTERS) for _ in range(dice.randrange(5))) for _ in range(24)]
        asked.append([text, sorted({*names, "", "a", "ab", "aab"})])
    with tempfile.TemporaryDirectory() as scratch:
        tools = JavaTools(Path(scratch))
        lines = "".join(json.dumps(one) + "\n" for one in asked)
        out = tools.run("Re2Program", stdin=lines).checked()
        tools.close()
    with TARGET.open("w", encoding="utf-8") as file:
        for (text, names), told in zip(asked, out.splitlines(), strict=True):
            said = json.loads(told)
            matched = said and [name for name, hit in zip(names, said, strict=True) if hit]
            rest = said and [name for name, hit in zip(names, said, strict=True) if not hit]
            if said is None or matched:
                file.write(json.dumps([text, matched, rest]) + "\n")


if __name__ == "__main__":
    main()
