//! The fields by which rules are told apart before they are tested.

use ipnet::IpNet;
use smallvec::{SmallVec, smallvec};

use crate::{
    condition::Test,
    field::{Body, Field, KINDS, Look, Place, Reckoned, Slot, value::Scalar},
    matcher::{Guess, Known, Truth, lower},
};

/// How many fields rules are told apart by at most.
const MOST: usize = 64;

/// A field by which rules are told apart.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Key {
    Text(Slot),
    /// The answer's code, and so whether the request was allowed.
    Code,
    /// The kind of the actor.
    Kind,
    /// Whether there is a request's body, or a response's.
    Body(Body),
    /// Any other field that is texts.
    Field(Field),
}

/// What is known of a key while rules are loaded.
#[derive(Clone, Copy)]
pub(super) enum Told<'v> {
    Absent,
    /// It is there, and nothing that rules name.
    Other,
    Is(&'v str),
}

/// What an event has there.
pub(super) enum Given<'v> {
    Absent,
    /// A value, in lower case.
    One(&'v str),
    /// Something, of which no more is told unless a value follows.
    Other,
    /// Null, of which nothing is told: it is neither there nor like an absent field.
    Null,
}

/// What a test asks of a key.
#[derive(Debug)]
pub(super) struct Asked {
    /// The values that it names, in lower case.
    pub(super) values: Vec<Box<str>>,
    /// The texts in values that it names, in lower case.
    pub(super) needles: Vec<Box<str>>,
    /// The networks of addresses that it names.
    pub(super) nets: Vec<IpNet>,
    /// Whether all values but those that it names are alike to it.
    pub(super) named_only: bool,
}

/// The codes that API servers answer with all day.
const CODES: [i64; 16] = [101, 200, 201, 202, 204, 400, 401, 403, 404, 409, 410, 422, 429, 500, 503, 504];

impl Key {
    /// Those that `tests` ask for, the most asked for first where there are too many.
    pub(super) fn all(tests: &[Test]) -> Vec<Self> {
        let mut all: Vec<(Self, usize)> = Vec::new();
        for test in tests {
            test.fields(&mut |field, _| {
                for key in Self::of(field) {
                    match all.iter_mut().find(|(other, _)| *other == key) {
                        Some((_, count)) => *count += 1,
                        None => all.push((key, 1)),
                    }
                }
            });
        }
        all.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        all.into_iter().map(|(key, _)| key).take(MOST).collect()
    }

    /// The keys that say something of `field`.
    fn of(field: &Field) -> SmallVec<[Self; 2]> {
        let own = || Self::Field(field.clone());
        match &field.place {
            Place::Text(slot) => smallvec![Self::Text(*slot)],
            Place::Code | Place::Reckoned(Reckoned::Allowed) => smallvec![Self::Code],
            Place::Reckoned(Reckoned::ActorKind) => smallvec![Self::Kind],
            Place::Body(Body::Request | Body::Sent, _) | Place::Pod(_) => {
                smallvec![Self::Body(Body::Request), own()]
            }
            Place::Body(Body::Response, _) => smallvec![Self::Body(Body::Response), own()],
            Place::Whole(_) | Place::Nowhere => smallvec![],
            _ => smallvec![own()],
        }
    }

    /// Whether the key says something of `field`.
    fn covers(&self, field: &Field) -> bool {
        Self::of(field).contains(self)
    }

    /// How dear it is to look it up.
    pub(super) fn cost(&self) -> u32 {
        match self {
            Self::Code | Self::Body(_) => 0,
            Self::Text(Slot::UserAgent | Slot::RequestUri | Slot::Message) => 3,
            Self::Text(_) => 1,
            Self::Kind => 2,
            Self::Field(field) => match field.place {
                Place::Body(..) | Place::Pod(_) => 8,
                _ => 4,
            },
        }
    }

