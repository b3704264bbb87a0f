//! Time: ms since the epoch, taken apart and put together in UTC, without leap seconds.

use super::arithmetic::TOO_LARGE;
use super::context::{Context, Found};
use super::display::quoted_cut;
use super::hints;
use super::node::{Node, OfTime};
use crate::host::Host;
use crate::value::Value;

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// The epoch was a Thursday; weeks begin on Monday.
const EPOCH_WEEKDAY: i64 = 3;

/// The years that dates are told for.
const YEARS: std::ops::RangeInclusive<i64> = 1..=9999;

/// The days from the epoch to a date of the Gregorian calendar. Years are counted from March, so that the
/// day that comes and goes is the last of its year.
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    365 * year + leap_days + (153 * month + 2) / 5 + day - 1 - DAYS_TO_EPOCH
}

/// From 1 March of the year 0 to the epoch.
const DAYS_TO_EPOCH: i64 = 719_468;
/// Days of 400 years, 100 years but the last, 4 years but the last, and a year but the last.
const DAYS_400: i64 = 146_097;
const DAYS_100: i64 = 36_524;
const DAYS_4: i64 = 1461;
const DAYS_1: i64 = 365;

/// Year, month and day of a day.
fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + DAYS_TO_EPOCH;
    let (cycles, rest) = (days.div_euclid(DAYS_400), days.rem_euclid(DAYS_400));
    let centuries = (rest / DAYS_100).min(3);
    let rest = rest - centuries * DAYS_100;
    let (fours, rest) = (rest / DAYS_4, rest % DAYS_4);
    let ones = (rest / DAYS_1).min(3);
    let day_of_year = rest - ones * DAYS_1;
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let year = 400 * cycles + 100 * centuries + 4 * fours + ones;
    if month < 10 {
        (year, month + 3, day)
    } else {
        (year + 1, month - 9, day)
    }
}

impl<H: Host> Context<'_, H> {
    pub(super) fn time(&mut self, node: &Node, by: OfTime, of: &Node) -> Found<H> {
        let at = match self.evaluate(of)? {
            Value::Null => return Ok(Value::Null),
            Value::Int(at) => at,
            other => {
                let (name, kind) = (by.name(), self.type_name(&other));
                let what = format!(".time.{name}() takes int, not {kind}");
                return self.refuse(node, &what, hints::TIME);
            }
        };
        Ok(Value::Int(match by {
            OfTime::Truncate(size) => match at.checked_sub(at.rem_euclid(size)) {
                Some(start) => start,
                None => return self.refuse(node, TOO_LARGE, hints::SIZE),
            },
            OfTime::Hour => at.div_euclid(HOUR).rem_euclid(24),
            OfTime::Minute => at.div_euclid(MINUTE).rem_euclid(60),
            OfTime::Second => at.div_euclid(SECOND).rem_euclid(60),
            OfTime::Weekday => (at.div_euclid(DAY) + EPOCH_WEEKDAY).rem_euclid(7),
            OfTime::Day | OfTime::Month | OfTime::Year | OfTime::Iso => {
                let (year, month, day) = date_of(at.div_euclid(DAY));
                if !YEARS.contains(&year) {
                    let what = "the time lies outside the years 1 to 9999";
                    return self.refuse(node, what, hints::TIME);
                }
                match by {
                    OfTime::Day => day,
                    OfTime::Month => month,
                    OfTime::Year => year,
                    _ => return Ok(Value::Text(iso(year, month, day, at).into())),
                }
            }
        }))
    }

    pub(super) fn parse_time(&mut self, node: &Node, of: &Node) -> Found<H> {
        match self.evaluate(of)? {
            Value::Null => Ok(Value::Null),
            Value::Text(text) => match parsed(text.as_bytes()) {
                Some(at) => Ok(Value::Int(at)),
                None => {
                    let what = format!(
                        "the text {} is no time by ISO 8601",
                        quoted_cut(text.as_str())
                    );
                    self.refuse(node, &what, hints::PARSE)
                }
            },
            other => {
                let kind = self.type_name(&other);
                self.refuse(
                    node,
                    &format!("parse_time() takes str, not {kind}"),
                    hints::TEXT,
                )
            }
        }
    }
}

fn iso(year: i64, month: i64, day: i64, at: i64) -> String {
    let hour = at.div_euclid(HOUR).rem_euclid(24);
    let minute = at.div_euclid(MINUTE).rem_euclid(60);
    let second = at.div_euclid(SECOND).rem_euclid(60);
    let ms = at.rem_euclid(SECOND);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

/// What is left of a text that is being read.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    /// So many digits.
    fn digits(&mut self, count: usize) -> Option<i64> {
        let (digits, rest) = self.0.split_at_checked(count)?;
        let mut number = 0;
        for digit in digits {
            number = number * 10 + i64::from((*digit as char).to_digit(10)?);
        }
        self.0 = rest;
        Some(number)
    }

    /// One of these, if it comes next.
    fn take(&mut self, wanted: &[u8]) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        if !wanted.contains(first) {
            return None;
        }
        self.0 = rest;
        Some(*first)
    }

    /// Two digits up to a highest number.
    fn two(&mut self, most: i64) -> Option<i64> {
        self.digits(2).filter(|number| *number <= most)
    }
}

/// The ms since the epoch of a text by ISO 8601; what is finer is cut off.
fn parsed(text: &[u8]) -> Option<i64> {
    let mut reader = Reader(text);
    let year = reader.digits(4).filter(|year| YEARS.contains(year))?;
    reader.take(b"-")?;
    let month = reader.two(12)?;
    reader.take(b"-")?;
    let day = reader.two(31)?;
    let days = days_of(year, month, day);
    if month == 0 || day == 0 || date_of(days) != (year, month, day) {
        return None;
    }
    let mut at = days * DAY;
    if reader.take(b"Tt ").is_some() {
        at += reader.two(23)? * HOUR;
        reader.take(b":")?;
        at += reader.two(59)? * MINUTE;
        if reader.take(b":").is_some() {
            at += reader.two(59)? * SECOND;
            if reader.take(b".,").is_some() {
                let digits = reader
                    .0
                    .iter()
                    .take_while(|byte| byte.is_ascii_digit())
                    .count();
                if !(1..=9).contains(&digits) {
                    return None;
                }
                let kept = digits.min(3);
                at += reader.digits(kept)? * [100, 10, 1][kept - 1];
                reader.digits(digits - kept)?;
            }
        }
        if let Some(sign) = reader.take(b"+-") {
            let hours = reader.two(23)?;
            reader.take(b":");
            let offset = hours * HOUR + reader.two(59)? * MINUTE;
            at += if sign == b'-' { offset } else { -offset };
        } else {
            reader.take(b"Zz");
        }
    }
    reader.0.is_empty().then_some(at)
}
