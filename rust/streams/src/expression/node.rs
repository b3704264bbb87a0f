//! An expression as a tree, and how rows become one.

use std::collections::HashSet;

use bytes::Bytes;

use crate::json::{Path, Segment};
use crate::row::Row;
use crate::value::{Text, Value};

/// Python refuses deeper ones when they are built.
const DEPTH_MAX: usize = 128;

#[derive(Clone, Debug)]
pub enum Node {
    Column(Path),
    Item(Box<Node>, Segment),
    Key,
    Timestamp,
    Header(String),
    Literal(Literal),
    Compare(Comparison, Box<[Node; 2]>),
    Between(Box<[Node; 3]>),
    IsIn(Box<Node>, Members),
    IsNull(Box<Node>),
    FillNull(Box<[Node; 2]>),
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    Cases(Vec<[Node; 2]>, Box<Node>),
    Arithmetic(Operator, Box<[Node; 2]>),
    Number(OfNumber, Box<Node>),
    Text(OfText, Box<Node>),
    Length(Box<Node>),
    Texts(OfTexts, Box<[Node; 2]>),
    Concat(Vec<Node>),
    Cast(Type, Box<Node>),
    Record(Vec<(Text, Node)>),
    Time(OfTime, Box<Node>),
    ParseTime(Box<Node>),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Text),
    Bytes(Bytes),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    FloorDivide,
    Modulo,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfNumber {
    Negate,
    Abs,
    Round(usize),
    Floor,
    Ceil,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OfText {
    Upper,
    Lower,
    Strip,
    Substring(usize, Option<usize>),
    Replace(String, String),
    Split(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfTexts {
    StartsWith,
    EndsWith,
    Contains,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    Str,
    Int,
    Float,
    Bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfTime {
    Truncate(i64),
    Hour,
    Minute,
    Second,
    Weekday,
    Day,
    Month,
    Year,
    Iso,
}

/// What `is_in` looks through; the first few are kept to be shown.
#[derive(Clone, Debug)]
pub struct Members {
    pub shown: Vec<Literal>,
    pub count: usize,
    pub first: &'static str,
    pub ints: HashSet<i64>,
    pub floats: Vec<f64>,
    pub texts: HashSet<Bytes>,
    pub truths: [bool; 2],
}

impl Literal {
    pub fn value<O>(&self) -> Value<O> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(truth) => Value::Bool(*truth),
            Self::Int(number) => Value::Int(*number),
            Self::Float(number) => Value::Float(*number),
            Self::Text(text) => Value::Text(text.clone()),
            Self::Bytes(bytes) => Value::Bytes(bytes.clone()),
        }
    }

    fn parse(row: &Row) -> Result<Self, String> {
        Ok(match row {
            Row::Null => Self::Null,
            Row::Bool(truth) => Self::Bool(*truth),
            Row::Int(number) => Self::Int(*number),
            Row::Float(number) => Self::Float(*number),
            Row::Text(text) => Self::Text(Text::new(text)),
            Row::Bytes(bytes) => Self::Bytes(Bytes::copy_from_slice(bytes)),
            Row::List(_) | Row::Map(_) => return Err("a literal is one value".to_owned()),
        })
    }
}

impl Members {
    const SHOWN_MAX: usize = 5;

    fn parse(rows: &[Row]) -> Result<Self, String> {
        let mut members = Self {
            shown: Vec::new(),
            count: rows.len(),
            first: "None",
            ints: HashSet::new(),
            floats: Vec::new(),
            texts: HashSet::new(),
            truths: [false; 2],
        };
        for row in rows {
            let literal = Literal::parse(row)?;
            match &literal {
                Literal::Null => return Err("is_in() takes no null".to_owned()),
                Literal::Bool(truth) => members.truths[usize::from(*truth)] = true,
                Literal::Int(number) => {
                    members.ints.insert(*number);
                }
                Literal::Float(number) => members.floats.push(*number),
                Literal::Text(text) => {
                    members.texts.insert(text.as_bytes().clone());
                }
                Literal::Bytes(bytes) => {
                    members.texts.insert(bytes.clone());
                }
            }
            if members.shown.is_empty() {
                members.first = literal.value::<()>().type_name().unwrap_or("None");
            }
            if members.shown.len() < Self::SHOWN_MAX {
                members.shown.push(literal);
            }
        }
        Ok(members)
    }
}

impl Node {
    pub fn parse(row: &Row, depth: usize) -> Result<Self, String> {
        if depth > DEPTH_MAX {
            return Err("an expression nests too deep".to_owned());
        }
        let (name, rest) = row
            .split()
            .ok_or_else(|| "an expression is a tuple".to_owned())?;
        let below = |row: &Row| Self::parse(row, depth + 1);
        let boxed = |row: &Row| below(row).map(Box::new);
        let two = |a: &Row, b: &Row| -> Result<_, String> { Ok(Box::new([below(a)?, below(b)?])) };
        let many = |rows: &[Row]| rows.iter().map(below).collect::<Result<Vec<_>, _>>();
        if let Some(node) = Self::parse_leaf(name, rest)? {
            return Ok(node);
        }
        if let Some(node) = Self::parse_text(name, rest, &boxed, &two)? {
            return Ok(node);
        }
        if let Some(node) = Self::parse_number(name, rest, &boxed)? {
            return Ok(node);
        }
        Ok(match (name, rest) {
            ("item", [of, place]) => Self::Item(boxed(of)?, segment(place)?),
            ("between", [a, b, c]) => Self::Between(Box::new([below(a)?, below(b)?, below(c)?])),
            ("is_in", [of, Row::List(members)]) => Self::IsIn(boxed(of)?, Members::parse(members)?),
            ("is_null", [of]) => Self::IsNull(boxed(of)?),
            ("fill_null", [of, other]) => Self::FillNull(two(of, other)?),
            ("&", [..]) => Self::And(many(rest)?),
            ("|", [..]) => Self::Or(many(rest)?),
            ("~", [of]) => Self::Not(boxed(of)?),
            ("when", [Row::List(cases), otherwise]) => {
                let pair = |row: &Row| match row.as_list() {
                    Some([condition, result]) => Ok([below(condition)?, below(result)?]),
                    _ => Err("a case is a condition and a result".to_owned()),
                };
                let cases = cases.iter().map(pair).collect::<Result<_, String>>()?;
                Self::Cases(cases, boxed(otherwise)?)
            }
            ("cast", [of, Row::Text(kind)]) => Self::Cast(type_of(kind)?, boxed(of)?),
            ("record", [Row::List(fields)]) => {
                let field = |row: &Row| match row.as_list() {
                    Some([Row::Text(name), of]) => Ok((Text::new(name), below(of)?)),
                    _ => Err("a field is a name and an expression".to_owned()),
                };
                Self::Record(fields.iter().map(field).collect::<Result<_, String>>()?)
            }
            (name, [a, b]) if comparison(name).is_some() => {
                Self::Compare(comparison(name).unwrap_or(Comparison::Equal), two(a, b)?)
            }
            (name, [a, b]) if operator(name).is_some() => {
                Self::Arithmetic(operator(name).unwrap_or(Operator::Add), two(a, b)?)
            }
            (name, rest) => return Err(format!("no operation {name} of {} parts", rest.len())),
        })
    }

    /// What has no expression below it.
    fn parse_leaf(name: &str, rest: &[Row]) -> Result<Option<Self>, String> {
        Ok(Some(match (name, rest) {
            ("col", [Row::List(path)]) => Self::Column(
                path.iter()
                    .map(segment)
                    .collect::<Result<Vec<_>, _>>()?
                    .into(),
            ),
            ("key", []) => Self::Key,
            ("timestamp", []) => Self::Timestamp,
            ("header", [Row::Text(name)]) => Self::Header(name.clone()),
            ("lit", [literal]) => Self::Literal(Literal::parse(literal)?),
            _ => return Ok(None),
        }))
    }

    /// What takes a number or a time.
    fn parse_number(
        name: &str,
        rest: &[Row],
        boxed: &dyn Fn(&Row) -> Result<Box<Node>, String>,
    ) -> Result<Option<Self>, String> {
        Ok(Some(match (name, rest) {
            ("neg", [of]) => Self::Number(OfNumber::Negate, boxed(of)?),
            ("abs", [of]) => Self::Number(OfNumber::Abs, boxed(of)?),
            ("floor", [of]) => Self::Number(OfNumber::Floor, boxed(of)?),
            ("ceil", [of]) => Self::Number(OfNumber::Ceil, boxed(of)?),
            ("round", [of, Row::Int(places)]) => {
                Self::Number(OfNumber::Round(count(*places)?), boxed(of)?)
            }
            ("parse_time", [of]) => Self::ParseTime(boxed(of)?),
            ("truncate", [of, Row::Int(size)]) if *size > 0 => {
                Self::Time(OfTime::Truncate(*size), boxed(of)?)
            }
            (name, [of]) => match time_part(name) {
                Some(part) => Self::Time(part, boxed(of)?),
                None => return Ok(None),
            },
            _ => return Ok(None),
        }))
    }

    #[allow(clippy::type_complexity)]
    fn parse_text(
        name: &str,
        rest: &[Row],
        boxed: &dyn Fn(&Row) -> Result<Box<Node>, String>,
        two: &dyn Fn(&Row, &Row) -> Result<Box<[Node; 2]>, String>,
    ) -> Result<Option<Self>, String> {
        Ok(Some(match (name, rest) {
            ("upper", [of]) => Self::Text(OfText::Upper, boxed(of)?),
            ("lower", [of]) => Self::Text(OfText::Lower, boxed(of)?),
            ("strip", [of]) => Self::Text(OfText::Strip, boxed(of)?),
            ("substring", [of, Row::Int(start), length]) => {
                let length = match length {
                    Row::Null => None,
                    Row::Int(length) => Some(count(*length)?),
                    _ => return Err("a length is an int".to_owned()),
                };
                Self::Text(OfText::Substring(count(*start)?, length), boxed(of)?)
            }
            ("replace", [of, Row::Text(old), Row::Text(new)]) => {
                Self::Text(OfText::Replace(old.clone(), new.clone()), boxed(of)?)
            }
            ("split", [of, Row::Text(separator)]) => {
                Self::Text(OfText::Split(separator.clone()), boxed(of)?)
            }
            ("length", [of]) => Self::Length(boxed(of)?),
            ("starts_with", [a, b]) => Self::Texts(OfTexts::StartsWith, two(a, b)?),
            ("ends_with", [a, b]) => Self::Texts(OfTexts::EndsWith, two(a, b)?),
            ("contains", [a, b]) => Self::Texts(OfTexts::Contains, two(a, b)?),
            ("concat", rows) => Self::Concat(
                rows.iter()
                    .map(|row| boxed(row).map(|of| *of))
                    .collect::<Result<_, _>>()?,
            ),
            _ => return Ok(None),
        }))
    }
}

fn segment(row: &Row) -> Result<Segment, String> {
    match row {
        Row::Text(name) => Ok(Segment::field(name)),
        Row::Int(place) => Ok(Segment::Place(*place)),
        _ => Err("a path has names and places".to_owned()),
    }
}

fn count(number: i64) -> Result<usize, String> {
    usize::try_from(number).map_err(|_| "a count is not negative".to_owned())
}

fn type_of(name: &str) -> Result<Type, String> {
    Ok(match name {
        "str" => Type::Str,
        "int" => Type::Int,
        "float" => Type::Float,
        "bool" => Type::Bool,
        _ => return Err(format!("no type {name}")),
    })
}

fn time_part(name: &str) -> Option<OfTime> {
    Some(match name {
        "hour" => OfTime::Hour,
        "minute" => OfTime::Minute,
        "second" => OfTime::Second,
        "weekday" => OfTime::Weekday,
        "day" => OfTime::Day,
        "month" => OfTime::Month,
        "year" => OfTime::Year,
        "iso" => OfTime::Iso,
        _ => return None,
    })
}

fn comparison(name: &str) -> Option<Comparison> {
    Some(match name {
        "==" => Comparison::Equal,
        "!=" => Comparison::NotEqual,
        "<" => Comparison::Less,
        "<=" => Comparison::LessOrEqual,
        ">" => Comparison::Greater,
        ">=" => Comparison::GreaterOrEqual,
        _ => return None,
    })
}

fn operator(name: &str) -> Option<Operator> {
    Some(match name {
        "+" => Operator::Add,
        "-" => Operator::Subtract,
        "*" => Operator::Multiply,
        "/" => Operator::Divide,
        "//" => Operator::FloorDivide,
        "%" => Operator::Modulo,
        _ => return None,
    })
}

impl Comparison {
    pub fn name(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }
}

impl Operator {
    pub fn name(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::FloorDivide => "//",
            Self::Modulo => "%",
        }
    }
}

impl OfNumber {
    /// What errors call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Negate => "-",
            Self::Abs => "abs()",
            Self::Round(_) => "round()",
            Self::Floor => "floor()",
            Self::Ceil => "ceil()",
        }
    }
}

impl OfText {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Upper => "upper()",
            Self::Lower => "lower()",
            Self::Strip => "strip()",
            Self::Substring(..) => "substring()",
            Self::Replace(..) => "replace()",
            Self::Split(_) => "split()",
        }
    }
}

impl OfTexts {
    pub fn name(self) -> &'static str {
        match self {
            Self::StartsWith => "starts_with()",
            Self::EndsWith => "ends_with()",
            Self::Contains => "contains()",
        }
    }
}

impl OfTime {
    pub fn name(self) -> &'static str {
        match self {
            Self::Truncate(_) => "truncate",
            Self::Hour => "hour",
            Self::Minute => "minute",
            Self::Second => "second",
            Self::Weekday => "weekday",
            Self::Day => "day",
            Self::Month => "month",
            Self::Year => "year",
            Self::Iso => "iso",
        }
    }
}

impl Type {
    pub fn name(self) -> &'static str {
        match self {
            Self::Str => "str",
            Self::Int => "int",
            Self::Float => "float",
            Self::Bool => "bool",
        }
    }
}
