//! `ottla_core::outbound` for Python: numbers and bytes through, faults as kinds.

use std::os::fd::BorrowedFd;

use ottla_core::outbound::{self, Backoff, Failure, Fault, Limits, Phase, Refused, Request};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rustix::net::{RecvFlags, recv};

use crate::errors::refusal_of;
use crate::frame::Frame;

/// Our end of the connections to one address, one after another, apart from their sockets.
#[pyclass(module = "ottla._core")]
pub struct Outbound {
    inner: outbound::Outbound,
}

/// Why a connection is to be closed now.
#[pyclass(frozen, get_all, module = "ottla._core")]
pub struct OutboundFault {
    kind: &'static str,
    text: String,
}

/// A request that ended.
#[pyclass(frozen, get_all, module = "ottla._core")]
pub struct Completed {
    ticket: u64,
    body: Option<Py<Frame>>,
    failure: &'static str,
}

#[pymethods]
impl Outbound {
    #[new]
    #[pyo3(signature = (client_id, *, in_flight_max, response_size_bytes_max, backoff_ms, backoff_ms_max))]
    fn new(
        client_id: &str,
        in_flight_max: usize,
        response_size_bytes_max: usize,
        backoff_ms: i64,
        backoff_ms_max: i64,
    ) -> Self {
        let limits = Limits {
            in_flight_max,
            response_size_bytes_max,
            backoff: Backoff {
                first_ms: backoff_ms,
                max_ms: backoff_ms_max,
            },
        };
        Self {
            inner: outbound::Outbound::new(client_id, limits),
        }
    }

    fn dial(&mut self, now_ms: i64, timeout_ms: i64) {
        self.inner.dial(now_ms, timeout_ms);
    }

    fn connected(&mut self) {
        self.inner.connected();
    }

    fn lost(&mut self, now_ms: i64, random: u32) {
        self.inner.lost(now_ms, random);
    }

    fn time(&mut self, now_ms: i64) {
        self.inner.time(now_ms);
    }

    #[getter]
    fn is_connected(&self) -> bool {
        self.inner.phase() == Phase::Connected
    }

    #[getter]
    fn dial_at_ms(&self) -> Option<i64> {
        match self.inner.phase() {
            Phase::Down { dial_at_ms } => Some(dial_at_ms),
            _ => None,
        }
    }

    #[getter]
    fn deadline_ms(&self) -> Option<i64> {
        self.inner.deadline_ms()
    }

    #[getter]
    fn fault(&self) -> Option<OutboundFault> {
        match self.inner.phase() {
            Phase::Faulty(fault) => Some(OutboundFault {
                kind: kind(fault),
                text: fault.to_string(),
            }),
            _ => None,
        }
    }

    #[pyo3(signature = (api_key, api_version, body, *, flexible, answered=true, now_ms, timeout_ms))]
    #[allow(clippy::too_many_arguments)]
    fn request(
        &mut self,
        api_key: i16,
        api_version: i16,
        body: &[u8],
        flexible: bool,
        answered: bool,
        now_ms: i64,
        timeout_ms: i64,
    ) -> PyResult<u64> {
        let request = Request {
            api_key,
            api_version,
            flexible,
            answered,
            body,
            timeout_ms,
        };
        self.inner.request(&request, now_ms).map_err(refused)
    }

    fn to_send<'py>(&self, py: Python<'py>, bytes_max: usize) -> Bound<'py, PyBytes> {
        let bytes = self.inner.to_send();
        PyBytes::new(py, &bytes[..bytes.len().min(bytes_max)])
    }

    fn sent(&mut self, count: usize) {
        self.inner.sent(count);
    }

    fn received(&mut self, data: &[u8]) {
        self.inner.received(data);
    }

    /// Receive from a socket that does not block, so much at most, without a copy on the way; 0 is its end. Raises
    /// OSError.
    fn receive(&mut self, descriptor: i32, bytes_max: usize) -> PyResult<usize> {
        // SAFETY: the caller owns the descriptor, and holds it open for the length of this call.
        let socket = unsafe { BorrowedFd::borrow_raw(descriptor) };
        let mut received = 0;
        while received < bytes_max {
            let buffer = self.inner.receive_buffer();
            let held = buffer.len();
            let room = (buffer.capacity() - held).min(bytes_max - received);
            let count = match recv(
                socket,
                &mut buffer.spare_capacity_mut()[..room],
                RecvFlags::empty(),
            ) {
                Ok((_, count)) => count,
                Err(_) if received > 0 => break,
                Err(error) => return Err(std::io::Error::from(error).into()),
            };
            // SAFETY: the system has just written so many bytes behind those that were there.
            unsafe { buffer.set_len(held + count) };
            self.inner.cut_answers();
            received += count;
            if count < room {
                break; // what comes meanwhile, or the end, is found by looking again
            }
        }
        Ok(received)
    }

    fn completed(&mut self, py: Python<'_>) -> PyResult<Vec<Completed>> {
        let mut ended = Vec::new();
        while let Some(end) = self.inner.completed() {
            let (body, failure) = match end.outcome {
                Ok(body) => {
                    let (bytes, at) = body.into_parts();
                    (Some(Py::new(py, Frame::new(bytes, at))?), "")
                }
                Err(Failure::TimedOut) => (None, "timed-out"),
                Err(Failure::Lost) => (None, "lost"),
            };
            ended.push(Completed {
                ticket: end.ticket,
                body,
                failure,
            });
        }
        Ok(ended)
    }

    #[getter]
    fn in_flight(&self) -> usize {
        self.inner.in_flight()
    }

    #[getter]
    fn waiting(&self) -> usize {
        self.inner.waiting()
    }
}

fn kind(fault: Fault) -> &'static str {
    match fault {
        Fault::DialTimedOut => "dial",
        Fault::AnswerTimedOut => "timed-out",
        Fault::Size(_) | Fault::Unannounced | Fault::WrongCorrelation { .. } | Fault::Header => {
            "protocol"
        }
    }
}

fn refused(why: Refused) -> PyErr {
    let text = match why {
        Refused::NotConnected => "there is no connection".to_owned(),
        Refused::TooLarge(size) => format!("a request of {size} bytes, more than a size can say"),
    };
    refusal_of("invalid", text)
}

/// Put the classes into the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Outbound>()?;
    module.add_class::<OutboundFault>()?;
    module.add_class::<Completed>()
}
