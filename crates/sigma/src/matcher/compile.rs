//! A field's values and modifiers → one check.

use aho_corasick::AhoCorasick;
use ipnet::IpNet;
use rsigma_parser::{SigmaString, SigmaValue, SpecialChar, StringPart};
use std::net::IpAddr;

use super::{
    Case, Check, Comparison, Likeness, Modifiers, Operator, TextTest, encode, modifiers::Base64, pattern,
    text::Part,
};
use crate::{field::Field, load::Fault};

/// From how many values on texts that are to be contained are looked for together.
const TOGETHER: usize = 4;

/// The check that `values` mean with these modifiers. Of `exists` the caller takes care, as it asks for no value.
///
/// # Errors
///
/// A value that the modifiers cannot be applied to, or none at all.
pub(crate) fn compile(values: &[SigmaValue], modifiers: &Modifiers) -> Result<Check, Fault> {
    if values.is_empty() {
        return Err(Fault::new("a list of values is empty", "write at least one value"));
    }
    if modifiers.all && values.len() < 2 {
        return Err(
            Fault::new("`all` has only one value", "leave `all` out, or write several values").near("|all")
        );
    }
    let checks = values.iter().map(|value| of_value(value, modifiers)).collect::<Result<Vec<_>, _>>()?;
    let check = if modifiers.all { Check::All(checks) } else { any(checks) };
    Ok(if modifiers.neq { Check::Not(Box::new(check)) } else { check })
}

/// The check that one keyword means: some text of the event contains it; with wildcards, some text is like it.
///
/// # Errors
///
/// A keyword that is no text.
pub(crate) fn keyword(values: &[SigmaValue]) -> Result<Check, Fault> {
    let of = |value: &SigmaValue| match value {
        SigmaValue::String(text) if text.is_plain() => {
            Ok(Check::Text(TextTest::plain(Likeness::Contains, &plain(text)?, Case::Same)))
        }
        SigmaValue::String(text) => Ok(Check::Text(TextTest::wild(Likeness::Is, &parts(text), Case::Same))),
        SigmaValue::Integer(number) => {
            Ok(Check::Text(TextTest::plain(Likeness::Contains, &number.to_string(), Case::Same)))
        }
        other => {
            let what = format!("the keyword `{other}` is no text");
            Err(Fault::new(what, "put it in quotes, or under the name of a field"))
        }
    };
    if values.is_empty() {
        return Err(Fault::new("a list of keywords is empty", "write at least one"));
    }
    Ok(any(values.iter().map(of).collect::<Result<_, _>>()?))
}

fn of_value(value: &SigmaValue, modifiers: &Modifiers) -> Result<Check, Fault> {
    match modifiers.operator {
        Operator::Text(likeness) => text(value, likeness, modifiers),
        Operator::Regex => pattern::compile(&as_text(value, "re")?, modifiers.flags),
        Operator::Cidr => network(&as_text(value, "cidr")?),
        Operator::Field(likeness) => {
            let name = as_text(value, "fieldref")?;
            let field = Field::parse(&name).map_err(Fault::from)?;
            Ok(Check::Field(Box::new(field), likeness, modifiers.case))
        }
        Operator::Number(comparison) => Ok(Check::Number(comparison, number(value)?)),
        Operator::Time(part) => match number(value)? {
            // No part of a time has a fraction, and none is above the year 9999.
            whole if whole.fract() == 0.0 && whole.abs() < 1e9 => Ok(Check::Time(part, whole as i64)),
            other => Err(Fault::new(format!("`{other}` is no part of a time"), "write a whole number")),
        },
        Operator::Exists => {
            Err(Fault::new("`exists` takes true or false", "write one of them").near("|exists"))
        }
    }
}

fn text(value: &SigmaValue, likeness: Likeness, modifiers: &Modifiers) -> Result<Check, Fault> {
    let like = |text: &str| Ok(Check::Text(TextTest::plain(likeness, text, modifiers.case)));
    match value {
        SigmaValue::Null => Ok(Check::Null),
        SigmaValue::Bool(bool) => Ok(Check::Bool(*bool)),
        SigmaValue::Integer(number) if likeness != Likeness::Is => like(&number.to_string()),
        SigmaValue::Float(number) if likeness != Likeness::Is => like(&number.to_string()),
        // As the reference has it; whole numbers in YAML that matter here stay exact.
        SigmaValue::Integer(number) => Ok(Check::Number(Comparison::Equal, *number as f64)),
        SigmaValue::Float(number) => Ok(Check::Number(Comparison::Equal, *number)),
        SigmaValue::String(text) if modifiers.base64.is_some() => encoded(&plain(text)?, likeness, modifiers),
        SigmaValue::String(text) if modifiers.windash => {
            let variants = encode::dashes(&plain(text)?)?;
            Ok(any(variants.iter().map(|text| like(text)).collect::<Result<_, _>>()?))
        }
        SigmaValue::String(text) if text.is_plain() => like(&plain(text)?),
        SigmaValue::String(text) => Ok(Check::Text(TextTest::wild(likeness, &parts(text), modifiers.case))),
    }
}

