//! Two scans side by side.

use sundew_posture::{
    Settings, Severity,
    report::{Change, Filter, Report, View, compare},
    risk::ExceptionFile,
    scan,
};

use crate::given::{account, cluster, now, of_view, reader, rights, root, scanned, token};

const A: &str = "ServiceAccount shop/a";

fn names(findings: &[sundew_posture::report::Finding]) -> Vec<String> {
    let mut names: Vec<String> =
        findings.iter().map(|f| format!("{} {}", f.view.as_str(), f.object)).collect();
    names.sort_unstable();
    names
}

fn is_nothing(change: &Change) -> bool {
    change.new.is_empty()
        && change.gone.is_empty()
        && change.worse.is_empty()
        && change.new_paths.is_empty()
        && change.gone_paths.is_empty()
        && change.incomparable.is_empty()
}

fn before() -> Vec<String> {
    vec![account("shop/a"), rights("r", "shop", A, &["get secrets"])]
}

#[test]
fn nothing_changes_where_nothing_changed_and_the_order_of_objects_is_nothing() {
    let mut turned = before();
    turned.reverse();
    assert!(is_nothing(&compare(&scanned(&before()), &scanned(&turned))));
}

#[test]
fn a_report_that_was_stored_is_the_same_read_again() {
    let report = scanned(&[
        root(),
        rights("r", "ops", A, &["create serviceaccounts/token"]),
        token("shop/t", "a", ""),
    ]);
    let text = serde_json::to_string(&report).unwrap();
    let read: Report = serde_json::from_str(&text).unwrap();
    assert_eq!(read, report);
    assert!(!report.paths.is_empty() && !report.cuts.is_empty());
    assert!(is_nothing(&compare(&report, &read)));
}

#[test]
fn new_gone_and_worse_are_told_apart() {
    let mut after = before();
    after[1] = rights("r", "shop", A, &["get secrets", "create pods/attach"]);
    after.push(rights("s", "blog", A, &["get secrets"]));
    let change = compare(&scanned(&before()), &scanned(&after));
    assert_eq!(
        names(&change.new),
        ["bindings RoleBinding blog/s", "roles Role blog/s", "subjects ServiceAccount shop/a"]
    );
    let worse: Vec<(&str, &[String])> =
        change.worse.iter().map(|w| (w.finding.view.as_str(), &w.added[..])).collect();
    let attach = ["pods-attach".to_owned()];
    assert_eq!(worse.len(), 3);
    assert!(worse.iter().all(|(_, added)| *added == attach), "{worse:?}");
    let back = compare(&scanned(&after), &scanned(&before()));
    assert_eq!(names(&back.gone), names(&change.new));
    assert!(back.worse.is_empty() && back.new.is_empty(), "less is not worse");
}

#[test]
fn a_severity_that_rises_is_worse() {
    let mut after = scanned(&before());
    let finding = after.findings.iter_mut().find(|f| f.view == View::Subjects).unwrap();
    finding.severity = Severity::Critical;
    let change = compare(&scanned(&before()), &after);
    let [worse] = &change.worse[..] else { panic!("{change:?}") };
    assert_eq!(
        (worse.was, worse.finding.severity, worse.added.len()),
        (Severity::High, Severity::Critical, 0)
    );
}

#[test]
fn a_risk_that_came_and_was_accepted_is_not_worse() {
    let mut after = before();
    after[1] = rights("r", "shop", A, &["get secrets", "create pods/attach"]);
    let mut settings = Settings::new(now());
    let text = "exceptions: [{rule: pods-attach, about: \"*\", reason: it must, until: 2027-01-01}]";
    settings.exceptions = ExceptionFile::parse("e.yaml", text).unwrap();
    assert!(is_nothing(&compare(&scanned(&before()), &scan(&cluster(&after), &settings))));
}

#[test]
fn new_ways_are_told_by_who_has_them() {
    let without = scanned(&[root(), account("shop/a"), rights("r", "ops", A, &["get pods"])]);
    let with =
        scanned(&[root(), account("shop/a"), rights("r", "ops", A, &["create serviceaccounts/token"])]);
    let change = compare(&without, &with);
    let from: Vec<String> = change.new_paths.iter().map(|path| path.from.to_string()).collect();
    assert_eq!(from, [A]);
    assert_eq!(compare(&with, &without).gone_paths.len(), 1);
}

#[test]
fn what_was_accepted_in_the_meantime_no_longer_counts_and_what_ended_is_new() {
    let cluster = cluster(&before());
    let open = scan(&cluster, &Settings::new(now()));
    let mut settings = Settings::new(now());
    settings.exceptions =
        ExceptionFile::parse("e.yaml", "exceptions: [{about: \"*\", reason: it must, until: 2027-01-01}]")
            .unwrap();
    let accepted = scan(&cluster, &settings);
    assert_eq!(accepted.counting().count(), 0);
    assert_eq!(compare(&open, &accepted).gone.len(), open.counting().count());
    assert_eq!(compare(&accepted, &open).new.len(), open.counting().count());
}

#[test]
fn kinds_that_only_one_of_the_two_read_cannot_be_compared() {
    let mut half = reader(&before());
    half.absent("daemonsets", "forbidden");
    let half = scan(&half.finish(), &Settings::new(now()));
    assert_eq!(compare(&scanned(&before()), &half).incomparable, ["daemonsets"]);
}

#[test]
fn a_filter_leaves_what_it_names_and_counts_anew() {
    let documents = [
        rights("r", "shop", A, &["get secrets"]),
        rights("s", "blog", "User ann", &["create pods/attach"]),
        rights("t", "blog", "ServiceAccount blog/b", &["* * of *"]),
    ];
    let left = |filter: &Filter| {
        let mut report = scanned(&documents);
        filter.apply(&mut report);
        assert_eq!(report.summary.values().sum::<usize>(), report.counting().count());
        names(&report.findings)
    };
    let subjects = Filter { views: vec![View::Subjects], ..Filter::default() };
    assert_eq!(left(&subjects).len(), 3);
    let kinds = Filter { kinds: vec!["user".into()], ..subjects.clone() };
    assert_eq!(left(&kinds), ["subjects User ann"]);
    let namespaces = Filter { namespaces: vec!["shop".into()], ..Filter::default() };
    assert_eq!(
        left(&namespaces),
        ["bindings RoleBinding shop/r", "roles Role shop/r", "subjects ServiceAccount shop/a"]
    );
    let severity = Filter { severity: Some(Severity::Critical), ..subjects.clone() };
    assert_eq!(left(&severity), ["subjects ServiceAccount blog/b"]);
    let name = Filter { name: Some("a*".into()), ..subjects };
    assert_eq!(left(&name), ["subjects ServiceAccount shop/a", "subjects User ann"]);
    assert_eq!(of_view(&scanned(&documents), View::Subjects).len(), 3);
}

#[test]
fn a_filter_by_age_leaves_out_what_has_none() {
    let old = token("shop/old", "a", ", creationTimestamp: \"2025-01-01T00:00:00Z\"");
    let young = token("shop/young", "a", ", creationTimestamp: \"2026-02-01T00:00:00Z\"");
    let none = token("shop/none", "a", "");
    let day = Some("2026-01-01T00:00:00Z".parse().unwrap());
    for (filter, expected) in [
        (Filter { after: day, ..Filter::default() }, "tokens Secret shop/young"),
        (Filter { before: day, ..Filter::default() }, "tokens Secret shop/old"),
    ] {
        let mut report = scanned(&[old.clone(), young.clone(), none.clone()]);
        filter.apply(&mut report);
        assert_eq!(names(&report.findings), [expected]);
    }
}
