//! How an expression looks: as it would be typed in Python. Errors name it so.

use super::node::{Literal, Node, OfNumber, OfText, OfTime};
use crate::host::{By, Refusal};
use crate::json::{Segment, write_text};

const VALUE_SHOWN_MAX: usize = 40;
const SHOWN_MAX: usize = 200;

impl Node {
    /// The refusal that names this expression.
    pub fn refused(&self, what: &str, hint: &'static str) -> Refusal {
        let text = format!("{}: {what}", cut(&shown(self), SHOWN_MAX));
        Refusal {
            by: By::Expression,
            text,
            hint,
        }
    }
}

/// The expression, as it would be typed.
pub fn shown(node: &Node) -> String {
    match node {
        Node::Literal(literal) => format!("lit({})", literal_shown(literal)),
        node => inner(node),
    }
}

/// Text of at most so many letters.
pub fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// A value's text in an error.
pub fn quoted_cut(text: &str) -> String {
    quoted(&cut(text, VALUE_SHOWN_MAX))
}

fn quoted(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len() + 2);
    write_text(text.as_bytes(), &mut out);
    String::from_utf8(out).unwrap_or_default()
}

fn literal_shown(literal: &Literal) -> String {
    match literal {
        Literal::Null => "None".to_owned(),
        Literal::Bool(true) => "True".to_owned(),
        Literal::Bool(false) => "False".to_owned(),
        Literal::Int(number) => number.to_string(),
        Literal::Float(number) => float_shown(*number),
        Literal::Text(text) => quoted(text.as_str()),
        Literal::Bytes(bytes) => {
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("bytes.fromhex(\"{digits}\")")
        }
    }
}

/// A float as Python prints it: the shortest digits, an exponent below 1e-4 and from 1e16.
pub fn float_shown(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    let sign = if number.is_sign_negative() { "-" } else { "" };
    if number.is_infinite() {
        return format!("{sign}inf");
    }
    let mut buffer = zmij::Buffer::new();
    let printed = buffer.format_finite(number.abs());
    let (mantissa, exponent) = printed.split_once('e').unwrap_or((printed, "0"));
    let (whole, places) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let all = format!("{whole}{places}");
    let significant = all.trim_start_matches('0');
    let point = whole.len() as i32 + exponent - (all.len() - significant.len()) as i32;
    let digits = significant.trim_end_matches('0');
    if digits.is_empty() {
        return format!("{sign}0.0");
    }
    let count = digits.len() as i32;
    if !(-3..=16).contains(&point) {
        let (first, rest) = digits.split_at(1);
        let dot = if rest.is_empty() { "" } else { "." };
        let exponent = point - 1;
        let minus = if exponent < 0 { '-' } else { '+' };
        return format!("{sign}{first}{dot}{rest}e{minus}{:02}", exponent.abs());
    }
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or_default());
    if point <= 0 {
        format!("{sign}0.{}{digits}", zeros(-point))
    } else if point >= count {
        format!("{sign}{digits}{}.0", zeros(point - count))
    } else {
        let (whole, places) = digits.split_at(point as usize);
        format!("{sign}{whole}.{places}")
    }
}

/// Where it is an argument, a literal stands bare.
fn inner(node: &Node) -> String {
    match node {
        Node::Literal(literal) => literal_shown(literal),
        Node::Column(path) => column(path),
        Node::Key => "key()".to_owned(),
        Node::Timestamp => "timestamp()".to_owned(),
        Node::Header(name) => format!("header({})", quoted(name)),
        Node::Not(of) => format!("~{}", operand(of)),
        Node::Number(OfNumber::Negate, of) => format!("-{}", operand(of)),
        Node::Compare(by, of) => joined(by.name(), &of[..]),
        Node::Arithmetic(by, of) => joined(by.name(), &of[..]),
        Node::And(of) => joined("&", of),
        Node::Or(of) => joined("|", of),
        Node::Cases(cases, otherwise) => {
            let cases: String = cases
                .iter()
                .map(|[when, then]| format!("when({}).then({}).", inner(when), inner(then)))
                .collect();
            format!("{cases}otherwise({})", inner(otherwise))
        }
        Node::Record(fields) => {
            let fields: Vec<_> = fields
                .iter()
                .map(|(name, of)| format!("{}={}", name.as_str(), inner(of)))
                .collect();
            format!("record({})", fields.join(", "))
        }
        Node::ParseTime(of) => format!("parse_time({})", inner(of)),
        node => method(node),
    }
}

