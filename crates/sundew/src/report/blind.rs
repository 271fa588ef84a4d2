//! What detection does not see, and what of the cluster's settings is amiss.

use std::{path::Path, sync::Arc};

use anyhow::{Context, Result};
use sundew_detect::{RuleSettings, Rulebook, Severity};
use sundew_harden::settings::{Declared, Fact, Seen, State, apiserver, look};
use sundew_policy::{
    Remark, Weight, blind, lint, lint_flags,
    need::{Needs, Wanted},
};
use sundew_posture::{Cluster, report::Report};
use sundew_report::{Concern, Looked};
use sundew_sensor::{
    Config,
    config::{SourceConfig, habits_settings, rulebook},
};

use crate::{args, extra};

/// What detection does not see: by the audit policy, the API server's flags, and the sensor's own configuration.
pub(super) fn of(args: &args::Report, config: Option<&Config>) -> Result<Looked<Vec<Concern>>> {
    let mut concerns = Vec::new();
    if let Some(path) = &args.audit_policy {
        concerns.extend(of_policy(path, config)?);
    }
    if let Some(path) = &args.apiserver {
        let (name, text) = read(path)?;
        concerns.extend(lint_flags(&name, &text)?.iter().filter_map(|remark| of_remark(&name, remark)));
    }
    if let Some(config) = config {
        concerns.extend(of_config(config));
    }
    if concerns.is_empty() && args.audit_policy.is_none() {
        return Ok(Looked::Not("give the API server's policy with --audit-policy FILE".to_owned()));
    }
    if args.audit_policy.is_none() {
        concerns.push(Concern {
            severity: None,
            what: "whether the audit policy logs what detections need (give it with --audit-policy FILE)"
                .to_owned(),
            evidence: String::new(),
            fix: String::new(),
        });
    }
    Ok(Looked::At(concerns))
}

fn read(path: &Path) -> Result<(String, String)> {
    let name = path.display().to_string();
    let text = extra::text(path)?;
    Ok((name, text))
}

fn of_policy(path: &Path, config: Option<&Config>) -> Result<Vec<Concern>> {
    let (name, text) = read(path)?;
    let (policy, mut remarks) = lint(&name, &text);
    let book =
        config.map_or_else(|| Rulebook::new(&[], RuleSettings::default()).0, |config| rulebook(config).0);
    let habits = config.is_none_or(|config| habits_settings(config).is_some());
    let needs = Needs::new(&Wanted { tripwire: true, rules: Some(Arc::new(book)), habits });
    if let Some(policy) = &policy {
        remarks.extend(blind::blind(policy, &needs));
    }
    Ok(remarks.iter().filter_map(|remark| of_remark(&name, remark)).collect())
}

/// A remark that is about what is seen; what only costs room is none.
fn of_remark(name: &str, remark: &Remark) -> Option<Concern> {
    let severity = match remark.weight {
        Weight::Broken | Weight::Leak => Severity::Critical,
        Weight::Blind => Severity::High,
        Weight::Lossy => Severity::Medium,
        Weight::Dead => Severity::Low,
        Weight::Waste => return None,
    };
    let evidence = if remark.line == 0 { name.to_owned() } else { format!("{name}, line {}", remark.line) };
    Some(Concern { severity: Some(severity), what: remark.what.clone(), evidence, fix: remark.fix.clone() })
}

/// What the sensor's own configuration leaves unseen.
fn of_config(config: &Config) -> Vec<Concern> {
    let concern = |severity, what: String, fix: &str| Concern {
        severity: Some(severity),
        what,
        evidence: "the sensor's configuration".to_owned(),
        fix: fix.to_owned(),
    };
    let mut concerns = Vec::new();
    if config.sources.iter().all(|source| matches!(source, SourceConfig::Cluster(_))) {
        let what = "No audit log is read: only the use of decoys' tokens is noticed, and not by whom";
        concerns.push(concern(Severity::High, what.to_owned(), "add a source of type file or webhook"));
    }
    let (book, errors) = rulebook(config);
    for error in &errors {
        concerns.push(concern(Severity::Medium, format!("A rule is not used: {error}"), "mend the rule"));
    }
    if !book.settings.builtin {
        let what = "The built-in rules are switched off".to_owned();
        concerns.push(concern(Severity::Medium, what, "take `builtin: false` out of `rules`"));
    }
    if !book.settings.off.is_empty() {
        let what = format!("Rules are switched off: {}", book.settings.off.join(", "));
        concerns.push(concern(Severity::Low, what, "look again whether an exception would do"));
    }
    for exception in &book.settings.exceptions {
        let until = exception.until.map_or_else(|| "without an end".to_owned(), |end| format!("until {end}"));
        let rule = exception.rule.as_deref().unwrap_or("every rule");
        let of = exception.actor.as_deref().or(exception.namespace.as_deref()).unwrap_or("everybody");
        let what = format!("{of} is excepted from {rule}, {until}: {}", exception.reason);
        concerns.push(concern(Severity::Low, what, "look again whether it is still needed"));
    }
    if habits_settings(config).is_none() {
        let what = "Habits are not learnt: stolen identities that do nothing unusual in itself go unnoticed";
        concerns.push(concern(Severity::Medium, what.to_owned(), "switch `habits` on"));
    }
    concerns
}

/// What is set amiss, and what could not be seen.
pub(super) fn settings(args: &args::Report, cluster: &Cluster, report: &Report) -> Result<Vec<Concern>> {
    let declared = match &args.apiserver {
        Some(path) => {
            let (name, text) = read(path)?;
            apiserver(&name, &text).with_context(|| format!("cannot use {name}"))?
        }
        None => Declared::default(),
    };
    let seen = Seen {
        cluster,
        report,
        declared,
        kubelets: Vec::new(),
        kubelets_unread: None,
        encryption: None,
        answers: Vec::new(),
        heard: None,
        heard_enough: false,
        decoys: None,
    };
    Ok(look(&seen).into_iter().filter(|fact| fact.state != State::Good).map(of_fact).collect())
}

fn of_fact(fact: Fact) -> Concern {
    let severity = fact.state.severity();
    // The command that looks closer says of each how it can be seen.
    let what = match (severity, fact.title.strip_suffix(" could not be seen")) {
        (None, Some(what)) => what.to_owned(),
        _ => fact.title,
    };
    Concern { severity, what, evidence: fact.evidence.join("; "), fix: fact.fix }
}
