//! The plan codec's Python half: plans from rows, slotted objects in and out.

use std::marker::PhantomData;
use std::sync::Arc;

use ottla_core::plan::{
    self, Build, Field, Kind, Plan as CorePlan, Preset, Reader, Refused, Source, StructPlan,
    Versions,
};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple, PyType};

use crate::errors::refusal_of;
use crate::frame::{AnyBytes, Frame};
use crate::slots::{Slot, blank, check_plain};

/// What a struct's plan remembers for Python: its class, and by field the slot and the default.
struct Owner {
    class: Py<PyType>,
    slots: Vec<(Slot, Fallback)>,
}

enum Fallback {
    /// Immutable, so every object may hold the same one.
    Shared(Py<PyAny>),
    List,
    Struct(Arc<StructPlan<Owner>>),
}

/// One class's fields, compiled. Frozen; any thread may use it.
#[pyclass(frozen, module = "ottla._core")]
pub struct Plan {
    plan: CorePlan<Owner>,
}

impl Plan {
    /// Hold the declaration against what the hot handlers were written for.
    pub fn check_layout(&self, message: &str, expected: &str) -> Result<(), String> {
        ottla_core::hot::layout::check(message, expected, &self.plan)
    }

    /// The same for who only looks for values in these fields.
    pub fn marked(&self, paths: &[String]) -> plan::Marked {
        self.plan.marked(paths)
    }
}

/// (name, kind, plan of the struct inside, (versions, nullable versions, tagged versions), (tag, ignorable, never
/// flexible), default); a range of versions is (first, last).
type Row<'py> = (
    Bound<'py, PyString>,
    String,
    Option<Bound<'py, Plan>>,
    Ranges,
    (u32, bool, bool),
    Bound<'py, PyAny>,
);
type Ranges = ((i16, i16), (i16, i16), (i16, i16));

#[pymethods]
impl Plan {
    #[new]
    #[pyo3(signature = (class_, name, fields, versions, flexible))]
    fn new(
        class_: Bound<'_, PyType>,
        name: String,
        fields: Vec<Row<'_>>,
        versions: (i16, i16),
        flexible: (i16, i16),
    ) -> PyResult<Self> {
        check_plain(&class_)?;
        let mut compiled = Vec::with_capacity(fields.len());
        let mut slots = Vec::with_capacity(fields.len());
        for row in fields {
            let slot = Slot::of(&class_, row.0.clone())?;
            let (field, fallback) = compile_field(row)?;
            compiled.push(field);
            slots.push((slot, fallback));
        }
        let owner = Owner {
            class: class_.unbind(),
            slots,
        };
        let plan = CorePlan {
            root: Arc::new(StructPlan::new(name, compiled, owner)),
            versions: range(versions),
            flexible: range(flexible),
        };
        Ok(Self { plan })
    }

    /// The message's bytes.
    fn encode<'py>(
        &self,
        py: Python<'py>,
        message: Bound<'py, PyAny>,
        version: i16,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let mut out = Vec::with_capacity(256);
        plan::encode(
            &self.plan,
            version,
            &Slots { py: PhantomData },
            &message,
            &mut out,
        )
        .map_err(|error| self.error("unencodable", version, error))?;
        Ok(PyBytes::new(py, &out))
    }

    /// A new object from the bytes from `offset` on, and where it ended. Refused if it would take more than
    /// `object_bytes_max`.
    fn decode<'py>(
        &self,
        py: Python<'py>,
        data: AnyBytes<'py>,
        version: i16,
        offset: usize,
        object_bytes_max: usize,
    ) -> PyResult<(Bound<'py, PyAny>, usize)> {
        let frame = match &data {
            AnyBytes::Frame(frame) => Some(frame.get()),
            AnyBytes::Bytes(_) => None,
        };
        let data = data
            .as_bytes()
            .get(offset..)
            .ok_or_else(|| PyValueError::new_err("offset lies behind the data"))?;
        let mut reader = Reader::new(data);
        let mut objects = Objects { py, frame };
        let value = plan::decode(
            &self.plan,
            version,
            &mut reader,
            object_bytes_max,
            &mut objects,
        )
        .map_err(|error| self.error("malformed", version, error))?;
        Ok((value, offset + reader.offset()))
    }

    /// Set every slot of a fresh object: what is given by name, else the default.
    fn fill(&self, object: &Bound<'_, PyAny>, given: &Bound<'_, PyDict>) -> PyResult<()> {
        let py = object.py();
        let root = &self.plan.root;
        let mut used = 0;
        for (index, (slot, _)) in root.owner.slots.iter().enumerate() {
            let value = match given.get_item(&slot.name)? {
                Some(value) => {
                    used += 1;
                    value
                }
                None => fallback(py, root, index)?,
            };
            slot.set(object, &value)?;
        }
        if used == given.len() {
            return Ok(());
        }
        for name in given.keys() {
            if root.field(&name.extract::<String>()?).is_none() {
                let text = format!("{} has no field {name}", root.name);
                return Err(PyTypeError::new_err(text));
            }
        }
        Ok(())
    }
}

