//! The formats of Kafka's own serializers, one kind each.

use std::sync::Arc;

use bytes::Bytes;

use super::java_text;
use crate::host::{By, Fault, Headers, Host, Refusal, SerdeId};
use crate::json;
use crate::row::Row;
use crate::value::{Value, Windowed};

#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    String,
    Bytes,
    Long,
    Integer,
    Short,
    Double,
    Float,
    Boolean,
    Void,
    Json,
    /// A key and the start of its window of `size_ms`.
    TimeWindowed {
        key: Box<Kind>,
        size_ms: i64,
    },
    /// A key, the end and the start of its session.
    SessionWindowed {
        key: Box<Kind>,
    },
}

const WRITE_HINT: &str = "give the operator another serde, or change the value before it";
/// The one NaN that Java writes.
const JAVA_NAN_FLOAT: f32 = f32::from_bits(0x7fc0_0000);
const JAVA_NAN: f64 = f64::from_bits(0x7ff8_0000_0000_0000);
const READ_HINT: &str = "read the topic with the serde that its records were written with";

impl Kind {
    pub fn parse(row: &Row) -> Option<Self> {
        let (word, rest) = row.split()?;
        Some(match (word, rest) {
            ("string", []) => Self::String,
            ("bytes", []) => Self::Bytes,
            ("long", []) => Self::Long,
            ("integer", []) => Self::Integer,
            ("short", []) => Self::Short,
            ("double", []) => Self::Double,
            ("float", []) => Self::Float,
            ("boolean", []) => Self::Boolean,
            ("void", []) => Self::Void,
            ("json", []) => Self::Json,
            ("time_windowed", [key, Row::Int(size_ms)]) => Self::TimeWindowed {
                key: Box::new(Self::parse(key)?),
                size_ms: *size_ms,
            },
            ("session_windowed", [key]) => Self::SessionWindowed {
                key: Box::new(Self::parse(key)?),
            },
            _ => return None,
        })
    }

