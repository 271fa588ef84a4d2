//! What a correlation asks of the hits in a window.

use rsigma_parser::{ConditionExpr, ConditionOperator, Quantifier, SelectorPattern};

use super::group::Mark;

/// Compared with a count: all must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bounds(pub(crate) Vec<(ConditionOperator, u64)>);

impl Bounds {
    fn hold(&self, count: u64) -> bool {
        self.0.iter().all(|(operator, bound)| match operator {
            ConditionOperator::Lt => count < *bound,
            ConditionOperator::Lte => count <= *bound,
            ConditionOperator::Gt => count > *bound,
            ConditionOperator::Gte => count >= *bound,
            ConditionOperator::Eq => count == *bound,
            ConditionOperator::Neq => count != *bound,
        })
    }

    /// The count from which on they hold, where more can never be too many.
    pub(crate) fn from(&self) -> Option<u64> {
        self.0.iter().try_fold(0, |most: u64, (operator, bound)| match operator {
            ConditionOperator::Gte => Some(most.max(*bound)),
            ConditionOperator::Gt => Some(most.max(bound.saturating_add(1))),
            _ => None,
        })
    }

    /// The largest number that is compared with.
    pub(crate) fn largest(&self) -> u64 {
        self.0.iter().map(|(_, bound)| *bound).max().unwrap_or(0)
    }

    /// True where some count from 1 to `most` meets them.
    pub(crate) fn possible(&self, most: u64) -> bool {
        // What holds of a number changes at a bound only.
        let near = |bound: u64| [bound.saturating_sub(1), bound, bound.saturating_add(1)];
        let mut at = self.0.iter().flat_map(|(_, bound)| near(*bound)).chain([1, most]);
        at.any(|count| (1..=most).contains(&count) && self.hold(count))
    }
}

/// A condition over the rules that were met, each by its place among `rules`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Test {
    All(Vec<Test>),
    Any(Vec<Test>),
    Not(Box<Test>),
    Met(u32),
    /// So many of the rules whose bit is set.
    Some(u32, u64),
}

impl Test {
    /// `place` gives the place of a rule that is named; an unknown name is given back.
    pub(crate) fn of(
        condition: &ConditionExpr,
        names: &[String],
        place: &dyn Fn(&str) -> Option<u32>,
    ) -> Result<Self, String> {
        let of = |part: &ConditionExpr| Self::of(part, names, place);
        Ok(match condition {
            ConditionExpr::And(parts) => Self::All(parts.iter().map(of).collect::<Result<_, _>>()?),
            ConditionExpr::Or(parts) => Self::Any(parts.iter().map(of).collect::<Result<_, _>>()?),
            ConditionExpr::Not(part) => Self::Not(Box::new(of(part)?)),
            ConditionExpr::Identifier(name) => Self::Met(place(name).ok_or_else(|| name.clone())?),
            ConditionExpr::Selector { quantifier, pattern } => {
                let bits = chosen(pattern, names, place);
                if bits == 0 {
                    return Err(pattern.to_string());
                }
                let needed = match quantifier {
                    Quantifier::Any => 1,
                    Quantifier::All => bits.count_ones(),
                    Quantifier::Count(count) => u32::try_from(*count).unwrap_or(u32::MAX),
                };
                Self::Some(needed, bits)
            }
        })
    }

    fn holds(&self, seen: u64) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(seen)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(seen)),
            Self::Not(part) => !part.holds(seen),
            Self::Met(place) => seen & (1 << place) != 0,
            Self::Some(needed, bits) => (seen & bits).count_ones() >= *needed,
        }
    }

    fn negates(&self) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::negates),
            Self::Not(_) => true,
            Self::Met(_) | Self::Some(..) => false,
        }
    }
}

fn chosen(pattern: &SelectorPattern, names: &[String], place: &dyn Fn(&str) -> Option<u32>) -> u64 {
    let fitting = names.iter().filter(|name| pattern.matches_detection_name(name));
    fitting.filter_map(|name| place(name)).fold(0, |bits, at| bits | 1 << at)
}

/// What a correlation asks of the hits in a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Need {
    /// So many hits.
    Hits(Bounds),
    /// So many different values.
    Values(Bounds),
    /// Hits of several rules, of which there are `of`.
    Rules { of: u32, ordered: bool, bounds: Bounds, test: Option<Test> },
}

impl Need {
    /// What is counted in `window`, and whether it is enough. What is in it is ordered by time.
    pub(crate) fn judge<'a>(&self, window: impl Iterator<Item = &'a Mark> + Clone) -> (u64, bool) {
        match self {
            Self::Hits(bounds) => {
                let count = window.count() as u64;
                (count, bounds.hold(count))
            }
            Self::Values(bounds) => {
                let count = distinct(window);
                (count, bounds.hold(count))
            }
            Self::Rules { of, ordered, bounds, test } => {
                let seen = window.clone().fold(0_u64, |seen, mark| seen | 1 << mark.what);
                let count = u64::from(seen.count_ones());
                let met = test.as_ref().map_or_else(|| bounds.hold(count), |test| test.holds(seen));
                (count, met && (!ordered || in_order(*of, &window)))
            }
        }
    }

    /// True where a hit of the same kind between two others of its kind adds nothing: then it need not be kept.
    pub(crate) fn thins(&self) -> bool {
        !matches!(self, Self::Hits(_))
    }

    /// Whether a hit can be marked with `what`.
    pub(crate) fn knows(&self, what: u64) -> bool {
        match self {
            Self::Hits(_) | Self::Values(_) => true,
            Self::Rules { of, .. } => what < u64::from(*of),
        }
    }

    /// True where the order of the hits matters.
    pub(crate) fn ordered(&self) -> bool {
        matches!(self, Self::Rules { ordered: true, .. })
    }

    /// True where another hit can never make a window that is enough into one that is not.
    pub(crate) fn rises(&self) -> bool {
        match self {
            Self::Hits(bounds) | Self::Values(bounds) => bounds.from().is_some(),
            Self::Rules { bounds, test, .. } => {
                test.as_ref().map_or_else(|| bounds.from().is_some(), |test| !test.negates())
            }
        }
    }

    /// How many hits of one group must be kept to tell whether it is met; none where all of them are needed.
    pub(crate) fn enough(&self) -> Option<usize> {
        let count = match self {
            Self::Hits(bounds) | Self::Values(bounds) => bounds.from()?,
            Self::Rules { of, .. } => u64::from(*of) * 2,
        };
        usize::try_from(count).ok()
    }
}

fn distinct<'a>(window: impl Iterator<Item = &'a Mark>) -> u64 {
    let mut values: smallvec::SmallVec<[u64; 128]> = window.map(|mark| mark.what).collect();
    values.sort_unstable();
    values.dedup();
    values.len() as u64
}

/// Whether each rule has a hit that is no earlier than one of the rule before it.
fn in_order<'a>(of: u32, window: &(impl Iterator<Item = &'a Mark> + Clone)) -> bool {
    // The earliest that fits leaves most to the rules after it.
    let next = |from: i64, place: u32| {
        window.clone().find(|mark| mark.what == u64::from(place) && mark.time >= from).map(|mark| mark.time)
    };
    (0..of).try_fold(i64::MIN, next).is_some()
}
