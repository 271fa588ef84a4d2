//! The modifiers behind a field's name, and which of them go together.

use rsigma_parser::Modifier;

use super::{Case, Comparison, Likeness, Part};
use crate::load::Fault;

/// What the modifiers of one field say together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Modifiers {
    /// How values are compared.
    pub(crate) operator: Operator,
    /// Whether all values must be met, and not any.
    pub(crate) all: bool,
    /// Whether the field must be unlike every value.
    pub(crate) neq: bool,
    /// Whether case is told apart.
    pub(crate) case: Case,
    /// How values are written before they are looked for.
    pub(super) wide: Option<Wide>,
    pub(super) base64: Option<Base64>,
    pub(super) windash: bool,
    /// The flags of a regular expression.
    pub(super) flags: Flags,
}

/// How a field is compared with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Text(Likeness),
    Regex,
    Cidr,
    Exists,
    Field(Likeness),
    Number(Comparison),
    Time(Part),
}

/// The encodings of 16-bit characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wide {
    Little,
    Big,
    /// Little end first, behind a byte order mark.
    Marked,
}

/// The ways to look for what was put into base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Base64 {
    /// As a whole.
    Whole,
    /// Somewhere in a longer text.
    Offset,
}

/// The flags of a regular expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Flags {
    pub(super) any_case: bool,
    pub(super) lines: bool,
    pub(super) dot_is_all: bool,
}

const WIDE: &str = "another of `wide`, `utf16be` and `utf16`";

impl Modifiers {
    /// # Errors
    ///
    /// Modifiers that contradict each other or have nothing to work on: an engine that drops one of them would match
    /// something, but not what was meant.
    pub(crate) fn of(modifiers: &[Modifier]) -> Result<Self, Fault> {
        let mut all = Self {
            operator: Operator::Text(Likeness::Is),
            all: false,
            neq: false,
            case: Case::Same,
            wide: None,
            base64: None,
            windash: false,
            flags: Flags::default(),
        };
        let mut operator = None;
        for modifier in modifiers {
            all.take(*modifier, &mut operator)?;
        }
        if let Some((_, found)) = operator {
            all.operator = found;
        }
        all.check(modifiers)?;
        Ok(all)
    }

    fn take(
        &mut self,
        modifier: Modifier,
        operator: &mut Option<(&'static str, Operator)>,
    ) -> Result<(), Fault> {
        if let Some((name, found)) = as_operator(modifier) {
            *operator = Some(match (*operator, found) {
                (None, found) => (name, found),
                (Some((_, Operator::Field(Likeness::Is))), Operator::Text(likeness)) => {
                    ("fieldref", Operator::Field(likeness))
                }
                (Some((other, _)), _) => return Err(contradiction(other, name)),
            });
            return Ok(());
        }
        match modifier {
            Modifier::All => self.all = true,
            Modifier::Neq => self.neq = true,
            Modifier::Cased => self.case = Case::Apart,
            Modifier::Wide => return set(&mut self.wide, Wide::Little, "wide", WIDE),
            Modifier::Utf16be => return set(&mut self.wide, Wide::Big, "utf16be", WIDE),
            Modifier::Utf16 => return set(&mut self.wide, Wide::Marked, "utf16", WIDE),
            Modifier::Base64 => return set(&mut self.base64, Base64::Whole, "base64", "`base64offset`"),
            Modifier::Base64Offset => {
                return set(&mut self.base64, Base64::Offset, "base64offset", "`base64`");
            }
            Modifier::WindAsh => self.windash = true,
            Modifier::IgnoreCase => self.flags.any_case = true,
            Modifier::Multiline => self.flags.lines = true,
            Modifier::DotAll => self.flags.dot_is_all = true,
            _ => {
                let advice = "write the values out: there are no placeholders here";
                return Err(Fault::new("the modifier `expand` is not supported", advice).near("|expand"));
            }
        }
        Ok(())
    }

    fn check(&self, modifiers: &[Modifier]) -> Result<(), Fault> {
        let is_text = matches!(self.operator, Operator::Text(_));
        let encoded = self.wide.is_some() || self.base64.is_some() || self.windash;
        if encoded && !is_text {
            let what = "`wide`, `utf16`, `base64` and `windash` change texts, and here no texts are compared";
            return Err(Fault::new(what, "leave them out"));
        }
        if self.wide.is_some() && self.base64.is_none() {
            let what = "no text in an audit event has 16-bit characters";
            return Err(Fault::new(what, "put `base64` or `base64offset` behind `wide` or `utf16`"));
        }
        if self.windash && self.base64.is_some() {
            return Err(contradiction("windash", "base64"));
        }
        if self.flags != Flags::default() && self.operator != Operator::Regex {
            let advice = "leave them out; case is told apart only with `cased`";
            return Err(Fault::new("`i`, `m` and `s` are flags of `re`", advice));
        }
        if self.operator == Operator::Exists && modifiers.len() > 1 {
            return Err(
                Fault::new("`exists` goes with no other modifier", "leave the others out").near("|exists")
            );
        }
        Ok(())
    }
}

fn as_operator(modifier: Modifier) -> Option<(&'static str, Operator)> {
    Some(match modifier {
        Modifier::Contains => ("contains", Operator::Text(Likeness::Contains)),
        Modifier::StartsWith => ("startswith", Operator::Text(Likeness::StartsWith)),
        Modifier::EndsWith => ("endswith", Operator::Text(Likeness::EndsWith)),
        Modifier::Re => ("re", Operator::Regex),
        Modifier::Cidr => ("cidr", Operator::Cidr),
        Modifier::Exists => ("exists", Operator::Exists),
        Modifier::FieldRef => ("fieldref", Operator::Field(Likeness::Is)),
        Modifier::Gt => ("gt", Operator::Number(Comparison::Greater)),
        Modifier::Gte => ("gte", Operator::Number(Comparison::GreaterOrEqual)),
        Modifier::Lt => ("lt", Operator::Number(Comparison::Less)),
        Modifier::Lte => ("lte", Operator::Number(Comparison::LessOrEqual)),
        Modifier::Minute => ("minute", Operator::Time(Part::Minute)),
        Modifier::Hour => ("hour", Operator::Time(Part::Hour)),
        Modifier::Day => ("day", Operator::Time(Part::Day)),
        Modifier::Week => ("week", Operator::Time(Part::Week)),
        Modifier::Month => ("month", Operator::Time(Part::Month)),
        Modifier::Year => ("year", Operator::Time(Part::Year)),
        _ => return None,
    })
}

fn set<T>(slot: &mut Option<T>, value: T, name: &str, other: &str) -> Result<(), Fault> {
    if slot.replace(value).is_none() {
        return Ok(());
    }
    Err(Fault::new(format!("`{name}` does not go with {other}"), "keep one of them")
        .near(&format!("|{name}")))
}

fn contradiction(one: &str, other: &str) -> Fault {
    Fault::new(format!("the modifiers `{one}` and `{other}` contradict each other"), "keep one of them")
        .near(&format!("|{other}"))
}
