//! What is wrong with a policy.

use proptest::{collection::vec, prelude::*, sample::select};
use sundew_policy::{Attributes, Level, Policy, Remark, Resources, Rule, Target, Weight, lint};

fn all(rules: &str) -> Vec<Remark> {
    let text = format!(
        "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nomitManagedFields: true\nrules:\n{rules}"
    );
    let (policy, remarks) = lint("policy.yaml", &text);
    assert!(policy.is_some(), "{remarks:?}");
    remarks
}

/// Line and code of what is said, but for volume and for a missing last rule. The rules begin on line 6.
fn said(rules: &str) -> Vec<(usize, &'static str)> {
    all(rules)
        .into_iter()
        .filter(|remark| remark.weight != Weight::Waste && remark.code != "no-rule-for-the-rest")
        .map(|remark| (remark.line, remark.code))
        .collect()
}

fn fix(rules: &str, code: &str) -> String {
    let all = all(rules);
    all.iter().find(|remark| remark.code == code).unwrap_or_else(|| panic!("{all:?}")).fix.clone()
}

#[test]
fn the_example_policy_is_without_serious_remark() {
    let text = include_str!("../../../../docs/examples/audit-policy.yaml");
    let (_, remarks) = lint("audit-policy.yaml", text);
    assert!(remarks.iter().all(|remark| remark.weight == Weight::Waste), "{remarks:?}");
}

#[test]
fn credentials_leak_at_request_unless_an_earlier_rule_takes_them() {
    let secrets = "- {level: Metadata, resources: [{group: \"\", resources: [secrets, serviceaccounts/token]}, {group: authentication.k8s.io, resources: [tokenreviews]}]}\n";
    let everything = "- {level: Request, resources: [{group: \"*\"}]}\n";
    assert_eq!(said(everything), [(6, "credentials")]);
    assert_eq!(said(&format!("{secrets}{everything}")), []);
    assert_eq!(said(&format!("{everything}{secrets}")), [(6, "credentials"), (7, "dead-rule")]);
    // Earlier rules must take all of it: every verb, user and namespace.
    for part in
        ["verbs: [create, update]", "users: [a]", "namespaces: [a]", "userGroups: [system:authenticated]"]
    {
        let partly = format!(
            "{}{everything}",
            secrets.replace("level: Metadata", &format!("level: Metadata, {part}"))
        );
        assert!(said(&partly).contains(&(7, "credentials")), "{part}");
    }
    let in_two = "- {level: Metadata, verbs: [create, update], resources: [{group: \"\", resources: [secrets]}]}\n\
                  - {level: None, verbs: [patch], resources: [{group: \"\", resources: [secrets]}]}\n\
                  - {level: Request, resources: [{group: \"\"}]}\n";
    assert_eq!(said(in_two), []);
}

#[test]
fn a_leak_is_only_where_the_level_has_the_body_in_which_the_credential_is() {
    let of = |level: &str, verb: &str, resource: &str| {
        said(&format!(
            "- {{level: {level}, verbs: [{verb}], resources: [{{group: \"\", resources: [{resource}]}}]}}\n"
        ))
    };
    let leaks = vec![(6, "credentials")];
    assert_eq!(of("Request", "get", "secrets"), []);
    assert_eq!(of("RequestResponse", "get", "secrets"), leaks);
    assert_eq!(of("RequestResponse", "watch", "secrets"), []);
    assert_eq!(of("Request", "patch", "secrets"), leaks);
    assert_eq!(of("Request", "create", "serviceaccounts/token"), []);
    assert_eq!(of("RequestResponse", "create", "serviceaccounts/token"), leaks);
    assert_eq!(of("RequestResponse", "create", "\"*/token\""), leaks);
    assert_eq!(of("RequestResponse", "create", "\"serviceaccounts/*\""), leaks);
    assert_eq!(of("RequestResponse", "create", "serviceaccounts"), []);
    assert_eq!(of("Metadata", "create", "secrets"), []);
}

