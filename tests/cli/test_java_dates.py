"""Times by SimpleDateFormat's patterns, held against what Java 17 wrote of the same moments."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from ottla.cli.java_dates import date_format
from ottla.cli.options import BadValue

MOMENTS = (0, 1795745130611, 951782399999, 1750000000007)
NEW_YORK = {
    "yyyy-MM-dd HH:mm:ss:SSS": "1969-12-31 19:00:00:000|2026-11-26 21:05:30:611|"
    "2000-02-28 18:59:59:999|2025-06-15 11:06:40:007",
    "yy yyyyy y": "69 01969 1969|26 02026 2026|00 02000 2000|25 02025 2025",
    "M MM MMM MMMM L": "12 12 Dec December 12|11 11 Nov November 11|2 02 Feb February 2|"
    "6 06 Jun June 6",
    "d dd D DDD": "31 31 365 365|26 26 330 330|28 28 59 059|15 15 166 166",
    "E EEE EEEE u": "Wed Wed Wednesday 3|Thu Thu Thursday 4|Mon Mon Monday 1|Sun Sun Sunday 7",
    "a h hh k kk K KK": "PM 7 07 19 19 7 07|PM 9 09 21 21 9 09|PM 6 06 18 18 6 06|"
    "AM 11 11 11 11 11 11",
    "S SS SSSS": "0 00 0000|611 611 0611|999 999 0999|7 07 0007",
    f"Z X XX {'X' * 3}": "-0500 -05 -0500 -05:00|-0500 -05 -0500 -05:00|-0500 -05 -0500 -05:00|"
    "-0400 -04 -0400 -04:00",
    "'o''clock' ''yy": "o'clock '69|o'clock '26|o'clock '00|o'clock '25",
    "G": "AD|AD|AD|AD",
    "HH'h'mm": "19h00|21h05|18h59|11h06",
}


@pytest.fixture
def zone(request: pytest.FixtureRequest) -> Iterator[None]:
    """The machine lies where the parameter says."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize("zone", ["America/New_York"], indirect=True)
@pytest.mark.parametrize("pattern", NEW_YORK)
def test_a_pattern_means_what_it_means_in_java(zone: None, pattern: str) -> None:
    """If this failed, --date-format would write another time than Apache's tool."""
    write = date_format(pattern)
    assert [write(ms) for ms in MOMENTS] == NEW_YORK[pattern].split("|")


@pytest.mark.parametrize("zone", ["UTC"], indirect=True)
def test_a_zone_without_an_offset(zone: None) -> None:
    """If this failed, UTC would be written otherwise than in Java."""
    assert date_format(f"Z X XX {'X' * 3} z")(0) == "+0000 Z Z Z UTC"


@pytest.mark.parametrize("pattern", ["yyyy-jj", "XXXX", "'abc", "YYYY", "w"])
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    """If this failed, a slip would be found in every row, or end in a traceback."""
    with pytest.raises(BadValue, match="--date-format"):
        date_format(pattern)
