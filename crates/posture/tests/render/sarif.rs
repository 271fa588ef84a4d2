//! SARIF: what GitHub and the standard ask for. The snapshots were validated against the standard's schema.

use serde_json::Value;
use sundew_posture::{
    Severity,
    render::{SarifOptions, sarif},
    report::{Report, View},
};

use crate::build::{accepted, because, finding, object, report, risk, unread};

fn run(report: &Report, options: SarifOptions) -> Value {
    let text = sarif(report, options).unwrap();
    serde_json::from_str::<Value>(&text).unwrap()["runs"][0].take()
}

fn texts<'a>(values: &'a Value, pointer: &str) -> Vec<&'a str> {
    let list = values.as_array().unwrap().iter();
    list.map(|value| {
        value.pointer(pointer).unwrap_or_else(|| panic!("no {pointer} in {value}")).as_str().unwrap()
    })
    .collect()
}

fn without_version(text: &str) -> String {
    text.replace(&format!("\"{}\"", env!("CARGO_PKG_VERSION")), "\"VERSION\"")
}

#[test]
fn a_scan_of_manifests_points_into_them() {
    let mut one = finding(Severity::Critical, View::Subjects, object("ServiceAccount", "shop/orders"));
    one.because = vec![because("./k8s/my rbac.yaml")];
    one.object.place = "k8s/accounts.yaml:2".to_owned();
    one.risks.push(risk("pods-create", Severity::High));
    let mut two = finding(Severity::Medium, View::Roles, object("ClusterRole", "secret-reader"));
    two.object.place = "k8s/my rbac.yaml:3".to_owned();
    two.because = vec![because("k8s/my rbac.yaml")];
    let mut report = report(vec![one, two]);
    report.cluster.notices = vec!["k8s/odd.yaml:9: unknown kind Foo {bar}".to_owned()];
    insta::assert_snapshot!(without_version(&sarif(&report, SarifOptions::default()).unwrap()));
}

#[test]
fn a_scan_of_a_cluster_names_its_objects() {
    let one = finding(Severity::High, View::Subjects, object("ServiceAccount", "shop/orders"));
    let known = finding(Severity::High, View::Everyone, object("Group", "system:anonymous"));
    let mut report = report(vec![one, accepted(known, "a public demo")]);
    report.cluster.name = "https://10.0.0.1:6443".to_owned();
    report.cluster.unread = vec![unread("secrets")];
    insta::assert_snapshot!(without_version(&sarif(&report, SarifOptions::default()).unwrap()));
}

#[test]
fn each_result_has_a_place_for_github_to_show() {
    let kinds = [View::Subjects, View::Tokens, View::Unused]
        .map(|view| finding(Severity::Low, view, object("Pod", "a/b c")));
    let run = run(&report(kinds.to_vec()), SarifOptions::default());
    let uris = texts(&run["results"], "/locations/0/physicalLocation/artifactLocation/uri");
    assert_eq!(uris, ["namespaces/a/Pod/b%20c"; 3]);
}

#[test]
fn a_result_points_at_what_is_to_be_mended() {
    let mut held = finding(Severity::Low, View::Subjects, object("ServiceAccount", "shop/a"));
    let mut own = finding(Severity::Low, View::Privileged, object("Pod", "shop/b"));
    for finding in [&mut held, &mut own] {
        finding.object.place = "objects.yaml:1".to_owned();
        finding.because = vec![because("rbac.yaml"), because("rbac.yaml")];
    }
    let run = run(&report(vec![held, own]), SarifOptions::default());
    let lines: Vec<_> = ["/results/0", "/results/1"]
        .iter()
        .map(|result| {
            let first = run.pointer(&format!("{result}/locations/0/physicalLocation/region/startLine"));
            let related =
                run.pointer(&format!("{result}/relatedLocations")).unwrap().as_array().unwrap().len();
            (first.unwrap().as_u64().unwrap(), related)
        })
        .collect();
    assert_eq!(lines, [(14, 2), (1, 2)], "the binding; the pod; each other place once");
}

#[test]
fn severities_become_levels_and_githubs_scores() {
    let of = |severity| finding(severity, View::Subjects, object("User", "u"));
    let run = run(&report(Severity::ALL.into_iter().rev().map(of).collect()), SarifOptions::default());
    assert_eq!(texts(&run["results"], "/level"), ["error", "error", "warning", "note", "note"]);
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let scores: Vec<_> = rules.iter().map(|rule| rule["properties"]["security-severity"].as_str()).collect();
    assert_eq!(scores, [Some("9.5"), Some("8.0"), Some("5.5"), Some("2.0"), None]);
}

