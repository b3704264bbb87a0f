//! Bytes to values, as a plan says.

use super::{Field, Kind, Plan, Reader, Refused, StructPlan, check_version};

/// A list grows from here as its elements arrive, whatever number the bytes claim.
const LIST_CAPACITY_MAX: usize = 1024;

/// About what the host's objects take, in bytes: a struct without its fields, a field or an element, a number, a text
/// or bytes without what they hold, a list without its elements. An honest struct takes tens of bytes on the wire, a
/// hostile one as few as two, and each becomes an object of a hundred or more: without a limit on what is made, a request
/// of 100 MiB would fill all memory.
pub const STRUCT_BYTES: usize = 48;
pub const PLACE_BYTES: usize = 8;
pub const NUMBER_BYTES: usize = 32;
pub const TEXT_BYTES: usize = 56;
pub const LIST_BYTES: usize = 72;

/// Makes values for the decoder.
pub trait Build<T> {
    type Value;
    type Object;
    type Error;

    fn null(&mut self) -> Self::Value;
    fn boolean(&mut self, value: bool) -> Self::Value;
    fn int(&mut self, value: i64) -> Result<Self::Value, Self::Error>;
    fn float(&mut self, value: f64) -> Self::Value;
    fn text(&mut self, value: &str) -> Result<Self::Value, Self::Error>;
    fn bytes(&mut self, value: &[u8]) -> Result<Self::Value, Self::Error>;
    /// Batches of records, which may be large.
    fn records(&mut self, value: &[u8]) -> Result<Self::Value, Self::Error> {
        self.bytes(value)
    }
    fn list(&mut self, items: Vec<Self::Value>) -> Result<Self::Value, Self::Error>;
    /// An object with no field set; each is set, or preset, exactly once or (a tag that came) twice.
    fn begin(&mut self, plan: &StructPlan<T>) -> Result<Self::Object, Self::Error>;
    fn set(
        &mut self,
        object: &Self::Object,
        plan: &StructPlan<T>,
        index: usize,
        value: Self::Value,
    ) -> Result<(), Self::Error>;
    fn preset(
        &mut self,
        object: &Self::Object,
        plan: &StructPlan<T>,
        index: usize,
    ) -> Result<(), Self::Error>;
    fn finish(&mut self, object: Self::Object) -> Self::Value;
}

/// Read one message from the front of `reader`; what follows it is left there. Refused if what it makes would take
/// more than `object_bytes_max`.
pub fn decode<T, B: Build<T>>(
    plan: &Plan<T>,
    version: i16,
    reader: &mut Reader<'_>,
    object_bytes_max: usize,
    build: &mut B,
) -> Result<B::Value, Refused<B::Error>> {
    check_version(plan, version)?;
    let flexible = plan.flexible.contains(version);
    Decoder {
        version,
        flexible,
        object_bytes: 0,
        object_bytes_max,
        build,
    }
    .structure(&plan.root, reader)
}

struct Decoder<'b, B> {
    version: i16,
    flexible: bool,
    object_bytes: usize,
    object_bytes_max: usize,
    build: &'b mut B,
}