#[test]
fn the_fix_of_a_leak_is_a_rule_to_put_before_it() {
    let rules = "- {level: None, verbs: [watch]}\n- {level: RequestResponse}\n";
    insta::assert_snapshot!(fix(rules, "credentials"), @r#"put before line 7: `- {level: Metadata, resources: [{group: "", resources: [secrets, serviceaccounts/token]}, {group: authentication.k8s.io, resources: [tokenreviews]}, {group: oauth.openshift.io, resources: [oauthclients, oauthaccesstokens, oauthauthorizetokens]}, {group: route.openshift.io, resources: [routes]}]}`"#);
}

#[test]
fn a_rule_that_earlier_ones_take_everything_from_is_dead() {
    for (rules, dead) in [
        ("- {level: Metadata}\n- {level: None, users: [a]}\n", vec![7]),
        ("- {level: None, users: [a]}\n- {level: Metadata}\n", vec![]),
        ("- {level: None, users: [a, b]}\n- {level: Metadata, users: [b]}\n", vec![7]),
        ("- {level: None, users: [a, b]}\n- {level: Metadata, users: [b, c]}\n", vec![]),
        // Two take what neither does alone.
        (
            "- {level: None, users: [a]}\n- {level: None, users: [b]}\n- {level: Metadata, users: [a, b]}\n",
            vec![8],
        ),
        (
            "- {level: None, verbs: [get]}\n- {level: None, users: [b]}\n- {level: Request, users: [a, b], verbs: [get, put]}\n",
            vec![],
        ),
        (
            "- {level: None, verbs: [get], users: [a]}\n- {level: None, users: [b]}\n- {level: Request, users: [a, b], verbs: [get]}\n",
            vec![8],
        ),
        // Objects and paths are everything.
        (
            "- {level: None, nonResourceURLs: [\"*\"]}\n- {level: None, resources: [{group: \"*\"}]}\n- {level: Metadata}\n",
            vec![8],
        ),
        (
            "- {level: None, nonResourceURLs: [/a*]}\n- {level: Metadata, nonResourceURLs: [/a, /ab*]}\n",
            vec![7],
        ),
        ("- {level: None, nonResourceURLs: [/a]}\n- {level: Metadata, nonResourceURLs: [/a*]}\n", vec![]),
        (
            "- {level: None, resources: [{group: \"\", resources: [\"*\"]}]}\n- {level: Metadata, resources: [{group: \"\", resources: [pods, pods/log]}]}\n",
            vec![7],
        ),
        (
            "- {level: None, resources: [{group: \"\", resources: [pods]}]}\n- {level: Metadata, resources: [{group: \"\", resources: [pods/log]}]}\n",
            vec![],
        ),
        (
            "- {level: None, resources: [{group: \"\", resources: [\"pods/*\"]}]}\n- {level: Metadata, resources: [{group: \"\", resources: [pods, pods/log]}]}\n",
            vec![7],
        ),
        (
            "- {level: None, resources: [{group: \"\", resources: [pods], resourceNames: [a]}]}\n- {level: Metadata, resources: [{group: \"\", resources: [pods]}]}\n",
            vec![],
        ),
        ("- {level: None, namespaces: [a, b]}\n- {level: Metadata, namespaces: [b]}\n", vec![7]),
        // Whoever is named is authenticated, but for the anonymous.
        ("- {level: None, userGroups: [system:authenticated]}\n- {level: Metadata, users: [a]}\n", vec![7]),
        (
            "- {level: None, userGroups: [system:authenticated]}\n- {level: Metadata, userGroups: [system:nodes]}\n",
            vec![7],
        ),
        (
            "- {level: None, userGroups: [system:authenticated]}\n- {level: Metadata, users: [system:anonymous]}\n",
            vec![],
        ),
        ("- {level: None, userGroups: [system:authenticated]}\n- {level: Metadata}\n", vec![]),
        ("- {level: None, userGroups: [g]}\n- {level: Metadata, users: [a]}\n", vec![]),
    ] {
        let found: Vec<usize> =
            all(rules).iter().filter(|remark| remark.code == "dead-rule").map(|remark| remark.line).collect();
        assert_eq!(found, dead, "{rules}");
    }
}

#[test]
fn words_that_no_request_has_are_named_with_what_was_meant() {
    for (rule, code, meant) in [
        ("users: [system:serviceaccounts]", "group-as-user", "userGroups: [system:serviceaccounts]"),
        ("users: [system:nodes]", "group-as-user", "userGroups: [system:nodes]"),
        (
            "users: [\"system:serviceaccount:ops:*\"]",
            "no-wildcard",
            "userGroups: [system:serviceaccounts:ops]",
        ),
        ("users: [\"system:serviceaccount:*\"]", "no-wildcard", "userGroups: [system:serviceaccounts]"),
        ("users: [\"*\"]", "no-wildcard", "leave `users` out"),
        ("userGroups: [system:kube-scheduler]", "user-as-group", "users: [system:kube-scheduler]"),
        ("userGroups: [\"system:serviceaccounts:*\"]", "no-wildcard", "leave `userGroups` out"),
        ("verbs: [\"*\"]", "wrong-verb", "leave `verbs` out"),
        ("verbs: [GET]", "wrong-verb", "write `get`"),
        ("verbs: [POST], namespaces: [a]", "wrong-verb", "write `create`"),
        ("verbs: [escalate]", "wrong-verb", "word of RBAC"),
        ("verbs: [exec], namespaces: [a]", "wrong-verb", "pods/exec"),
        ("verbs: [create], nonResourceURLs: [/a]", "wrong-verb", "HTTP methods"),
        ("namespaces: [\"kube-*\"]", "no-wildcard", "name each namespace"),
        ("resources: [{group: core}]", "wrong-group", "group: \"\""),
        ("resources: [{group: v1, resources: [pods]}]", "wrong-group", "group: \"\""),
        ("resources: [{group: extensions, resources: [ingresses]}]", "gone", "take it out"),
        ("resources: [{group: policy, resources: [podsecuritypolicies]}]", "gone", "take it out"),
        ("resources: [{group: \"\", resources: [deployments]}]", "wrong-resource", "group: apps"),
        ("resources: [{group: \"\", resources: [Pod]}]", "wrong-resource", "write `pods`"),
        ("resources: [{group: \"\", resources: [users]}]", "wrong-resource", "no requests"),
        ("resources: [{group: apps, resources: [pods]}]", "wrong-resource", "group: \"\""),
        ("resources: [{group: \"\", resources: [pods/logs]}]", "wrong-resource", "write `pods/log`"),
        ("resources: [{group: \"\", resources: [\"*/*\"]}]", "wrong-resource", "write `*`"),
        ("resources: [{group: \"\", resources: [\"pod*\"]}]", "no-wildcard", "name each resource"),
        (
            "resources: [{group: \"\", resources: [pods], resourceNames: [\"web-*\"]}]",
            "no-wildcard",
            "resourceNames",
        ),
        (
            "namespaces: [a], resources: [{group: \"\", resources: [nodes]}]",
            "no-namespace",
            "without `namespaces`",
        ),
        (
            "verbs: [delete], resources: [{group: \"\", resources: [pods/log]}]",
            "unserved-verb",
            "take the verb out",
        ),
        (
            "verbs: [list], resources: [{group: authentication.k8s.io, resources: [tokenreviews]}]",
            "unserved-verb",
            "take",
        ),
        (
            "verbs: [create], resources: [{group: \"\", resources: [pods], resourceNames: [a]}]",
            "nameless",
            "without `resourceNames`",
        ),
    ] {
        let rules = format!("- {{level: Metadata, {rule}}}\n");
        assert_eq!(said(&rules), [(6, code)], "{rule}");
        assert!(fix(&rules, code).contains(meant), "{rule}: {}", fix(&rules, code));
    }
}

#[test]
fn words_that_requests_have_are_not_remarked_upon() {
    for rule in [
        "users: [system:anonymous, system:apiserver, \"system:serviceaccount:a:b\", \"system:node:n\"]",
        "userGroups: [system:serviceaccounts, \"system:serviceaccounts:a\", system:unauthenticated, \"oidc:dev\"]",
        "verbs: [get, list, watch, create, update, patch, delete, deletecollection, proxy]",
        "verbs: [get, post, head, options], nonResourceURLs: [\"/api*\"]",
        "resources: [{group: example.com, resources: [anything, anything/at-all]}]",
        "resources: [{group: \"\", resources: [pods, \"pods/*\", \"*/status\", \"*\", pods/exec]}]",
        "resources: [{group: resource.k8s.io, resources: [devicetaintrules, devicetaintrules/status]}]",
        "resources: [{group: \"*\", resources: [deployments]}]",
        "namespaces: [kube-system], resources: [{group: \"\", resources: [namespaces]}]",
        "namespaces: [\"\"], resources: [{group: \"\", resources: [nodes]}]",
        "verbs: [create, get], resources: [{group: \"\", resources: [pods/exec]}]",
    ] {
        assert_eq!(said(&format!("- {{level: Metadata, {rule}}}\n")), [], "{rule}");
    }
}

#[test]
fn a_policy_without_a_rule_for_the_rest_says_what_is_not_logged() {
    let what = |rules: &str| {
        all(rules).into_iter().find(|remark| remark.code == "no-rule-for-the-rest").map(|remark| remark.what)
    };
    assert_eq!(what("- {level: Metadata}\n"), None);
    assert_eq!(what("- {level: Metadata, users: [a]}\n- {level: None}\n"), None);
    assert_eq!(
        what(
            "- {level: Metadata, nonResourceURLs: [\"*\"]}\n- {level: Metadata, resources: [{group: \"*\"}]}\n"
        ),
        None
    );
    insta::assert_snapshot!(what("- {level: Metadata, resources: [{group: \"\"}, {group: apps}]}\n").unwrap(), @"a request that no rule fits is not logged: reading 46 of 68 kinds of Kubernetes' own, such as mutatingadmissionpolicies, mutatingadmissionpolicybindings, mutatingwebhookconfigurations; custom resources; paths such as /version and /healthz");
    insta::assert_snapshot!(what("- {level: Metadata, userGroups: [system:authenticated]}\n").unwrap(), @"a request that no rule fits is not logged: 401s");
}

#[test]
fn a_stage_that_some_requests_have_alone_must_not_be_left_out() {
    for (rules, expected) in [
        ("- {level: Metadata, omitStages: [ResponseStarted]}\n", vec![(6, "omitted-stage")]),
        ("- {level: Metadata, omitStages: [ResponseComplete]}\n", vec![(6, "omitted-stage")]),
        ("- {level: None, omitStages: [ResponseStarted, ResponseComplete]}\n", vec![]),
        ("- {level: Metadata, users: [a], verbs: [delete], omitStages: [ResponseStarted]}\n", vec![]),
        (
            "- {level: Metadata, users: [a], verbs: [watch], omitStages: [ResponseStarted]}\n",
            vec![(6, "omitted-stage")],
        ),
        (
            "- {level: Metadata, users: [a], verbs: [get], resources: [{group: \"\", resources: [pods]}], omitStages: [ResponseStarted]}\n",
            vec![],
        ),
        (
            "- {level: Metadata, users: [a], verbs: [get], resources: [{group: \"\", resources: [pods/log]}], omitStages: [ResponseStarted]}\n",
            vec![(6, "omitted-stage")],
        ),
    ] {
        assert_eq!(said(rules), expected, "{rules}");
    }
}

#[test]
fn what_nobody_needs_is_waste() {
    let text = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- {level: Metadata, resources: [{group: \"\", resources: [secrets, configmaps]}]}\n- {level: RequestResponse, resources: [{group: \"\", resources: [pods]}]}\n- {level: Metadata}\n";
    let (_, remarks) = lint("policy.yaml", text);
    let codes: Vec<(usize, &str)> = remarks.iter().map(|remark| (remark.line, remark.code)).collect();
    assert_eq!(codes, [(0, "request-received"), (5, "answers-of-reads"), (5, "managed-fields")]);
    let configmaps = all("- {level: Request, resources: [{group: \"\", resources: [configmaps]}]}\n");
    assert!(
        configmaps.iter().any(|r| r.code == "maybe-credentials" && r.weight == Weight::Waste),
        "{configmaps:?}"
    );
}

#[test]
fn a_broken_policy_has_all_that_breaks_it_and_nothing_else() {
    let text = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- {level: Everything}\n- {level: Request, nonResourceURLs: [healthz], namespaces: [1]}\n";
    let (policy, remarks) = lint("policy.yaml", text);
    assert_eq!(policy, None);
    let codes: Vec<(usize, &str)> = remarks.iter().map(|remark| (remark.line, remark.code)).collect();
    assert_eq!(codes, [(4, "wrong-level"), (5, "wrong-type"), (5, "wrong-url")]);
}

fn some(words: &'static [&'static str], most: usize) -> impl Strategy<Value = Vec<String>> {
    vec(select(words), 0..most).prop_map(|words| words.into_iter().map(str::to_owned).collect())
}

const USERS: &[&str] = &["a", "b", "system:anonymous"];
const GROUPS: &[&str] = &["g", "h", "system:authenticated"];
const VERBS: &[&str] = &["get", "list"];
const RESOURCES: &[&str] = &["pods", "pods/log", "pods/*", "*/log", "*", "secrets"];
const NAMESPACES: &[&str] = &["", "x", "y"];
const NAMES: &[&str] = &["n", "m"];
const URLS: &[&str] = &["/a", "/a*", "*", "/b"];

fn rule() -> impl Strategy<Value = Rule> {
    let group = select(&["", "apps", "*"][..]);
    let resources = (group, some(RESOURCES, 3), some(NAMES, 2)).prop_map(|(group, resources, names)| {
        let names = if resources.is_empty() { Vec::new() } else { names };
        Resources { group: group.to_owned(), resources, names }
    });
    let what = (any::<bool>(), vec(resources, 0..3), some(NAMESPACES, 3), some(URLS, 3));
    (some(USERS, 3), some(GROUPS, 3), some(VERBS, 3), what).prop_map(
        |(users, groups, verbs, (paths, resources, namespaces, urls))| {
            let rule = Rule { users, groups, verbs, ..Rule::new(Level::Metadata) };
            if paths { Rule { urls, ..rule } } else { Rule { resources, namespaces, ..rule } }
        },
    )
}

/// Every request that the words above can tell apart.
fn requests() -> Vec<Attributes<'static>> {
    let users: &[Option<(&str, &[&str])>] = &[
        None,
        Some(("system:anonymous", &["system:unauthenticated"])),
        Some(("a", &["system:authenticated"])),
        Some(("b", &["g", "system:authenticated"])),
        Some(("a", &["g", "h", "system:authenticated"])),
        Some(("other", &["h", "system:authenticated"])),
    ];
    let mut targets: Vec<Target<'static>> = ["/a", "/ab", "/b", "/c"].into_iter().map(Target::Url).collect();
    for group in ["", "apps", "example.com"] {
        for (resource, subresource) in
            [("pods", ""), ("pods", "log"), ("pods", "exec"), ("secrets", ""), ("jobs", "log")]
        {
            for namespace in ["", "x", "y", "z"] {
                for name in ["", "n", "m", "o"] {
                    targets.push(Target::Resource { group, resource, subresource, namespace, name });
                }
            }
        }
    }
    let mut requests = Vec::new();
    for user in users {
        for verb in ["get", "list", "put"] {
            requests.extend(targets.iter().map(|target| Attributes { user: *user, verb, target: *target }));
        }
    }
    requests
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn no_request_is_decided_by_a_rule_that_is_called_dead(rules in vec(rule(), 2..7)) {
        let rules = rules.into_iter().enumerate().map(|(at, rule)| Rule { line: at + 1, ..rule }).collect();
        let policy = Policy { rules, ..Policy::default() };
        let remarks = lint::structure(&policy);
        let dead: Vec<usize> = remarks.iter().filter(|r| r.code == "dead-rule").map(|r| r.line - 1).collect();
        if !dead.is_empty() {
            for request in requests() {
                let rule = policy.decide(&request).rule;
                prop_assert!(rule.is_none_or(|rule| !dead.contains(&rule)), "{:?} {:?}\n{}", rule, request, policy.yaml());
            }
        }
    }
}

#[test]
fn a_policy_of_thousands_of_rules_is_looked_at_within_its_budget() {
    let mut rules = String::new();
    for at in 0..2000 {
        rules.push_str(&format!("- {{level: RequestResponse, users: [u{}, u{at}], verbs: [get, list], resources: [{{group: \"\", resources: [pods, secrets]}}]}}\n", at % 7));
    }
    rules.push_str(
        "- {level: Metadata, users: [u3], verbs: [get], resources: [{group: \"\", resources: [pods]}]}\n",
    );
    let dead: Vec<usize> = all(&rules).iter().filter(|r| r.code == "dead-rule").map(|r| r.line).collect();
    assert_eq!(dead, [2006]);
}
