//! What a serialized file must be before the linker may see it.
//!
//! The linker trusts a descriptor in some things that no parser would have made otherwise, and
//! panics where it should not have: so these are looked at here.

use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FileDescriptorProto};

/// Why a file is none that a parser could have made, if it is.
pub(crate) fn flaw(file: &FileDescriptorProto) -> Option<&'static str> {
    match file.syntax() {
        "" | "proto2" | "proto3" => {}
        "editions" => return Some("the file is of an edition: 'edition' is not known yet"),
        _ => return Some("unknown syntax"),
    }
    let whole = file.message_type.iter().all(has_whole_maps);
    (!whole).then_some("the entries of a map have no key and value")
}

/// Whether whatever stands for the entries of maps has a key and a value.
fn has_whole_maps(message: &DescriptorProto) -> bool {
    let is_entry = message.options.as_ref().is_some_and(|o| o.map_entry());
    (!is_entry || is_whole_entry(message)) && message.nested_type.iter().all(has_whole_maps)
}

fn is_whole_entry(message: &DescriptorProto) -> bool {
    let [key, value] = message.field.as_slice() else {
        return false;
    };
    let no_key = [
        Type::Double,
        Type::Float,
        Type::Group,
        Type::Message,
        Type::Bytes,
        Type::Enum,
    ];
    let numbered = key.number() == 1 && value.number() == 2;
    let single = [key, value]
        .iter()
        .all(|one| one.label() == Label::Optional);
    numbered
        && single
        && key.r#type.is_some()
        && !no_key.contains(&key.r#type())
        && value.r#type() != Type::Group
}
