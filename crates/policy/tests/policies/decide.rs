//! Which rule decides.

use sundew_policy::{Attributes, Decision, Level, Policy, Stage, Target, read};

fn policy(rules: &str) -> Policy {
    let text = format!("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n{rules}");
    read("policy.yaml", &text).unwrap().policy
}

fn object<'a>(group: &'a str, resource: &'a str, namespace: &'a str, name: &'a str) -> Target<'a> {
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    Target::Resource { group, resource, subresource, namespace, name }
}

const ALICE: Option<(&str, &[&str])> = Some(("alice", &["dev", "system:authenticated"]));

/// The level for alice, who gets something.
fn level(rules: &str, target: Target<'_>) -> Level {
    policy(rules).decide(&Attributes { user: ALICE, verb: "get", target }).level
}

#[test]
fn the_first_rule_that_fits_decides_and_a_request_that_none_fits_is_not_logged() {
    let policy = policy("- level: Request\n  verbs: [get]\n- level: Metadata\n  verbs: [get, list]\n");
    let decide = |verb| policy.decide(&Attributes { user: ALICE, verb, target: Target::Url("/") });
    assert_eq!((decide("get").rule, decide("get").level), (Some(0), Level::Request));
    assert_eq!((decide("list").rule, decide("list").level), (Some(1), Level::Metadata));
    assert_eq!(decide("put"), Decision { level: Level::None, rule: None, omit_managed_fields: false });
}

#[test]
fn resources_are_matched_with_their_subresources_as_the_checker_does() {
    let cases: [(&str, &str, bool); 18] = [
        ("pods", "pods", true),
        ("pods", "pods/log", false),
        ("pods/log", "pods/log", true),
        ("pods/log", "pods", false),
        ("pods/*", "pods/log", true),
        // Contrary to what types.go says.
        ("pods/*", "pods", true),
        ("pods/*", "podtemplates", false),
        ("*", "pods", true),
        ("*", "pods/log", true),
        ("*/log", "pods/log", true),
        ("*/log", "pods", false),
        ("*/*", "pods", false),
        ("*/*", "pods/log", false),
        ("pods/", "pods", false),
        ("pod*", "pods", false),
        ("Pods", "pods", false),
        ("", "pods", false),
        ("*/", "pods", false),
    ];
    for (pattern, resource, fits) in cases {
        let rules =
            format!("- level: Metadata\n  resources: [{{group: \"\", resources: [\"{pattern}\"]}}]\n");
        let expected = if fits { Level::Metadata } else { Level::None };
        assert_eq!(level(&rules, object("", resource, "a", "x")), expected, "{pattern} {resource}");
        assert_eq!(level(&rules, object("apps", resource, "a", "x")), Level::None, "{pattern} {resource}");
    }
}

#[test]
fn groups_of_resources_have_one_wildcard_that_stands_for_every_group() {
    let rules = "- level: Metadata\n  resources: [{group: \"*\", resources: [scale, \"*/scale\"]}]\n";
    assert_eq!(level(rules, object("apps", "deployments/scale", "a", "x")), Level::Metadata);
    assert_eq!(level(rules, object("apps", "deployments", "a", "x")), Level::None);
    assert_eq!(
        level("- level: Metadata\n  resources: [{group: apps}]\n", object("", "pods", "a", "x")),
        Level::None
    );
    assert_eq!(
        level("- level: Metadata\n  resources: [{}]\n", object("", "pods/log", "a", "x")),
        Level::Metadata
    );
}

#[test]
fn names_are_those_of_the_request_so_a_list_has_none() {
    let rules =
        "- level: Metadata\n  resources: [{group: \"\", resources: [secrets], resourceNames: [one, two]}]\n";
    assert_eq!(level(rules, object("", "secrets", "a", "two")), Level::Metadata);
    assert_eq!(level(rules, object("", "secrets", "a", "")), Level::None);
}

#[test]
fn namespaces_are_for_objects_alone_and_the_empty_one_is_that_of_the_cluster() {
    let rules = "- level: Metadata\n  namespaces: [\"\", a]\n";
    assert_eq!(level(rules, object("", "nodes", "", "x")), Level::Metadata);
    assert_eq!(level(rules, object("", "pods", "a", "x")), Level::Metadata);
    assert_eq!(level(rules, object("", "pods", "b", "x")), Level::None);
    assert_eq!(level(rules, Target::Url("/version")), Level::None);
}

#[test]
fn paths_are_matched_whole_or_by_a_prefix_with_a_star() {
    for (pattern, path, fits) in [
        ("/healthz", "/healthz", true),
        ("/healthz", "/healthz/ping", false),
        ("/healthz*", "/healthz", true),
        ("/healthz*", "/healthz/ping", true),
        ("/healthz/*", "/healthz", false),
        ("*", "/anything", true),
        ("/", "/version", false),
    ] {
        let rules = format!("- level: Metadata\n  nonResourceURLs: [\"{pattern}\"]\n");
        let expected = if fits { Level::Metadata } else { Level::None };
        assert_eq!(level(&rules, Target::Url(path)), expected, "{pattern} {path}");
        assert_eq!(level(&rules, object("", "pods", "a", "x")), Level::None, "{pattern}");
    }
}

