//! The ways in which a condition can be met: each is a list of what must hold and what must not.

use rsigma_parser::{
    ArrayQuantifier, ConditionExpr, Detection, DetectionItem, Detections, Quantifier, SelectorPattern,
};

/// A condition with more ways than this is not looked into.
const MOST: usize = 256;

/// One line of a selection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'r> {
    pub(super) selection: &'r str,
    pub(super) line: Line<'r>,
}

/// What stands in it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Line<'r> {
    /// A field and its values.
    Item(&'r DetectionItem),
    /// A list, and what is asked of its elements.
    List(&'r str, ArrayQuantifier),
}

impl<'r> Part<'r> {
    /// The field, where it names one.
    pub(super) fn field(&self) -> Option<&'r str> {
        match self.line {
            Line::Item(item) => item.field.name.as_deref(),
            Line::List(field, _) => Some(field),
        }
    }
}

/// One way in which a condition can be met.
#[derive(Debug, Clone, Default)]
pub(super) struct Branch<'r> {
    /// What must hold.
    pub(super) asked: Vec<Part<'r>>,
    /// What stands behind a `not`, not all of which need be false.
    pub(super) refused: Vec<Part<'r>>,
    /// The selections that must be met as a whole.
    pub(super) met: Vec<&'r str>,
    /// Those that must not.
    pub(super) unmet: Vec<&'r str>,
}

/// All ways in which the conditions can be met; none where they are too many to look into.
pub(super) fn all(detections: &Detections) -> Option<Vec<Branch<'_>>> {
    let mut branches = Vec::new();
    for condition in &detections.conditions {
        branches.extend(of(condition, detections)?);
    }
    (branches.len() <= MOST).then_some(branches)
}

/// Every line of every selection, whether a condition uses it or not, by the names of the selections.
pub(super) fn parts(detections: &Detections) -> Vec<Part<'_>> {
    let mut named: Vec<_> = detections.named.iter().collect();
    named.sort_by_key(|(name, _)| *name);
    let mut parts = Vec::new();
    named.into_iter().for_each(|(name, detection)| flatten(name, detection, &mut parts));
    parts
}

/// The selections that a condition names.
pub(super) fn used<'r>(condition: &ConditionExpr, detections: &'r Detections) -> Vec<&'r str> {
    match condition {
        ConditionExpr::And(parts) | ConditionExpr::Or(parts) => {
            parts.iter().flat_map(|part| used(part, detections)).collect()
        }
        ConditionExpr::Not(part) => used(part, detections),
        ConditionExpr::Identifier(name) => {
            detections.named.get_key_value(name).map(|(name, _)| name.as_str()).into_iter().collect()
        }
        ConditionExpr::Selector { pattern, .. } => chosen(pattern, detections),
    }
}

fn of<'r>(condition: &'r ConditionExpr, detections: &'r Detections) -> Option<Vec<Branch<'r>>> {
    match condition {
        ConditionExpr::And(parts) => product(parts.iter().map(|part| of(part, detections))),
        ConditionExpr::Or(parts) => sum(parts.iter().map(|part| of(part, detections))),
        ConditionExpr::Not(part) => match &**part {
            ConditionExpr::Not(part) => of(part, detections),
            part => Some(vec![refusal(part, detections)]),
        },
        ConditionExpr::Identifier(name) => {
            let (name, _) = detections.named.get_key_value(name)?;
            of_selection(name, detections)
        }
        ConditionExpr::Selector { quantifier, pattern } => {
            let names = chosen(pattern, detections);
            let each = names.iter().map(|name| of_selection(name, detections));
            match quantifier {
                Quantifier::Any | Quantifier::Count(1) => sum(each),
                Quantifier::Count(count) if *count < names.len() as u64 => Some(vec![Branch::default()]),
                _ => product(each),
            }
        }
    }
}