impl Plan {
    fn error(&self, kind: &'static str, version: i16, error: Refused<PyErr>) -> PyErr {
        match error {
            Refused::Host(error) => error,
            Refused::Fault(fault) => {
                let text = format!("{} v{version}: {fault}", self.plan.root.name);
                refusal_of(kind, text)
            }
        }
    }
}

fn range((first, last): (i16, i16)) -> Versions {
    Versions { first, last }
}

fn compile_field(row: Row<'_>) -> PyResult<(Field<Owner>, Fallback)> {
    let (name, kind, nested, (versions, nullable, tagged), (tag, ignorable, fixed), default) = row;
    let nested = nested.map(|plan| Arc::clone(&plan.get().plan.root));
    let kind = compile_kind(&kind, nested.as_ref())?;
    let preset = compile_preset(&kind, &default)?;
    let fallback = match (&kind, &preset) {
        (_, Preset::Null) => Fallback::Shared(default.unbind()),
        (Kind::Array(_), _) => Fallback::List,
        (Kind::Struct(plan), _) => Fallback::Struct(Arc::clone(plan)),
        _ => Fallback::Shared(default.unbind()),
    };
    let field = Field {
        name: name.to_string(),
        kind,
        versions: range(versions),
        nullable: range(nullable),
        tagged: range(tagged),
        tag,
        ignorable,
        never_flexible: fixed,
        preset,
    };
    Ok((field, fallback))
}

fn compile_kind(name: &str, nested: Option<&Arc<StructPlan<Owner>>>) -> PyResult<Kind<Owner>> {
    Ok(match name {
        "bool" => Kind::Bool,
        "int8" => Kind::Int8,
        "int16" => Kind::Int16,
        "uint16" => Kind::Uint16,
        "int32" => Kind::Int32,
        "uint32" => Kind::Uint32,
        "int64" => Kind::Int64,
        "float64" => Kind::Float64,
        "string" => Kind::String,
        "bytes" => Kind::Bytes,
        "records" => Kind::Records,
        "uuid" => Kind::Uuid,
        "struct" => match nested {
            Some(plan) => Kind::Struct(Arc::clone(plan)),
            None => return Err(PyValueError::new_err("a struct needs its plan")),
        },
        _ => match name.strip_prefix("[]") {
            Some(element) => Kind::Array(Box::new(compile_kind(element, nested)?)),
            None => return Err(PyValueError::new_err(format!("no kind {name:?}"))),
        },
    })
}

fn compile_preset(kind: &Kind<Owner>, default: &Bound<'_, PyAny>) -> PyResult<Preset> {
    if default.is_none() {
        let nothing = matches!(kind, Kind::Struct(_) | Kind::Array(_));
        let nullable = nothing || matches!(kind, Kind::String | Kind::Bytes | Kind::Records);
        return match nullable {
            true => Ok(Preset::Null),
            false => Err(PyValueError::new_err("a number has no null")),
        };
    }
    Ok(match kind {
        Kind::Bool => Preset::Bool(default.extract()?),
        Kind::Float64 => Preset::Float(default.extract()?),
        Kind::String => Preset::Text(default.extract()?),
        Kind::Bytes | Kind::Records | Kind::Uuid | Kind::Struct(_) | Kind::Array(_) => {
            Preset::Empty
        }
        _ => Preset::Int(default.extract()?),
    })
}

fn fallback<'py>(
    py: Python<'py>,
    plan: &StructPlan<Owner>,
    index: usize,
) -> PyResult<Bound<'py, PyAny>> {
    match &plan.owner.slots[index].1 {
        Fallback::Shared(value) => Ok(value.bind(py).clone()),
        Fallback::List => Ok(PyList::empty(py).into_any()),
        Fallback::Struct(nested) => {
            let object = blank(nested.owner.class.bind(py))?;
            for (inner, (slot, _)) in nested.owner.slots.iter().enumerate() {
                slot.set(&object, &fallback(py, nested, inner)?)?;
            }
            Ok(object)
        }
    }
}

struct Objects<'a, 'py> {
    py: Python<'py>,
    /// What is decoded, if its parts can be shared.
    frame: Option<&'a Frame>,
}

