//! What everybody can do, with a credential and without.

use sundew_posture::{Severity, report::View};

use crate::given::{CLUSTER, binding, of_view, rights, role, root, scanned, stops, way};

#[test]
fn what_is_bound_to_everybody_is_told_even_where_it_is_no_risk() {
    for (subject, rule, severity) in [
        ("User system:anonymous", "everyone-anonymous", Severity::High),
        ("Group system:unauthenticated", "everyone-anonymous", Severity::High),
        ("Group system:authenticated", "everyone-authenticated", Severity::Medium),
        ("Group system:serviceaccounts", "everyone-authenticated", Severity::Medium),
    ] {
        let report = scanned(&[rights("open", "shop", subject, &["get configmaps"])]);
        let [finding] = of_view(&report, View::Everyone)[..] else { panic!("{subject}") };
        assert_eq!((finding.rule.as_str(), finding.severity, finding.system), (rule, severity, false));
        assert_eq!(finding.because[0].binding, "RoleBinding shop/open");
        assert_eq!(finding.because[0].what, "1 rules, none of them a known risk");
    }
}

#[test]
fn other_subjects_are_not_everybody() {
    for subject in [
        "Group devs",
        "User ann",
        "Group system:serviceaccounts:shop",
        "Group system:anonymous",
        "User system:authenticated",
    ] {
        let report = scanned(&[rights("open", "shop", subject, &["get secrets"])]);
        assert_eq!(of_view(&report, View::Everyone).len(), 0, "{subject}");
    }
}

#[test]
fn a_risk_for_everybody_is_as_bad_as_the_risk() {
    let report = scanned(&[rights("open", "cluster", "Group system:authenticated", &["get secrets"])]);
    assert_eq!(of_view(&report, View::Everyone)[0].severity, Severity::Critical);
    let report = scanned(&[rights("open", "shop", "User system:anonymous", &["delete events"])]);
    assert_eq!(of_view(&report, View::Everyone)[0].severity, Severity::High, "never less than its like");
}

fn built_in(text: &str, name: &str) -> String {
    text.replace(
        &format!("metadata: {{name: \"{name}\"}}"),
        &format!("metadata: {{name: \"{name}\", labels: {{kubernetes.io/bootstrapping: rbac-defaults}}}}"),
    )
}

#[test]
fn what_kubernetes_gives_to_everybody_is_folded_unless_somebody_made_it_a_risk() {
    let discovery = |rules: &[&str]| {
        let name = "system:discovery";
        let text = format!(
            "{}\n---\n{}",
            role(name, "cluster", rules),
            binding(name, "cluster", name, &["Group system:authenticated"])
        );
        scanned(&[built_in(&text, name)])
    };
    let report = discovery(&["get apis"]);
    let [finding] = of_view(&report, View::Everyone)[..] else { panic!() };
    assert_eq!((finding.severity, finding.system), (Severity::Info, true));
    let changed = discovery(&["get secrets"]);
    let [finding] = of_view(&changed, View::Everyone)[..] else { panic!() };
    assert_eq!((finding.severity, finding.system), (Severity::Critical, false));
    assert_eq!(changed.counting().filter(|f| f.view == View::Subjects).count(), 1);
}

#[test]
fn everybody_has_a_way_where_what_they_are_given_leads_on() {
    let report =
        scanned(&[root(), rights("open", "ops", "User system:anonymous", &["create serviceaccounts/token"])]);
    assert_eq!(way(&report, "User system:anonymous"), stops(&["ServiceAccount ops/root", CLUSTER]));
    let path = report.paths.iter().find(|path| path.from.name == "system:anonymous").unwrap();
    assert!(!path.system);
}

#[test]
fn whoever_is_unknown_has_nothing_of_those_who_are_known() {
    let report = scanned(&[
        rights("known", "shop", "Group system:authenticated", &["get secrets"]),
        rights("unknown", "shop", "User system:anonymous", &["create secrets"]),
    ]);
    assert!(crate::given::holds(&report, "User system:anonymous").is_empty());
}
