//! What policies blind.

use sundew_policy::{
    Remark, Weight,
    blind::{blind, unseen},
    need::{Needs, Wanted},
    read,
};

use crate::given::{NEEDS, policy};

fn of(rules: &str) -> Vec<Remark> {
    blind(&policy(rules), &NEEDS)
}

/// Line, weight and code of each.
fn said(rules: &str) -> Vec<(usize, Weight, &'static str)> {
    of(rules).into_iter().map(|remark| (remark.line, remark.weight, remark.code)).collect()
}

/// What ends a policy under which nothing but bodies is missing.
const BODIES: &str = "- {level: RequestResponse}\n";

#[test]
fn everything_at_metadata_blinds_what_reads_bodies_and_nothing_else() {
    let remarks = of("- {level: Metadata}\n");
    assert_eq!(remarks.iter().map(|one| one.code).collect::<Vec<_>>(), ["no-body", "no-body"]);
    let text: String = remarks.iter().map(|one| format!("{}\n{}\n", one.what, one.fix)).collect();
    insta::assert_snapshot!(text);
}

#[test]
fn everything_with_answers_blinds_nothing() {
    assert_eq!(of(BODIES), []);
}

#[test]
fn no_rule_at_all_blinds_everything_and_is_said_in_a_line() {
    let remarks = of("- {level: None}\n");
    assert_eq!(remarks.len(), 2, "{remarks:#?}");
    assert!(remarks.iter().all(|one| one.line == 4 && one.weight == Weight::Blind));
    assert!(
        remarks
            .iter()
            .any(|one| one.what.contains("any request") && one.what.contains("tripwire.token_used"))
    );
}

#[test]
fn a_group_that_decoys_are_in_is_told_and_one_that_they_are_not_in_is_not() {
    let none = |group: &str| format!("- {{level: None, userGroups: [\"{group}\"], verbs: [get]}}\n{BODIES}");
    for group in ["system:authenticated", "system:serviceaccounts", "system:serviceaccounts:kube-system"] {
        assert_eq!(said(&none(group)), [(4, Weight::Blind, "blind-to-decoys")], "{group}");
    }
    let nodes = "- {level: None, userGroups: [\"system:nodes\"], verbs: [get, list, watch], resources: [{group: \"\", resources: [nodes, pods]}]}\n";
    assert_eq!(said(&format!("{nodes}{BODIES}")), []);
}

#[test]
fn the_control_plane_may_be_left_out_but_for_what_is_special() {
    let none = |user: &str, what: &str| format!("- {{level: None, users: [\"{user}\"], {what}}}\n{BODIES}");
    let reads =
        "verbs: [get, list, watch], resources: [{group: \"\", resources: [pods, endpoints]}, {group: apps}]";
    assert_eq!(said(&none("system:kube-scheduler", reads)), []);
    assert_eq!(said(&none("system:serviceaccount:kube-system:deployment-controller", reads)), []);
    let exec = "verbs: [create], resources: [{group: \"\", resources: [pods/exec]}]";
    assert_eq!(said(&none("system:kube-scheduler", exec)), [(4, Weight::Lossy, "blind-to-user")]);
    let patch = "verbs: [patch], resources: [{group: \"\", resources: [secrets]}]";
    let remarks = of(&none("system:apiserver", patch));
    assert!(remarks[0].what.contains("tripwire.token_last_used"), "{remarks:#?}");
    // An account of that name in another namespace is anybody's.
    let other = "system:serviceaccount:shop:deployment-controller";
    assert_eq!(said(&none(other, reads)), [(4, Weight::Lossy, "blind-to-user")]);
}

#[test]
fn many_users_of_whom_the_same_is_true_are_one_remark() {
    let remarks = of(&format!(
        "- {{level: None, users: [\"system:serviceaccount:a:b\", \"system:serviceaccount:c:d\"], verbs: [get], resources: [{{group: \"\", resources: [configmaps]}}]}}\n{BODIES}"
    ));
    let [one] = remarks.as_slice() else { panic!("{remarks:#?}") };
    assert!(one.what.contains("by system:serviceaccount:a:b and system:serviceaccount:c:d"), "{}", one.what);
    assert!(!one.what.contains("tripwire.token_used"), "{}", one.what);
}

