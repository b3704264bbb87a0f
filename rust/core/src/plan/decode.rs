//! Bytes to values, as a plan says.

use super::{Field, Kind, Plan, Reader, Refused, StructPlan, check_version};

/// A list grows from here as its elements arrive, whatever number the bytes claim.
const LIST_CAPACITY_MAX: usize = 1024;

/// The most structs in one message. An honest struct takes tens of bytes, a hostile one as few as two, and each becomes
/// an object of hundreds: without a limit a request of 100 MiB would fill all memory. The Metadata of a cluster
/// of a million partitions stays below it.
pub const STRUCTS_MAX: usize = 1 << 21;

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

/// Read one message from the front of `reader`; what follows it is left there.
pub fn decode<T, B: Build<T>>(
    plan: &Plan<T>,
    version: i16,
    reader: &mut Reader<'_>,
    build: &mut B,
) -> Result<B::Value, Refused<B::Error>> {
    check_version(plan, version)?;
    let flexible = plan.flexible.contains(version);
    Decoder {
        version,
        flexible,
        structs: 0,
        build,
    }
    .structure(&plan.root, reader)
}

struct Decoder<'b, B> {
    version: i16,
    flexible: bool,
    structs: usize,
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
        self.structs += 1;
        if self.structs > STRUCTS_MAX {
            let text = format!("holds more than {STRUCTS_MAX} structs");
            return Err(reader.fault(text).into());
        }
        let object = self.build.begin(plan).map_err(Refused::Host)?;
        for (index, field) in plan.fields.iter().enumerate() {
            if field.versions.contains(self.version) && !field.tagged.contains(self.version) {
                let value = self
                    .field(field, reader)
                    .map_err(|refused| refused.within(&field.name))?;
                self.build.set(&object, plan, index, value)
            } else {
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
                .field(field, reader)
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
            Kind::Bytes | Kind::Records => match reader.bytes(compact)? {
                Some(bytes) => self.build.bytes(bytes),
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
        built.map_err(Refused::Host)
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
        for _ in 0..length {
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
