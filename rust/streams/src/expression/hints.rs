//! What to do about a refusal; the same words as in Python.

pub const NUMBERS: &str =
    "make it a number by .cast(int) or .cast(float), or filter such records out before";
pub const TEXT: &str = "make it text by .cast(str), or filter such records out before";
pub const TRUTH: &str = "compare first, e.g. col(\"x\") == 1, or use .cast(bool)";
pub const KINDS: &str = "make both one kind by .cast(), or filter such records out before";
pub const SIZE: &str = "use .cast(float), or smaller numbers";
pub const ZERO: &str = "test first: when(divisor != 0).then(…).otherwise(…)";
pub const CAST: &str = "filter such records out before, or cast in a function of your own";
pub const TIME: &str =
    "give ms since the epoch as an int, e.g. timestamp() or parse_time(col(\"at\"))";
pub const PARSE: &str = "write it as 2026-11-28T05:31:43.120Z; .cast(int) reads ms since the epoch";
pub const PATH: &str =
    "fields are read from JSON objects, places from lists; value() is the whole value";
pub const RECORD: &str = "use .cast(str), or leave the field out";
pub const VALUE: &str = "take what you need of it in a function before";
