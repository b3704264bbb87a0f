//! A Protobuf file and what it imports, read and linked.
//!
//! Files are linked one by one, each after those that it imports, in a loop of our own: so a long
//! chain of imports costs no stack. Which files there are is what the caller gave; of one that
//! everybody knows, the known one is taken.

use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use prost::Message;
use prost::encoding::{DecodeContext, decode_key, skip_field};
use prost_reflect::DescriptorPool;
use prost_types::{FileDescriptorProto, SourceCodeInfo};

use crate::fault::Fault;
use crate::shape::flaw;
use crate::size::excess;
use crate::{known, order};

/// Field numbers of a file.
const NAME: u32 = 1;
const SOURCE_INFO: u32 = 9;

/// A file as it was given.
#[derive(Clone, Copy)]
pub enum Source<'a> {
    /// A .proto.
    Text(&'a str),
    /// A FileDescriptorProto, serialized.
    Descriptor(&'a [u8]),
}

/// What was read.
pub struct Files {
    /// The file as its author wrote it, a serialized FileDescriptorProto: names of types as they
    /// stand, options not interpreted, and where messages, enums and extensions begin. A file that
    /// was given serialized is handed back as it is.
    pub written: Vec<u8>,
    /// The file after all that it imports, and they after those that they import: paths and
    /// serialized FileDescriptorProtos, with full names and options interpreted. The file of
    /// Google's that all options are made of is always among them.
    pub linked: Vec<(String, Vec<u8>)>,
}

/// Read a file and link it with what it imports.
pub fn read(path: &str, source: Source, imports: &[(String, Source)]) -> Result<Files, Fault> {
    // The parser and the linker are others': what they did not foresee is a fault of the text.
    catch_unwind(AssertUnwindSafe(|| read_all(path, source, imports)))
        .unwrap_or_else(|_| Err(Fault::new(path, "the file cannot be read")))
}

fn read_all(path: &str, source: Source, imports: &[(String, Source)]) -> Result<Files, Fault> {
    let given: HashMap<&str, Source> = imports
        .iter()
        .map(|(path, source)| (path.as_str(), *source))
        .collect();
    let main = parse(path, source)?;
    let written = match source {
        Source::Text(_) => {
            let mut written = main.descriptor.clone();
            order::keep_order_only(&mut written);
            written.encode_to_vec()
        }
        Source::Descriptor(bytes) => bytes.to_vec(),
    };
    let mut linking = Linking {
        given,
        pool: DescriptorPool::new(),
        linked: Vec::new(),
        done: HashSet::new(),
    };
    if path != known::OPTIONS {
        linking.link_with_imports(open_known(known::OPTIONS)?)?;
    }
    linking.link_with_imports(main)?;
    let pool = linking.pool;
    let linked = linking.linked.into_iter().map(|path| {
        let bytes = pool
            .get_file_by_name(&path)
            .map(|file| file.encode_to_vec());
        (path, bytes.unwrap_or_default())
    });
    Ok(Files {
        written,
        linked: linked.collect(),
    })
}

/// A file that was read, but not linked.
struct Parsed {
    descriptor: FileDescriptorProto,
    /// Set where options are interpreted already: only these bytes hold the extensions of them.
    encoded: Option<Vec<u8>>,
}

struct Linking<'a> {
    given: HashMap<&'a str, Source<'a>>,
    pool: DescriptorPool,
    linked: Vec<String>,
    done: HashSet<String>,
}

