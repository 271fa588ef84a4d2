//! Detections and conditions as they were read → a test.

use std::{collections::HashMap, sync::Arc};

use rsigma_parser::{
    ConditionExpr, Detection, DetectionItem, Detections, Quantifier, SelectorPattern, SigmaValue, StringPart,
};

use super::{Subject, Test};
use crate::{
    field::{Field, Path},
    load::Fault,
    matcher::{Modifiers, Operator, compile as compile_values, keyword},
};

/// What a detection's fields are looked up in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    Event,
    /// One element of a list.
    Member,
}

type Named = HashMap<String, Arc<Test>>;

/// The test that the detections and conditions of a rule or a filter mean. Of several conditions any is enough.
///
/// # Errors
///
/// The first thing in it that has no meaning.
pub(crate) fn compile(detections: &Detections) -> Result<Test, Fault> {
    let named = named(&detections.named, Scope::Event)?;
    let conditions = &detections.conditions;
    if conditions.is_empty() {
        return Err(Fault::new("there is no condition", "add `condition:`"));
    }
    let tests =
        conditions.iter().map(|condition| of_condition(condition, &named)).collect::<Result<_, _>>()?;
    Ok(any(tests))
}

/// In the order of their names, that the first error is always the same.
fn named(detections: &HashMap<String, Detection>, scope: Scope) -> Result<Named, Fault> {
    let mut names: Vec<_> = detections.iter().collect();
    names.sort_by_key(|(name, _)| *name);
    let compile = |(name, detection): (&String, &Detection)| {
        let test = of_detection(detection, scope).map_err(|fault| fault.near(&format!("{name}:")))?;
        Ok((name.clone(), Arc::new(test)))
    };
    names.into_iter().map(compile).collect()
}

fn of_detection(detection: &Detection, scope: Scope) -> Result<Test, Fault> {
    let several = |detections: &[Detection]| -> Result<Vec<Test>, Fault> {
        detections.iter().map(|detection| of_detection(detection, scope)).collect()
    };
    let test = match detection {
        Detection::AllOf(items) => {
            all(items.iter().map(|item| of_item(item, scope)).collect::<Result<_, _>>()?)
        }
        Detection::And(detections) => all(several(detections)?),
        Detection::AnyOf(detections) => any(several(detections)?),
        Detection::Keywords(values) => match scope {
            Scope::Event => Test::Text(keyword(values)?),
            Scope::Member => Test::Holds(Subject::Member(Path::default()), keyword(values)?),
        },
        Detection::ArrayMatch { field, quantifier, body } => {
            let body = of_detection(body, Scope::Member)?;
            Test::Members(subject(Some(field), scope)?, *quantifier, Box::new(body))
        }
        Detection::Conditional { named: detections, condition } => {
            of_condition(condition, &named(detections, scope)?)?
        }
    };
    match &test {
        Test::All(tests) | Test::Any(tests) if tests.is_empty() => {
            Err(Fault::new("a selection is empty", "write what it selects, or leave it out"))
        }
        _ => Ok(test),
    }
}

fn of_item(item: &DetectionItem, scope: Scope) -> Result<Test, Fault> {
    let name = item.field.name.as_deref();
    item_test(item, scope).map_err(|fault| fault.near(name.unwrap_or_default()))
}

fn item_test(item: &DetectionItem, scope: Scope) -> Result<Test, Fault> {
    let modifiers = Modifiers::of(&item.field.modifiers)?;
    let name = item.field.name.as_deref();
    if modifiers.operator == Operator::Exists {
        if name.is_none() && scope == Scope::Event {
            return Err(
                Fault::new("`exists` stands before no field", "write a field before it").near("|exists")
            );
        }
        return Ok(Test::Exists(subject(name, scope)?, wanted(&item.values)?));
    }
    let check = compile_values(&item.values, &modifiers)?;
    if name.is_none() && scope == Scope::Event {
        return Ok(Test::Text(check));
    }
    Ok(Test::Holds(subject(name, scope)?, check))
}

