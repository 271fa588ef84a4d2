//! A rule's detections and condition, compiled to one test of an event.

mod compile;
mod member;

use std::{borrow::Cow, sync::Arc};

use rsigma_parser::ArrayQuantifier;

pub(crate) use compile::compile;
use member::members;

use crate::{
    AuditLevel,
    field::{Field, Look, Path, Place, Reckoned, Slot, VOLATILE_IN_QUERIES, Value},
    matcher::{Check, Guess, Truth},
};

/// A test of an event, or inside of a list's block of one element of that list.
#[derive(Debug, Clone)]
pub(crate) enum Test {
    All(Box<[Test]>),
    Any(Box<[Test]>),
    /// At least so many.
    Some(usize, Box<[Test]>),
    Not(Box<Test>),
    /// A named detection, which a condition may name more than once.
    Named(Arc<Test>),
    /// What a field holds.
    Holds(Subject, Check),
    /// Whether a field is there.
    Exists(Subject, bool),
    /// Some text of the event, wherever it stands.
    Text(Check),
    /// The elements of a list.
    Members(Subject, ArrayQuantifier, Box<Test>),
}

/// What is tested.
#[derive(Debug, Clone)]
pub(crate) enum Subject {
    /// A field of the event.
    Field(Field),
    /// What the path leads to in the element; the element itself where the path is empty.
    Member(Path),
}

impl Test {
    /// Whether the event meets this.
    pub(crate) fn met(&self, look: &Look<'_, '_>) -> bool {
        self.met_in(look, None)
    }

    /// Whether the event meets this; inside of a list's block, whether `member` of the list does.
    fn met_in(&self, look: &Look<'_, '_>, member: Option<&Value<'_>>) -> bool {
        match self {
            Self::All(tests) => tests.iter().all(|test| test.met_in(look, member)),
            Self::Any(tests) => tests.iter().any(|test| test.met_in(look, member)),
            Self::Some(least, tests) => {
                tests.iter().filter(|test| test.met_in(look, member)).take(*least).count() == *least
            }
            Self::Not(test) => !test.met_in(look, member),
            Self::Named(test) => test.met_in(look, member),
            Self::Holds(Subject::Field(field), check) => holds(field, check, look),
            Self::Holds(subject, check) => check.met(&subject.values(look, member), look),
            Self::Exists(subject, wanted) => {
                let values = subject.values(look, member);
                let exists = !matches!(&*values, []) && !matches!(&*values, [value] if value.is_null());
                exists == *wanted
            }
            Self::Text(check) => look.any_text(&mut |text| check.met_by_text(text, look)),
            Self::Members(subject, quantifier, test) => {
                let values = subject.values(look, member);
                let met = |member: &Value<'_>| test.met_in(look, Some(member));
                let mut members = members(&values);
                match quantifier {
                    ArrayQuantifier::Any => members.any(|member| met(&member)),
                    ArrayQuantifier::None => !members.any(|member| met(&member)),
                    ArrayQuantifier::AllOrEmpty => members.all(|member| met(&member)),
                    ArrayQuantifier::All => {
                        let mut members = members.peekable();
                        members.peek().is_some() && members.all(|member| met(&member))
                    }
                }
            }
        }
    }