impl<B> Decoder<'_, B> {
    fn structure<T>(
        &mut self,
        plan: &StructPlan<T>,
        reader: &mut Reader<'_>,
    ) -> Result<B::Value, Refused<B::Error>>
    where
        B: Build<T>,
    {
        self.charge(
            STRUCT_BYTES.saturating_add(PLACE_BYTES.saturating_mul(plan.fields.len())),
            reader,
        )?;
        let object = self.build.begin(plan).map_err(Refused::Host)?;
        for (index, field) in plan.fields.iter().enumerate() {
            if field.versions.contains(self.version) && !field.tagged.contains(self.version) {
                let value = self
                    .field(field, reader)
                    .map_err(|refused| refused.within(&field.name))?;
                self.build.set(&object, plan, index, value)
            } else {
                self.charge(preset_bytes(&field.kind), reader)?;
                self.build.preset(&object, plan, index)
            }
            .map_err(Refused::Host)?;
        }
        if self.flexible {
            self.tags(&object, plan, reader)?;
        }
        Ok(self.build.finish(object))
    }

    /// Tagged fields; tags that the plan does not know are skipped, as newer peers may send them.
    fn tags<T>(
        &mut self,
        object: &B::Object,
        plan: &StructPlan<T>,
        reader: &mut Reader<'_>,
    ) -> Result<(), Refused<B::Error>>
    where
        B: Build<T>,
    {
        for _ in 0..reader.unsigned_varint()? {
            let tag = reader.unsigned_varint()?;
            let size = reader.unsigned_varint()? as usize;
            let known = plan.tags.iter().copied().find(|&index| {
                plan.fields[index].tag == tag && plan.fields[index].tagged.contains(self.version)
            });
            let start = reader.offset();
            let end = start.saturating_add(size);
            let Some(index) = known else {
                reader.take(size)?;
                continue;
            };
            let field = &plan.fields[index];
            let value = self
                .tagged(field, reader)
                .map_err(|refused| refused.within(&field.name))?;
            if reader.offset() != end {
                let fault = reader.fault(format!(
                    "tag {tag} claims {size} bytes and holds {}",
                    reader.offset() - start
                ));
                return Err(Refused::from(fault).within(&field.name));
            }
            self.build
                .set(object, plan, index, value)
                .map_err(Refused::Host)?;
        }
        Ok(())
    }

    /// What a tag holds: a field as any, but a struct that may be null has a varint before it there, not a byte.
    fn tagged<T>(
        &mut self,
        field: &Field<T>,
        reader: &mut Reader<'_>,
    ) -> Result<B::Value, Refused<B::Error>>
    where
        B: Build<T>,
    {
        match &field.kind {
            Kind::Struct(plan) if field.nullable.contains(self.version) => {
                match reader.unsigned_varint()? {
                    0 => Ok(self.build.null()),
                    _ => self.structure(plan, reader),
                }
            }
            _ => self.field(field, reader),
        }
    }

    fn field<T>(
        &mut self,
        field: &Field<T>,
        reader: &mut Reader<'_>,
    ) -> Result<B::Value, Refused<B::Error>>
    where
        B: Build<T>,
    {
        let nullable = field.nullable.contains(self.version);
        let compact = self.flexible && !field.never_flexible;
        self.value(&field.kind, nullable, compact, reader)
    }

    fn value<T>(
        &mut self,
        kind: &Kind<T>,
        nullable: bool,
        compact: bool,
        reader: &mut Reader<'_>,
    ) -> Result<B::Value, Refused<B::Error>>
    where
        B: Build<T>,
    {
        let starts_at = reader.offset();
        let built = match kind {
            Kind::Bool => Ok(self.build.boolean(reader.int8()? != 0)),
            Kind::Int8 => self.build.int(i64::from(reader.int8()?)),
            Kind::Int16 => self.build.int(i64::from(reader.int16()?)),
            Kind::Uint16 => self.build.int(i64::from(reader.uint16()?)),
            Kind::Int32 => self.build.int(i64::from(reader.int32()?)),
            Kind::Uint32 => self.build.int(i64::from(reader.uint32()?)),
            Kind::Int64 => self.build.int(reader.int64()?),
            Kind::Float64 => Ok(self.build.float(reader.float64()?)),
            Kind::Uuid => self.build.bytes(reader.take(16)?),
            Kind::String => match reader.string(compact)? {
                Some(text) => self.build.text(text),
                None => return self.null(nullable, reader),
            },
            Kind::Bytes => match reader.bytes(compact)? {
                Some(bytes) => self.build.bytes(bytes),
                None => return self.null(nullable, reader),
            },
            Kind::Records => match reader.bytes(compact)? {
                Some(bytes) => self.build.records(bytes),
                None => return self.null(nullable, reader),
            },
            Kind::Array(element) => match reader.array_length(compact)? {
                Some(length) => return self.array(element, length, compact, reader),
                None => return self.null(nullable, reader),
            },
            Kind::Struct(plan) => {
                if nullable && reader.int8()? < 0 {
                    return Ok(self.build.null());
                }
                return self.structure(plan, reader);
            }
        };
        self.charge(
            plain_bytes(kind).saturating_add(reader.offset().saturating_sub(starts_at)),
            reader,
        )?;
        built.map_err(Refused::Host)
    }

    /// Count what an object takes.
    fn charge<E>(&mut self, bytes: usize, reader: &Reader<'_>) -> Result<(), Refused<E>> {
        self.object_bytes = self.object_bytes.saturating_add(bytes);
        if self.object_bytes > self.object_bytes_max {
            let text = format!(
                "would take more than {} bytes of memory",
                self.object_bytes_max
            );
            return Err(reader.fault(text).into());
        }
        Ok(())
    }

    fn array<T>(
        &mut self,
        element: &Kind<T>,
        length: usize,
        compact: bool,
        reader: &mut Reader<'_>,
    ) -> Result<B::Value, Refused<B::Error>>
    where
        B: Build<T>,
    {
        let mut items = Vec::with_capacity(length.min(LIST_CAPACITY_MAX));
        self.charge(LIST_BYTES, reader)?;
        for _ in 0..length {
            self.charge(PLACE_BYTES, reader)?;
            items.push(self.value(element, false, compact, reader)?);
        }
        self.build.list(items).map_err(Refused::Host)
    }

    fn null<T>(
        &mut self,
        nullable: bool,
        reader: &Reader<'_>,
    ) -> Result<B::Value, Refused<B::Error>>
    where
        B: Build<T>,
    {
        if nullable {
            return Ok(self.build.null());
        }
        Err(reader.fault("is null and must not be").into())
    }
}

/// What a value takes beside the bytes that it was read from.
fn plain_bytes<T>(kind: &Kind<T>) -> usize {
    match kind {
        Kind::Bool => 0,
        Kind::String | Kind::Bytes | Kind::Records | Kind::Uuid => TEXT_BYTES,
        _ => NUMBER_BYTES,
    }
}

/// What a default takes: lists and structs are made anew for each object, all else is shared.
fn preset_bytes<T>(kind: &Kind<T>) -> usize {
    match kind {
        Kind::Array(_) => LIST_BYTES,
        Kind::Struct(plan) => {
            STRUCT_BYTES.saturating_add(PLACE_BYTES.saturating_mul(plan.fields.len()))
        }
        _ => 0,
    }
}
