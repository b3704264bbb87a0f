//! Values to bytes, as a plan says.

use super::write::{classic_length, compact_length, unsigned_varint};
use super::{
    Fault, Field, Kind, Plan, Preset, Refused, STRING_BYTES_MAX, StructPlan, check_version,
};

/// Gives values to the encoder.
pub trait Source<T> {
    type Value;
    type Error;

    fn field(
        &self,
        object: &Self::Value,
        plan: &StructPlan<T>,
        index: usize,
    ) -> Result<Self::Value, Self::Error>;
    /// Refuses what is not an object of this struct.
    fn check(&self, object: &Self::Value, plan: &StructPlan<T>) -> Result<(), Self::Error>;
    fn is_null(&self, value: &Self::Value) -> bool;
    fn boolean(&self, value: &Self::Value) -> Result<bool, Self::Error>;
    fn int(&self, value: &Self::Value) -> Result<i64, Self::Error>;
    fn float(&self, value: &Self::Value) -> Result<f64, Self::Error>;
    fn text<'v>(&self, value: &'v Self::Value) -> Result<&'v str, Self::Error>;
    fn bytes<'v>(&self, value: &'v Self::Value) -> Result<&'v [u8], Self::Error>;
    fn length(&self, list: &Self::Value) -> Result<usize, Self::Error>;
    fn item(&self, list: &Self::Value, index: usize) -> Result<Self::Value, Self::Error>;
}

/// Append one message to `out`; on an error `out` holds a piece of it.
pub fn encode<T, S: Source<T>>(
    plan: &Plan<T>,
    version: i16,
    source: &S,
    message: &S::Value,
    out: &mut Vec<u8>,
) -> Result<(), Refused<S::Error>> {
    check_version(plan, version)?;
    let flexible = plan.flexible.contains(version);
    Encoder {
        version,
        flexible,
        source,
        out,
    }
    .structure(&plan.root, message)
}

struct Encoder<'e, S> {
    version: i16,
    flexible: bool,
    source: &'e S,
    out: &'e mut Vec<u8>,
}

