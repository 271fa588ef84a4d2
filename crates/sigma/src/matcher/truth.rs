//! What a check says when little is known of its field: so rules are told apart without looking at an event.

use std::borrow::Cow;

use ipnet::IpNet;

use super::{Check, Likeness, TextTest, words};
use crate::field::value::Scalar;

/// What can be said of a check or a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Truth {
    No,
    Maybe,
    Yes,
}

/// What is known of a field.
#[derive(Clone, Copy)]
pub(crate) enum Guess<'g> {
    /// It is absent.
    Absent,
    /// It is one text, which in lower case is this.
    Text(&'g str),
    /// It is one text or several, none of which is one that is known or contains a needle that is known.
    Other(&'g dyn Known),
    /// It is this value.
    Scalar(Scalar<'g>),
}

/// The texts, in lower case, that a field's values are told apart by.
pub(crate) trait Known {
    /// Whether values that are this text are told.
    fn text(&self, text: &str) -> bool;

    /// Whether values that contain this text are told.
    fn needle(&self, needle: &str) -> bool;

    /// Whether addresses in this network are told.
    fn net(&self, net: &IpNet) -> bool;
}

impl From<bool> for Truth {
    fn from(is: bool) -> Self {
        if is { Self::Yes } else { Self::No }
    }
}

impl Truth {
    /// All of these.
    pub(crate) fn all(all: impl Iterator<Item = Self>) -> Self {
        all.min().unwrap_or(Self::Yes)
    }

    /// Any of these.
    pub(crate) fn any(all: impl Iterator<Item = Self>) -> Self {
        all.max().unwrap_or(Self::No)
    }
}

impl std::ops::Not for Truth {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::No => Self::Yes,
            Self::Maybe => Self::Maybe,
            Self::Yes => Self::No,
        }
    }
}

impl Check {
    /// What the check says of a field of which only `guess` is known.
    pub(crate) fn truth(&self, guess: Guess<'_>) -> Truth {
        if matches!(guess, Guess::Absent) {
            return self.met_by_absence().into();
        }
        match self {
            Self::Null => Truth::No,
            Self::Field(..) => Truth::Maybe,
            Self::Not(check) => !check.truth(guess),
            Self::Any(checks) => Truth::any(checks.iter().map(|check| check.truth(guess))),
            Self::All(checks) => Truth::all(checks.iter().map(|check| check.truth(guess))),
            single => single.single_truth(guess),
        }
    }

    fn single_truth(&self, guess: Guess<'_>) -> Truth {
        match (self, guess) {
            (_, Guess::Scalar(value)) => self.met_by(value).into(),
            (Self::Text(test), Guess::Text(lower)) => test.truth_of(lower),
            (Self::Text(test), Guess::Other(known)) => test.truth_of_other(known),
            (Self::Regex(pattern), Guess::Other(known)) => {
                let needles = pattern.needles();
                let told = !needles.is_empty() && needles.iter().all(|needle| known.needle(needle));
                maybe(!told)
            }
            (Self::Regex(pattern), Guess::Text(lower)) => {
                let needles = pattern.needles();
                maybe(needles.is_empty() || needles.iter().any(|needle| lower.contains(&**needle)))
            }
            (Self::Bool(bool), Guess::Other(known)) => {
                maybe(!words(*bool).iter().all(|word| known.text(word)))
            }
            (Self::Cidr(nets), Guess::Other(known)) => maybe(!nets.iter().all(|net| known.net(net))),
            // An address or a number reads the same in lower case; a time may not.
            (Self::Number(..) | Self::Bool(_) | Self::Cidr(_), Guess::Text(lower)) => {
                self.met_by(Scalar::Text(lower)).into()
            }
            _ => Truth::Maybe,
        }
    }
}

fn maybe(could: bool) -> Truth {
    if could { Truth::Maybe } else { Truth::No }
}