fn method(node: &Node) -> String {
    match node {
        Node::Item(of, segment) => format!("{}[{}]", receiver(of), segment.shown()),
        Node::Between(of) => {
            format!(
                "{}.between({}, {})",
                receiver(&of[0]),
                inner(&of[1]),
                inner(&of[2])
            )
        }
        Node::IsIn(of, members) => {
            let mut shown: Vec<_> = members.shown.iter().map(literal_shown).collect();
            if members.count > shown.len() {
                shown.push("…".to_owned());
            }
            format!("{}.is_in([{}])", receiver(of), shown.join(", "))
        }
        Node::IsNull(of) => format!("{}.is_null()", receiver(of)),
        Node::FillNull(of) => format!("{}.fill_null({})", receiver(&of[0]), inner(&of[1])),
        Node::Number(OfNumber::Round(places), of) => format!("{}.round({places})", receiver(of)),
        Node::Number(by, of) => format!("{}.{}", receiver(of), by.name()),
        Node::Text(by, of) => text(by, of),
        Node::Length(of) => format!("{}.length()", receiver(of)),
        Node::Texts(by, of) => {
            let name = by.name().trim_end_matches("()");
            format!("{}.{name}({})", receiver(&of[0]), inner(&of[1]))
        }
        Node::Concat(of) => {
            let (first, rest) = of
                .split_first()
                .map_or((String::new(), of.as_slice()), |(of, rest)| {
                    (receiver(of), rest)
                });
            let rest: Vec<_> = rest.iter().map(inner).collect();
            format!("{first}.concat({})", rest.join(", "))
        }
        Node::Cast(kind, of) => format!("{}.cast({})", receiver(of), kind.name()),
        Node::Time(OfTime::Truncate(size), of) => {
            format!("{}.time.truncate(\"{size}ms\")", receiver(of))
        }
        Node::Time(by, of) => format!("{}.time.{}()", receiver(of), by.name()),
        _ => String::new(),
    }
}

fn text(by: &OfText, of: &Node) -> String {
    let of = receiver(of);
    match by {
        OfText::Substring(start, length) => {
            let length = length.map_or("None".to_owned(), |length| length.to_string());
            format!("{of}.substring({start}, {length})")
        }
        OfText::Replace(old, new) => format!("{of}.replace({}, {})", quoted(old), quoted(new)),
        OfText::Split(separator) => format!("{of}.split({})", quoted(separator)),
        by => format!("{of}.{}", by.name()),
    }
}

fn joined(name: &str, of: &[Node]) -> String {
    let parts: Vec<_> = of.iter().map(operand).collect();
    parts.join(&format!(" {name} "))
}

fn operand(node: &Node) -> String {
    let is_loose = matches!(
        node,
        Node::Compare(..)
            | Node::Arithmetic(..)
            | Node::And(_)
            | Node::Or(_)
            | Node::Not(_)
            | Node::Number(OfNumber::Negate, _)
            | Node::Cases(..)
    );
    if is_loose {
        format!("({})", inner(node))
    } else {
        inner(node)
    }
}

fn receiver(node: &Node) -> String {
    match node {
        Node::Literal(_) => shown(node),
        node => operand(node),
    }
}

fn column(path: &[Segment]) -> String {
    let names: Vec<_> = path.iter().map_while(plain_name).collect();
    let mut out = if names.is_empty() {
        "value()".to_owned()
    } else {
        format!("col(\"{}\")", names.join("."))
    };
    for segment in &path[names.len()..] {
        out += &format!("[{}]", segment.shown());
    }
    out
}

/// A name without dots, as it stands between quotes.
fn plain_name(segment: &Segment) -> Option<String> {
    match segment {
        Segment::Field(_) => {
            let shown = segment.shown();
            let name = &shown[1..shown.len() - 1];
            (!name.is_empty() && !name.contains('.')).then(|| name.to_owned())
        }
        Segment::Place(_) => None,
    }
}
