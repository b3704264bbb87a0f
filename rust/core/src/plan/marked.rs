//! Plans with some fields marked, and whether a message says a value in one of those.
//!
//! For who looks for something in a message and wants no objects of it: bytes elsewhere in the message are not taken
//! for it, whatever they are.

use std::convert::Infallible;
use std::sync::Arc;

use super::{Build, Field, Kind, Plan, Reader, StructPlan, decode};

/// A plan that keeps, of each field, whether it is marked.
pub type Marked = Plan<Vec<bool>>;

impl<T> Plan<T> {
    /// The same, with the fields marked that these paths name, such as "topics.name".
    pub fn marked(&self, paths: &[String]) -> Marked {
        Plan {
            root: Arc::new(marked_struct(&self.root, "", paths)),
            versions: self.versions,
            flexible: self.flexible,
        }
    }
}

impl Marked {
    /// Whether the message that begins here holds one of these values in a marked field; false if there is none.
    pub fn says(&self, version: i16, message: &[u8], values: &[&[u8]]) -> bool {
        let mut search = Search {
            values,
            found: false,
        };
        let whole = decode(
            self,
            version,
            &mut Reader::new(message),
            usize::MAX,
            &mut search,
        );
        whole.is_ok() && search.found
    }
}

fn marked_struct<T>(plan: &StructPlan<T>, path: &str, paths: &[String]) -> StructPlan<Vec<bool>> {
    let at = |field: &Field<T>| format!("{path}{}", field.name);
    let marks = (plan.fields.iter())
        .map(|field| paths.contains(&at(field)))
        .collect();
    let fields = (plan.fields.iter())
        .map(|field| Field {
            name: field.name.clone(),
            kind: marked_kind(&field.kind, &format!("{}.", at(field)), paths),
            versions: field.versions,
            nullable: field.nullable,
            tagged: field.tagged,
            tag: field.tag,
            ignorable: field.ignorable,
            never_flexible: field.never_flexible,
            preset: field.preset.clone(),
        })
        .collect();
    StructPlan::new(plan.name.clone(), fields, marks)
}

fn marked_kind<T>(kind: &Kind<T>, path: &str, paths: &[String]) -> Kind<Vec<bool>> {
    match kind {
        Kind::Bool => Kind::Bool,
        Kind::Int8 => Kind::Int8,
        Kind::Int16 => Kind::Int16,
        Kind::Uint16 => Kind::Uint16,
        Kind::Int32 => Kind::Int32,
        Kind::Uint32 => Kind::Uint32,
        Kind::Int64 => Kind::Int64,
        Kind::Float64 => Kind::Float64,
        Kind::String => Kind::String,
        Kind::Bytes => Kind::Bytes,
        Kind::Records => Kind::Records,
        Kind::Uuid => Kind::Uuid,
        Kind::Struct(plan) => Kind::Struct(Arc::new(marked_struct(plan, path, paths))),
        Kind::Array(element) => Kind::Array(Box::new(marked_kind(element, path, paths))),
    }
}

/// A value of it is whether what was read, or an element of it, is one of those looked for.
struct Search<'v> {
    values: &'v [&'v [u8]],
    found: bool,
}

impl Build<Vec<bool>> for Search<'_> {
    type Value = bool;
    type Object = ();
    type Error = Infallible;

    fn null(&mut self) -> bool {
        false
    }

    fn boolean(&mut self, _: bool) -> bool {
        false
    }

    fn int(&mut self, _: i64) -> Result<bool, Infallible> {
        Ok(false)
    }

    fn float(&mut self, _: f64) -> bool {
        false
    }

    fn text(&mut self, value: &str) -> Result<bool, Infallible> {
        self.bytes(value.as_bytes())
    }

    fn bytes(&mut self, value: &[u8]) -> Result<bool, Infallible> {
        Ok(self.values.contains(&value))
    }

    fn list(&mut self, items: Vec<bool>) -> Result<bool, Infallible> {
        Ok(items.contains(&true))
    }

    fn begin(&mut self, _: &StructPlan<Vec<bool>>) -> Result<(), Infallible> {
        Ok(())
    }

    fn set(
        &mut self,
        (): &(),
        plan: &StructPlan<Vec<bool>>,
        index: usize,
        value: bool,
    ) -> Result<(), Infallible> {
        self.found |= value && plan.owner[index];
        Ok(())
    }

    fn preset(&mut self, (): &(), _: &StructPlan<Vec<bool>>, _: usize) -> Result<(), Infallible> {
        Ok(())
    }

    fn finish(&mut self, (): ()) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Preset, Versions};

    fn field(name: &str, kind: Kind<()>) -> Field<()> {
        Field {
            name: name.to_owned(),
            kind,
            versions: Versions { first: 0, last: 9 },
            nullable: Versions::NONE,
            tagged: Versions::NONE,
            tag: 0,
            ignorable: false,
            never_flexible: false,
            preset: Preset::Empty,
        }
    }

    /// What stands elsewhere in a request, such as a group's name or a record, would be taken for a topic's name.
    #[test]
    fn a_value_is_found_in_marked_fields_alone() {
        let inner = StructPlan::new(
            "Topic".into(),
            vec![field("name", Kind::String), field("data", Kind::Bytes)],
            (),
        );
        let topics = Kind::Array(Box::new(Kind::Struct(Arc::new(inner))));
        let fields = vec![field("name", Kind::String), field("topics", topics)];
        let plan = Plan {
            root: Arc::new(StructPlan::new("Asks".into(), fields, ())),
            versions: Versions { first: 0, last: 9 },
            flexible: Versions::NONE,
        };
        let marked = plan.marked(&["topics.name".to_owned()]);
        let message = |group: &[u8], topic: &[u8], data: &[u8]| {
            let mut bytes = [&[0, 1][..], group, &[0, 0, 0, 1, 0, 1], topic].concat();
            bytes.extend_from_slice(&[0, 0, 0, 1]);
            bytes.extend_from_slice(data);
            bytes
        };
        assert!(marked.says(0, &message(b"g", b"t", b"d"), &[b"x", b"t"]));
        assert!(!marked.says(0, &message(b"t", b"u", b"t"), &[b"t"]));
        assert!(!marked.says(0, b"\x00\x09t", &[b"t"]), "it is cut off");
        let list = plan.marked(&["name".to_owned()]);
        assert!(list.says(0, &message(b"t", b"u", b"d"), &[b"t"]));
    }
}