#[test]
fn each_result_names_its_rule_and_the_rules_place() {
    let mut findings: Vec<_> =
        (0..6).map(|n| finding(Severity::High, View::Pods, object("Pod", &format!("a/{n}")))).collect();
    findings[3].rule = "other".to_owned();
    findings[4].severity = Severity::Low;
    let run = run(&report(findings), SarifOptions::default());
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    assert_eq!(rules.len(), 3);
    for result in run["results"].as_array().unwrap() {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
    }
}

#[test]
fn fingerprints_come_from_the_findings_and_not_from_their_lines() {
    let fingerprints = |line: u32| {
        let mut one = finding(Severity::High, View::Roles, object("Role", "shop/r"));
        one.object.place = format!("a.yaml:{line}");
        run(&report(vec![one]), SarifOptions::default())["results"][0]["partialFingerprints"].take()
    };
    assert_eq!(fingerprints(3), fingerprints(300));
    assert!(fingerprints(3)["primaryLocationLineHash"].as_str().unwrap().ends_with(":1"));
}

#[test]
fn suppressions_are_on_all_results_or_on_none() {
    let one = finding(Severity::High, View::Roles, object("Role", "shop/r"));
    let plain = run(&report(vec![one.clone()]), SarifOptions::default());
    assert!(plain["results"][0].get("suppressions").is_none());
    let mixed = report(vec![one.clone(), accepted(one, "known")]);
    let all = run(&mixed, SarifOptions::default());
    assert_eq!(all["results"][0]["suppressions"], serde_json::json!([]));
    assert_eq!(all["results"][1]["suppressions"][0]["justification"], "known (until 2026-12-31)");
    let without = run(&mixed, SarifOptions { accepted: false, ..SarifOptions::default() });
    assert_eq!(without["results"].as_array().unwrap().len(), 1);
}

#[test]
fn kubernetes_own_is_written_only_when_asked_for() {
    let mut own = finding(Severity::Critical, View::Roles, object("ClusterRole", "system:own"));
    own.system = true;
    let report = report(vec![own]);
    let count = |system| {
        let options = SarifOptions { system, ..SarifOptions::default() };
        run(&report, options)["results"].as_array().unwrap().len()
    };
    assert_eq!((count(false), count(true)), (0, 1));
}

#[test]
fn a_name_cannot_become_a_link_or_a_placeholder() {
    let one = finding(Severity::High, View::Subjects, object("User", "[see here](https://example.org) {0}"));
    let run = run(&report(vec![one]), SarifOptions::default());
    let message = texts(&run["results"], "/message/text")[0];
    assert!(!message.contains("](") && message.contains("{{0}}"), "{message}");
}

#[test]
fn the_rule_of_a_check_names_no_object() {
    let mut one = finding(Severity::Low, View::Unused, object("Role", "shop/r"));
    one.rule = "role-unused".to_owned();
    one.title = "is not used by shop".to_owned();
    one.fix = "kubectl delete role r -n shop".to_owned();
    let run = run(&report(vec![one]), SarifOptions::default());
    let rule = &run["tool"]["driver"]["rules"][0];
    assert_eq!(rule["shortDescription"]["text"], "Role unused");
    assert!(!rule["help"]["text"].as_str().unwrap().contains("shop"));
    assert!(texts(&run["results"], "/message/text")[0].contains("kubectl delete role r -n shop"));
}

#[test]
fn a_reference_that_is_no_address_is_not_written_as_one() {
    let one = finding(Severity::High, View::Subjects, object("User", "u"));
    let mut report = report(vec![one]);
    report.risks.get_mut("secrets-read").unwrap().reference = "see the wiki".to_owned();
    let run = run(&report, SarifOptions::default());
    assert!(run["tool"]["driver"]["rules"][0].get("helpUri").is_none());
}

#[test]
fn what_github_would_refuse_for_its_number_is_left_out_and_counted() {
    let one = |n: u32| finding(Severity::High, View::Subjects, object("User", &format!("u{n}")));
    let run = run(&report((0..25_003).map(one).collect()), SarifOptions::default());
    assert_eq!(run["results"].as_array().unwrap().len(), 25_000);
    let notes = &run["invocations"][0]["toolExecutionNotifications"];
    assert!(texts(notes, "/message/text")[0].starts_with("3 less severe findings are left out"));
}
