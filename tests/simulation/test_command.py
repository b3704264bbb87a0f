"""`python -m ottla.sim`: what somebody sees who plays a seed again."""

from __future__ import annotations

import pytest

from ottla.sim import crashes
from ottla.sim.__main__ import main


def test_a_seed_is_shown_whether_it_held_or_not(capsys: pytest.CaptureFixture[str]) -> None:
    """If this failed, the line that a violation prints would show nothing once it is mended."""
    assert main(["--seeds", "7", "--steps", "30", "--trace", "500"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "seed 7: everything held"
    assert lines[1].endswith("ottla.sim --seeds 7 --steps 30 --trace 500")
    steps = lines[2 : lines.index("", 2)]
    assert len(steps) > 80
    assert main(["--seeds", "7", "--steps", "30"]) == 0
    assert "everything held" not in capsys.readouterr().out


def test_crashes_are_counted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """If this failed, who crashes everywhere would not hear how often that was, nor where it broke
    something.
    """
    case = crashes.Case(new=True, ends=(True,), how="kill", goes=True, within=False)
    monkeypatch.setattr(crashes, "CASES", (case,))
    assert main(["--crashes"]) == 0
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith("seed 1, version 2, commit, kill, gone: ")
    assert int(last.split()[0]) > 30
    assert main(["--crashes", "--plant", "early-ends", "--trace", "3"]) == 1
    assert "at " in capsys.readouterr().out


def test_a_run_that_fails_before_any_fault(capsys: pytest.CaptureFixture[str]) -> None:
    """If this failed, the finding would be followed by a traceback, and not be found again."""
    words = ["--seeds", "1", "--plant", "early-answers", "--trace", "5"]
    assert main(words) == 1
    said = capsys.readouterr().out
    assert "acknowledged and is not on disk" in said
    assert "--seeds 1 --plant early-answers --trace 500" in said
    assert "1 failed" in said
