//! Correlations as they were read become a plan, or errors that say what is wrong with them.

use rsigma_parser::{CorrelationCondition, CorrelationRule, CorrelationType, WindowMode};

use super::{
    group::Window,
    need::{Bounds, Need, Test},
    plan::{Correlation, Draft, Feed, Needed, Plan, print},
};
use crate::{AuditLevel, LoadError, Rule, RuleId, field::Field};

/// The longest window: what is counted over more than a year is no attack under way.
const LONGEST: u64 = 366 * 24 * 3600;

/// The largest number a correlation may count to, for each of its groups must remember as many hits.
const LARGEST: u64 = 10_000;

/// The most rules of one correlation: each has a bit.
const MOST_RULES: usize = 64;

/// What is wrong, and what to do about it.
type Flaw = (String, String);

fn flaw<T>(what: impl Into<String>, advice: impl Into<String>) -> Result<T, Flaw> {
    Err((what.into(), advice.into()))
}

/// See [`Plan::build`].
pub(super) fn plan(rules: &mut Vec<Rule>, mut drafts: Vec<Draft>) -> (Plan, Vec<LoadError>) {
    let mut errors = Vec::new();
    let mut gone = Vec::new();
    // One that cannot be used may be what others refer to.
    loop {
        let flaws: Vec<Option<Flaw>> =
            drafts.iter().map(|draft| check(draft, rules, &drafts, &gone).err()).collect();
        if flaws.iter().all(Option::is_none) {
            break;
        }
        let mut kept = Vec::new();
        for (draft, flaw) in drafts.into_iter().zip(flaws) {
            match flaw {
                None => kept.push(draft),
                Some(flaw) => {
                    gone.push(draft.rule.name.clone());
                    gone.extend(draft.rule.id.clone());
                    errors.push(error(&draft, flaw));
                }
            }
        }
        drafts = kept;
    }
    (compile(rules, drafts), errors)
}

fn error(draft: &Draft, (what, advice): Flaw) -> LoadError {
    LoadError {
        file: draft.rule.file.clone(),
        line: draft.line,
        rule: Some(draft.rule.title.clone()),
        what,
        advice,
    }
}

fn is(rule: &Rule, name: &str) -> bool {
    rule.name == name || rule.id.as_deref() == Some(name)
}

fn check(draft: &Draft, rules: &[Rule], drafts: &[Draft], gone: &[String]) -> Result<(), Flaw> {
    let parsed = &draft.parsed;
    if parsed.rules.is_empty() {
        return flaw("it names no rules", "list under `rules` the names or ids of what it correlates");
    }
    if parsed.rules.len() > MOST_RULES {
        let what =
            format!("it names {} rules, and at most {MOST_RULES} can be correlated", parsed.rules.len());
        return flaw(what, "");
    }
    for name in &parsed.rules {
        if is(&draft.rule, name) {
            return flaw("it refers to itself", "name the rules that it correlates");
        }
        let known = rules.iter().chain(drafts.iter().map(|draft| &draft.rule)).any(|rule| is(rule, name));
        if !known {
            return unknown(name, rules, drafts, gone);
        }
    }
    if let Some(through) = circle(draft, drafts) {
        let what = format!("it refers to itself through `{through}`");
        return flaw(what, "a correlation can only count what does not wait for it");
    }
    window(parsed)?;
    need(parsed)?;
    groups(parsed, drafts)?;
    aliases(parsed)?;
    fields(parsed)
}

fn unknown(name: &str, rules: &[Rule], drafts: &[Draft], gone: &[String]) -> Result<(), Flaw> {
    if gone.iter().any(|gone| gone == name) {
        return flaw(format!("it refers to `{name}`, which cannot be used"), "mend that rule first");
    }
    let all = rules.iter().chain(drafts.iter().map(|draft| &draft.rule));
    let near = all
        .map(|rule| (strsim::jaro_winkler(&rule.name, name), rule.name.as_str()))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(like, _)| *like > 0.7);
    let advice = match near {
        Some((_, near)) => format!("did you mean `{near}`?"),
        None => "a rule is referred to by its `name` or `id`".to_owned(),
    };
    flaw(format!("it refers to the rule `{name}`, and there is none"), advice)
}

/// The name through which `draft` waits for itself.
fn circle<'a>(draft: &'a Draft, drafts: &'a [Draft]) -> Option<&'a str> {
    let find = |name: &str| drafts.iter().find(|other| is(&other.rule, name));
    draft.parsed.rules.iter().map(String::as_str).find(|first| {
        let mut open = vec![*first];
        let mut seen = Vec::new();
        while let Some(name) = open.pop() {
            if is(&draft.rule, name) {
                return true;
            }
            if seen.contains(&name) {
                continue;
            }
            seen.push(name);
            open.extend(find(name).iter().flat_map(|next| next.parsed.rules.iter().map(String::as_str)));
        }
        false
    })
}

