//! How big a file becomes when it is linked, and how deep its options go.
//!
//! The linker keeps the full name of everything, and follows options by recursion: so a megabyte of
//! text could ask for gigabytes, or for more stack than there is. Such a file is refused before the
//! linker is asked. How deep messages nest needs no guard here: the parser and the decoder have one.

use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto,
    ServiceDescriptorProto, UninterpretedOption,
};

use crate::DEPTH_MAX;

/// The full names of a file together, in bytes: far more than any text of people's makes.
const NAMES_BYTES_MAX: usize = 32 << 20;

/// Why a file is too big to be linked, if it is.
pub(crate) fn excess(file: &FileDescriptorProto) -> Option<&'static str> {
    let mut sizes = Sizes::default();
    sizes.file(file);
    if file.package().split('.').count() > DEPTH_MAX {
        Some("the package is nested too deep")
    } else if sizes.is_deep {
        Some("an option is nested too deep")
    } else if sizes.names_bytes > NAMES_BYTES_MAX {
        Some("the names are too long")
    } else {
        None
    }
}

#[derive(Default)]
struct Sizes {
    names_bytes: usize,
    is_deep: bool,
}

impl Sizes {
    /// Count a name within another whose length is given; its own length in full.
    fn name(&mut self, prefix: usize, name: &str) -> usize {
        let full = prefix + 1 + name.len();
        self.names_bytes += full;
        full
    }

    fn options(&mut self, options: Option<&[UninterpretedOption]>) {
        let deep = |option: &UninterpretedOption| {
            let value = option.aggregate_value.as_deref();
            option.name.len() > DEPTH_MAX || value.is_some_and(nests_deep)
        };
        self.is_deep |= options.is_some_and(|options| options.iter().any(deep));
    }

    fn file(&mut self, file: &FileDescriptorProto) {
        let prefix = file.package().len();
        self.options(
            file.options
                .as_ref()
                .map(|o| o.uninterpreted_option.as_slice()),
        );
        file.message_type
            .iter()
            .for_each(|one| self.message(prefix, one));
        file.enum_type
            .iter()
            .for_each(|one| self.enumeration(prefix, one));
        file.extension
            .iter()
            .for_each(|one| self.field(prefix, one));
        file.service
            .iter()
            .for_each(|one| self.service(prefix, one));
    }

    fn message(&mut self, prefix: usize, message: &DescriptorProto) {
        let full = self.name(prefix, message.name());
        self.options(
            message
                .options
                .as_ref()
                .map(|o| o.uninterpreted_option.as_slice()),
        );
        message.field.iter().for_each(|one| self.field(full, one));
        message
            .extension
            .iter()
            .for_each(|one| self.field(full, one));
        message
            .enum_type
            .iter()
            .for_each(|one| self.enumeration(full, one));
        message
            .nested_type
            .iter()
            .for_each(|one| self.message(full, one));
        for range in &message.extension_range {
            self.options(
                range
                    .options
                    .as_ref()
                    .map(|o| o.uninterpreted_option.as_slice()),
            );
        }
        for oneof in &message.oneof_decl {
            self.name(full, oneof.name());
            self.options(
                oneof
                    .options
                    .as_ref()
                    .map(|o| o.uninterpreted_option.as_slice()),
            );
        }
    }

    fn field(&mut self, prefix: usize, field: &FieldDescriptorProto) {
        // The type of a field is looked for in each scope around it.
        self.name(prefix + field.type_name().len(), field.name());
        self.options(
            field
                .options
                .as_ref()
                .map(|o| o.uninterpreted_option.as_slice()),
        );
    }

    fn enumeration(&mut self, prefix: usize, enumeration: &EnumDescriptorProto) {
        let full = self.name(prefix, enumeration.name());
        self.options(
            enumeration
                .options
                .as_ref()
                .map(|o| o.uninterpreted_option.as_slice()),
        );
        for value in &enumeration.value {
            self.name(full, value.name());
            self.options(
                value
                    .options
                    .as_ref()
                    .map(|o| o.uninterpreted_option.as_slice()),
            );
        }
    }

    fn service(&mut self, prefix: usize, service: &ServiceDescriptorProto) {
        let full = self.name(prefix, service.name());
        self.options(
            service
                .options
                .as_ref()
                .map(|o| o.uninterpreted_option.as_slice()),
        );
        for method in &service.method {
            self.name(full, method.name());
            self.options(
                method
                    .options
                    .as_ref()
                    .map(|o| o.uninterpreted_option.as_slice()),
            );
        }
    }
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
