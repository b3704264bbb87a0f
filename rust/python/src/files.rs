//! `Disk` for Python: the small files that a node keeps beside its logs, each read and written as a whole.
//!
//! Every call goes through the disk that the node's logs lie on: so a test's faults reach these files too, nothing
//! is written after a kill, and a power cut takes what was not synced. It holds no file open.

use std::io;
use std::path::{Path, PathBuf};

use ottla_core::disk::{Disk as _, DiskFile, Entry, Open};
use ottla_node::{NodeDisk, NodeError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::disk::AnyDisk;
use crate::errors::refused;

/// The disk of a node, or of none.
#[pyclass(frozen, module = "ottla._core")]
pub struct Disk {
    pub disk: AnyDisk,
}

/// One name in a folder.
#[pyclass(frozen, get_all, module = "ottla._core")]
pub struct File {
    name: String,
    is_folder: bool,
    size_bytes: u64,
}

#[pymethods]
impl File {
    fn __repr__(&self) -> String {
        format!(
            "File(name={:?}, is_folder={}, size_bytes={})",
            self.name, self.is_folder, self.size_bytes
        )
    }
}

impl From<Entry> for File {
    fn from(entry: Entry) -> Self {
        Self {
            name: entry.name,
            is_folder: entry.is_dir,
            size_bytes: entry.len,
        }
    }
}

/// A refusal, which says the path, what can't be done to it, and the system's own words.
pub fn refusal(path: &Path, done: &str, error: &io::Error) -> NodeError {
    let text = format!("{} can't be {done}: {error}", path.display());
    NodeError::caused("storage", error, text).at(path)
}

fn told<T>(outcome: io::Result<T>, path: &Path, done: &str) -> PyResult<T> {
    outcome.map_err(|error| refused(refusal(path, done, &error)))
}

#[pymethods]
impl Disk {
    #[new]
    #[pyo3(signature = (*, durable=true))]
    fn new(durable: bool) -> Self {
        Self {
            disk: AnyDisk::Node(NodeDisk::alone(durable)),
        }
    }

    #[pyo3(signature = (path, *, bytes_max=None))]
    fn read<'py>(
        &self,
        py: Python<'py>,
        path: PathBuf,
        bytes_max: Option<usize>,
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let bytes = py.detach(|| match bytes_max {
            None => self.whole(&path),
            Some(most) => told(beginning(&self.disk, &path, most), &path, "read"),
        })?;
        Ok(bytes.map(|bytes| PyBytes::new(py, &bytes)))
    }

    #[pyo3(signature = (path, contents, *, read_only=false))]
    fn replace(
        &self,
        py: Python<'_>,
        path: PathBuf,
        contents: &[u8],
        read_only: bool,
    ) -> PyResult<()> {
        let done = py.detach(|| replace(&self.disk, &path, contents, read_only));
        told(done, &path, "written")
    }

    fn list(&self, py: Python<'_>, folder: PathBuf) -> PyResult<Vec<File>> {
        let found = told(py.detach(|| self.disk.list(&folder)), &folder, "read")?;
        Ok(found.into_iter().map(File::from).collect())
    }

    fn stat(&self, py: Python<'_>, path: PathBuf) -> PyResult<Option<File>> {
        let found = told(py.detach(|| self.disk.stat(&path)), &path, "read")?;
        Ok(found.map(File::from))
    }

    fn remove(&self, py: Python<'_>, path: PathBuf) -> PyResult<bool> {
        told(py.detach(|| remove(&self.disk, &path)), &path, "removed")
    }

    fn rename(&self, py: Python<'_>, path: PathBuf, to: PathBuf) -> PyResult<()> {
        told(py.detach(|| self.disk.rename(&path, &to)), &path, "renamed")
    }

    fn make_folder(&self, py: Python<'_>, folder: PathBuf) -> PyResult<()> {
        let made = py.detach(|| self.disk.create_dir_all(&folder));
        told(made, &folder, "made")
    }

    fn sync_folder(&self, py: Python<'_>, folder: PathBuf) -> PyResult<()> {
        told(py.detach(|| self.disk.sync_dir(&folder)), &folder, "synced")
    }
}

impl Disk {
    /// All of a file; None if it does not exist.
    pub fn whole(&self, path: &Path) -> PyResult<Option<Vec<u8>>> {
        told(self.disk.read_all(path), path, "read")
    }
}

/// The first bytes of a file, and no more of it; None if it does not exist.
fn beginning(disk: &AnyDisk, path: &Path, most: usize) -> io::Result<Option<Vec<u8>>> {
    let file = match disk.open(path, Open::Read) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
    };
    let mut bytes = vec![0; usize::try_from(file.len()?).unwrap_or(most).min(most)];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(Some(bytes))
}

/// A crash at any point leaves the old file or the new one, never a part. What a refusal leaves half done is taken
/// away, if the disk lets it.
pub fn replace(disk: &AnyDisk, path: &Path, contents: &[u8], read_only: bool) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    let temporary = Path::new(&name);
    let put = || {
        // What a crash left there may be read-only, as the file itself.
        remove(disk, temporary)?;
        let file = disk.open(temporary, Open::Truncate)?;
        file.write_all_at(contents, 0)?;
        if read_only {
            disk.seal(temporary)?;
        }
        file.sync()?;
        disk.rename(temporary, path)
    };
    if let Err(problem) = put() {
        let _ = remove(disk, temporary);
        return Err(problem);
    }
    path.parent().map_or(Ok(()), |folder| disk.sync_dir(folder))
}

/// Take files of a folder away, in this order: none before what the folder holds instead is safe, and all for good.
pub fn remove_all(disk: &AnyDisk, folder: &Path, paths: &[PathBuf]) -> Result<(), NodeError> {
    let sync = || {
        let synced = disk.sync_dir(folder);
        synced.map_err(|error| refusal(folder, "synced", &error))
    };
    sync()?;
    for path in paths {
        remove(disk, path).map_err(|error| refusal(path, "removed", &error))?;
    }
    sync()
}

/// Whether there was such a file.
fn remove(disk: &AnyDisk, path: &Path) -> io::Result<bool> {
    match disk.remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Put the classes into the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Disk>()?;
    module.add_class::<File>()
}
