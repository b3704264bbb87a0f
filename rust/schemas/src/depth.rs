//! How deep the options of a file go: the linker follows their names and values by recursion, so
//! what is too deep is refused before it is asked. Messages need no such guard, for the parser and
//! the decoder refuse those themselves.

use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto,
    ServiceDescriptorProto, UninterpretedOption,
};

use crate::DEPTH_MAX;

/// Whether a value of an option, or its name, is deeper than the linker may follow.
pub(crate) fn is_too_deep(file: &FileDescriptorProto) -> bool {
    let own = file.options.as_ref().map(|o| &o.uninterpreted_option);
    deep(own)
        || file.message_type.iter().any(in_message)
        || file.enum_type.iter().any(in_enum)
        || file.extension.iter().any(in_field)
        || file.service.iter().any(in_service)
}

fn deep(options: Option<&Vec<UninterpretedOption>>) -> bool {
    options.is_some_and(|options| {
        options.iter().any(|option| {
            option.name.len() > DEPTH_MAX
                || option.aggregate_value.as_deref().is_some_and(nests_deep)
        })
    })
}

/// Whether brackets outside of strings nest deeper than may be.
fn nests_deep(value: &str) -> bool {
    let (mut depth, mut quote, mut escaped) = (0_usize, None, false);
    for byte in value.bytes() {
        match (quote, byte) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), b'\\') => escaped = true,
            (Some(open), _) if byte == open => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'{' | b'[' | b'<') => depth += 1,
            (None, b'}' | b']' | b'>') => depth = depth.saturating_sub(1),
            (None, _) => {}
        }
        if depth > DEPTH_MAX {
            return true;
        }
    }
    false
}

fn in_message(message: &DescriptorProto) -> bool {
    let ranges = message.extension_range.iter();
    let oneofs = message.oneof_decl.iter();
    deep(message.options.as_ref().map(|o| &o.uninterpreted_option))
        || message.field.iter().any(in_field)
        || message.extension.iter().any(in_field)
        || message.enum_type.iter().any(in_enum)
        || message.nested_type.iter().any(in_message)
        || ranges
            .filter_map(|r| r.options.as_ref())
            .any(|o| deep(Some(&o.uninterpreted_option)))
        || oneofs
            .filter_map(|o| o.options.as_ref())
            .any(|o| deep(Some(&o.uninterpreted_option)))
}

fn in_field(field: &FieldDescriptorProto) -> bool {
    deep(field.options.as_ref().map(|o| &o.uninterpreted_option))
}

fn in_enum(enumeration: &EnumDescriptorProto) -> bool {
    let values = enumeration.value.iter().filter_map(|v| v.options.as_ref());
    deep(
        enumeration
            .options
            .as_ref()
            .map(|o| &o.uninterpreted_option),
    ) || values
        .map(|o| &o.uninterpreted_option)
        .any(|o| deep(Some(o)))
}

fn in_service(service: &ServiceDescriptorProto) -> bool {
    let methods = service.method.iter().filter_map(|m| m.options.as_ref());
    deep(service.options.as_ref().map(|o| &o.uninterpreted_option))
        || methods
            .map(|o| &o.uninterpreted_option)
            .any(|o| deep(Some(o)))
}
