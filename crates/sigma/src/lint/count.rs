//! What is wrong with correlations that can be loaded.

use rsigma_parser::{ConditionOperator, CorrelationCondition, CorrelationRule, CorrelationType};

use super::{Flaw, find, names, words};
use crate::{correlate::Bounds, field::Field, load::Document};

/// Why a correlation can never be met. `dead` says of a rule, by its name or id, whether it can never match.
pub(super) fn dead(document: &Document, rule: &CorrelationRule, dead: &dyn Fn(&str) -> bool) -> Option<Flaw> {
    numbers(document, rule).or_else(|| field(document, rule)).or_else(|| rules(document, rule, dead))
}

/// The values that can be counted at most, where it is known.
fn most(rule: &CorrelationRule, fields: Option<&[String]>) -> u64 {
    match (rule.correlation_type, fields) {
        (CorrelationType::Temporal | CorrelationType::TemporalOrdered, _) => rule.rules.len() as u64,
        (CorrelationType::ValueCount, Some([field])) => {
            words::of(field).map_or(u64::MAX, |words| words.len() as u64)
        }
        _ => u64::MAX,
    }
}

fn numbers(document: &Document, rule: &CorrelationRule) -> Option<Flaw> {
    let CorrelationCondition::Threshold { predicates, field, .. } = &rule.condition else { return None };
    let most = most(rule, field.as_deref());
    if Bounds(predicates.clone()).possible(most) {
        return None;
    }
    let what = if most == u64::MAX {
        "no count meets its condition, which is judged when something was counted: from 1 on".to_owned()
    } else {
        format!("no count from 1 to {most}, which is the most that there can be, meets its condition")
    };
    Some(Flaw {
        line: find::key(document, "correlation"),
        what,
        fix: "mend the numbers of its `condition`".to_owned(),
    })
}

fn field(document: &Document, rule: &CorrelationRule) -> Option<Flaw> {
    let CorrelationCondition::Threshold { field: Some(fields), .. } = &rule.condition else { return None };
    let name = fields.iter().find(|name| is_unknown(rule, name))?;
    Some(unknown(document, name, "so that there is nothing to count"))
}

fn is_unknown(rule: &CorrelationRule, name: &str) -> bool {
    let aliased = rule.aliases.iter().any(|alias| alias.alias == name);
    !aliased && Field::parse(name).is_ok_and(|field| !field.is_known())
}

fn unknown(document: &Document, name: &str, so: &str) -> Flaw {
    let fix = names::meant(name).map(|meant| format!("write `{meant}`")).unwrap_or_default();
    let what = format!("audit events have no field `{name}`, {so}");
    Flaw { line: find::key(document, "correlation"), what, fix }
}

fn rules(document: &Document, rule: &CorrelationRule, dead: &dyn Fn(&str) -> bool) -> Option<Flaw> {
    let gone: Vec<&str> = rule.rules.iter().map(String::as_str).filter(|name| dead(name)).collect();
    let alive = (rule.rules.len() - gone.len()) as u64;
    let met = match (&rule.condition, rule.correlation_type) {
        (CorrelationCondition::Extended(_), _) => alive > 0,
        (_, CorrelationType::TemporalOrdered) => gone.is_empty(),
        (CorrelationCondition::Threshold { predicates, .. }, CorrelationType::Temporal) => {
            // What the parser says where the rule says nothing, which means all of them.
            let all = *predicates == [(ConditionOperator::Gte, 1)];
            if all { gone.is_empty() } else { Bounds(predicates.clone()).possible(alive) }
        }
        _ => alive > 0,
    };
    let what = format!("it waits for {}, which can never match", gone.join(", "));
    let line = find::key(document, "correlation");
    (!met && !gone.is_empty()).then(|| Flaw { line, what, fix: "mend what it refers to".to_owned() })
}

/// Groups by what is never there.
pub(super) fn doubts(document: &Document, rule: &CorrelationRule) -> Vec<Flaw> {
    let unknown_fields = rule.group_by.iter().filter(|name| is_unknown(rule, name));
    unknown_fields.map(|name| unknown(document, name, "so that it does not part the groups")).collect()
}