#[test]
fn a_request_of_nobody_fits_no_rule_for_users_or_groups() {
    let policy = policy(
        "- level: Request\n  userGroups: [system:unauthenticated, system:authenticated]\n- level: None\n  users: [\"\"]\n- level: Metadata\n",
    );
    let nobody = Attributes { user: None, verb: "get", target: Target::Url("/api") };
    assert_eq!(policy.decide(&nobody).rule, Some(2));
    assert_eq!(policy.decide(&Attributes { user: ALICE, ..nobody }).rule, Some(0));
}

#[test]
fn wildcards_for_users_groups_verbs_and_namespaces_are_words_like_any_other() {
    for rule in ["users: [\"*\"]", "userGroups: [\"*\"]", "verbs: [\"*\"]", "namespaces: [\"*\"]"] {
        assert_eq!(
            level(&format!("- level: Metadata\n  {rule}\n"), object("", "pods", "a", "x")),
            Level::None,
            "{rule}"
        );
    }
}

#[test]
fn stages_are_left_out_by_the_policy_and_by_the_rule() {
    let mut policy = policy("- level: Metadata\n  omitStages: [Panic]\n- level: Metadata\n");
    policy.omit_stages = vec![Stage::RequestReceived];
    let logged = |rule| Stage::ALL.map(|stage| policy.logs_at(rule, stage));
    assert_eq!(logged(Some(0)), [false, true, true, false]);
    assert_eq!(logged(Some(1)), [false, true, true, true]);
    assert_eq!(logged(None), [false, true, true, true]);
}

#[test]
fn managed_fields_are_as_the_rule_says_or_else_the_policy() {
    let mut policy = policy(
        "- level: Request\n  verbs: [a]\n  omitManagedFields: true\n- level: Request\n  verbs: [b]\n  omitManagedFields: false\n- level: Request\n",
    );
    let omits = |policy: &Policy, verb| {
        policy.decide(&Attributes { user: ALICE, verb, target: Target::Url("/") }).omit_managed_fields
    };
    assert_eq!(["a", "b", "c"].map(|verb| omits(&policy, verb)), [true, false, false]);
    policy.omit_managed_fields = true;
    assert_eq!(["a", "b", "c"].map(|verb| omits(&policy, verb)), [true, false, true]);
}

/// What a policy looked at, of an event with these fields.
fn seen(fields: &str) -> String {
    let json = format!(
        r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"a","stage":"ResponseComplete",{fields}}}"#
    );
    let event = sundew_audit::parse::event(&json).unwrap();
    Attributes::of(&event, |request| format!("{request:?}"))
}

#[test]
fn the_attributes_of_an_event_are_those_of_its_request() {
    // Who acts as somebody else is still themselves.
    let said = seen(
        r#""verb":"get","requestURI":"/apis/apps/v1/namespaces/a/deployments/d/scale","user":{"username":"alice","groups":["dev"]},"impersonatedUser":{"username":"bob"},"objectRef":{"resource":"deployments","namespace":"a","name":"d","apiGroup":"apps","apiVersion":"v1","subresource":"scale"}"#,
    );
    insta::assert_snapshot!(said, @r#"Attributes { user: Some(("alice", ["dev"])), verb: "get", target: Resource { group: "apps", resource: "deployments", subresource: "scale", namespace: "a", name: "d" } }"#);
    // A 401 has nobody, and a path has no query and no escapes.
    let said = seen(r#""verb":"get","requestURI":"/healthz/a%20b?verbose=1%2F","user":{}"#);
    insta::assert_snapshot!(said, @r#"Attributes { user: None, verb: "get", target: Url("/healthz/a b") }"#);
}

#[test]
fn the_name_of_what_is_made_was_in_the_body_unless_the_path_has_it() {
    let name = |uri: &str, verb: &str, sub: &str| {
        let said = seen(&format!(
            r#""verb":"{verb}","requestURI":"{uri}","user":{{"username":"a"}},"objectRef":{{"resource":"pods","namespace":"pods","name":"pods","apiVersion":"v1","subresource":"{sub}"}}"#
        ));
        (said.contains(r#"namespace: "pods""#), said.contains(r#"name: "pods""#))
    };
    assert_eq!(name("/api/v1/namespaces/pods/pods", "create", ""), (true, false));
    assert_eq!(name("/api/v1/namespaces/pods/pods?dryRun=All", "create", ""), (true, false));
    assert_eq!(name("/api/v1/namespaces/pods/pods/pods", "create", ""), (true, true));
    assert_eq!(name("/api/v1/namespaces/pods/pods/pods/binding", "create", "binding"), (true, true));
    assert_eq!(name("/api/v1/namespaces/pods/pods/pods", "update", ""), (true, true));
    // An object of no namespace whose body names one all the same.
    assert_eq!(name("/apis/x/v1/pods", "create", ""), (false, false));
    assert_eq!(name("", "create", ""), (false, false));
}
