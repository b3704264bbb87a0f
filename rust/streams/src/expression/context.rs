//! One record under evaluation: where values come from, and which operation gets them.

use bytes::Bytes;

use super::hints;
use super::node::Node;
use crate::host::{Fault, Headers, Host};
use crate::json::{self, Noted, Segment, write_float, write_int, write_text};
use crate::serde::java_text;
use crate::value::Value;

pub(super) type Found<H> = Result<Value<<H as Host>::Object>, Fault<<H as Host>::Error>>;

pub(super) struct Context<'a, H: Host> {
    pub host: &'a mut H,
    noted: &'a mut Noted,
    key: &'a Value<H::Object>,
    value: &'a Value<H::Object>,
    timestamp: i64,
    headers: &'a Headers,
    /// The native value of an object, once it was asked for.
    native_value: Option<Value<H::Object>>,
}

/// What errors call the type of a value.
pub(super) fn type_name<H: Host>(host: &mut H, value: &Value<H::Object>) -> String {
    match value {
        Value::Object(object) => host.type_name(object),
        value => value.type_name().unwrap_or("object").to_owned(),
    }
}

impl<'a, H: Host> Context<'a, H> {
    pub fn new(
        (host, noted): (&'a mut H, &'a mut Noted),
        key: &'a Value<H::Object>,
        value: &'a Value<H::Object>,
        timestamp: i64,
        headers: &'a Headers,
    ) -> Self {
        Self {
            host,
            noted,
            key,
            value,
            timestamp,
            headers,
            native_value: None,
        }
    }

    pub fn evaluate(&mut self, node: &Node) -> Found<H> {
        match node {
            Node::Column(path) => self.column(node, path),
            Node::Literal(literal) => Ok(literal.value()),
            Node::Compare(by, of) => self.compare(node, *by, of),
            Node::And(parts) => self.chain(node, parts, false),
            Node::Or(parts) => self.chain(node, parts, true),
            Node::Not(of) => match self.evaluate(of)? {
                Value::Null => Ok(Value::Null),
                found => Ok(Value::Bool(!self.truth(node, "~", found)?)),
            },
            Node::Arithmetic(by, of) => self.arithmetic(node, *by, of),
            Node::Number(by, of) => self.number(node, *by, of),
            Node::IsNull(of) => Ok(Value::Bool(self.evaluate(of)?.is_null())),
            Node::FillNull(of) => match self.evaluate(&of[0])? {
                Value::Null => self.evaluate(&of[1]),
                found => Ok(found),
            },
            Node::IsIn(of, members) => self.is_in(node, of, members),
            Node::Between(of) => self.between(node, of),
            Node::Cases(cases, otherwise) => self.cases(node, cases, otherwise),
            Node::Key => self.known(node, self.key.clone()),
            Node::Timestamp => Ok(Value::Int(self.timestamp)),
            Node::Header(name) => Ok(self.header(name)),
            Node::Item(of, segment) => self.item(node, of, segment),
            Node::Text(by, of) => self.text(node, by, of),
            Node::Length(of) => self.length(node, of),
            Node::Texts(by, of) => self.texts(node, *by, of),
            Node::Concat(parts) => self.concat(node, parts),
            Node::Cast(kind, of) => self.cast(node, *kind, of),
            Node::Record(fields) => self.record(node, fields),
            Node::Time(by, of) => self.time(node, *by, of),
            Node::ParseTime(of) => self.parse_time(node, of),
        }
    }

    /// A refusal by this expression.
    pub fn refuse(&self, node: &Node, what: &str, hint: &'static str) -> Found<H> {
        Err(node.refused(what, hint).into())
    }

    pub fn type_name(&mut self, value: &Value<H::Object>) -> String {
        type_name(self.host, value)
    }

    /// A path in the value. A field that is not there is null, and so is what would be below it.
    fn column(&mut self, node: &Node, path: &[Segment]) -> Found<H> {
        let value = match (self.value, &self.native_value) {
            (Value::Object(_), Some(native)) => native.clone(),
            (Value::Object(_), None) => {
                let native = self.known(node, self.value.clone())?;
                self.native_value = Some(native.clone());
                native
            }
            (Value::Json(document), _) => return self.read_column(node, document, path),
            (value, _) => value.clone(),
        };
        match (value, path) {
            (Value::Json(document), path) => self.walk(node, &document, path),
            (Value::Null, _) => Ok(Value::Null),
            (value, []) => Ok(value),
            (value, [segment, ..]) => self.no_part(node, &value, segment),
        }
    }

