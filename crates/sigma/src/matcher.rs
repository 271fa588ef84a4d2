//! Values as rules write them, compiled to checks of what a field holds.
//!
//! What a value means follows the Sigma specification, and where that is silent `rsigma-eval`, the reference that the
//! tests hold this against. So a field that is absent meets nothing but null and `exists: false`: it is not unlike any
//! value either (`neq`). Wherever the two part on purpose, `tests/differential/listed.rs` says so with the reason.

mod compile;
mod encode;
mod literals;
mod modifiers;
mod pattern;
mod text;
mod time;
mod truth;

use std::net::IpAddr;

use ipnet::IpNet;

pub(crate) use compile::{compile, keyword};
pub(crate) use modifiers::{Modifiers, Operator};
pub(crate) use pattern::{MOST_STATES_IN_ALL, Pattern};
pub(crate) use text::{Likeness, TextTest, lower};
pub(crate) use time::Part;
pub(crate) use truth::{Guess, Known, Truth};

use crate::field::{Field, Look, Value, value::Scalar};

/// A check of all values that a field has.
#[derive(Debug, Clone)]
pub(crate) enum Check {
    /// Some value, as a text, is alike.
    Text(TextTest),
    /// Some value, as a text, matches.
    Regex(Box<Pattern>),
    /// Some value is a number, or reads as one, that compares so.
    Number(Comparison, f64),
    /// Some value is this truth value, or a text that means it.
    Bool(bool),
    /// The field is absent or null.
    Null,
    /// Some value is an address in one of these networks.
    Cidr(Box<[IpNet]>),
    /// Some value is like some value of another field, as texts.
    Field(Box<Field>, Likeness, Case),
    /// Some value is a time of which this part is so much.
    Time(Part, i64),
    Not(Box<Check>),
    Any(Vec<Check>),
    All(Vec<Check>),
}

/// How a number is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

/// Whether upper and lower case are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Case {
    Same,
    Apart,
}

impl Check {
    /// Whether a field with these values (none where it is absent) passes.
    pub(crate) fn met(&self, found: &[Value<'_>], look: &Look<'_, '_>) -> bool {
        if found.is_empty() {
            return self.met_by_absence();
        }
        match self {
            Self::Null => matches!(found, [value] if value.is_null()),
            Self::Field(field, likeness, case) => like_field(found, field, *likeness, *case, look),
            Self::Not(check) => !check.met(found, look),
            Self::Any(checks) => checks.iter().any(|check| check.met(found, look)),
            Self::All(checks) => checks.iter().all(|check| check.met(found, look)),
            single => found.iter().any(|value| value.any(&mut |scalar| single.met_by(scalar))),
        }
    }

    /// Whether an absent field passes. Only null asks for that; what is absent is not unlike anything either.
    pub(crate) fn met_by_absence(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Any(checks) => checks.iter().any(Self::met_by_absence),
            _ => false,
        }
    }

    /// Whether one text passes: for fields that hold one, and for keywords.
    pub(crate) fn met_by_text(&self, text: &str, look: &Look<'_, '_>) -> bool {
        match self {
            Self::Field(field, likeness, case) => {
                like_field(&[Value::Text(text.into())], field, *likeness, *case, look)
            }
            Self::Not(check) => !check.met_by_text(text, look),
            Self::Any(checks) => checks.iter().any(|check| check.met_by_text(text, look)),
            Self::All(checks) => checks.iter().all(|check| check.met_by_text(text, look)),
            single => single.met_by(Scalar::Text(text)),
        }
    }

    /// Whether one value passes a check of single values.
    fn met_by(&self, value: Scalar<'_>) -> bool {
        match self {
            Self::Text(test) => test.met(&value.text()),
            Self::Regex(pattern) => pattern.is_match(&value.text()),
            Self::Number(comparison, number) => value.number().is_some_and(|n| comparison.holds(n, *number)),
            Self::Bool(wanted) => means(value) == Some(*wanted),
            Self::Cidr(nets) => {
                let address = value.text().parse::<IpAddr>();
                address.is_ok_and(|address| nets.iter().any(|net| net.contains(&address)))
            }
            Self::Time(part, number) => time::part_of(&value.text(), *part) == Some(*number),
            Self::Null | Self::Field(..) | Self::Not(_) | Self::Any(_) | Self::All(_) => false,
        }
    }

    /// How dear the check is, in no unit: the cheap ones go first.
    pub(crate) fn cost(&self) -> u32 {
        match self {
            Self::Null | Self::Bool(_) | Self::Number(..) => 1,
            Self::Text(test) => test.cost(),
            Self::Cidr(_) | Self::Time(..) => 8,
            Self::Regex(_) => 20,
            Self::Field(..) => 10,
            Self::Not(check) => check.cost(),
            Self::Any(checks) | Self::All(checks) => checks.iter().map(Self::cost).sum(),
        }
    }

    /// About how many states its regular expressions have.
    pub(crate) fn states(&self) -> u64 {
        match self {
            Self::Regex(pattern) => pattern.states(),
            Self::Not(check) => check.states(),
            Self::Any(checks) | Self::All(checks) => checks.iter().map(Self::states).sum(),
            _ => 0,
        }
    }

    /// The fields that are read besides the one that is checked.
    pub(crate) fn fields<'c>(&'c self, with: &mut dyn FnMut(&'c Field)) {
        match self {
            Self::Field(field, ..) => with(field),
            Self::Not(check) => check.fields(with),
            Self::Any(checks) | Self::All(checks) => checks.iter().for_each(|check| check.fields(with)),
            _ => {}
        }
    }
}

impl Comparison {
    fn holds(self, value: f64, number: f64) -> bool {
        match self {
            Self::Equal => (value - number).abs() < f64::EPSILON,
            Self::Greater => value > number,
            Self::GreaterOrEqual => value >= number,
            Self::Less => value < number,
            Self::LessOrEqual => value <= number,
        }
    }
}

/// The truth value that is or is meant.
fn means(value: Scalar<'_>) -> Option<bool> {
    let is = |text: &str, bool| words(bool).iter().any(|word| text.eq_ignore_ascii_case(word));
    match value {
        Scalar::Bool(bool) => Some(bool),
        Scalar::Text(text) if is(text, true) => Some(true),
        Scalar::Text(text) if is(text, false) => Some(false),
        _ => None,
    }
}

/// The texts that mean a truth value, in lower case.
fn words(bool: bool) -> [&'static str; 3] {
    if bool { ["true", "1", "yes"] } else { ["false", "0", "no"] }
}

fn like_field(
    found: &[Value<'_>],
    other: &Field,
    likeness: Likeness,
    case: Case,
    look: &Look<'_, '_>,
) -> bool {
    look.values(other).iter().any(|other| {
        other.any(&mut |other| {
            let other = other.text();
            found.iter().any(|value| value.any(&mut |value| likeness.holds(&value.text(), &other, case)))
        })
    })
}
