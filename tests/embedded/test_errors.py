"""What a user sees of an error: what happened, what to do, and nothing of the machinery below."""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from test_manners import run

import ottla


def in_use(folder: Path) -> None:
    with ottla.Broker(dir=folder):
        ottla.Broker(dir=folder).start()


def port_taken(_: Path) -> None:
    with ottla.Broker() as broker:
        ottla.Broker(port=broker.port).start()


def not_a_folder(_: Path) -> None:
    ottla.Broker(dir=__file__).start()


def wrong_value(_: Path) -> None:
    ottla.Broker(config={"num.partitions": "x"}).start()


def not_running(_: Path) -> None:
    ottla.Broker().kill()


@pytest.mark.parametrize("wrong", [in_use, port_taken, not_a_folder, wrong_value, not_running])
def test_a_traceback_shows_the_hint_alone(wrong: Callable[[Path], None], tmp_path: Path) -> None:
    """If this failed, a user would read of the core's exceptions, and not what to do."""
    with pytest.raises(ottla.OttlaError) as failed:
        wrong(tmp_path)
    shown = "".join(traceback.format_exception(failed.value))
    assert shown.count("Traceback (most recent call last)") == 1, shown
    assert "CoreError" not in shown
    assert failed.value.hint
    assert shown.rstrip().endswith(f"hint: {failed.value.hint}")


def test_a_folder_that_is_locked_up_is_the_argument() -> None:
    """If this failed, who may not enter the folder would be told of a file in it."""
    program = """if True:
        import os, shutil, tempfile, ottla
        import ottla.node.format, ottla.node.node, ottla.testing.broker
        folder = tempfile.mkdtemp(dir="/tmp")
        ottla.Broker(dir=folder).start().close()
        os.chmod(folder, 0)
        if os.getuid() == 0:
            os.seteuid(65534)
        try:
            ottla.Broker(dir=folder).start()
        except ottla.BadArgument as error:
            print(f"{error}; {error.hint}".replace(folder, "FOLDER"))
        os.seteuid(os.getuid())
        os.chmod(folder, 0o700)
        shutil.rmtree(folder)
    """
    done = run(program)
    assert done.stdout.startswith("dir='FOLDER' can't be used: Permission denied; give a folder")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_hint_that_changes_is_shown_once() -> None:
    """If this failed, a command that says it better would show both."""
    error = ottla.OttlaError("no", hint="do this")
    error.add_note("seen at noon")
    error.hint = "do that"
    assert sorted(error.__notes__) == ["hint: do that", "seen at noon"]
    error.hint = None
    assert error.__notes__ == ["seen at noon"]
    error.hint = "do that"
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.hint, again.__notes__) == ("no", "do that", error.__notes__)
