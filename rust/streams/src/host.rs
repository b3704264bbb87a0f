//! What only the host language can do. The skin answers it with Python; Rust's tests with closures.

use bytes::Bytes;

use crate::value::Value;

pub type FunctionId = u32;
pub type SerdeId = u32;

/// Headers of a record, in order; a name may come twice.
pub type Headers = Vec<(String, Option<Bytes>)>;

pub trait Host {
    type Object: Clone;
    /// An exception of the host, to be raised again where it belongs.
    type Error;

    fn call(
        &mut self,
        function: FunctionId,
        arguments: &[Value<Self::Object>],
    ) -> Result<Value<Self::Object>, Self::Error>;

    fn serialize(
        &mut self,
        serde: SerdeId,
        topic: &str,
        headers: &mut Headers,
        value: &Value<Self::Object>,
    ) -> Result<Option<Bytes>, Self::Error>;

    fn deserialize(
        &mut self,
        serde: SerdeId,
        topic: &str,
        headers: &Headers,
        bytes: &Bytes,
    ) -> Result<Value<Self::Object>, Self::Error>;

    /// The native value of an object, as far as there is one: a dict becomes JSON.
    fn native(&mut self, object: &Self::Object) -> Result<Value<Self::Object>, Self::Error>;
}