    /// Whether it has one value at most.
    pub(super) fn has_one_value(&self) -> bool {
        !matches!(self, Self::Field(_))
    }

    /// What the test asks of it; none where it does not.
    pub(super) fn asked_by(&self, test: &Test) -> Option<Asked> {
        let mut asked = None;
        test.fields(&mut |field, check| {
            if !self.covers(field) {
                return;
            }
            let asked = asked.get_or_insert_with(|| self.always_told());
            if let (Self::Text(_) | Self::Field(_), Some(check)) = (self, check) {
                check.texts(&mut |text| asked.values.push(text.into()));
                check.needles(&mut |text| asked.needles.push(text.into()));
                check.nets(&mut |net| asked.nets.push(net));
                asked.named_only &= check.tells_named_texts_only();
            }
        });
        asked
    }

    /// The values that are told apart whatever rules name.
    fn always_told(&self) -> Asked {
        let values = match self {
            Self::Code => CODES.iter().map(|code| code.to_string().into()).collect(),
            Self::Kind => KINDS.iter().map(|kind| kind.as_str().into()).collect(),
            Self::Text(_) | Self::Body(_) | Self::Field(_) => Vec::new(),
        };
        Asked { values, needles: Vec::new(), nets: Vec::new(), named_only: true }
    }

    /// Whether the test can never be met where this is told of the key.
    pub(super) fn rules_out(&self, test: &Test, told: Told<'_>, known: &dyn Known) -> bool {
        test.truth(&|field| self.guess(field, told, known)) == Truth::No
    }

    /// What is known of `field` where this is told of the key; none where that says nothing of it.
    fn guess<'g>(&self, field: &Field, told: Told<'g>, known: &'g dyn Known) -> Option<Guess<'g>> {
        if !self.covers(field) {
            return None;
        }
        match (self, told) {
            // Everybody is of some kind.
            (Self::Kind, Told::Absent) => None,
            (_, Told::Absent) => Some(Guess::Absent),
            (Self::Text(_) | Self::Field(_), Told::Other) => Some(Guess::Other(known)),
            (_, Told::Other) | (Self::Body(_), _) => None,
            (Self::Code, Told::Is(code)) => {
                let code: i64 = code.parse().ok()?;
                let scalar =
                    if field.place == Place::Code { Scalar::Int(code) } else { Scalar::Bool(code < 400) };
                Some(Guess::Scalar(scalar))
            }
            (_, Told::Is(text)) => Some(Guess::Text(text)),
        }
    }

    /// Gives `with` what the event has here, each value of several.
    #[inline]
    pub(super) fn find(&self, look: &Look<'_, '_>, mut with: impl FnMut(Given<'_>)) {
        match self {
            Self::Text(slot) => {
                let text = slot.of(look.event());
                if text.is_empty() {
                    return with(Given::Absent);
                }
                with(Given::One(&lower(&text.decode())));
            }
            Self::Code => {
                let Some(code) = look.code() else { return with(Given::Absent) };
                let mut digits = [0; 3];
                with(decimal(code, &mut digits).map_or(Given::Other, Given::One));
            }
            Self::Kind => with(Given::One(look.actor_kind().as_str())),
            Self::Body(body) => with(if look.has_body(*body) { Given::Other } else { Given::Absent }),
            Self::Field(field) => match look.values(field).as_slice() {
                [] => with(Given::Absent),
                [value] if value.is_null() => with(Given::Null),
                values => {
                    with(Given::Other);
                    for value in values {
                        value.any(&mut |scalar| {
                            with(Given::One(&lower(&scalar.text())));
                            false
                        });
                    }
                }
            },
        }
    }
}

/// A number of three digits, as codes are, without an allocation.
fn decimal(number: i64, digits: &mut [u8; 3]) -> Option<&str> {
    let mut rest = u32::try_from(number).ok().filter(|number| (100..1000).contains(number))?;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    std::str::from_utf8(digits).ok()
}