fn subject(name: Option<&str>, scope: Scope) -> Result<Subject, Fault> {
    match (scope, name) {
        (Scope::Event, name) => Ok(Subject::Field(Field::parse(name.unwrap_or_default())?)),
        (Scope::Member, None) => Ok(Subject::Member(Path::default())),
        (Scope::Member, Some(name)) => Ok(Subject::Member(Path::parse(name))),
    }
}

/// Whether the field is to exist.
fn wanted(values: &[SigmaValue]) -> Result<bool, Fault> {
    let [value] = values else {
        return Err(Fault::new("`exists` takes one value", "write true or false").near("|exists"));
    };
    let word = match value {
        SigmaValue::Bool(wanted) => return Ok(*wanted),
        SigmaValue::String(text) => match text.parts.as_slice() {
            [StringPart::Plain(word)] => word.to_lowercase(),
            _ => String::new(),
        },
        _ => String::new(),
    };
    match word.as_str() {
        "true" | "yes" => Ok(true),
        "false" | "no" => Ok(false),
        _ => Err(Fault::new(format!("`exists` takes true or false, not `{value}`"), "").near("|exists")),
    }
}

fn of_condition(condition: &ConditionExpr, named: &Named) -> Result<Test, Fault> {
    let several = |parts: &[ConditionExpr]| -> Result<Vec<Test>, Fault> {
        parts.iter().map(|part| of_condition(part, named)).collect()
    };
    Ok(match condition {
        ConditionExpr::And(parts) => all(several(parts)?),
        ConditionExpr::Or(parts) => any(several(parts)?),
        ConditionExpr::Not(part) => Test::Not(Box::new(of_condition(part, named)?)),
        ConditionExpr::Identifier(name) => match named.get(name) {
            Some(test) => Test::Named(Arc::clone(test)),
            None => return Err(no_selection(name, named)),
        },
        ConditionExpr::Selector { quantifier, pattern } => selected(quantifier, pattern, named)?,
    })
}

fn selected(quantifier: &Quantifier, pattern: &SelectorPattern, named: &Named) -> Result<Test, Fault> {
    let mut chosen: Vec<_> = named.iter().filter(|(name, _)| pattern.matches_detection_name(name)).collect();
    // In a fixed order, that the same rule is always the same test.
    chosen.sort_by_key(|(name, _)| *name);
    let tests: Vec<_> = chosen.into_iter().map(|(_, test)| Test::Named(Arc::clone(test))).collect();
    if tests.is_empty() {
        return Err(no_selection(&pattern.to_string(), named));
    }
    match quantifier {
        Quantifier::Any => Ok(any(tests)),
        Quantifier::All => Ok(all(tests)),
        Quantifier::Count(least) => {
            match usize::try_from(*least).ok().filter(|least| *least <= tests.len()) {
                Some(0) => Err(Fault::new("`0 of` is always met", "write how many are needed at least")
                    .near("condition:")),
                Some(least) => Ok(Test::Some(least, sorted(tests))),
                None => {
                    let what = format!("`{least} of {pattern}` is never met: there are {}", tests.len());
                    Err(Fault::new(what, "write a smaller number").near("condition:"))
                }
            }
        }
    }
}

fn no_selection(name: &str, named: &Named) -> Fault {
    let mut names: Vec<_> = named.keys().map(|name| format!("`{name}`")).collect();
    names.sort_unstable();
    let advice = format!("there is {}", names.join(", "));
    Fault::new(format!("the condition names `{name}`, and there is no such selection"), advice)
        .near("condition:")
}

fn all(tests: Vec<Test>) -> Test {
    single(tests, Test::All)
}

fn any(tests: Vec<Test>) -> Test {
    single(tests, Test::Any)
}

fn single(mut tests: Vec<Test>, join: fn(Box<[Test]>) -> Test) -> Test {
    if tests.len() == 1 { tests.swap_remove(0) } else { join(sorted(tests)) }
}

/// The cheap ones first.
fn sorted(mut tests: Vec<Test>) -> Box<[Test]> {
    tests.sort_by_key(Test::cost);
    tests.into()
}

impl Test {
    /// This, where `other` is met as well.
    pub(crate) fn and(self, other: Test) -> Self {
        all(vec![self, other])
    }
}