    /// The name that errors tell.
    pub fn name(&self) -> &'static str {
        match self {
            Self::String => "STRING",
            Self::Bytes => "BYTES",
            Self::Long => "LONG",
            Self::Integer => "INTEGER",
            Self::Short => "SHORT",
            Self::Double => "DOUBLE",
            Self::Float => "FLOAT",
            Self::Boolean => "BOOLEAN",
            Self::Void => "VOID",
            Self::Json => "JSON",
            Self::TimeWindowed { .. } => "TIME_WINDOWED",
            Self::SessionWindowed { .. } => "SESSION_WINDOWED",
        }
    }

    /// Appends the bytes of what is neither null nor an object.
    pub(super) fn write<H: Host>(
        &self,
        id: SerdeId,
        host: &mut H,
        topic: &str,
        headers: &mut Headers,
        value: &Value<H::Object>,
        out: &mut Vec<u8>,
    ) -> Result<(), Fault<H::Error>> {
        match (self, value) {
            (Self::String, Value::Text(text)) => out.extend_from_slice(text.as_bytes()),
            (Self::Bytes, Value::Bytes(bytes)) => out.extend_from_slice(bytes),
            (Self::Long, Value::Int(number)) => out.extend_from_slice(&number.to_be_bytes()),
            (Self::Integer, Value::Int(number)) => {
                let number = i32::try_from(*number).map_err(|_| self.out_of_range(topic))?;
                out.extend_from_slice(&number.to_be_bytes());
            }
            (Self::Short, Value::Int(number)) => {
                let number = i16::try_from(*number).map_err(|_| self.out_of_range(topic))?;
                out.extend_from_slice(&number.to_be_bytes());
            }
            (Self::Double, Value::Float(number)) => {
                // As Java does: one NaN for all.
                let number = if number.is_nan() { JAVA_NAN } else { *number };
                out.extend_from_slice(&number.to_be_bytes());
            }
            (Self::Double, Value::Int(number)) => {
                out.extend_from_slice(&(*number as f64).to_be_bytes())
            }
            (Self::Float, Value::Float(number)) => self.write_float(topic, *number, out)?,
            (Self::Float, Value::Int(number)) => self.write_float(topic, *number as f64, out)?,
            (Self::Boolean, Value::Bool(truth)) => out.push(u8::from(*truth)),
            (Self::Json, _) => {
                json::write(value, out).map_err(|refused| self.json_refused(topic, refused))?;
            }
            (Self::TimeWindowed { key, .. }, Value::Windowed(windowed)) => {
                key.write_key(id, host, topic, headers, windowed, value, out)?;
                out.extend_from_slice(&windowed.start.to_be_bytes());
            }
            (Self::SessionWindowed { key }, Value::Windowed(windowed)) => {
                key.write_key(id, host, topic, headers, windowed, value, out)?;
                out.extend_from_slice(&windowed.end.to_be_bytes());
                out.extend_from_slice(&windowed.start.to_be_bytes());
            }
            _ => {
                return Err(self
                    .wrong_type(topic, value.type_name().unwrap_or("object"))
                    .into());
            }
        }
        Ok(())
    }

    /// The key inside a windowed one. An object is written with its window by the host, then cut off.
    #[allow(clippy::too_many_arguments)]
    fn write_key<H: Host>(
        &self,
        id: SerdeId,
        host: &mut H,
        topic: &str,
        headers: &mut Headers,
        windowed: &Windowed<H::Object>,
        whole: &Value<H::Object>,
        out: &mut Vec<u8>,
    ) -> Result<(), Fault<H::Error>> {
        match &windowed.key {
            Value::Null => Err(self.wrong_type(topic, "None").into()),
            Value::Object(object) => match host.native(object).map_err(Fault::Host)? {
                Value::Object(_) => {
                    // It cannot be written; the host's serde says why.
                    host.serialize(id, topic, headers, whole)
                        .map_err(Fault::Host)?;
                    let object = object.clone();
                    Err(self.wrong_type(topic, &host.type_name(&object)).into())
                }
                key => self.write(id, host, topic, headers, &key, out),
            },
            key => self.write(id, host, topic, headers, key, out),
        }
    }

    fn write_float(&self, topic: &str, number: f64, out: &mut Vec<u8>) -> Result<(), Refusal> {
        let narrow = number as f32;
        if narrow.is_infinite() && number.is_finite() {
            return Err(self.out_of_range(topic));
        }
        let narrow = if narrow.is_nan() {
            JAVA_NAN_FLOAT
        } else {
            narrow
        };
        out.extend_from_slice(&narrow.to_be_bytes());
        Ok(())
    }

    pub(super) fn read<O>(&self, topic: &str, bytes: &Bytes) -> Result<Value<O>, Refusal> {
        Ok(match self {
            Self::String => Value::Text(java_text(bytes)),
            Self::Bytes => Value::Bytes(bytes.clone()),
            Self::Long => Value::Int(i64::from_be_bytes(self.exactly(topic, bytes)?)),
            Self::Integer => Value::Int(i32::from_be_bytes(self.exactly(topic, bytes)?).into()),
            Self::Short => Value::Int(i16::from_be_bytes(self.exactly(topic, bytes)?).into()),
            Self::Double => Value::Float(f64::from_be_bytes(self.exactly(topic, bytes)?)),
            Self::Float => Value::Float(f32::from_be_bytes(self.exactly(topic, bytes)?).into()),
            Self::Boolean => match self.exactly(topic, bytes)? {
                [0] => Value::Bool(false),
                [1] => Value::Bool(true),
                _ => return Err(self.unreadable(topic, bytes, "the byte is 0 or 1")),
            },
            Self::Void => return Err(self.unreadable(topic, bytes, "there must be none")),
            Self::Json => json::parse(bytes)
                .ok_or_else(|| self.unreadable(topic, bytes, "this is no JSON document"))?,
            Self::TimeWindowed { key, size_ms } => {
                if bytes.is_empty() {
                    return Ok(Value::Null);
                }
                let (inner, [start]) = self.times(topic, bytes)?;
                let end = start.saturating_add(*size_ms);
                self.windowed(topic, bytes, key.read(topic, &inner)?, start, end)?
            }
            Self::SessionWindowed { key } => {
                if bytes.is_empty() {
                    return Ok(Value::Null);
                }
                let (inner, [end, start]) = self.times(topic, bytes)?;
                self.windowed(topic, bytes, key.read(topic, &inner)?, start, end)?
            }
        })
    }

    fn exactly<const N: usize>(&self, topic: &str, bytes: &Bytes) -> Result<[u8; N], Refusal> {
        bytes[..].try_into().map_err(|_| {
            let why = if N == 1 {
                "it has 1 byte".to_owned()
            } else {
                format!("it has {N} bytes")
            };
            self.unreadable(topic, bytes, &why)
        })
    }

    /// The key's bytes and the times that follow it.
    fn times<const N: usize>(
        &self,
        topic: &str,
        bytes: &Bytes,
    ) -> Result<(Bytes, [i64; N]), Refusal> {
        let Some(length) = bytes.len().checked_sub(8 * N) else {
            let why = format!("it ends with {} bytes of times", 8 * N);
            return Err(self.unreadable(topic, bytes, &why));
        };
        let mut times = [0; N];
        for (time, eight) in times.iter_mut().zip(bytes[length..].chunks_exact(8)) {
            *time = eight.try_into().map(i64::from_be_bytes).unwrap_or_default();
        }
        Ok((bytes.slice(..length), times))
    }

    fn windowed<O>(
        &self,
        topic: &str,
        bytes: &Bytes,
        key: Value<O>,
        start: i64,
        end: i64,
    ) -> Result<Value<O>, Refusal> {
        if start < 0 || end < start {
            return Err(self.unreadable(topic, bytes, "its window has no such times"));
        }
        Ok(Value::Windowed(Arc::new(Windowed { key, start, end })))
    }

    fn wrong_type(&self, topic: &str, found: &str) -> Refusal {
        let text = format!(
            "{} cannot write a value of type {found} (topic {topic})",
            self.name()
        );
        Refusal {
            by: if found == "None" { By::Serde } else { By::Type },
            text,
            hint: WRITE_HINT,
        }
    }

    fn out_of_range(&self, topic: &str) -> Refusal {
        let text = format!(
            "{} cannot write a number of this size (topic {topic})",
            self.name()
        );
        Refusal {
            by: By::Serde,
            text,
            hint: WRITE_HINT,
        }
    }

    fn json_refused(&self, topic: &str, refused: json::Unwritable) -> Refusal {
        match refused {
            json::Unwritable::Type(found) => self.wrong_type(topic, found),
            json::Unwritable::Depth => {
                let text =
                    format!("JSON cannot write a value that nests this deep (topic {topic})");
                Refusal {
                    by: By::Serde,
                    text,
                    hint: WRITE_HINT,
                }
            }
        }
    }

    fn unreadable(&self, topic: &str, bytes: &Bytes, why: &str) -> Refusal {
        let count = bytes.len();
        let noun = if count == 1 { "byte" } else { "bytes" };
        let text = format!(
            "{} cannot read {count} {noun}: {why} (topic {topic})",
            self.name()
        );
        Refusal {
            by: By::Serde,
            text,
            hint: READ_HINT,
        }
    }
}
