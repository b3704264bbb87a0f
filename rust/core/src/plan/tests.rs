//! The codec over a plain value tree: forms of the primitives, limits, and faults that name their place.

use std::sync::Arc;

use proptest::prelude::*;

use super::write::unsigned_varint;
use super::{
    Build, Field, Kind, Plan, Preset, Reader, Refused, Source, StructPlan, Versions, decode, encode,
};

#[derive(Clone, Debug, PartialEq)]
enum Tree {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Tree>),
    Struct(Vec<Tree>),
}

struct Trees;

impl Build<()> for Trees {
    type Value = Tree;
    type Object = std::cell::RefCell<Vec<Tree>>;
    type Error = std::convert::Infallible;

    fn null(&mut self) -> Tree {
        Tree::Null
    }
    fn boolean(&mut self, value: bool) -> Tree {
        Tree::Bool(value)
    }
    fn int(&mut self, value: i64) -> Result<Tree, Self::Error> {
        Ok(Tree::Int(value))
    }
    fn float(&mut self, value: f64) -> Tree {
        Tree::Float(value)
    }
    fn text(&mut self, value: &str) -> Result<Tree, Self::Error> {
        Ok(Tree::Text(value.to_owned()))
    }
    fn bytes(&mut self, value: &[u8]) -> Result<Tree, Self::Error> {
        Ok(Tree::Bytes(value.to_vec()))
    }
    fn list(&mut self, items: Vec<Tree>) -> Result<Tree, Self::Error> {
        Ok(Tree::List(items))
    }
    fn begin(&mut self, plan: &StructPlan<()>) -> Result<Self::Object, Self::Error> {
        Ok(vec![Tree::Null; plan.fields.len()].into())
    }
    fn set(
        &mut self,
        object: &Self::Object,
        _: &StructPlan<()>,
        index: usize,
        value: Tree,
    ) -> Result<(), Self::Error> {
        object.borrow_mut()[index] = value;
        Ok(())
    }
    fn preset(
        &mut self,
        object: &Self::Object,
        plan: &StructPlan<()>,
        index: usize,
    ) -> Result<(), Self::Error> {
        object.borrow_mut()[index] = preset(&plan.fields[index]);
        Ok(())
    }
    fn finish(&mut self, object: Self::Object) -> Tree {
        Tree::Struct(object.into_inner())
    }
}

fn preset(field: &Field<()>) -> Tree {
    match (&field.kind, &field.preset) {
        (_, Preset::Null) => Tree::Null,
        (_, Preset::Bool(value)) => Tree::Bool(*value),
        (_, Preset::Int(value)) => Tree::Int(*value),
        (_, Preset::Float(value)) => Tree::Float(*value),
        (_, Preset::Text(value)) => Tree::Text(value.clone()),
        (Kind::Array(_), Preset::Empty) => Tree::List(vec![]),
        (Kind::Uuid, Preset::Empty) => Tree::Bytes(vec![0; 16]),
        (Kind::Struct(plan), Preset::Empty) => {
            Tree::Struct(plan.fields.iter().map(preset).collect())
        }
        (_, Preset::Empty) => Tree::Bytes(vec![]),
    }
}

impl Source<()> for Trees {
    type Value = Tree;
    type Error = String;

    fn field(&self, object: &Tree, _: &StructPlan<()>, index: usize) -> Result<Tree, String> {
        match object {
            Tree::Struct(fields) => Ok(fields[index].clone()),
            other => Err(format!("{other:?}")),
        }
    }
    fn check(&self, object: &Tree, plan: &StructPlan<()>) -> Result<(), String> {
        match object {
            Tree::Struct(fields) if fields.len() == plan.fields.len() => Ok(()),
            other => Err(format!("{other:?}")),
        }
    }
    fn is_null(&self, value: &Tree) -> bool {
        *value == Tree::Null
    }
    fn boolean(&self, value: &Tree) -> Result<bool, String> {
        match value {
            Tree::Bool(value) => Ok(*value),
            other => Err(format!("{other:?}")),
        }
    }
    fn int(&self, value: &Tree) -> Result<i64, String> {
        match value {
            Tree::Int(value) => Ok(*value),
            other => Err(format!("{other:?}")),
        }
    }
    fn float(&self, value: &Tree) -> Result<f64, String> {
        match value {
            Tree::Float(value) => Ok(*value),
            other => Err(format!("{other:?}")),
        }
    }
    fn text<'v>(&self, value: &'v Tree) -> Result<&'v str, String> {
        match value {
            Tree::Text(value) => Ok(value),
            other => Err(format!("{other:?}")),
        }
    }
    fn bytes<'v>(&self, value: &'v Tree) -> Result<&'v [u8], String> {
        match value {
            Tree::Bytes(value) => Ok(value),
            other => Err(format!("{other:?}")),
        }
    }
    fn length(&self, list: &Tree) -> Result<usize, String> {
        match list {
            Tree::List(items) => Ok(items.len()),
            other => Err(format!("{other:?}")),
        }
    }
    fn item(&self, list: &Tree, index: usize) -> Result<Tree, String> {
        match list {
            Tree::List(items) => Ok(items[index].clone()),
            other => Err(format!("{other:?}")),
        }
    }
}

