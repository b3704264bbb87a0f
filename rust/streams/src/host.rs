//! What only the host language can do. The skin answers it with Python; Rust's tests with closures.

use bytes::Bytes;

use crate::value::Value;

pub type FunctionId = u32;
pub type SerdeId = u32;

/// Headers of a record, in order; a name may come twice.
pub type Headers = Vec<(String, Option<Bytes>)>;

/// Why something was not done: the host raised, or a serde or an expression refused.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault<E> {
    Host(E),
    Refused(Box<Refusal>),
}

/// A refusal of ours; the skin raises `SerdeError` or `ExpressionError` with the same text and hint as Python.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub by: By,
    pub text: String,
    pub hint: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    Serde,
    /// A serde, because of the value's type.
    Type,
    Expression,
    /// An operator that cannot go on: a buffer that is full, a key that must not be null.
    Operator,
}

impl<E> From<Refusal> for Fault<E> {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

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

    /// What errors call the type of an object that has no native value.
    fn type_name(&mut self, _object: &Self::Object) -> String {
        "object".to_owned()
    }
}