#[test]
fn a_rule_for_a_namespace_blinds_there() {
    let remarks = of(&format!("- {{level: None, namespaces: [kube-system], verbs: [get]}}\n{BODIES}"));
    let [one] = remarks.as_slice() else { panic!("{remarks:#?}") };
    assert_eq!((one.line, one.weight), (4, Weight::Blind));
    assert!(one.what.contains(" in kube-system"), "{}", one.what);
}

#[test]
fn what_a_rule_before_it_decides_a_rule_does_not_blind() {
    let rules = "- {level: RequestResponse, verbs: [create, update, patch, delete]}\n- {level: Metadata}\n";
    assert_eq!(of(rules), []);
    let rules = "- {level: Metadata}\n- {level: RequestResponse, verbs: [create, update, patch]}\n";
    assert!(of(rules).iter().all(|one| one.line == 4));
}

#[test]
fn a_stage_that_is_left_out_blinds_to_what_has_no_other() {
    let policy =
        |text: &str| read("t", &format!("apiVersion: audit.k8s.io/v1\nkind: Policy\n{text}")).unwrap().policy;
    let codes = |text: &str| {
        blind(&policy(text), &NEEDS).into_iter().map(|one| (one.line, one.code)).collect::<Vec<_>>()
    };
    let all = "rules:\n- {level: RequestResponse}\n";
    assert_eq!(codes(&format!("omitStages: [RequestReceived]\n{all}")), []);
    assert_eq!(codes(&format!("omitStages: [ResponseStarted]\n{all}")), [(0, "blind-to-401")]);
    // All but what goes on for long ends with ResponseComplete alone.
    let complete = codes(&format!("omitStages: [ResponseComplete]\n{all}"));
    assert_eq!(complete, [(5, "not-logged")]);
    let watch = "rules:\n- {level: RequestResponse, verbs: [watch], omitStages: [ResponseComplete]}\n- {level: RequestResponse}\n";
    assert_eq!(codes(watch), []);
}

#[test]
fn a_401_fits_no_rule_that_asks_for_a_user() {
    let rules =
        "- {level: RequestResponse, userGroups: [\"system:authenticated\", \"system:unauthenticated\"]}\n";
    let remarks = of(rules);
    assert!(remarks.iter().any(|one| one.code == "blind-to-401"), "{remarks:#?}");
}

#[test]
fn a_custom_resource_that_only_the_policy_names_is_looked_at() {
    let remarks = of(&format!(
        "- {{level: None, resources: [{{group: example.com, resources: [widgets]}}]}}\n{BODIES}"
    ));
    let [one, _] = remarks.as_slice() else { panic!("{remarks:#?}") };
    assert!(
        one.what.contains("widgets.example.com") && one.what.contains("tripwire.token_used"),
        "{}",
        one.what
    );
}

#[test]
fn only_chosen_detections_are_said_to_be_blind() {
    let habits = Needs::new(&Wanted { habits: true, ..Wanted::default() });
    let metadata = policy("- {level: Metadata}\n");
    let remarks = blind(&metadata, &habits);
    let [one] = remarks.as_slice() else { panic!("{remarks:#?}") };
    assert!(one.what.contains("tokens.after_deletion"), "{}", one.what);
    assert_eq!(blind(&metadata, &Needs::new(&Wanted::default())), []);
}

#[test]
fn what_is_blind_as_a_whole_is_told_from_what_sees_a_part() {
    let unseen = unseen(&policy("- {level: Metadata}\n"), &NEEDS);
    assert!(unseen.wholly.iter().any(|name| name == "rules.privileged_container"));
    assert!(unseen.partly.iter().any(|name| name == "tripwire.pod_entered"));
    assert!(!unseen.wholly.iter().chain(&unseen.partly).any(|name| name == "tripwire.token_used"));
    assert_eq!(unseen.of_who, 0);
}
