//! Documents → a rule set, and errors for what cannot be in it.

use std::collections::{HashMap, HashSet};

use rsigma_parser::{SPEC_VERSION_SUPPORTED, SigmaRule, is_unsupported};

use super::{Loaded, RuleSet, Source};
use crate::{
    LoadError, Rule,
    condition::{Test, compile},
    correlate::plan::{Draft, Plan},
    filter,
    index::Index,
    load::{Ast, Document, Fault, audit_level, read, rule_of_correlation, rule_of_detection},
    matcher::MOST_STATES_IN_ALL,
};

/// A detection that can be used.
struct Detection<'d> {
    rule: Rule,
    read: &'d SigmaRule,
    test: Test,
}

/// See [`RuleSet::load`].
pub(super) fn load(sources: &[Source]) -> Loaded {
    let (documents, mut errors) = read(sources);
    let twice = named_twice(&documents, &mut errors);
    let single = documents.iter().enumerate().filter(|(at, _)| !twice.contains(at));
    let (mut detections, mut drafts, mut filters) = (Vec::new(), Vec::new(), Vec::new());
    let mut states = 0;
    for (_, document) in single {
        if let Err(fault) = check(document) {
            errors.push(document.error(fault));
            continue;
        }
        match &document.ast {
            Ast::Detection(rule) => match detection(rule, document, &mut states) {
                Ok(detection) => detections.push(detection),
                Err(fault) => errors.push(document.error(fault)),
            },
            Ast::Correlation(parsed) => drafts.push(Draft {
                rule: rule_of_correlation(parsed, &document.file),
                parsed: (**parsed).clone(),
                line: Some(document.line),
            }),
            Ast::Filter(filter) => filters.push((document, filter)),
        }
    }
    for (document, filter) in filters {
        if let Err(fault) = apply(filter, &mut detections) {
            errors.push(document.error(fault));
        }
    }
    let (mut rules, tests): (Vec<_>, Vec<_>) =
        detections.into_iter().map(|detection| (detection.rule, detection.test)).unzip();
    let (plan, unused) = Plan::build(&mut rules, drafts);
    errors.extend(unused);
    let index = Index::build(&tests);
    let reads_volatile = tests.iter().any(Test::reads_volatile) || plan.reads_volatile();
    Loaded { set: RuleSet { rules, tests, index, plan, reads_volatile }, errors }
}

/// What can be wrong with any document.
fn check(document: &Document) -> Result<(), Fault> {
    let (version, attributes) = match &document.ast {
        Ast::Detection(rule) => (rule.sigma_version, &rule.custom_attributes),
        Ast::Correlation(rule) => (rule.sigma_version, &rule.custom_attributes),
        Ast::Filter(rule) => (rule.sigma_version, &rule.custom_attributes),
    };
    if let Some(version) = version.filter(|_| is_unsupported(version)) {
        let what = format!("it is written for version {version} of Sigma");
        let advice = format!("versions up to {SPEC_VERSION_SUPPORTED} are known");
        return Err(Fault::new(what, advice).near("sigma-version"));
    }
    match attributes.get("audit_level") {
        Some(level) if level.as_str().and_then(audit_level).is_none() => {
            let advice = "write Metadata, Request or RequestResponse";
            Err(Fault::new("`audit_level` is no level of audit policies", advice).near("audit_level"))
        }
        _ => Ok(()),
    }
}

/// `states` are those of all regular expressions so far.
fn detection<'d>(read: &'d SigmaRule, document: &Document, states: &mut u64) -> Result<Detection<'d>, Fault> {
    let test = compile(&read.detection)?;
    let all = *states + test.states();
    if all > MOST_STATES_IN_ALL {
        let what = format!("the regular expressions of all rules would need about {all} states");
        return Err(Fault::new(what, format!("{MOST_STATES_IN_ALL} are the limit: repeat less")).near("|re"));
    }
    *states = all;
    let rule = rule_of_detection(read, &document.file, test.audit_level());
    Ok(Detection { rule, read, test })
}

/// Puts the filter's test behind that of each rule it applies to.
fn apply(filter: &rsigma_parser::FilterRule, detections: &mut [Detection<'_>]) -> Result<(), Fault> {
    let test = compile(&filter.detection)?;
    let mut applied = false;
    for detection in detections {
        if filter::applies(filter, detection.read, &detection.rule.name) {
            detection.test = detection.test.clone().and(test.clone());
            applied = true;
        }
    }
    if applied { Ok(()) } else { Err(filter::no_rule(filter)) }
}

/// The documents that share a name or an id with another: by their place among all.
fn named_twice(documents: &[Document], errors: &mut Vec<LoadError>) -> HashSet<usize> {
    let mut called: HashMap<String, Vec<usize>> = HashMap::new();
    for (at, document) in documents.iter().enumerate() {
        if matches!(document.ast, Ast::Filter(_)) {
            continue;
        }
        let name = document.name();
        for name in document.id().map(str::to_owned).filter(|id| *id != name).into_iter().chain([name]) {
            called.entry(name).or_default().push(at);
        }
    }
    let mut twice = HashSet::new();
    let mut shared: Vec<_> = called.into_iter().filter(|(_, places)| places.len() > 1).collect();
    shared.sort();
    for (name, places) in shared {
        for at in &places {
            let others = places.iter().filter(|other| *other != at).map(|other| place(&documents[*other]));
            let others = others.collect::<Vec<_>>().join(", ");
            // A rule may share both its name and its id: one error says enough.
            if twice.insert(*at) {
                let what = format!("`{name}` is also the name or id of a rule in {others}");
                errors.push(
                    documents[*at].error(
                        Fault::new(what, "give each rule its own; until then none is used").near(&name),
                    ),
                );
            }
        }
    }
    twice
}

fn place(document: &Document) -> String {
    format!("{}:{}", document.file, document.line)
}