const ALL: Versions = Versions { first: 0, last: 9 };

fn field(name: &str, kind: Kind<()>, preset: Preset) -> Field<()> {
    Field {
        name: name.to_owned(),
        kind,
        versions: ALL,
        nullable: Versions::NONE,
        tagged: Versions::NONE,
        tag: 0,
        ignorable: false,
        never_flexible: false,
        preset,
    }
}

/// A message with each shape: versions 0 to 4, flexible from 2, a tag from 3.
fn plan() -> Plan<()> {
    let part = StructPlan::new(
        "Part".into(),
        vec![
            field("index", Kind::Int32, Preset::Int(-1)),
            Field {
                versions: Versions { first: 1, last: 9 },
                ..field("epoch", Kind::Int64, Preset::Int(0))
            },
        ],
        (),
    );
    let part = Arc::new(part);
    let root = StructPlan::new(
        "Sample".into(),
        vec![
            Field {
                nullable: Versions { first: 1, last: 9 },
                ..field("name", Kind::String, Preset::Text(String::new()))
            },
            field(
                "parts",
                Kind::Array(Box::new(Kind::Struct(Arc::clone(&part)))),
                Preset::Empty,
            ),
            field("blob", Kind::Bytes, Preset::Empty),
            Field {
                versions: Versions { first: 3, last: 9 },
                nullable: Versions { first: 3, last: 9 },
                tagged: Versions { first: 3, last: 9 },
                tag: 5,
                ..field("extra", Kind::Struct(part), Preset::Null)
            },
        ],
        (),
    );
    Plan {
        root: Arc::new(root),
        versions: Versions { first: 0, last: 4 },
        flexible: Versions { first: 2, last: 4 },
    }
}

fn part(index: i64, epoch: i64) -> Tree {
    Tree::Struct(vec![Tree::Int(index), Tree::Int(epoch)])
}

fn sample(name: Tree, parts: Vec<Tree>, extra: Tree) -> Tree {
    Tree::Struct(vec![
        name,
        Tree::List(parts),
        Tree::Bytes(vec![7, 8]),
        extra,
    ])
}

fn written(version: i16, message: &Tree) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    match encode(&plan(), version, &Trees, message, &mut out) {
        Ok(()) => Ok(out),
        Err(Refused::Fault(fault)) => Err(fault.to_string()),
        Err(Refused::Host(text)) => Err(text),
    }
}

const MEMORY_MAX: usize = 1 << 20;

fn read(version: i16, data: &[u8]) -> Result<(Tree, usize), String> {
    let mut reader = Reader::new(data);
    match decode(&plan(), version, &mut reader, MEMORY_MAX, &mut Trees) {
        Ok(tree) => Ok((tree, reader.offset())),
        Err(Refused::Fault(fault)) => Err(fault.to_string()),
        Err(Refused::Host(never)) => match never {},
    }
}

#[test]
fn classic_and_compact_forms() {
    let message = sample(Tree::Text("ab".into()), vec![part(1, 0)], Tree::Null);
    let classic = b"\0\x02ab\0\0\0\x01\0\0\0\x01\0\0\0\x02\x07\x08";
    assert_eq!(written(0, &message).unwrap(), classic);
    let compact = b"\x03ab\x02\0\0\0\x01\0\0\0\0\0\0\0\0\0\x03\x07\x08\0";
    assert_eq!(written(2, &message).unwrap(), compact);
    assert_eq!(read(0, classic).unwrap(), (message.clone(), classic.len()));
    assert_eq!(read(2, compact).unwrap(), (message, compact.len()));
}

#[test]
fn a_tag_is_written_when_set_and_an_unknown_one_is_skipped() {
    let message = sample(Tree::Null, vec![], part(3, 4));
    let data = written(3, &message).unwrap();
    let tag = b"\x01\x05\x0e\x01\0\0\0\x03\0\0\0\0\0\0\0\x04\0";
    assert_eq!(data, [&b"\0\x01\x03\x07\x08"[..], tag].concat());
    assert_eq!(read(3, &data).unwrap().0, message);
    let newer = [&b"\0\x01\x03\x07\x08"[..], b"\x01\x09\x02??"].concat();
    assert_eq!(
        read(3, &newer).unwrap().0,
        sample(Tree::Null, vec![], Tree::Null)
    );
}

