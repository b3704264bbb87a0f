//! Slots of `__slots__` classes, read and written without a look-up by name.
//!
//! A decoded reply sets thousands of slots. `setattr` would find the same member descriptor again each time; here it is
//! found once, when the class's plan is compiled, and its C functions are called directly.

use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyType};

pub struct Slot {
    pub name: Py<PyString>,
    descriptor: Py<PyAny>,
    get: ffi::descrgetfunc,
    set: ffi::descrsetfunc,
}

impl Slot {
    /// Raises AttributeError or TypeError if the class has no slot of that name.
    pub fn of(class: &Bound<'_, PyType>, name: Bound<'_, PyString>) -> PyResult<Self> {
        let descriptor = class.getattr(&name)?;
        let kind = descriptor.get_type();
        if kind.name()? != "member_descriptor" {
            return Err(PyTypeError::new_err(format!("{name} is no slot")));
        }
        // SAFETY: `kind` is a live type object, and Python gives its slots' functions, or null, for any type.
        let (get, set) = unsafe {
            (
                ffi::PyType_GetSlot(kind.as_type_ptr(), ffi::Py_tp_descr_get),
                ffi::PyType_GetSlot(kind.as_type_ptr(), ffi::Py_tp_descr_set),
            )
        };
        if get.is_null() || set.is_null() {
            return Err(PyTypeError::new_err(format!("{name} cannot be set")));
        }
        // SAFETY: neither is null, and Python documents the functions behind these two slots to have these types.
        let (get, set) = unsafe {
            (
                std::mem::transmute::<*mut std::ffi::c_void, ffi::descrgetfunc>(get),
                std::mem::transmute::<*mut std::ffi::c_void, ffi::descrsetfunc>(set),
            )
        };
        Ok(Self {
            name: name.unbind(),
            descriptor: descriptor.unbind(),
            get,
            set,
        })
    }

    #[inline]
    pub fn get<'py>(&self, object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let descriptor = self.descriptor.as_ptr();
        // SAFETY: the GIL is held, both objects are alive, the function is the descriptor's own; it checks that `object`
        // is of its class, and returns a new reference or null with an exception set.
        unsafe {
            let value = (self.get)(descriptor, object.as_ptr(), std::ptr::null_mut());
            Bound::from_owned_ptr_or_err(object.py(), value)
        }
    }

    #[inline]
    pub fn set(&self, object: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let descriptor = self.descriptor.as_ptr();
        // SAFETY: as in `get`; the function takes its own reference to `value`.
        let status = unsafe { (self.set)(descriptor, object.as_ptr(), value.as_ptr()) };
        if status < 0 {
            return Err(PyErr::fetch(object.py()));
        }
        Ok(())
    }
}

/// A class whose objects are made by allocation alone: it inherits `object`'s own `__new__`.
///
/// Raises TypeError for any other.
pub fn check_plain(class: &Bound<'_, PyType>) -> PyResult<()> {
    // SAFETY: both are live type objects; the pointers are compared, never called.
    let plain = unsafe {
        let object = std::ptr::addr_of_mut!(ffi::PyBaseObject_Type);
        ffi::PyType_GetSlot(class.as_type_ptr(), ffi::Py_tp_new)
            == ffi::PyType_GetSlot(object, ffi::Py_tp_new)
    };
    if plain {
        return Ok(());
    }
    Err(PyTypeError::new_err(format!(
        "{class} makes its own objects"
    )))
}

/// An object of a class that passed `check_plain`, with every slot unset; `__init__` does not run.
#[inline]
pub fn blank<'py>(class: &Bound<'py, PyType>) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: `class` is a live type object that inherits `object.__new__`, which does no more than this call; it returns a
    // new reference or null with an exception set.
    unsafe {
        let object = ffi::PyType_GenericAlloc(class.as_type_ptr(), 0);
        Bound::from_owned_ptr_or_err(class.py(), object)
    }
}
