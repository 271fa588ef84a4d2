//! What an audit policy may have kept out of the logs counts as used.

use jiff::ToSpan as _;
use sundew_harden::rbac::{Narrowed, Settings, narrow};
use sundew_posture::usage::Margin;

use crate::given::{ASK, Ask, cluster, evidence, log};

const CLUSTER: &str = r#"
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: ServiceAccount, metadata: {name: a, namespace: shop, creationTimestamp: "2020-01-01T00:00:00Z"}}
- apiVersion: rbac.authorization.k8s.io/v1
  kind: Role
  metadata: {name: r, namespace: shop}
  rules:
  - {apiGroups: [""], resources: [pods, configmaps, events], verbs: [get, list, update]}
  - {apiGroups: [""], resources: [secrets], resourceNames: [db, mail], verbs: [get]}
  - {apiGroups: [apps], resources: ["*"], verbs: ["*"]}
- apiVersion: rbac.authorization.k8s.io/v1
  kind: RoleBinding
  metadata: {name: r, namespace: shop}
  roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: r}
  subjects: [{kind: ServiceAccount, name: a, namespace: shop}]
"#;

/// What shop/a keeps under a policy with these rules, although it only listed pods.
fn kept(rules: &str) -> Vec<String> {
    let rules = format!("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n{rules}");
    let policy = sundew_policy::read("policy.yaml", &rules).unwrap().policy;
    let keeps = one(Some(&policy)).keeps;
    // What admission asks for no policy hides.
    let hidden = keeps.iter().filter(|kept| !kept.why.contains("admission"));
    hidden.map(|kept| kept.what.replace(" in namespace shop", "")).collect()
}

fn one(policy: Option<&sundew_policy::Policy>) -> Narrowed {
    let cluster = cluster(CLUSTER);
    let evidence = evidence(&log(&[Ask { verb: "list", ..ASK }]));
    let settings = Settings {
        window: 14.days(),
        margin: Margin::None,
        subjects: &[],
        namespaces: &[],
        policy,
        decoys: None,
    };
    narrow(&cluster, &evidence, &settings).unwrap().identities.remove(0)
}

const ALL: &str = "- {level: Metadata}\n";

#[test]
fn where_everything_is_logged_nothing_is_hidden() {
    assert_eq!(kept(ALL), [""; 0]);
    assert_eq!(kept("- {level: None, users: [ann]}\n- {level: Metadata}\n"), [""; 0]);
    assert_eq!(kept("- {level: None, userGroups: [system:nodes]}\n- {level: Metadata}\n"), [""; 0]);
    assert_eq!(kept("- {level: None, namespaces: [blog]}\n- {level: Metadata}\n"), [""; 0]);
    assert_eq!(kept("- {level: None, nonResourceURLs: [/healthz*]}\n- {level: Metadata}\n"), [""; 0]);
}

#[test]
fn what_a_rule_of_level_none_hides_is_kept_and_no_more() {
    let none = |rest: &str| kept(&format!("- {{level: None, {rest}}}\n{ALL}"));
    assert_eq!(none("resources: [{group: '', resources: [events]}]"), ["get, list, update events"]);
    assert_eq!(none("verbs: [update], resources: [{group: ''}]"), ["update pods, configmaps, events"]);
    assert_eq!(
        none("resources: [{group: apps, resources: [deployments/status]}]"),
        ["* deployments/status of apps"]
    );
    assert_eq!(
        none("resources: [{group: '', resources: [secrets], resourceNames: [mail, other]}]"),
        ["get secrets, only mail"]
    );
    assert_eq!(
        none("userGroups: ['system:serviceaccounts:shop'], verbs: [get], resources: [{group: apps}]"),
        ["get * of apps"]
    );
    assert_eq!(
        none("verbs: [get], namespaces: [shop], resources: [{group: '', resources: ['*']}]"),
        ["get pods, configmaps, events", "get secrets, only db, mail"]
    );
}

#[test]
fn a_rule_that_logs_before_it_hides_nothing() {
    let shown = "- {level: Metadata, resources: [{group: '', resources: [events]}]}\n";
    let none = "- {level: None, resources: [{group: '', resources: [events, configmaps]}]}\n";
    assert_eq!(kept(&format!("{shown}{none}{ALL}")), ["get, list, update configmaps"]);
    let some = "- {level: Metadata, verbs: [get], resources: [{group: '', resources: [events]}]}\n";
    assert!(kept(&format!("{some}{none}{ALL}")).iter().any(|kept| kept.contains("events")));
}

#[test]
fn what_no_rule_fits_and_what_is_logged_too_early_is_hidden() {
    let only_core = "- {level: Metadata, resources: [{group: ''}]}\n";
    assert_eq!(kept(only_core), ["* * of apps"]);
    let early = "- {level: Metadata, omitStages: [ResponseComplete], resources: [{group: apps}]}\n- {level: Metadata}\n";
    assert_eq!(kept(early), ["* * of apps"]);
}

#[test]
fn without_a_policy_what_every_cluster_has_and_these_logs_have_not_is_kept() {
    let kept: Vec<_> =
        one(None).keeps.into_iter().map(|kept| format!("{}: {}", kept.what, kept.why)).collect();
    assert_eq!(
        kept,
        [
            "get, list, update events in namespace shop: the logs hold no request about it by anybody, as if the audit \
         policy left it out",
            "update */finalizers of apps in namespace shop: admission asks for it, and no event tells"
        ]
    );
}