fn chosen<'r>(pattern: &SelectorPattern, detections: &'r Detections) -> Vec<&'r str> {
    let mut names: Vec<_> = detections.named.keys().map(String::as_str).collect();
    names.retain(|name| pattern.matches_detection_name(name));
    names.sort_unstable();
    names
}

fn refusal<'r>(condition: &'r ConditionExpr, detections: &'r Detections) -> Branch<'r> {
    let mut branch = Branch::default();
    let names = used(condition, detections);
    for name in &names {
        if let Some(detection) = detections.named.get(*name) {
            flatten(name, detection, &mut branch.refused);
        }
    }
    // Only of these is it sure that none may be met.
    let sure = match condition {
        ConditionExpr::Identifier(_) => true,
        ConditionExpr::Selector { quantifier, .. } => *quantifier == Quantifier::Any,
        ConditionExpr::Or(parts) => parts.iter().all(|part| matches!(part, ConditionExpr::Identifier(_))),
        ConditionExpr::And(_) | ConditionExpr::Not(_) => false,
    };
    if sure {
        branch.unmet = names;
    }
    branch
}

fn of_selection<'r>(name: &'r str, detections: &'r Detections) -> Option<Vec<Branch<'r>>> {
    let mut branches = of_detection(name, detections.named.get(name)?)?;
    branches.iter_mut().for_each(|branch| branch.met.push(name));
    Some(branches)
}

fn of_detection<'r>(name: &'r str, detection: &'r Detection) -> Option<Vec<Branch<'r>>> {
    let one = |line| Branch { asked: vec![Part { selection: name, line }], ..Branch::default() };
    match detection {
        Detection::AllOf(items) => {
            let asked = items.iter().map(|item| Part { selection: name, line: Line::Item(item) }).collect();
            Some(vec![Branch { asked, ..Branch::default() }])
        }
        Detection::AnyOf(parts) => sum(parts.iter().map(|part| of_detection(name, part))),
        Detection::And(parts) => product(parts.iter().map(|part| of_detection(name, part))),
        Detection::ArrayMatch { field, quantifier, .. } => Some(vec![one(Line::List(field, *quantifier))]),
        Detection::Keywords(_) | Detection::Conditional { .. } => Some(vec![Branch::default()]),
    }
}

fn flatten<'r>(name: &'r str, detection: &'r Detection, parts: &mut Vec<Part<'r>>) {
    match detection {
        Detection::AllOf(items) => {
            parts.extend(items.iter().map(|item| Part { selection: name, line: Line::Item(item) }));
        }
        Detection::AnyOf(inner) | Detection::And(inner) => {
            inner.iter().for_each(|inner| flatten(name, inner, parts));
        }
        Detection::ArrayMatch { field, quantifier, .. } => {
            parts.push(Part { selection: name, line: Line::List(field, *quantifier) });
        }
        Detection::Keywords(_) | Detection::Conditional { .. } => {}
    }
}

fn sum<'r>(parts: impl Iterator<Item = Option<Vec<Branch<'r>>>>) -> Option<Vec<Branch<'r>>> {
    let mut all = Vec::new();
    for part in parts {
        all.extend(part?);
        if all.len() > MOST {
            return None;
        }
    }
    Some(all)
}

fn product<'r>(parts: impl Iterator<Item = Option<Vec<Branch<'r>>>>) -> Option<Vec<Branch<'r>>> {
    let mut all = vec![Branch::default()];
    for part in parts {
        let part = part?;
        if all.len() * part.len() > MOST {
            return None;
        }
        all = all.iter().flat_map(|one| part.iter().map(|other| one.clone().and(other))).collect();
    }
    Some(all)
}

impl Branch<'_> {
    fn and(mut self, other: &Self) -> Self {
        self.asked.extend(&other.asked);
        self.refused.extend(&other.refused);
        self.met.extend(&other.met);
        self.unmet.extend(&other.unmet);
        self
    }
}