fn window(parsed: &CorrelationRule) -> Result<Window, Flaw> {
    let seconds = parsed.timespan.seconds;
    if seconds == 0 || seconds > LONGEST {
        let what = format!("its timespan `{}` is none that can be watched", parsed.timespan.original);
        return flaw(what, "write one from `1s` to `366d`");
    }
    let aligned = match parsed.window {
        WindowMode::Sliding => false,
        WindowMode::Tumbling => true,
        WindowMode::Session => {
            return flaw("windows of the kind `session` are not known here", "leave `window` and `gap` out");
        }
    };
    let span = i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000);
    Ok(Window { span, aligned })
}

/// What it counts, and the fields of the values that it counts.
fn need(parsed: &CorrelationRule) -> Result<(Need, &[String]), Flaw> {
    let kind = parsed.correlation_type.as_str();
    let (bounds, fields, condition) = match &parsed.condition {
        CorrelationCondition::Threshold { predicates, field, .. } => {
            (Bounds(predicates.clone()), field.as_deref().unwrap_or_default(), None)
        }
        CorrelationCondition::Extended(condition) => (Bounds(Vec::new()), [].as_slice(), Some(condition)),
    };
    let temporal =
        matches!(parsed.correlation_type, CorrelationType::Temporal | CorrelationType::TemporalOrdered);
    if condition.is_some() && !temporal {
        return flaw(format!("the condition of `{kind}` is a text"), "write a number, such as `gte: 10`");
    }
    if bounds.largest() > LARGEST {
        let what = format!("it counts to {}, and at most {LARGEST} can be counted", bounds.largest());
        return flaw(what, "count less in a shorter time");
    }
    match parsed.correlation_type {
        CorrelationType::EventCount => Ok((Need::Hits(bounds), &[])),
        CorrelationType::ValueCount if fields.is_empty() => {
            flaw("it does not say what to count", "name it under `condition` as `field`")
        }
        CorrelationType::ValueCount => Ok((Need::Values(bounds), fields)),
        CorrelationType::Temporal | CorrelationType::TemporalOrdered => {
            let place = |name: &str| parsed.rules.iter().position(|rule| rule == name);
            let place = |name: &str| place(name).and_then(|at| u32::try_from(at).ok());
            let test = condition.map(|condition| Test::of(condition, &parsed.rules, &place)).transpose();
            let test = test.map_err(|name| {
                let what = format!("its condition names `{name}`, which is not among its `rules`");
                (what, format!("name one of {}", parsed.rules.join(", ")))
            })?;
            let of = u32::try_from(parsed.rules.len()).unwrap_or(u32::MAX);
            let ordered = parsed.correlation_type == CorrelationType::TemporalOrdered;
            Ok((Need::Rules { of, ordered, bounds: all_unless_said(bounds, of), test }, &[]))
        }
        _ => {
            let advice =
                "audit events have hardly a number to reckon with: use `event_count` or `value_count`";
            flaw(format!("correlations of the type `{kind}` are not known here"), advice)
        }
    }
}

/// Where a temporal correlation has no condition the parser says `gte: 1`, but the specification means all rules.
fn all_unless_said(bounds: Bounds, of: u32) -> Bounds {
    use rsigma_parser::ConditionOperator::Gte;
    if bounds.0 == [(Gte, 1)] { Bounds(vec![(Gte, u64::from(of))]) } else { bounds }
}

/// A correlation knows of another's events only by what that one groups them by.
fn groups(parsed: &CorrelationRule, drafts: &[Draft]) -> Result<(), Flaw> {
    let (_, counted) = need(parsed)?;
    for name in &parsed.rules {
        let Some(inner) = drafts.iter().find(|draft| is(&draft.rule, name)) else { continue };
        for wanted in parsed.group_by.iter().chain(counted) {
            let wanted = resolve(parsed, wanted, &inner.rule);
            if !inner.parsed.group_by.iter().any(|field| field == wanted) {
                let what = format!("it needs `{wanted}` of `{name}`, which does not group by it");
                return flaw(what, format!("add `{wanted}` to the `group-by` of `{name}`"));
            }
        }
    }
    Ok(())
}

fn aliases(parsed: &CorrelationRule) -> Result<(), Flaw> {
    for alias in &parsed.aliases {
        let mut names: Vec<&String> = alias.mapping.keys().collect();
        names.sort();
        if let Some(name) = names.into_iter().find(|name| !parsed.rules.contains(name)) {
            let what = format!(
                "its alias `{}` names the rule `{name}`, which is not among its `rules`",
                alias.alias
            );
            return flaw(what, format!("name one of {}", parsed.rules.join(", ")));
        }
    }
    Ok(())
}

