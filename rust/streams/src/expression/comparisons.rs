//! Comparisons, and truth of three values.

use std::cmp::Ordering;

use super::context::{Context, Found};
use super::hints;
use super::node::{Comparison, Literal, Members, Node};
use crate::host::{Fault, Host};
use crate::value::Value;

/// 2^63, the first float that is too large for 64 bits.
pub(super) const INT_END: f64 = 9_223_372_036_854_775_808.0;

impl Comparison {
    /// Whether it holds of what compares so; `None` is what is not a number.
    fn holds(self, ordering: Option<Ordering>) -> bool {
        match self {
            Self::Equal => ordering == Some(Ordering::Equal),
            Self::NotEqual => ordering != Some(Ordering::Equal),
            Self::Less => ordering == Some(Ordering::Less),
            Self::LessOrEqual => matches!(ordering, Some(Ordering::Less | Ordering::Equal)),
            Self::Greater => ordering == Some(Ordering::Greater),
            Self::GreaterOrEqual => matches!(ordering, Some(Ordering::Greater | Ordering::Equal)),
        }
    }
}

/// An int beside a float, without rounding the int.
fn compare_mixed(int: i64, float: f64) -> Option<Ordering> {
    if float.is_nan() {
        return None;
    }
    if float >= INT_END {
        return Some(Ordering::Less);
    }
    if float < -INT_END {
        return Some(Ordering::Greater);
    }
    let whole = float.trunc();
    Some(
        int.cmp(&(whole as i64))
            .then_with(|| whole.partial_cmp(&float).unwrap_or(Ordering::Equal)),
    )
}

impl<H: Host> Context<'_, H> {
    pub(super) fn compare(&mut self, node: &Node, by: Comparison, of: &[Node; 2]) -> Found<H> {
        let left = self.evaluate(&of[0])?;
        // What most filters are: a literal is compared where it stands.
        if let (Value::Int(left), Node::Literal(Literal::Int(right))) = (&left, &of[1]) {
            return Ok(Value::Bool(by.holds(Some(left.cmp(right)))));
        }
        let right = self.evaluate(&of[1])?;
        let compared = self.compared(node, by.name(), by, &left, &right)?;
        Ok(compared.map_or(Value::Null, Value::Bool))
    }

    fn compared(
        &mut self,
        node: &Node,
        name: &str,
        by: Comparison,
        left: &Value<H::Object>,
        right: &Value<H::Object>,
    ) -> Result<Option<bool>, Fault<H::Error>> {
        let is_equality = matches!(by, Comparison::Equal | Comparison::NotEqual);
        let ordering = match (left, right) {
            (Value::Null, _) | (_, Value::Null) => return Ok(None),
            (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
            (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
            (Value::Int(a), Value::Float(b)) => compare_mixed(*a, *b),
            (Value::Float(a), Value::Int(b)) => compare_mixed(*b, *a).map(Ordering::reverse),
            (Value::Text(a), Value::Text(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
            (Value::Bytes(a), Value::Bytes(b)) => Some(a.cmp(b)),
            (Value::Bool(a), Value::Bool(b)) if is_equality => Some(a.cmp(b)),
            (left, right) => {
                let (left, right) = (self.type_name(left), self.type_name(right));
                let what = format!("{name} does not compare {left} with {right}");
                return Err(node.refused(&what, hints::KINDS).into());
            }
        };
        Ok(Some(by.holds(ordering)))
    }

    pub(super) fn between(&mut self, node: &Node, of: &[Node; 3]) -> Found<H> {
        let it = self.evaluate(&of[0])?;
        let low = self.evaluate(&of[1])?;
        let high = self.evaluate(&of[2])?;
        let name = "between()";
        let above = self.compared(node, name, Comparison::GreaterOrEqual, &it, &low)?;
        let below = self.compared(node, name, Comparison::LessOrEqual, &it, &high)?;
        Ok(match (above, below) {
            (Some(false), _) | (_, Some(false)) => Value::Bool(false),
            (Some(true), Some(true)) => Value::Bool(true),
            _ => Value::Null,
        })
    }

    pub(super) fn is_in(&mut self, node: &Node, of: &Node, members: &Members) -> Found<H> {
        let it = self.evaluate(of)?;
        let is_number = matches!(members.first, "int" | "float");
        let found = match &it {
            Value::Null => return Ok(Value::Null),
            _ if members.count == 0 => false,
            Value::Int(number) if is_number => {
                let is_same = |float: &f64| compare_mixed(*number, *float) == Some(Ordering::Equal);
                members.ints.contains(number) || members.floats.iter().any(is_same)
            }
            Value::Float(number) if is_number => {
                let is_whole = number.trunc() == *number && (-INT_END..INT_END).contains(number);
                members.floats.contains(number)
                    || (is_whole && members.ints.contains(&(*number as i64)))
            }
            Value::Text(text) if members.first == "str" => members.texts.contains(text.as_bytes()),
            Value::Bytes(bytes) if members.first == "bytes" => members.texts.contains(bytes),
            Value::Bool(truth) if members.first == "bool" => members.truths[usize::from(*truth)],
            other => {
                let name = self.type_name(other);
                let what = format!("is_in() does not compare {name} with {}", members.first);
                return self.refuse(node, &what, hints::KINDS);
            }
        };
        Ok(Value::Bool(found))
    }

    /// The truth of what is not null.
    pub(super) fn truth(
        &mut self,
        node: &Node,
        name: &str,
        found: Value<H::Object>,
    ) -> Result<bool, Fault<H::Error>> {
        match found {
            Value::Bool(truth) => Ok(truth),
            other => {
                let kind = self.type_name(&other);
                let what = format!("{name} takes bool, not {kind}");
                Err(node.refused(&what, hints::TRUTH).into())
            }
        }
    }

    /// And stops at the first false, or at the first true; null where that hangs on a null.
    pub(super) fn chain(&mut self, node: &Node, parts: &[Node], stop: bool) -> Found<H> {
        let name = if stop { "|" } else { "&" };
        let mut result = Value::Bool(!stop);
        for part in parts {
            match self.evaluate(part)? {
                Value::Null => result = Value::Null,
                found => {
                    if self.truth(node, name, found)? == stop {
                        return Ok(Value::Bool(stop));
                    }
                }
            }
        }
        Ok(result)
    }

    /// The result of the first condition that is true; no other result is evaluated.
    pub(super) fn cases(&mut self, node: &Node, cases: &[[Node; 2]], otherwise: &Node) -> Found<H> {
        for [condition, result] in cases {
            match self.evaluate(condition)? {
                Value::Null => {}
                found => {
                    if self.truth(node, "when", found)? {
                        return self.evaluate(result);
                    }
                }
            }
        }
        self.evaluate(otherwise)
    }
}