impl Linking<'_> {
    /// Link a file after all that it needs and that is not linked yet.
    fn link_with_imports(&mut self, file: Parsed) -> Result<(), Fault> {
        let mut open = HashSet::from([file.descriptor.name().to_owned()]);
        let mut stack = vec![(file, 0_usize)];
        while let Some((file, next)) = stack.last_mut() {
            let Some(import) = file.descriptor.dependency.get(*next).cloned() else {
                let Some((file, _)) = stack.pop() else { break };
                open.remove(file.descriptor.name());
                self.link(file)?;
                continue;
            };
            *next += 1;
            if self.done.contains(&import) {
                continue;
            }
            if open.contains(&import) {
                let text = format!("the import of \"{import}\" leads back to this file");
                return Err(at_import(file, *next - 1, text));
            }
            match self.open(&import)? {
                Some(imported) => {
                    open.insert(import);
                    stack.push((imported, 0));
                }
                None => {
                    let text = format!("the imported file \"{import}\" is not given");
                    return Err(at_import(file, *next - 1, text));
                }
            }
        }
        Ok(())
    }

    fn open(&self, path: &str) -> Result<Option<Parsed>, Fault> {
        if let Ok(known) = open_known(path) {
            return Ok(Some(known));
        }
        self.given
            .get(path)
            .map(|source| parse(path, *source))
            .transpose()
    }

    fn link(&mut self, file: Parsed) -> Result<(), Fault> {
        let path = file.descriptor.name().to_owned();
        let mut seen = HashSet::new();
        for (number, import) in file.descriptor.dependency.iter().enumerate() {
            if !seen.insert(import) {
                let text = format!("\"{import}\" is imported twice");
                return Err(at_import(&file, number, text));
            }
        }
        // Places stay here: the linker would look each up by going through all of them.
        let mut descriptor = file.descriptor;
        let places = descriptor.source_code_info.take();
        let added = match file.encoded {
            Some(bytes) => self.pool.decode_file_descriptor_proto(bytes.as_slice()),
            None => self.pool.add_file_descriptor_proto(descriptor),
        };
        added.map_err(|error| {
            let fault = Fault::new(error.file().unwrap_or(&path), error.to_string());
            match place_of(error.path().unwrap_or_default(), places.as_ref()) {
                Some((line, column)) => fault.at(line, column),
                None => fault,
            }
        })?;
        self.done.insert(path.clone());
        self.linked.push(path);
        Ok(())
    }
}

fn open_known(path: &str) -> Result<Parsed, Fault> {
    if let Some(text) = known::text(path) {
        return parse(path, Source::Text(text));
    }
    let descriptor = known::file(path).ok_or_else(|| Fault::new(path, "is not known"))?;
    Ok(Parsed {
        descriptor,
        encoded: None,
    })
}

fn parse(path: &str, source: Source) -> Result<Parsed, Fault> {
    let parsed = match source {
        Source::Text(text) => Parsed {
            descriptor: protox_parse::parse(path, text).map_err(|error| {
                let fault = Fault::new(path, error.to_string());
                match error.span() {
                    Some(span) => fault.at_byte(text, span.start),
                    // Nothing is at fault but that there is no more.
                    None => fault.at_byte(text, text.trim_end().len()),
                }
            })?,
            encoded: None,
        },
        Source::Descriptor(bytes) => {
            let none = || Fault::new(path, "the bytes are no FileDescriptorProto");
            let encoded = named(path, bytes).ok_or_else(none)?;
            let descriptor = FileDescriptorProto::decode(encoded.as_slice()).map_err(|_| none())?;
            if let Some(text) = flaw(&descriptor) {
                return Err(Fault::new(path, text));
            }
            Parsed {
                descriptor,
                encoded: Some(encoded),
            }
        }
    };
    match excess(&parsed.descriptor) {
        Some(text) => Err(Fault::new(path, text)),
        None => Ok(parsed),
    }
}

/// A serialized file under another name, and without its source info, which its author's text is
/// not there for any more; none where the bytes are no message.
fn named(path: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut named = FileDescriptorProto {
        name: Some(path.to_owned()),
        ..FileDescriptorProto::default()
    }
    .encode_to_vec();
    let mut rest = bytes;
    while !rest.is_empty() {
        let field = rest;
        let (tag, wire_type) = decode_key(&mut rest).ok()?;
        skip_field(wire_type, tag, &mut rest, DecodeContext::default()).ok()?;
        if tag != NAME && tag != SOURCE_INFO {
            named.extend_from_slice(&field[..field.len() - rest.len()]);
        }
    }
    Some(named)
}

/// A fault at one of a file's imports.
fn at_import(file: &Parsed, number: usize, text: String) -> Fault {
    let fault = Fault::new(file.descriptor.name(), text);
    let wanted = [3, i32::try_from(number).unwrap_or(0)];
    match place_of(&wanted, file.descriptor.source_code_info.as_ref()) {
        Some((line, column)) => fault.at(line, column),
        None => fault,
    }
}

/// Line and column of a path in a descriptor, or of the nearest that leads to it.
fn place_of(path: &[i32], info: Option<&SourceCodeInfo>) -> Option<(usize, usize)> {
    let places = info?.location.iter();
    let leading = places.filter(|place| !place.path.is_empty() && path.starts_with(&place.path));
    let nearest = leading.max_by_key(|place| place.path.len())?;
    let number = |at: usize| usize::try_from(*nearest.span.get(at)?).ok();
    Some((number(0)?, number(1)?))
}