impl<S> Encoder<'_, S> {
    fn structure<T>(
        &mut self,
        plan: &StructPlan<T>,
        object: &S::Value,
    ) -> Result<(), Refused<S::Error>>
    where
        S: Source<T>,
    {
        self.source.check(object, plan).map_err(Refused::Host)?;
        for (index, field) in plan.fields.iter().enumerate() {
            let tagged = field.tagged.contains(self.version);
            if tagged || (field.ignorable && !field.versions.contains(self.version)) {
                continue;
            }
            let value = self
                .source
                .field(object, plan, index)
                .map_err(Refused::Host)?;
            self.plain(field, &value)
                .map_err(|refused| refused.within(&field.name))?;
        }
        if self.flexible {
            self.tags(plan, object)?;
        }
        Ok(())
    }

    /// A field outside the tags: written if the version has it, else it must hold its default.
    fn plain<T>(&mut self, field: &Field<T>, value: &S::Value) -> Result<(), Refused<S::Error>>
    where
        S: Source<T>,
    {
        if field.versions.contains(self.version) {
            return self.field(field, value);
        }
        if self.is_preset(&field.kind, &field.preset, value)? {
            return Ok(());
        }
        let text = format!(
            "is set, but version {} has no such field to carry it",
            self.version
        );
        Err(Fault::new(text, None).into())
    }

    fn tags<T>(&mut self, plan: &StructPlan<T>, object: &S::Value) -> Result<(), Refused<S::Error>>
    where
        S: Source<T>,
    {
        let mut present = Vec::new();
        for &index in &plan.tags {
            let field = &plan.fields[index];
            if !field.tagged.contains(self.version) {
                continue;
            }
            let value = self
                .source
                .field(object, plan, index)
                .map_err(Refused::Host)?;
            let preset = self
                .is_preset(&field.kind, &field.preset, &value)
                .map_err(|refused| refused.within(&field.name))?;
            if !preset {
                present.push((field, value));
            }
        }
        unsigned_varint(self.out, present.len() as u32);
        for (field, value) in present {
            unsigned_varint(self.out, field.tag);
            let start = self.out.len();
            self.tagged(field, &value)
                .map_err(|refused| refused.within(&field.name))?;
            let body = self.out.split_off(start);
            let Ok(size) = u32::try_from(body.len()) else {
                return Err(Self::too_long(body.len()).within(&field.name));
            };
            unsigned_varint(self.out, size);
            self.out.extend_from_slice(&body);
        }
        Ok(())
    }

    /// What a tag holds: a field as any, but a struct that may be null has a varint before it there, not a byte.
    fn tagged<T>(&mut self, field: &Field<T>, value: &S::Value) -> Result<(), Refused<S::Error>>
    where
        S: Source<T>,
    {
        match &field.kind {
            Kind::Struct(plan) if field.nullable.contains(self.version) => {
                let is_null = self.source.is_null(value);
                unsigned_varint(self.out, u32::from(!is_null));
                if is_null {
                    return Ok(());
                }
                self.structure(plan, value)
            }
            _ => self.field(field, value),
        }
    }

    fn field<T>(&mut self, field: &Field<T>, value: &S::Value) -> Result<(), Refused<S::Error>>
    where
        S: Source<T>,
    {
        let nullable = field.nullable.contains(self.version);
        let compact = self.flexible && !field.never_flexible;
        self.value(&field.kind, nullable, compact, value)
    }

    fn value<T>(
        &mut self,
        kind: &Kind<T>,
        nullable: bool,
        compact: bool,
        value: &S::Value,
    ) -> Result<(), Refused<S::Error>>
    where
        S: Source<T>,
    {
        if self.source.is_null(value) {
            return self.null(kind, nullable, compact);
        }
        let source = self.source;
        match kind {
            Kind::Bool => {
                let value = source.boolean(value).map_err(Refused::Host)?;
                self.out.push(u8::from(value));
            }
            Kind::Int8 => self.int::<T, 1>(value, i64::from(i8::MIN), i64::from(i8::MAX))?,
            Kind::Int16 => self.int::<T, 2>(value, i64::from(i16::MIN), i64::from(i16::MAX))?,
            Kind::Uint16 => self.int::<T, 2>(value, 0, i64::from(u16::MAX))?,
            Kind::Int32 => self.int::<T, 4>(value, i64::from(i32::MIN), i64::from(i32::MAX))?,
            Kind::Uint32 => self.int::<T, 4>(value, 0, i64::from(u32::MAX))?,
            Kind::Int64 => self.int::<T, 8>(value, i64::MIN, i64::MAX)?,
            Kind::Float64 => {
                let value = source.float(value).map_err(Refused::Host)?;
                self.out.extend_from_slice(&value.to_be_bytes());
            }
            Kind::Uuid => self.uuid(source.bytes(value).map_err(Refused::Host)?)?,
            Kind::String => self.string(source.text(value).map_err(Refused::Host)?, compact)?,
            Kind::Bytes | Kind::Records => {
                let bytes = source.bytes(value).map_err(Refused::Host)?;
                self.length(Some(bytes.len()), compact)?;
                self.out.extend_from_slice(bytes);
            }
            Kind::Array(element) => {
                let length = source.length(value).map_err(Refused::Host)?;
                self.length(Some(length), compact)?;
                for index in 0..length {
                    let item = source.item(value, index).map_err(Refused::Host)?;
                    self.value(element, false, compact, &item)?;
                }
            }
            Kind::Struct(plan) => {
                if nullable {
                    self.out.push(1);
                }
                self.structure(plan, value)?;
            }
        }
        Ok(())
    }

    fn uuid<E>(&mut self, bytes: &[u8]) -> Result<(), Refused<E>> {
        if bytes.len() != 16 {
            let text = format!("is a uuid and holds {} bytes, not 16", bytes.len());
            return Err(Fault::new(text, None).into());
        }
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    fn string<E>(&mut self, text: &str, compact: bool) -> Result<(), Refused<E>> {
        if text.len() > STRING_BYTES_MAX {
            return Err(Self::too_long(text.len()));
        }
        if compact {
            compact_length(self.out, Some(text.len()));
        } else {
            let length = text.len() as u16;
            self.out.extend_from_slice(&length.to_be_bytes());
        }
        self.out.extend_from_slice(text.as_bytes());
        Ok(())
    }

    fn int<T, const N: usize>(
        &mut self,
        value: &S::Value,
        least: i64,
        most: i64,
    ) -> Result<(), Refused<S::Error>>
    where
        S: Source<T>,
    {
        let value = self.source.int(value).map_err(Refused::Host)?;
        if value < least || value > most {
            let text = format!("is {value}, outside {least} to {most}");
            return Err(Fault::new(text, None).into());
        }
        self.out.extend_from_slice(&value.to_be_bytes()[8 - N..]);
        Ok(())
    }

    fn null<T>(
        &mut self,
        kind: &Kind<T>,
        nullable: bool,
        compact: bool,
    ) -> Result<(), Refused<S::Error>>
    where
        S: Source<T>,
    {
        if !nullable {
            let text = format!("is null, which version {} does not allow", self.version);
            return Err(Fault::new(text, None).into());
        }
        match kind {
            Kind::Struct(_) => self.out.push(0xff),
            Kind::String if !compact => self.out.extend_from_slice(&[0xff, 0xff]),
            _ => self.length(None, compact)?,
        }
        Ok(())
    }

    fn length<T>(&mut self, length: Option<usize>, compact: bool) -> Result<(), Refused<S::Error>>
    where
        S: Source<T>,
    {
        let written = if compact {
            compact_length(self.out, length)
        } else {
            classic_length(self.out, length)
        };
        written.ok_or_else(|| Self::too_long(length.unwrap_or_default()))
    }

    fn too_long<E>(length: usize) -> Refused<E> {
        Fault::new(format!("is too long: {length}"), None).into()
    }

    /// Whether a value is what its absence would mean.
    fn is_preset<T>(
        &self,
        kind: &Kind<T>,
        preset: &Preset,
        value: &S::Value,
    ) -> Result<bool, Refused<S::Error>>
    where
        S: Source<T>,
    {
        let source = self.source;
        if source.is_null(value) {
            return Ok(*preset == Preset::Null);
        }
        let held = match (kind, preset) {
            (_, Preset::Null) => Ok(false),
            (Kind::Bool, Preset::Bool(preset)) => source.boolean(value).map(|held| held == *preset),
            (Kind::Float64, Preset::Float(preset)) => {
                source.float(value).map(|held| held == *preset)
            }
            (Kind::String, Preset::Text(preset)) => source.text(value).map(|held| held == preset),
            (Kind::Uuid, _) => source
                .bytes(value)
                .map(|held| held.iter().all(|&byte| byte == 0)),
            (Kind::Bytes | Kind::Records, _) => source.bytes(value).map(<[u8]>::is_empty),
            (Kind::Array(_), _) => source.length(value).map(|length| length == 0),
            (Kind::Struct(plan), _) => return self.is_untouched(plan, value),
            (_, Preset::Int(preset)) => source.int(value).map(|held| held == *preset),
            _ => Ok(false),
        };
        held.map_err(Refused::Host)
    }

    fn is_untouched<T>(
        &self,
        plan: &StructPlan<T>,
        object: &S::Value,
    ) -> Result<bool, Refused<S::Error>>
    where
        S: Source<T>,
    {
        self.source.check(object, plan).map_err(Refused::Host)?;
        for (index, field) in plan.fields.iter().enumerate() {
            let value = self
                .source
                .field(object, plan, index)
                .map_err(Refused::Host)?;
            if !self.is_preset(&field.kind, &field.preset, &value)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