    /// What can be said of this where `guess` says what is known of a field, if anything.
    pub(crate) fn truth<'g>(&self, guess: &dyn Fn(&Field) -> Option<Guess<'g>>) -> Truth {
        match self {
            Self::All(tests) => Truth::all(tests.iter().map(|test| test.truth(guess))),
            Self::Any(tests) => Truth::any(tests.iter().map(|test| test.truth(guess))),
            Self::Some(least, tests) => {
                let count = |from: Truth| tests.iter().filter(|test| test.truth(guess) >= from).count();
                if count(Truth::Yes) >= *least {
                    return Truth::Yes;
                }
                if count(Truth::Maybe) >= *least { Truth::Maybe } else { Truth::No }
            }
            Self::Not(test) => !test.truth(guess),
            Self::Named(test) => test.truth(guess),
            // What is compared with something absent is like nothing, and neither is what is absent itself.
            Self::Holds(Subject::Field(_), Check::Field(other, ..))
                if matches!(guess(other), Some(Guess::Absent)) =>
            {
                Truth::No
            }
            Self::Holds(Subject::Field(field), check) => {
                guess(field).map_or(Truth::Maybe, |g| check.truth(g))
            }
            Self::Exists(Subject::Field(field), wanted) => match guess(field) {
                Some(Guess::Absent) => (!wanted).into(),
                Some(_) => (*wanted).into(),
                None => Truth::Maybe,
            },
            Self::Members(Subject::Field(field), quantifier, _) => match guess(field) {
                Some(Guess::Absent) => {
                    matches!(quantifier, ArrayQuantifier::None | ArrayQuantifier::AllOrEmpty).into()
                }
                _ => Truth::Maybe,
            },
            _ => Truth::Maybe,
        }
    }

    /// Calls `with` for each field that is read, with what is asked of it where that is a check.
    pub(crate) fn fields<'t>(&'t self, with: &mut dyn FnMut(&'t Field, Option<&'t Check>)) {
        match self {
            Self::All(tests) | Self::Any(tests) | Self::Some(_, tests) => {
                tests.iter().for_each(|test| test.fields(with));
            }
            Self::Not(test) => test.fields(with),
            Self::Named(test) => test.fields(with),
            Self::Holds(subject, check) => {
                subject.field().into_iter().for_each(|field| with(field, Some(check)));
                check.fields(&mut |field| with(field, None));
            }
            Self::Exists(subject, _) => subject.field().into_iter().for_each(|field| with(field, None)),
            Self::Members(subject, _, test) => {
                subject.field().into_iter().for_each(|field| with(field, None));
                test.fields(with);
            }
            Self::Text(check) => check.fields(&mut |field| with(field, None)),
        }
    }

    /// The least audit level at which the API server logs all that is read.
    pub(crate) fn audit_level(&self) -> AuditLevel {
        let mut level = AuditLevel::Metadata;
        self.fields(&mut |field, _| level = level.max(field.audit_level()));
        level
    }

    /// True where something is read that differs between two requests that are otherwise alike.
    pub(crate) fn reads_volatile(&self) -> bool {
        let mut reads = false;
        self.fields(&mut |field, check| {
            let uri = field.place == Place::Text(Slot::RequestUri);
            reads |= field.is_volatile() || uri && check.is_some_and(names_volatile);
        });
        reads
    }

    /// About how many states its regular expressions have.
    pub(crate) fn states(&self) -> u64 {
        match self {
            Self::All(tests) | Self::Any(tests) | Self::Some(_, tests) => {
                tests.iter().map(Self::states).sum()
            }
            Self::Not(test) | Self::Members(_, _, test) => test.states(),
            Self::Named(test) => test.states(),
            Self::Holds(_, check) | Self::Text(check) => check.states(),
            Self::Exists(..) => 0,
        }
    }

    /// How dear the test is, in no unit: the cheap ones go first.
    fn cost(&self) -> u32 {
        match self {
            Self::All(tests) | Self::Any(tests) | Self::Some(_, tests) => {
                tests.iter().fold(0, |sum, test| sum.saturating_add(test.cost()))
            }
            Self::Not(test) => test.cost(),
            Self::Named(test) => test.cost(),
            Self::Holds(subject, check) => subject.cost().saturating_add(check.cost()),
            Self::Exists(subject, _) => subject.cost(),
            Self::Members(subject, _, test) => subject.cost().saturating_add(test.cost()),
            Self::Text(_) => 1_000,
        }
    }
}

/// Whether a check of a request's URI is about a part of its query that differs between requests that are alike.
fn names_volatile(check: &Check) -> bool {
    let mut names = false;
    let mut look = |text: Cow<'_, str>| {
        names |= VOLATILE_IN_QUERIES.iter().any(|key| text.contains(&key.to_lowercase()));
    };
    check.texts(&mut look);
    check.needles(&mut look);
    names
}

/// Whether `field` passes `check`; the many fields of one text without a list of values.
fn holds(field: &Field, check: &Check, look: &Look<'_, '_>) -> bool {
    let Place::Text(slot) = field.place else { return check.met(&look.values(field), look) };
    let text = slot.of(look.event());
    if text.is_empty() { check.met_by_absence() } else { check.met_by_text(&text.decode(), look) }
}

impl Subject {
    fn field(&self) -> Option<&Field> {
        match self {
            Self::Field(field) => Some(field),
            Self::Member(_) => None,
        }
    }

    fn cost(&self) -> u32 {
        let Self::Field(field) = self else { return 20 };
        match &field.place {
            Place::Text(_) | Place::Code | Place::Whole(_) | Place::Nowhere => 0,
            Place::Reckoned(Reckoned::Allowed | Reckoned::Peer) => 0,
            Place::Texts(..)
            | Place::Extra(..)
            | Place::Annotation(_)
            | Place::Reckoned(Reckoned::ActorKind) => 4,
            Place::Reckoned(Reckoned::ActorName | Reckoned::ActorNamespace | Reckoned::PeerPrivate) => 8,
            Place::Reckoned(_) | Place::Query(_) => 30,
            Place::Body(..) | Place::Pod(_) => 300,
        }
    }
}