fn fields(parsed: &CorrelationRule) -> Result<(), Flaw> {
    let (_, counted) = need(parsed)?;
    let aliased = |name: &&String| !parsed.aliases.iter().any(|alias| alias.alias == **name);
    let plain = parsed.group_by.iter().chain(counted).filter(aliased);
    let mapped = parsed.aliases.iter().flat_map(|alias| alias.mapping.values());
    for name in plain.chain(mapped) {
        if let Err(none) = Field::parse(name) {
            let advice = none.nearest.map(|near| format!("did you mean `{near}`?")).unwrap_or_default();
            return flaw(format!("there is no field `{name}`"), advice);
        }
    }
    Ok(())
}

/// The field that `name` stands for in events of `rule`.
fn resolve<'a>(parsed: &'a CorrelationRule, name: &'a str, rule: &Rule) -> &'a str {
    let alias = parsed.aliases.iter().find(|alias| alias.alias == name);
    let mapped = alias.and_then(|alias| alias.mapping.iter().find(|(of, _)| is(rule, of)));
    mapped.map_or(name, |(_, field)| field)
}

/// All of `drafts` are known to be usable.
fn compile(rules: &mut Vec<Rule>, drafts: Vec<Draft>) -> Plan {
    let first = rules.len();
    let mut parsed = Vec::new();
    for draft in drafts {
        rules.push(draft.rule);
        parsed.push(draft.parsed);
    }
    let mut plan = Plan::default();
    plan.needed.resize_with(rules.len(), Needed::default);
    for (at, one) in parsed.iter().enumerate() {
        plan.needed[first + at].names.clone_from(&one.group_by);
    }
    for (at, one) in parsed.iter().enumerate() {
        let (Ok(window), Ok((need, counted))) = (window(one), need(one)) else { continue };
        let to = plan.correlations.len();
        for (place, name) in one.rules.iter().enumerate() {
            let Some(fed) = rules.iter().position(|rule| is(rule, name)) else { continue };
            rules[fed].silent |= !one.generate;
            let needed = &mut plan.needed[fed];
            let group =
                one.group_by.iter().map(|field| key(needed, resolve(one, field, &rules[fed]))).collect();
            let counted = counted.iter().map(|field| key(needed, resolve(one, field, &rules[fed]))).collect();
            let place = u32::try_from(place).unwrap_or(u32::MAX);
            needed.feeds.push(Feed { to, place, group, counted });
        }
        plan.correlations.push(Correlation {
            rule: RuleId(u32::try_from(first + at).unwrap_or(u32::MAX)),
            print: print((&rules[first + at].name, definition(one))),
            group_by: one.group_by.clone(),
            window,
            need,
            silent: false,
        });
    }
    levels(rules, &parsed, first);
    for (at, correlation) in plan.correlations.iter_mut().enumerate() {
        correlation.silent = rules[first + at].silent;
    }
    for needed in &mut plan.needed[..first] {
        needed.fields = needed.names.iter().filter_map(|name| Field::parse(name).ok()).collect();
    }
    plan
}

/// A correlation needs what its rules need, and what its own fields do.
fn levels(rules: &mut [Rule], parsed: &[CorrelationRule], first: usize) {
    let own = |one: &CorrelationRule| {
        let fields = one.group_by.iter().chain(need(one).map_or(&[][..], |(_, counted)| counted));
        fields.filter_map(|field| Field::parse(field).ok()).map(|field| field.audit_level()).max()
    };
    // So many times as one can stand behind another.
    for _ in parsed {
        for (at, one) in parsed.iter().enumerate() {
            if one.custom_attributes.contains_key("audit_level") {
                continue;
            }
            let of = rules.iter().filter(|rule| one.rules.iter().any(|name| is(rule, name)));
            let level = of.map(|rule| rule.audit_level).chain(own(one)).max();
            rules[first + at].audit_level = level.unwrap_or(AuditLevel::Metadata);
        }
    }
}

/// Where `field` stands among the keys of a rule, in the end if it is new.
fn key(needed: &mut Needed, field: &str) -> usize {
    if let Some(at) = needed.names.iter().position(|known| known == field) {
        return at;
    }
    needed.names.push(field.to_owned());
    needed.names.len() - 1
}

/// All that decides what a correlation counts.
fn definition(parsed: &CorrelationRule) -> String {
    let mut aliases: Vec<_> = parsed
        .aliases
        .iter()
        .map(|alias| {
            let mut mapping: Vec<_> = alias.mapping.iter().collect();
            mapping.sort();
            (&alias.alias, mapping)
        })
        .collect();
    aliases.sort();
    let CorrelationRule { correlation_type, rules, group_by, timespan, window, condition, .. } = parsed;
    format!(
        "{correlation_type:?} {rules:?} {group_by:?} {} {window:?} {condition:?} {aliases:?}",
        timespan.seconds
    )
}