/// Brokers write each member of a consumer group with such a tag: it could not be read, nor what is written by them.
#[test]
fn a_tagged_struct_that_is_null_has_a_varint_for_it() {
    let part = StructPlan::new("Part".into(), vec![], ());
    let tagged = Field {
        nullable: ALL,
        tagged: ALL,
        ..field("part", Kind::Struct(Arc::new(part)), Preset::Empty)
    };
    let plan = Plan {
        root: Arc::new(StructPlan::new("Sample".into(), vec![tagged], ())),
        versions: ALL,
        flexible: ALL,
    };
    let there = Tree::Struct(vec![]);
    for (held, data) in [(Tree::Null, &b"\x01\0\x01\0"[..]), (there, b"\0")] {
        let message = Tree::Struct(vec![held]);
        let mut out = Vec::new();
        assert!(encode(&plan, 0, &Trees, &message, &mut out).is_ok());
        assert_eq!(out, data);
        let mut reader = Reader::new(data);
        let read = decode(&plan, 0, &mut reader, MEMORY_MAX, &mut Trees);
        assert!(read.is_ok_and(|read| read == message));
    }
}

#[test]
fn faults_name_their_place() {
    let cases: [(i16, &[u8], &str); 9] = [
        (9, b"", "has no version 9, only 0 to 4"),
        (
            0,
            b"\0",
            "name: needs 2 bytes and only 1 are left (at byte 0)",
        ),
        (0, b"\xff\xff", "name: is null and must not be (at byte 2)"),
        (0, b"\xff\xfe", "name: claims a length of -2 (at byte 2)"),
        (0, b"\0\x02a\xff", "name: is not valid UTF-8 (at byte 3)"),
        (
            0,
            b"\0\0\x7f\xff\xff\xff",
            "parts: claims 2147483647 elements and only 0 bytes are left (at byte 6)",
        ),
        (
            0,
            b"\0\0\0\0\0\x01\0\0",
            "parts.index: needs 4 bytes and only 2 are left (at byte 6)",
        ),
        (
            2,
            b"\x81\x80\x02",
            "name: claims a string of 32768 bytes; 32767 is the most (at byte 3)",
        ),
        (
            3,
            b"\0\x01\x01\x01\x05\x0f\x01\0\0\0\x03\0\0\0\0\0\0\0\x04\0",
            "extra: tag 5 claims 15 bytes and holds 14 (at byte 20)",
        ),
    ];
    for (version, data, text) in cases {
        assert_eq!(read(version, data).unwrap_err(), text);
    }
}

#[test]
fn what_a_version_cannot_carry_is_refused() {
    let named = |name: Tree| sample(name, vec![], Tree::Null);
    let null = written(0, &named(Tree::Null)).unwrap_err();
    assert_eq!(null, "name: is null, which version 0 does not allow");
    let extra = written(2, &sample(Tree::Null, vec![], part(0, 0))).unwrap_err();
    assert_eq!(
        extra,
        "extra: is set, but version 2 has no such field to carry it"
    );
    let epoch = written(
        0,
        &sample(Tree::Text("".into()), vec![part(0, 1)], Tree::Null),
    );
    assert_eq!(
        epoch.unwrap_err(),
        "parts.epoch: is set, but version 0 has no such field to carry it"
    );
    let index = written(1, &sample(Tree::Null, vec![part(1 << 31, 1)], Tree::Null));
    assert_eq!(
        index.unwrap_err(),
        "parts.index: is 2147483648, outside -2147483648 to 2147483647"
    );
}

#[test]
fn what_a_message_makes_is_limited() {
    let of_parts = |count: u32| {
        let mut data = b"\0\0".to_vec();
        data.extend_from_slice(&count.to_be_bytes());
        data.resize(data.len() + 4 * count as usize + 4, 0);
        data
    };
    assert!(read(0, &of_parts(4_000)).is_ok());
    let fault = read(0, &of_parts(20_000)).unwrap_err();
    assert!(
        fault.starts_with("parts: would take more than 1048576 bytes of memory"),
        "{fault}"
    );
}

#[test]
fn varints_have_five_bytes_and_32_bits() {
    assert_eq!(
        Reader::new(b"\xff\xff\xff\xff\x0f").unsigned_varint(),
        Ok(u32::MAX)
    );
    for long in [
        &b"\xff\xff\xff\xff\x1f"[..],
        b"\x80\x80\x80\x80\x80\x00",
        b"\x80",
    ] {
        assert!(Reader::new(long).unsigned_varint().is_err());
    }
}

proptest! {
    #[test]
    fn varints_round_trip(value in any::<u32>()) {
        let mut out = Vec::new();
        unsigned_varint(&mut out, value);
        let mut reader = Reader::new(&out);
        prop_assert_eq!(reader.unsigned_varint().unwrap(), value);
        prop_assert_eq!(reader.remaining(), 0);
    }

    /// Any bytes end in a fault, or in a message that reads the same once it is written again.
    #[test]
    fn any_bytes(version in 0i16..5, data in proptest::collection::vec(any::<u8>(), 0..64)) {
        if let Ok((tree, end)) = read(version, &data) {
            prop_assert!(end <= data.len());
            let again = written(version, &tree).unwrap();
            prop_assert_eq!(read(version, &again).unwrap(), (tree, again.len()));
        }
    }
}
