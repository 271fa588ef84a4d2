//! The policy that is generated.

use std::{collections::BTreeSet, sync::Arc};

use proptest::prelude::*;
use sundew_policy::{
    Attributes, Level, Policy, Stage, Target,
    blind::blind,
    generate::{CREDENTIALS, Choice, generate},
    need::{
        Needs, Wanted,
        shapes::{Thing, VERBS},
        who::{By, NODES, kind},
    },
    read,
};

use crate::given::{BOOK, NEEDS, PLAIN};

fn plain() -> &'static Policy {
    &PLAIN
}

#[test]
fn the_generated_policy_is_this() {
    insta::assert_snapshot!(plain().yaml());
}

#[test]
fn it_reads_back_and_blinds_nothing() {
    let read = read("generated", &plain().yaml()).unwrap();
    assert_eq!(read.remarks, []);
    assert_eq!(blind(&read.policy, &NEEDS), []);
}

#[test]
fn response_started_stays_in_the_log() {
    let policy = plain();
    assert_eq!(policy.omit_stages, [Stage::RequestReceived]);
    assert!(policy.omit_managed_fields);
    for rule in &policy.rules {
        assert!(!rule.omit_stages.contains(&Stage::ResponseStarted), "{rule:?}");
    }
}

#[test]
fn nothing_is_left_out_but_by_names_of_the_control_plane_and_for_nodes() {
    for rule in plain().rules.iter().filter(|rule| rule.level == Level::None) {
        assert!(rule.groups.is_empty() || rule.groups == [NODES], "{rule:?}");
        assert!(!rule.users.is_empty() || !rule.groups.is_empty(), "{rule:?}");
        assert!(rule.users.iter().all(|user| kind(user) == By::ControlPlane), "{rule:?}");
    }
}

#[test]
fn what_is_ordinary_is_nothing_that_a_built_in_rule_needs() {
    // Else the line would have been left out, or shortened.
    let none: Vec<_> = plain().rules.iter().filter(|rule| rule.level == Level::None).collect();
    assert_eq!(none.len(), 10);
    let nothing = Needs::new(&Wanted::default());
    let all: Vec<_> = generate(&nothing, &Choice::default())
        .rules
        .into_iter()
        .filter(|rule| rule.level == Level::None)
        .collect();
    assert_eq!(
        none.iter().map(|rule| &rule.resources).collect::<Vec<_>>(),
        all.iter().map(|rule| &rule.resources).collect::<Vec<_>>()
    );
}

#[test]
fn a_rule_of_ones_own_keeps_what_it_needs_in_the_log() {
    let own = sundew_sigma::Source {
        name: "own.yml".into(),
        text: "
title: The scheduler lists pods
name: own
logsource: {product: kubernetes, service: audit}
detection:
  a: {user.username: 'system:kube-scheduler', verb: list, objectRef.resource: pods}
  b: {verb: update, objectRef.resource: widgets, objectRef.apiGroup: example.com, requestObject.spec.size|gt: 3}
  condition: a or b
level: high
"
        .into(),
    };
    let (book, errors) = sundew_detect::Rulebook::new(&[own], Default::default());
    assert_eq!(errors, []);
    let needs = Needs::new(&Wanted { tripwire: true, rules: Some(Arc::new(book)), habits: true });
    let policy = generate(&needs, &Choice::default());
    let level = |user, verb, group, resource| {
        let target = Target::Resource { group, resource, subresource: "", namespace: "a", name: "" };
        policy.decide(&Attributes { user: Some((user, &[])), verb, target }).level
    };
    assert_eq!(level("system:kube-scheduler", "list", "", "pods"), Level::Metadata);
    assert_eq!(level("system:kube-scheduler", "list", "", "nodes"), Level::None);
    assert_eq!(level("bob", "update", "example.com", "widgets"), Level::Request);
    assert_eq!(level("bob", "create", "example.com", "widgets"), Level::Metadata);
    assert_eq!(blind(&policy, &needs), []);
}

