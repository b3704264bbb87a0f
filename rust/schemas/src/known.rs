//! Files that may be imported without being given: Google's well-known types, which the linker
//! brings, the plain types of `google/type`, and Confluent's tags and decimals. The texts tell
//! names and numbers, which are facts of the wire; they are in our own layout.

use prost_reflect::DescriptorPool;
use prost_types::FileDescriptorProto;

macro_rules! texts {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("known/", $path)))),*]
    };
}

const TEXTS: &[(&str, &str)] = texts![
    "confluent/meta.proto",
    "confluent/type/decimal.proto",
    "confluent/type/variant.proto",
    "confluent/types/decimal.proto",
    "google/type/calendar_period.proto",
    "google/type/color.proto",
    "google/type/date.proto",
    "google/type/datetime.proto",
    "google/type/dayofweek.proto",
    "google/type/decimal.proto",
    "google/type/expr.proto",
    "google/type/fraction.proto",
    "google/type/interval.proto",
    "google/type/latlng.proto",
    "google/type/localized_text.proto",
    "google/type/money.proto",
    "google/type/month.proto",
    "google/type/phone_number.proto",
    "google/type/postal_address.proto",
    "google/type/quaternion.proto",
    "google/type/timeofday.proto",
];

/// What options are made of: every file that has one is linked against it.
pub(crate) const OPTIONS: &str = "google/protobuf/descriptor.proto";

/// The text of a known file that the linker does not bring.
pub(crate) fn text(path: &str) -> Option<&'static str> {
    let at = TEXTS.binary_search_by_key(&path, |(path, _)| path).ok()?;
    Some(TEXTS[at].1)
}

/// The descriptor of a file that the linker brings.
pub(crate) fn file(path: &str) -> Option<FileDescriptorProto> {
    let file = DescriptorPool::global().get_file_by_name(path)?;
    Some(file.file_descriptor_proto().clone())
}

#[cfg(test)]
pub(crate) fn paths() -> impl Iterator<Item = &'static str> {
    TEXTS.iter().map(|(path, _)| *path)
}