impl TextTest {
    /// What the test says of texts that are `lower` in lower case.
    fn truth_of(&self, lower: &str) -> Truth {
        match self {
            Self::Like(Likeness::Is, needle) if needle.caseless().is_none() => maybe(needle.lower() == lower),
            Self::Like(_, needle) if needle.caseless().is_none() => {
                maybe(lower.contains(&*needle.contained()))
            }
            Self::Glob(glob) if glob.tells_case_apart() => maybe(lower.contains(&glob.needle())),
            test => test.met(lower).into(),
        }
    }

    /// What the test says of texts of which none is told.
    fn truth_of_other(&self, known: &dyn Known) -> Truth {
        let told = match self {
            Self::Like(Likeness::Is, needle) => known.text(&needle.lower()),
            Self::Like(_, needle) => known.needle(&needle.contained()),
            Self::OneOf(all) => all.iter().all(|text| known.text(text)),
            Self::ContainsAny(_, all) => all.iter().all(|needle| known.needle(needle)),
            Self::Glob(glob) => known.needle(&glob.needle()),
            Self::Anything => return Truth::Yes,
        };
        maybe(!told)
    }

    /// The whole texts, in lower case, that it asks for.
    fn texts<'t>(&'t self, with: &mut dyn FnMut(Cow<'t, str>)) {
        match self {
            Self::Like(Likeness::Is, needle) => with(needle.lower()),
            Self::OneOf(all) => all.iter().for_each(|text| with((&**text).into())),
            _ => {}
        }
    }

    /// The texts, in lower case, that it asks to be contained.
    fn needles<'t>(&'t self, with: &mut dyn FnMut(Cow<'t, str>)) {
        match self {
            Self::Like(Likeness::Is, _) | Self::OneOf(_) | Self::Anything => {}
            Self::Like(_, needle) => with(needle.contained()),
            Self::ContainsAny(_, all) => all.iter().for_each(|text| with((&**text).into())),
            Self::Glob(glob) => with(glob.needle().into()),
        }
    }
}

impl Check {
    /// Whether all texts that it does not name ([`Check::texts`]) are alike to it.
    pub(crate) fn tells_named_texts_only(&self) -> bool {
        match self {
            Self::Text(test) => {
                matches!(test, TextTest::Like(Likeness::Is, _) | TextTest::OneOf(_) | TextTest::Anything)
            }
            Self::Regex(_) | Self::Number(..) | Self::Cidr(_) => false,
            Self::Bool(_) | Self::Null | Self::Field(..) | Self::Time(..) => true,
            Self::Not(check) => check.tells_named_texts_only(),
            Self::Any(checks) | Self::All(checks) => checks.iter().all(Self::tells_named_texts_only),
        }
    }

    /// The whole texts, in lower case, that it asks for or against.
    pub(crate) fn texts<'t>(&'t self, with: &mut dyn FnMut(Cow<'t, str>)) {
        match self {
            Self::Text(test) => test.texts(with),
            Self::Bool(bool) => words(*bool).iter().for_each(|word| with((*word).into())),
            Self::Not(check) => check.texts(with),
            Self::Any(checks) | Self::All(checks) => checks.iter().for_each(|check| check.texts(with)),
            _ => {}
        }
    }

    /// The networks that it asks for or against.
    pub(crate) fn nets(&self, with: &mut dyn FnMut(IpNet)) {
        match self {
            Self::Cidr(nets) => nets.iter().for_each(|net| with(*net)),
            Self::Not(check) => check.nets(with),
            Self::Any(checks) | Self::All(checks) => checks.iter().for_each(|check| check.nets(with)),
            _ => {}
        }
    }

    /// The texts, in lower case, that it asks to be contained, or not to be.
    pub(crate) fn needles<'t>(&'t self, with: &mut dyn FnMut(Cow<'t, str>)) {
        match self {
            Self::Text(test) => test.needles(with),
            Self::Regex(pattern) => pattern.needles().iter().for_each(|needle| with((&**needle).into())),
            Self::Not(check) => check.needles(with),
            Self::Any(checks) | Self::All(checks) => checks.iter().for_each(|check| check.needles(with)),
            _ => {}
        }
    }
}
