//! Kafka's windows as values; all times are ms.

use super::reading::{Fields, Read};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Windows {
    Time { size: i64, advance: i64, grace: i64 },
    Unlimited { start: i64 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlidingWindows {
    pub difference: i64,
    pub grace: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionWindows {
    pub gap: i64,
    pub grace: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JoinWindows {
    pub before: i64,
    pub after: i64,
    pub grace: i64,
    pub spurious_results_fix: bool,
}

impl Windows {
    pub fn read(fields: &Fields<'_>, name: &str) -> Read<Self> {
        let (kind, windows) = fields.object(name)?;
        match kind {
            "TimeWindows" => {
                let (size, advance) = (windows.int("size_ms")?, windows.int("advance_ms")?);
                if size <= 0 || advance <= 0 || advance > size {
                    return Err(fields.wrong(name, "has no such size and advance"));
                }
                let grace = windows.int("grace_ms")?;
                Ok(Self::Time {
                    size,
                    advance,
                    grace,
                })
            }
            "UnlimitedWindows" => Ok(Self::Unlimited {
                start: windows.int("start_ms")?,
            }),
            other => Err(fields.wrong(name, &format!("is of an unknown kind, {other}"))),
        }
    }
}

impl SlidingWindows {
    pub fn read(fields: &Fields<'_>, name: &str) -> Read<Self> {
        let (_, windows) = fields.object(name)?;
        Ok(Self {
            difference: windows.int("difference_ms")?,
            grace: windows.int("grace_ms")?,
        })
    }
}

impl SessionWindows {
    pub fn read(fields: &Fields<'_>, name: &str) -> Read<Self> {
        let (_, windows) = fields.object(name)?;
        Ok(Self {
            gap: windows.int("gap_ms")?,
            grace: windows.int("grace_ms")?,
        })
    }
}

impl JoinWindows {
    pub fn read(fields: &Fields<'_>, name: &str) -> Read<Self> {
        let (_, windows) = fields.object(name)?;
        Ok(Self {
            before: windows.int("before_ms")?,
            after: windows.int("after_ms")?,
            grace: windows.int("grace_ms")?,
            spurious_results_fix: windows.flag("spurious_results_fix")?,
        })
    }
}
