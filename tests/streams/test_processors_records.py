"""Records that processors make: their times and headers are checked where they are made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import pytest

from ottla.streams import FixedKeyProcessor, FixedKeyRecord, Processor, Record, Streams
from ottla.streams.errors import ProcessingError, StreamsError
from ottla.streams.testing import ExecutorName, TopologyTest

Made = Callable[[Any], Any]

TIMES = [-1, 1.5, None, "7", True, 2**63]
HEADERS = [{"a": b"x"}, [("a", "text")], None, "ab", [("a",)], [(b"a", b"x")], [("\udc00", b"x")]]

REFUSED: list[Made] = [
    *[lambda record, time=time: record.with_timestamp(time) for time in TIMES],
    *[lambda record, time=time: type(record)("k", "v", time) for time in TIMES],
    *[lambda record, given=given: record.with_headers(given) for given in HEADERS],
    *[lambda record, given=given: type(record)("k", "v", 0, given) for given in HEADERS],
]


def passed(change: Made, *, fixed: bool) -> Streams:
    class Changing(Processor):
        def process(self, record: Record) -> None:
            self.context.forward(change(record))

    class ChangingValues(FixedKeyProcessor):
        def process(self, record: FixedKeyRecord) -> None:
            self.context.forward(change(record))

    app = Streams("app", key=str, value=str)
    source = app.stream("in")
    if fixed:
        source.process_values(ChangingValues, name="changing").to("out")
    else:
        source.process(Changing, name="changing").to("out")
    return app


@pytest.mark.parametrize("executor", get_args(ExecutorName))
@pytest.mark.parametrize("fixed", [False, True])
@pytest.mark.parametrize("change", REFUSED)
def test_what_no_record_can_have_is_refused(
    executor: ExecutorName, fixed: bool, change: Made
) -> None:
    """If this failed, one executor would write a time of -5 and the other refuse or empty it."""
    words = "changing.*processing failed: the (time|headers) of a record: "
    with (
        TopologyTest(passed(change, fixed=fixed), executor=executor) as test,
        pytest.raises(ProcessingError, match=words) as caught,
    ):
        test.input("in").send("k", "v")
    assert not test.topics()
    assert "time is" in str(caught.value.hint) or "headers are" in str(caught.value.hint)


@pytest.mark.parametrize("executor", get_args(ExecutorName))
@pytest.mark.parametrize("fixed", [False, True])
def test_what_a_record_can_have_is_kept(executor: ExecutorName, fixed: bool) -> None:
    """If this failed, what is legal would be refused, or not be what is written."""

    def change(record: Any) -> Any:
        changed = record.with_timestamp(7).with_headers([("a", b"x"), ("b", None)])
        return changed.with_value("w")

    with TopologyTest(passed(change, fixed=fixed), executor=executor) as test:
        test.input("in").send("k", "v")
        made = test.output("out").read()
    assert (made.key, made.value, made.timestamp) == ("k", "w", 7)
    assert made.headers == (("a", b"x"), ("b", None))


@pytest.mark.parametrize("executor", get_args(ExecutorName))
@pytest.mark.parametrize("given", [[("a", "x")], None, "ab", {"a": 5}])
def test_headers_of_a_test_are_checked(executor: ExecutorName, given: Any) -> None:
    """If this failed, one executor would take a text for a header and the other not say where."""
    with (
        TopologyTest(passed(lambda record: record, fixed=False), executor=executor) as test,
        pytest.raises(StreamsError, match="headers= of a record for in: "),
    ):
        test.input("in").send("k", "v", headers=given)
