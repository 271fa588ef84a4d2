//! Exceptions: accepted with a reason until a day, and back after it.

use sundew_posture::{
    Settings, Severity,
    report::{Finding, Report, View},
    risk::ExceptionFile,
    scan,
};

use crate::given::{about, cluster, now, rights, role};

const A: &str = "ServiceAccount shop/a";

fn with(exceptions: &str) -> Report {
    let cluster = cluster(&[
        rights("r", "shop", A, &["get secrets", "create pods", "delete events"]),
        role("idle", "shop", &["get pods"]),
        rights("wide", "cluster", "User ann", &["get pods"]),
    ]);
    let mut settings = Settings::new(now());
    settings.exceptions = ExceptionFile::parse("exceptions.yaml", exceptions).unwrap();
    scan(&cluster, &settings)
}

fn finding(report: &Report) -> &Finding {
    about(report, View::Subjects, A).unwrap()
}

fn file(rule: &str, about: &str, until: &str) -> String {
    let rule = if rule.is_empty() { String::new() } else { format!("rule: {rule}, ") };
    format!("  - {{{rule}about: \"{about}\", reason: it must, until: {until}}}\n")
}

fn exceptions(of: &[(&str, &str, &str)]) -> Report {
    let lines: Vec<String> = of.iter().map(|(rule, about, until)| file(rule, about, until)).collect();
    with(&format!("exceptions:\n{}", lines.concat()))
}

#[test]
fn what_is_accepted_stays_in_the_report_and_does_not_count() {
    let before = with("{}");
    let report = exceptions(&[("", "ServiceAccount shop/*", "2026-03-01")]);
    let found = finding(&report);
    let accepted = found.accepted.as_ref().unwrap();
    assert_eq!((accepted.reason.as_str(), accepted.until.to_string().as_str()), ("it must", "2026-03-01"));
    assert!(!found.counts() && finding(&before).counts());
    assert_eq!(before.summary[&Severity::High], 3, "subject, role and binding");
    assert_eq!(report.summary[&Severity::High], 2);
}

#[test]
fn after_its_last_day_it_comes_back_and_says_when_that_was() {
    let report = exceptions(&[("", A, "2026-02-28")]);
    let found = finding(&report);
    assert!(found.counts());
    assert_eq!(found.exception_ended.unwrap().to_string(), "2026-02-28");
    assert_eq!(finding(&exceptions(&[("", A, "2026-03-01")])).exception_ended, None);
}

#[test]
fn one_of_two_exceptions_that_still_holds_is_enough() {
    let report = exceptions(&[("", A, "2026-02-28"), ("", "*", "2027-01-01"), ("", A, "2026-01-01")]);
    assert!(!finding(&report).counts());
}

#[test]
fn one_accepted_risk_leaves_the_others_and_the_worst_of_them_leads() {
    let report = exceptions(&[("pods-create", A, "2027-01-01")]);
    let found = finding(&report);
    assert!(found.counts());
    assert_eq!((found.rule.as_str(), found.title.as_str()), ("secrets-get", "reads Secrets, deletes events"));
    assert!(found.gives.starts_with("The contents") && found.fix.starts_with("Name the Secrets"));
    let accepted: Vec<bool> = found.risks.iter().map(|risk| risk.accepted.is_some()).collect();
    assert_eq!(accepted, [true, false, false]);
    let left = exceptions(&[("pods-create", A, "2027-01-01"), ("secrets-get", A, "2027-01-01")]);
    assert_eq!((finding(&left).severity, finding(&left).title.as_str()), (Severity::Low, "deletes events"));
    assert_eq!(finding(&left).attack, ["T1070"]);
}

#[test]
fn a_title_names_no_risk_that_was_accepted() {
    let report = exceptions(&[("secrets-get", A, "2027-01-01")]);
    let found = finding(&report);
    assert_eq!((found.rule.as_str(), found.title.as_str()), ("pods-create", "creates pods, deletes events"));
    assert_eq!(found.severity, Severity::High);
}

#[test]
fn all_risks_accepted_one_by_one_are_the_finding_accepted() {
    let each = ["pods-create", "secrets-get", "events-delete"].map(|rule| (rule, A, "2027-01-01"));
    let report = exceptions(&each);
    assert!(!finding(&report).counts());
    assert_eq!(finding(&report).rule, "pods-create");
}

#[test]
fn checks_that_are_no_risks_are_accepted_by_their_names() {
    let report = exceptions(&[("role-unused", "Role shop/idle", "2027-01-01")]);
    assert!(about(&report, View::Unused, "Role shop/idle").unwrap().accepted.is_some());
    let other = exceptions(&[
        ("role-used", "Role shop/idle", "2027-01-01"),
        ("role-unused", "Role blog/idle", "2027-01-01"),
    ]);
    let found = about(&other, View::Unused, "Role shop/idle").unwrap();
    assert_eq!((found.accepted.clone(), found.exception_ended), (None, None));
}
