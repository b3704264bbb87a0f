//! What a test lets go wrong, for Python: `DiskFault`, one thing that happens to a disk, and `RequestFaults`, rules about
//! requests. What they mean is in `ottla_node`.

use std::sync::Arc;
use std::time::Duration;

use ottla_node::{Deed, FaultRow, Named, NodeError, Rule};
use pyo3::prelude::*;

use crate::codec::Plan;
use crate::errors::refused;

/// A verb, a file, a moment, and what happens there.
#[pyclass(frozen, module = "ottla._core")]
pub struct DiskFault {
    pub row: FaultRow,
}

#[pymethods]
impl DiskFault {
    #[new]
    #[pyo3(
        signature = (verb, path, errno="", *, delay_ms=Some(0), short=false, after=0, times=None),
        text_signature = "(verb, path, errno='', *, delay_ms=0, short=False, after=0, times=None)"
    )]
    fn new(
        verb: &str,
        path: &str,
        errno: &str,
        delay_ms: Option<u64>,
        short: bool,
        after: u64,
        times: Option<u64>,
    ) -> Self {
        let row = FaultRow {
            delay_ms,
            short,
            after,
            times,
            ..FaultRow::new(verb, path, errno)
        };
        Self { row }
    }

    #[getter]
    fn verb(&self) -> &str {
        &self.row.verb
    }

    #[getter]
    fn path(&self) -> &str {
        &self.row.path
    }

    #[getter]
    fn errno(&self) -> &str {
        &self.row.errno
    }

    #[getter]
    fn delay_ms(&self) -> Option<u64> {
        self.row.delay_ms
    }

    #[getter]
    fn short(&self) -> bool {
        self.row.short
    }

    #[getter]
    fn after(&self) -> u64 {
        self.row.after
    }

    #[getter]
    fn times(&self) -> Option<u64> {
        self.row.times
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.row)
    }
}

/// Rules about requests; a test's, whatever nodes they are given to.
#[pyclass(frozen, module = "ottla._core")]
pub struct RequestFaults {
    pub rules: Arc<ottla_node::RequestFaults>,
}

/// A request that a rule came over.
#[pyclass(frozen, get_all, module = "ottla._core")]
pub struct FaultyRequest {
    rule: u64,
    nth: u64,
    api_key: i16,
    client_id: String,
}

/// What is done, with the one number that it takes.
fn deed_of(name: &str, amount: Amounts, topic: Option<&str>) -> Result<Deed, NodeError> {
    let refuse = |text: String| Err(NodeError::new("invalid", text));
    Ok(match (name, amount, topic) {
        ("cut", (None, None, None), _) => Deed::Cut,
        ("drop_reply", (None, None, None), _) => Deed::DropReply,
        ("hold", (None, None, None), _) => Deed::Hold,
        ("repeat", (None, None, None), _) => Deed::Repeat,
        ("slow", (Some(ms), None, None), _) => Deed::Slow(Duration::from_millis(ms)),
        ("answer", (None, Some(error), None), _) => Deed::Answer(error),
        ("stop", (None, None, Some(log_end)), Some(topic)) => Deed::Stop {
            topic: topic.to_owned(),
            log_end,
        },
        _ => {
            return refuse(format!(
                "{name:?} with {amount:?} is nothing that happens to a request"
            ));
        }
    })
}

/// Milliseconds of "slow", the error of "answer", where the logs end of "stop".
type Amounts = (Option<u64>, Option<i16>, Option<i64>);

/// An API key, the plan of its request, and where that names topics.
type Names<'py> = (i16, Bound<'py, Plan>, Vec<String>);

#[pymethods]
impl RequestFaults {
    #[new]
    #[pyo3(signature = (*, spared=None))]
    fn new(spared: Option<String>) -> Self {
        Self {
            rules: Arc::new(ottla_node::RequestFaults::sparing(spared)),
        }
    }

    #[pyo3(signature = (
        deed, *, delay_ms=None, error=None, log_end=None, client_id=None, api_key=None, topic=None,
        topic_id=[0; 16], named=vec![], nth=None, times=None, rate=1.0, seed=0
    ))]
    #[pyo3(
        text_signature = "(self, deed, *, delay_ms=None, error=None, log_end=None, client_id=None, \
        api_key=None, topic=None, topic_id=..., named=(), nth=None, times=None, rate=1.0, seed=0)"
    )]
    #[allow(clippy::too_many_arguments)] // each by name, which is what is wanted
    fn add(
        &self,
        deed: &str,
        delay_ms: Option<u64>,
        error: Option<i16>,
        log_end: Option<i64>,
        client_id: Option<String>,
        api_key: Option<i16>,
        topic: Option<String>,
        topic_id: [u8; 16],
        named: Vec<Names<'_>>,
        nth: Option<u64>,
        times: Option<u64>,
        rate: f64,
        seed: u64,
    ) -> PyResult<u64> {
        let deed = deed_of(deed, (delay_ms, error, log_end), topic.as_deref()).map_err(refused)?;
        let marked = |(key, plan, paths): Names<'_>| (key, plan.get().marked(&paths));
        Ok(self.rules.add(Rule {
            deed,
            client_id,
            api_key,
            topic: topic.map(|name| Named {
                name,
                id: topic_id,
                requests: named.into_iter().map(marked).collect(),
            }),
            nth,
            times,
            rate,
            seed,
        }))
    }

    fn clear(&self) {
        self.rules.clear();
    }

    /// What was done since this was asked last, and how many before that were lost.
    fn take_done(&self) -> (Vec<FaultyRequest>, u64) {
        let (done, lost) = self.rules.take_done();
        let rows = done.into_iter().map(|one| FaultyRequest {
            rule: one.rule,
            nth: one.nth,
            api_key: one.api_key,
            client_id: one.client_id,
        });
        (rows.collect(), lost)
    }

    #[pyo3(signature = (*, timeout_ms))]
    fn stopped(&self, py: Python<'_>, timeout_ms: u64) -> Option<u64> {
        py.detach(|| self.rules.stopped(Duration::from_millis(timeout_ms)))
    }
}

/// Put the classes into the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<DiskFault>()?;
    module.add_class::<FaultyRequest>()?;
    module.add_class::<RequestFaults>()
}