#[test]
fn without_rules_and_habits_there_are_fewer_bodies() {
    let needs = Needs::new(&Wanted { tripwire: true, rules: None, habits: false });
    let policy = generate(&needs, &Choice::default());
    assert_eq!(blind(&policy, &needs), []);
    let level = |resource, group| {
        let target = Target::Resource { group, resource, subresource: "", namespace: "a", name: "x" };
        policy.decide(&Attributes { user: Some(("bob", &[])), verb: "update", target }).level
    };
    assert_eq!(level("deployments", "apps"), Level::Request);
    assert_eq!(level("services", ""), Level::Metadata);
    assert_eq!(level("rolebindings", "rbac.authorization.k8s.io"), Level::Request);
    assert_eq!(level("clusterroles", "rbac.authorization.k8s.io"), Level::Metadata);
    // For rules alone that is other.
    let rules = Needs::new(&Wanted { tripwire: false, rules: Some(Arc::clone(&BOOK)), habits: false });
    assert_eq!(blind(&generate(&rules, &Choice::default()), &rules), []);
    assert!(!blind(&policy, &rules).is_empty());
}

/// Who a ServiceAccount is, with its groups.
fn account(namespace: &str, name: &str) -> (String, Vec<String>) {
    let groups = [
        "system:serviceaccounts".to_owned(),
        format!("system:serviceaccounts:{namespace}"),
        "system:authenticated".to_owned(),
    ];
    (format!("system:serviceaccount:{namespace}:{name}"), groups.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// A decoy can be any account: whatever it asks for is logged, and so is a credential that is refused.
    #[test]
    fn whatever_a_decoy_asks_for_is_logged(
        namespace in prop::sample::select(vec!["kube-system", "honeypot", "default", "argocd"]),
        name in prop::sample::select(vec!["tiller", "backup-sa", "argocd-manager", "deployment-controller-2"]),
        shape in 0..NEEDS.shapes().len(),
        named in any::<bool>(),
    ) {
        let policy = plain();
        let (user, groups) = account(namespace, name);
        let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
        let of = &NEEDS.shapes()[shape];
        let target = match &*of.thing {
            Thing::Url(path) => Target::Url(path),
            Thing::Object { group, resource, subresource } => Target::Resource {
                group, resource, subresource, namespace: "shop", name: if named { "one" } else { "" },
            },
        };
        for user in [Some((user.as_str(), groups.as_slice())), None] {
            let decision = policy.decide(&Attributes { user, verb: of.verb, target });
            prop_assert!(decision.level >= Level::Metadata);
            prop_assert!(policy.logs_at(decision.rule, Stage::ResponseStarted));
            let long = of.verb == "watch";
            prop_assert!(long || policy.logs_at(decision.rule, Stage::ResponseComplete));
        }
    }

    /// No credential is ever in the log, whoever asks in whatever way.
    #[test]
    fn no_body_that_is_a_credential_is_logged(
        of in 0..CREDENTIALS.len(),
        verb in prop::sample::select(VERBS.to_vec()),
        user in prop::sample::select(vec!["bob", "system:apiserver", "system:node:a", "system:kube-controller-manager"]),
        group in prop::sample::select(vec!["system:masters", "system:nodes", "system:authenticated"]),
    ) {
        let (api_group, resource, subresource) = CREDENTIALS[of];
        let target = Target::Resource { group: api_group, resource, subresource, namespace: "a", name: "b" };
        let groups = [group];
        let decision = plain().decide(&Attributes { user: Some((user, &groups)), verb, target });
        prop_assert!(decision.level <= Level::Metadata);
    }
}

#[test]
fn no_line_of_it_is_a_name_of_this_cluster() {
    // Nothing but what Kubernetes has everywhere: so nothing of an inventory.
    let known = |name: &str| kind(name) == By::ControlPlane || name == NODES;
    let policy = plain();
    let names: BTreeSet<&String> =
        policy.rules.iter().flat_map(|rule| rule.users.iter().chain(&rule.groups)).collect();
    assert!(names.iter().all(|name| known(name)), "{names:?}");
    let namespaces: BTreeSet<&String> = policy.rules.iter().flat_map(|rule| &rule.namespaces).collect();
    assert_eq!(namespaces.into_iter().collect::<Vec<_>>(), ["kube-system"]);
    for name in policy.rules.iter().flat_map(|rule| &rule.resources).flat_map(|of| &of.names) {
        assert_eq!(kind(&format!("system:serviceaccount:kube-system:{name}")), By::ControlPlane, "{name}");
    }
}
