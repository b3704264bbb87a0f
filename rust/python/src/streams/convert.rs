//! Values between Python and the engine. Plain numbers, texts and bytes cross; all else stays an object.

use std::sync::Arc;

use bytes::Bytes;
use ottla_streams::row::Row;
use ottla_streams::value::{Value, Windowed};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

/// A Python object in the engine's hands: it may be cloned and dropped without the GIL.
#[derive(Clone)]
pub struct Object(Arc<Py<PyAny>>);

impl Object {
    pub fn new(object: Bound<'_, PyAny>) -> Self {
        Self(Arc::new(object.unbind()))
    }

    pub fn bind<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        self.0.bind(py).clone()
    }
}

/// What the conversions ask of Python: looked up once a task.
pub struct Words {
    /// `orjson.loads` and `orjson.dumps`; there when a plan has JSON.
    pub loads: Option<Py<PyAny>>,
    pub dumps: Option<Py<PyAny>>,
    /// `ottla.streams.expressions.plain.plain`: how expressions see dataclasses, structs and dates.
    pub plain: Py<PyAny>,
    /// `ottla.streams.serdes.Windowed`.
    pub windowed: Py<PyAny>,
}

impl Words {
    pub fn new(py: Python<'_>) -> PyResult<Self> {
        let orjson = py.import("orjson").ok();
        let word = |name: &str| -> PyResult<Option<Py<PyAny>>> {
            orjson
                .as_ref()
                .map(|module| Ok(module.getattr(name)?.unbind()))
                .transpose()
        };
        Ok(Self {
            loads: word("loads")?,
            dumps: word("dumps")?,
            plain: py
                .import("ottla.streams.expressions.plain")?
                .getattr("plain")?
                .unbind(),
            windowed: py
                .import("ottla.streams.serdes")?
                .getattr("Windowed")?
                .unbind(),
        })
    }

    pub fn to_python<'py>(
        &self,
        py: Python<'py>,
        value: &Value<Object>,
    ) -> PyResult<Bound<'py, PyAny>> {
        Ok(match value {
            Value::Null => py.None().into_bound(py),
            Value::Bool(truth) => PyBool::new(py, *truth).to_owned().into_any(),
            Value::Int(number) => number.into_pyobject(py)?.into_any(),
            Value::Float(number) => PyFloat::new(py, *number).into_any(),
            Value::Text(text) => PyString::new(py, text.as_str()).into_any(),
            Value::Bytes(bytes) => PyBytes::new(py, bytes).into_any(),
            Value::Json(document) => match &self.loads {
                Some(loads) => loads.bind(py).call1((PyBytes::new(py, document),))?,
                None => PyBytes::new(py, document).into_any(),
            },
            Value::Windowed(windowed) => {
                let key = self.to_python(py, &windowed.key)?;
                self.windowed
                    .bind(py)
                    .call1((key, windowed.start, windowed.end))?
            }
            Value::Object(object) => of_its_own(object.bind(py), NESTED)?,
        })
    }

    #[allow(clippy::wrong_self_convention)] // `self` says how, it is not what is converted
    pub fn from_python(&self, object: Bound<'_, PyAny>) -> PyResult<Value<Object>> {
        if object.is_none() {
            return Ok(Value::Null);
        }
        if let Ok(text) = object.cast_exact::<PyString>() {
            // A text with half a surrogate is none in UTF-8: the serde says so, if it comes to that.
            return Ok(match text.to_str() {
                Ok(text) => Value::text(text),
                Err(_) => Value::Object(Object::new(object)),
            });
        }
        if let Ok(number) = object.cast_exact::<PyInt>() {
            return Ok(match number.extract::<i64>() {
                Ok(number) => Value::Int(number),
                Err(_) => Value::Object(Object::new(object)),
            });
        }
        if let Ok(bytes) = object.cast_exact::<PyBytes>() {
            return Ok(Value::Bytes(Bytes::copy_from_slice(bytes.as_bytes())));
        }
        if let Ok(number) = object.cast_exact::<PyFloat>() {
            return Ok(Value::Float(number.value()));
        }
        if let Ok(truth) = object.cast_exact::<PyBool>() {
            return Ok(Value::Bool(truth.is_true()));
        }
        if object.is_exact_instance(self.windowed.bind(object.py())) {
            let time = |name| object.getattr(name)?.extract::<i64>();
            // Times that are none stay Python's, as numbers do: the serde says so, if it comes to that.
            if let (Ok(start), Ok(end)) = (time("start"), time("end")) {
                let key = self.from_python(object.getattr("key")?)?;
                return Ok(Value::Windowed(Arc::new(Windowed { key, start, end })));
            }
        }
        Ok(Value::Object(Object::new(object)))
    }

    /// The native value of an object: what `orjson` can print becomes JSON, all else stays as it is.
    pub fn native(&self, object: &Bound<'_, PyAny>) -> PyResult<Value<Object>> {
        let py = object.py();
        let plain = self.plain.bind(py).call1((object,))?;
        match self.from_python(plain.clone())? {
            Value::Object(_) => {}
            native => return Ok(native),
        }
        let Some(dumps) = &self.dumps else {
            return Ok(Value::Object(Object::new(object.clone())));
        };
        match dumps.bind(py).call1((plain,)) {
            Ok(printed) => {
                let printed = printed.cast_into::<PyBytes>()?;
                let document = Bytes::copy_from_slice(printed.as_bytes());
                Ok(ottla_streams::json::parse(&document)
                    .unwrap_or_else(|| Value::Object(Object::new(object.clone()))))
            }
            Err(_) => Ok(Value::Object(Object::new(object.clone()))),
        }
    }
}

