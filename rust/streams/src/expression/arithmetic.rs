//! Arithmetic: ints of 64 bits, floats, never quietly wrong.

use super::comparisons::INT_END;
use super::context::{Context, Found};
use super::hints;
use super::node::{Node, OfNumber, Operator};
use crate::host::Host;
use crate::value::Value;

pub(super) const TOO_LARGE: &str = "the result does not fit 64 bits";

/// The int of a whole float, where it fits.
pub(super) fn whole(number: f64) -> Option<i64> {
    (-INT_END..INT_END)
        .contains(&number)
        .then_some(number as i64)
}

/// The remainder that has the divisor's sign, and the quotient that goes with it, as Python divides floats.
fn divide_floor(left: f64, right: f64) -> (f64, f64) {
    let mut rest = left % right;
    let mut quotient = (left - rest) / right;
    if rest == 0.0 {
        rest = 0f64.copysign(right);
    } else if (rest < 0.0) != (right < 0.0) {
        rest += right;
        quotient -= 1.0;
    }
    if quotient == 0.0 {
        return (rest, 0f64.copysign(left / right));
    }
    let floor = quotient.floor();
    (
        rest,
        if quotient - floor > 0.5 {
            floor + 1.0
        } else {
            floor
        },
    )
}

fn of_ints(by: Operator, left: i64, right: i64) -> Option<i64> {
    match by {
        Operator::Add => left.checked_add(right),
        Operator::Subtract => left.checked_sub(right),
        Operator::Multiply => left.checked_mul(right),
        // The quotient is towards zero; it is one less where that was up.
        Operator::FloorDivide => {
            let quotient = left.checked_div(right)?;
            let is_up = left % right != 0 && (left < 0) != (right < 0);
            Some(quotient - i64::from(is_up))
        }
        Operator::Modulo => {
            let rest = left.wrapping_rem(right);
            Some(if rest != 0 && (rest < 0) != (right < 0) {
                rest + right
            } else {
                rest
            })
        }
        Operator::Divide => None,
    }
}

fn of_floats(by: Operator, left: f64, right: f64) -> f64 {
    match by {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide => left / right,
        Operator::FloorDivide => divide_floor(left, right).1,
        Operator::Modulo => divide_floor(left, right).0,
    }
}

impl<H: Host> Context<'_, H> {
    pub(super) fn arithmetic(&mut self, node: &Node, by: Operator, of: &[Node; 2]) -> Found<H> {
        let left = self.evaluate(&of[0])?;
        let right = self.evaluate(&of[1])?;
        let divides = matches!(
            by,
            Operator::Divide | Operator::FloorDivide | Operator::Modulo
        );
        let (one, two) = match (&left, &right) {
            (Value::Int(one), Value::Int(two)) if by != Operator::Divide => {
                if divides && *two == 0 {
                    return self.refuse(node, "division by zero", hints::ZERO);
                }
                return match of_ints(by, *one, *two) {
                    Some(number) => Ok(Value::Int(number)),
                    None => self.refuse(node, TOO_LARGE, hints::SIZE),
                };
            }
            (Value::Int(one), Value::Int(two)) => (*one as f64, *two as f64),
            (Value::Int(one), Value::Float(two)) => (*one as f64, *two),
            (Value::Float(one), Value::Int(two)) => (*one, *two as f64),
            (Value::Float(one), Value::Float(two)) => (*one, *two),
            (Value::Null, _) | (_, Value::Null) => return Ok(Value::Null),
            (left, right) => {
                let (left, right) = (self.type_name(left), self.type_name(right));
                let what = format!("{} takes numbers, not {left} and {right}", by.name());
                return self.refuse(node, &what, hints::NUMBERS);
            }
        };
        if divides && two == 0.0 {
            return self.refuse(node, "division by zero", hints::ZERO);
        }
        Ok(Value::Float(of_floats(by, one, two)))
    }

    pub(super) fn number(&mut self, node: &Node, by: OfNumber, of: &Node) -> Found<H> {
        let fitted = |number: Option<i64>| number.map(Value::Int);
        let result = match (self.evaluate(of)?, by) {
            (Value::Null, _) => return Ok(Value::Null),
            (Value::Int(number), OfNumber::Negate) => fitted(number.checked_neg()),
            (Value::Int(number), OfNumber::Abs) => fitted(number.checked_abs()),
            (Value::Int(number), _) => Some(Value::Int(number)),
            (Value::Float(number), OfNumber::Negate) => Some(Value::Float(-number)),
            (Value::Float(number), OfNumber::Abs) => Some(Value::Float(number.abs())),
            (Value::Float(number), OfNumber::Round(places)) => {
                Some(Value::Float(rounded(number, places)))
            }
            (Value::Float(number), OfNumber::Floor) => fitted(whole(number.floor())),
            (Value::Float(number), OfNumber::Ceil) => fitted(whole(number.ceil())),
            (other, by) => {
                let kind = self.type_name(&other);
                let what = format!("{} takes a number, not {kind}", by.name());
                return self.refuse(node, &what, hints::NUMBERS);
            }
        };
        match result {
            Some(value) => Ok(value),
            None => self.refuse(node, TOO_LARGE, hints::SIZE),
        }
    }
}

/// The float next to its decimal of so many places; the decimal is exact, and halves go to the even digit.
fn rounded(number: f64, places: usize) -> f64 {
    if !number.is_finite() {
        return number;
    }
    format!("{number:.places$}").parse().unwrap_or(number)
}