impl<'py> Build<Owner> for Objects<'_, 'py> {
    type Value = Bound<'py, PyAny>;
    type Object = Bound<'py, PyAny>;
    type Error = PyErr;

    fn null(&mut self) -> Self::Value {
        self.py.None().into_bound(self.py)
    }

    fn boolean(&mut self, value: bool) -> Self::Value {
        PyBool::new(self.py, value).to_owned().into_any()
    }

    fn int(&mut self, value: i64) -> PyResult<Self::Value> {
        Ok(PyInt::new(self.py, value).into_any())
    }

    fn float(&mut self, value: f64) -> Self::Value {
        PyFloat::new(self.py, value).into_any()
    }

    fn text(&mut self, value: &str) -> PyResult<Self::Value> {
        Ok(PyString::new(self.py, value).into_any())
    }

    fn bytes(&mut self, value: &[u8]) -> PyResult<Self::Value> {
        Ok(PyBytes::new(self.py, value).into_any())
    }

    fn records(&mut self, value: &[u8]) -> PyResult<Self::Value> {
        match self.frame {
            Some(frame) => Ok(Bound::new(self.py, frame.part(value))?.into_any()),
            None => self.bytes(value),
        }
    }

    fn list(&mut self, items: Vec<Self::Value>) -> PyResult<Self::Value> {
        Ok(PyList::new(self.py, items)?.into_any())
    }

    fn begin(&mut self, plan: &StructPlan<Owner>) -> PyResult<Self::Object> {
        blank(plan.owner.class.bind(self.py))
    }

    fn set(
        &mut self,
        object: &Self::Object,
        plan: &StructPlan<Owner>,
        index: usize,
        value: Self::Value,
    ) -> PyResult<()> {
        plan.owner.slots[index].0.set(object, &value)
    }

    fn preset(
        &mut self,
        object: &Self::Object,
        plan: &StructPlan<Owner>,
        index: usize,
    ) -> PyResult<()> {
        let value = fallback(self.py, plan, index)?;
        self.set(object, plan, index, value)
    }

    fn finish(&mut self, object: Self::Object) -> Self::Value {
        object
    }
}

/// Reads the slots of Python objects; the lifetime is that of the GIL's hold.
struct Slots<'py> {
    py: PhantomData<Python<'py>>,
}

/// Our own wrong type in a field: the same kind of error as a value that does not fit.
fn expected(what: &str, value: &Bound<'_, PyAny>) -> PyErr {
    let kind = value.get_type();
    PyTypeError::new_err(format!(
        "a message needs {what} here, not {kind}: {value:?}"
    ))
}

impl<'py> Source<Owner> for Slots<'py> {
    type Value = Bound<'py, PyAny>;
    type Error = PyErr;

    fn field(
        &self,
        object: &Self::Value,
        plan: &StructPlan<Owner>,
        index: usize,
    ) -> PyResult<Self::Value> {
        plan.owner.slots[index].0.get(object)
    }

    fn check(&self, object: &Self::Value, plan: &StructPlan<Owner>) -> PyResult<()> {
        let class = plan.owner.class.bind(object.py());
        if object.is_exact_instance(class) || object.is_instance(class)? {
            return Ok(());
        }
        Err(expected(&plan.name, object))
    }

    fn is_null(&self, value: &Self::Value) -> bool {
        value.is_none()
    }

    fn boolean(&self, value: &Self::Value) -> PyResult<bool> {
        match value.cast::<PyBool>() {
            Ok(value) => Ok(value.is_true()),
            Err(_) => Err(expected("a bool", value)),
        }
    }

    fn int(&self, value: &Self::Value) -> PyResult<i64> {
        value
            .extract::<i64>()
            .map_err(|_| expected("an int of at most 64 bits", value))
    }

    fn float(&self, value: &Self::Value) -> PyResult<f64> {
        value
            .extract::<f64>()
            .map_err(|_| expected("a float", value))
    }

    fn text<'v>(&self, value: &'v Self::Value) -> PyResult<&'v str> {
        match value.cast::<PyString>() {
            Ok(value) => value.to_str(),
            Err(_) => Err(expected("a str", value)),
        }
    }

    fn bytes<'v>(&self, value: &'v Self::Value) -> PyResult<&'v [u8]> {
        match value.cast::<PyBytes>() {
            Ok(value) => Ok(value.as_bytes()),
            Err(_) => Err(expected("bytes", value)),
        }
    }

    fn length(&self, list: &Self::Value) -> PyResult<usize> {
        if let Ok(list) = list.cast::<PyList>() {
            return Ok(list.len());
        }
        match list.cast::<PyTuple>() {
            Ok(tuple) => Ok(tuple.len()),
            Err(_) => Err(expected("a list or tuple", list)),
        }
    }

    fn item(&self, list: &Self::Value, index: usize) -> PyResult<Self::Value> {
        match list.cast::<PyList>() {
            Ok(list) => list.get_item(index),
            Err(_) => list.get_item(index),
        }
    }
}