fn encoded(text: &str, likeness: Likeness, modifiers: &Modifiers) -> Result<Check, Fault> {
    let bytes = encode::wide(text, modifiers.wide);
    let like = |text: &str, likeness| Check::Text(TextTest::plain(likeness, text, modifiers.case));
    if modifiers.base64 == Some(Base64::Whole) {
        return Ok(like(&encode::base64(&bytes), likeness));
    }
    // Of fewer bytes than base64 takes together, hardly a character would be left to look for.
    if bytes.len() < 3 {
        let what = format!("`{text}` is too short to be found within base64");
        return Err(Fault::new(what, "write at least three characters").near(text));
    }
    Ok(any(encode::base64_anywhere(&bytes).iter().map(|piece| like(piece, Likeness::Contains)).collect()))
}

/// An address alone is the network of that address.
fn network(text: &str) -> Result<Check, Fault> {
    let net = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    net.map(|net| Check::Cidr([net].into())).ok_or_else(|| {
        let advice = "write an address and the length of its prefix, such as 10.0.0.0/8 or fd00::/8";
        Fault::new(format!("`{text}` is no network"), advice).near(text)
    })
}

fn number(value: &SigmaValue) -> Result<f64, Fault> {
    let number = match value {
        SigmaValue::Integer(number) => Some(*number as f64),
        SigmaValue::Float(number) => Some(*number),
        SigmaValue::String(text) => text.original.parse().ok(),
        _ => None,
    };
    number.ok_or_else(|| {
        Fault::new(format!("`{value}` is no number"), "write a number").near(&value.to_string())
    })
}

fn as_text(value: &SigmaValue, modifier: &str) -> Result<String, Fault> {
    match value {
        SigmaValue::String(text) => plain(text),
        SigmaValue::Integer(number) => Ok(number.to_string()),
        SigmaValue::Float(number) => Ok(number.to_string()),
        other => {
            let what = format!("`{modifier}` cannot be applied to `{other}`");
            Err(Fault::new(what, "write a text").near(&format!("|{modifier}")))
        }
    }
}

/// The text of a value that has no wildcards.
fn plain(text: &SigmaString) -> Result<String, Fault> {
    text.as_plain().ok_or_else(|| {
        let what = format!("the wildcards in `{text}` mean nothing with these modifiers");
        Fault::new(what, "write `\\*` and `\\?` for the characters themselves").near(&text.original)
    })
}

fn parts(text: &SigmaString) -> Vec<Part> {
    let part = |part: &StringPart| match part {
        StringPart::Plain(text) => Part::Plain(text.clone()),
        StringPart::Special(SpecialChar::WildcardMulti) => Part::Many,
        StringPart::Special(SpecialChar::WildcardSingle) => Part::One,
    };
    text.parts.iter().map(part).collect()
}

/// Any of `checks`, those that can be made together put together.
fn any(mut checks: Vec<Check>) -> Check {
    together(&mut checks, 2, Likeness::Is, |mut texts| {
        texts.sort_unstable();
        texts.dedup();
        Some(TextTest::OneOf(texts.into_iter().map(Into::into).collect()))
    });
    together(&mut checks, TOGETHER, Likeness::Contains, |texts| {
        let all = AhoCorasick::new(&texts).ok()?;
        Some(TextTest::ContainsAny(Box::new(all), texts.into_iter().map(Into::into).collect()))
    });
    let net = |check: &mut Check| match check {
        Check::Cidr(nets) => Some(std::mem::take(nets)),
        _ => None,
    };
    let nets: Vec<IpNet> = checks.iter_mut().filter_map(net).flatten().collect();
    if !nets.is_empty() {
        checks.retain(|check| !matches!(check, Check::Cidr(_)));
        checks.push(Check::Cidr(nets.into()));
    }
    if checks.len() == 1 { checks.swap_remove(0) } else { Check::Any(checks) }
}

/// Replaces the checks for this likeness, where there are at least `least` and case does not matter, by `make` of their
/// texts in lower case.
fn together(
    checks: &mut Vec<Check>,
    least: usize,
    likeness: Likeness,
    make: impl FnOnce(Vec<String>) -> Option<TextTest>,
) {
    let caseless = |check: &Check| match check {
        Check::Text(TextTest::Like(like, needle)) if *like == likeness => {
            needle.caseless().map(str::to_owned)
        }
        _ => None,
    };
    let texts: Vec<String> = checks.iter().filter_map(caseless).collect();
    if texts.len() < least {
        return;
    }
    if let Some(test) = make(texts) {
        checks.retain(|check| caseless(check).is_none());
        checks.push(Check::Text(test));
    }
}