    /// A path in the record's own document.
    fn read_column(&mut self, node: &Node, document: &Bytes, path: &[Segment]) -> Found<H> {
        if let [Segment::Field(name), rest @ ..] = path
            && let Some(found) = self.noted.find(document, name)
        {
            return match found {
                None => Ok(Value::Null),
                // Most are whole numbers, and one of 18 digits needs no second look.
                Some((start, end)) if rest.is_empty() => {
                    match json::small_int(&document[start..end]) {
                        Some(number) => Ok(Value::Int(number)),
                        None => self.walk_from(node, document, (start, end), rest),
                    }
                }
                Some(span) => self.walk_from(node, document, span, rest),
            };
        }
        self.walk(node, document, path)
    }

    /// A path in a document.
    fn walk(&mut self, node: &Node, document: &Bytes, path: &[Segment]) -> Found<H> {
        self.walk_from(node, document, (0, document.len()), path)
    }

    fn walk_from(
        &mut self,
        node: &Node,
        document: &Bytes,
        (mut start, mut end): (usize, usize),
        path: &[Segment],
    ) -> Found<H> {
        for segment in path {
            match (document.get(start), segment) {
                (Some(b'{'), Segment::Field(_)) | (Some(b'['), Segment::Place(_)) => {
                    match segment.find(document, start) {
                        Some(found) => (start, end) = found,
                        None => return Ok(Value::Null),
                    }
                }
                (Some(b'n'), _) => return Ok(Value::Null),
                _ => {
                    let value = self.known(node, json::value_of(document, start, end))?;
                    return self.no_part(node, &value, segment);
                }
            }
        }
        self.known(node, json::value_of(document, start, end))
    }

    fn no_part(&mut self, node: &Node, value: &Value<H::Object>, segment: &Segment) -> Found<H> {
        let what = if matches!(segment, Segment::Field(_)) {
            "field"
        } else {
            "place"
        };
        let name = self.type_name(value);
        self.refuse(
            node,
            &format!("type {name} has no {what} {}", segment.shown()),
            hints::PATH,
        )
    }

    /// A value as operations take it.
    fn known(&mut self, node: &Node, value: Value<H::Object>) -> Found<H> {
        const TOO_LARGE: &str = "a whole number does not fit 64 bits";
        let value = match value {
            Value::Object(object) => self.host.native(&object).map_err(Fault::Host)?,
            value => value,
        };
        match &value {
            Value::Json(document) if !matches!(document.first(), Some(b'{' | b'[')) => {
                self.refuse(node, TOO_LARGE, hints::VALUE)
            }
            Value::Object(object) => match self.host.type_name(object).as_str() {
                "int" => self.refuse(node, TOO_LARGE, hints::VALUE),
                name => {
                    let what = format!("a value of type {name} is nothing that expressions know");
                    self.refuse(node, &what, hints::VALUE)
                }
            },
            _ => Ok(value),
        }
    }

    fn item(&mut self, node: &Node, of: &Node, segment: &Segment) -> Found<H> {
        match self.evaluate(of)? {
            Value::Null => Ok(Value::Null),
            Value::Json(document) => self.walk(node, &document, std::slice::from_ref(segment)),
            value => self.no_part(node, &value, segment),
        }
    }

    /// The last header of the name.
    fn header(&self, name: &str) -> Value<H::Object> {
        match self.headers.iter().rev().find(|(known, _)| known == name) {
            Some((_, Some(bytes))) => Value::Text(java_text(bytes)),
            _ => Value::Null,
        }
    }

    fn record(&mut self, node: &Node, fields: &[(crate::value::Text, Node)]) -> Found<H> {
        let mut out = Vec::with_capacity(32 * fields.len());
        out.push(b'{');
        for (name, of) in fields {
            if out.len() > 1 {
                out.push(b',');
            }
            write_text(name.as_bytes(), &mut out);
            out.push(b':');
            match self.evaluate(of)? {
                Value::Null => out.extend_from_slice(b"null"),
                Value::Bool(true) => out.extend_from_slice(b"true"),
                Value::Bool(false) => out.extend_from_slice(b"false"),
                Value::Int(number) => write_int(number, &mut out),
                Value::Float(number) => write_float(number, &mut out),
                Value::Text(text) => write_text(text.as_bytes(), &mut out),
                Value::Json(document) => out.extend_from_slice(&document),
                other => {
                    let (name, kind) = (
                        super::display::quoted_cut(name.as_str()),
                        self.type_name(&other),
                    );
                    let what = format!("JSON has nothing for the field {name} of type {kind}");
                    return self.refuse(node, &what, hints::RECORD);
                }
            }
        }
        out.push(b'}');
        Ok(Value::Json(out.into()))
    }
}