/// How deep a value of its own goes; what is nested deeper is shared.
const NESTED: u32 = 64;

/// Dicts and lists anew, so that who is given one may change it and nobody else sees that; every other
/// object is shared, as the reference does (`of_its_own` in `ottla.streams.reference.owning`).
fn of_its_own(object: Bound<'_, PyAny>, depth: u32) -> PyResult<Bound<'_, PyAny>> {
    if depth == 0 {
        return Ok(object);
    }
    if let Ok(dict) = object.cast_exact::<PyDict>() {
        let copy = dict.copy()?;
        for (key, value) in dict.iter() {
            if is_changeable(&value) {
                copy.set_item(key, of_its_own(value, depth - 1)?)?;
            }
        }
        return Ok(copy.into_any());
    }
    if let Ok(list) = object.cast_exact::<PyList>() {
        let copy = list.get_slice(0, list.len());
        for (place, value) in list.iter().enumerate() {
            if is_changeable(&value) {
                copy.set_item(place, of_its_own(value, depth - 1)?)?;
            }
        }
        return Ok(copy.into_any());
    }
    Ok(object)
}

fn is_changeable(object: &Bound<'_, PyAny>) -> bool {
    object.is_exact_instance_of::<PyDict>() || object.is_exact_instance_of::<PyList>()
}

/// Python's nested lists, dicts and plain values as the tree that the engine parses.
pub fn row_of(object: &Bound<'_, PyAny>) -> PyResult<Row> {
    if object.is_none() {
        return Ok(Row::Null);
    }
    if let Ok(truth) = object.cast_exact::<PyBool>() {
        return Ok(Row::Bool(truth.is_true()));
    }
    if let Ok(text) = object.cast::<PyString>() {
        return Ok(Row::Text(text.to_str()?.to_owned()));
    }
    if let Ok(number) = object.cast::<PyInt>() {
        return Ok(Row::Int(number.extract()?));
    }
    if let Ok(number) = object.cast::<PyFloat>() {
        return Ok(Row::Float(number.value()));
    }
    if let Ok(bytes) = object.cast::<PyBytes>() {
        return Ok(Row::Bytes(bytes.as_bytes().to_vec()));
    }
    if let Ok(list) = object.cast::<PyList>() {
        return list
            .iter()
            .map(|each| row_of(&each))
            .collect::<PyResult<_>>()
            .map(Row::List);
    }
    if let Ok(tuple) = object.cast::<PyTuple>() {
        return tuple
            .iter()
            .map(|each| row_of(&each))
            .collect::<PyResult<_>>()
            .map(Row::List);
    }
    let dict = object.cast::<PyDict>()?;
    let mut fields = Vec::with_capacity(dict.len());
    for (name, value) in dict.iter() {
        fields.push((name.extract::<String>()?, row_of(&value)?));
    }
    Ok(Row::Map(fields))
}
