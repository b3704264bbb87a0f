"""What varies in the lines of the load tools, replaced by how it is written: `{.2}` is a number
with two decimals, `{n}` a whole one, and a time has a `d` for each digit.

Rows of progress come as often as the machine lets them: equal ones in a row count as one.
"""

from __future__ import annotations

import re

_DECIMALS = re.compile(r"\b\d+\.(\d+)\b")
_ROW = re.compile(r"(?:\d+(?:\.\d+)?|NaN)(?:, (?:\d+(?:\.\d+)?|NaN)){7}")


def masked(text: str) -> str:
    """Lines with figures that differ from run to run, without them."""
    lines: list[str] = []
    for line in text.split("\n"):
        shown, is_progress = _masked(line)
        if not (is_progress and lines and lines[-1] == shown):
            lines.append(shown)
    return "\n".join(lines)


def _masked(line: str) -> tuple[str, bool]:
    """The line, and whether it is a row of progress."""
    if " records sent, " in line and "max latency" in line:
        line = re.sub(r"\b\d+(?= ms \d)", "{n}", _places(line))
        is_progress = line.endswith("max latency.")
        return (re.sub(r"^\d+", "{n}", line) if is_progress else line), is_progress
    cells = line.split(", ", 2)
    if len(cells) == 3 and _ROW.fullmatch(cells[2]):
        return _masked_row(cells)
    line = re.sub(r'^\{"timestamp":\d{13}(?=,"name":")', '{"timestamp":{time}', line)
    line = re.sub(r'("avg_throughput":)(?!0\.0\})\d+\.\d+(?=\}$)', r"\1{f}", line)
    line = re.sub(r'("message":")[^"]+', r"\1{text}", line)
    line = re.sub(r"^(\d+\t)\d+\.\d{3,}$", r"\1{ms}", line)
    line = re.sub(r"^(Reading payloads from: )/.*/", r"\1{folder}/", line)
    if line.startswith("Avg latency: "):
        line = _places(line)
    if line.startswith("Percentiles: "):
        line = re.sub(r"(?<= = )\d+", "{n}", line)
    return line, False


def _masked_row(cells: list[str]) -> tuple[str, bool]:
    """Of kafka-consumer-perf-test.sh: what was read is told by the row of all, and stays there."""
    first, second, rest = cells
    is_progress = second == "0"
    figures = rest.split(", ")
    for number, figure in enumerate(figures):
        if is_progress or number not in (0, 2):
            figures[number] = "{n}" if figure.isdigit() else _places(figure)
    second = second if is_progress else re.sub(r"\d", "d", second)
    return ", ".join((re.sub(r"\d", "d", first), second, *figures)), is_progress


def _places(text: str) -> str:
    return _DECIMALS.sub(lambda found: f"{{.{len(found[1])}}}", text)
