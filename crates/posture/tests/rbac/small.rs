//! Single answers where a mistake would be easy.

use serde_json::{Value, json};
use sundew_posture::{
    Reader,
    model::{Cluster, Subject},
    rbac::{Identity, Rbac, Request, Target, resource_matches, url_matches},
    read::Assume,
};

fn read(items: &Value) -> Cluster {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
    let mut reader = Reader::new();
    reader.add("list.json", list.to_string().as_bytes(), &Assume::default()).unwrap();
    reader.finish()
}

fn everything_to(subjects: &Value) -> Cluster {
    read(&json!([
        {"kind": "ClusterRole", "metadata": {"name": "all"}, "rules": [
            {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]},
        {"kind": "ClusterRoleBinding", "metadata": {"name": "all"},
            "roleRef": {"kind": "ClusterRole", "name": "all"}, "subjects": subjects},
    ]))
}

#[test]
fn resources_match_as_the_api_server_matches_them() {
    let table = [
        ("*", "pods", "", true),
        ("*", "pods", "exec", true),
        ("pods", "pods", "", true),
        ("pods", "pods", "exec", false),
        ("pods/exec", "pods", "exec", true),
        ("pods/exec", "pods", "", false),
        ("pods/*", "pods", "exec", false),
        ("pods/*", "pods", "*", true),
        ("*/exec", "pods", "exec", true),
        ("*/exec", "pods", "", false),
        ("*/*", "pods", "exec", false),
        ("*/", "pods", "", false),
        ("", "pods", "", false),
        ("services/proxy/a", "services", "proxy/a", true),
        ("*/proxy/a", "services", "proxy/a", true),
        ("*/a", "services", "proxy/a", false),
        // A question may hold the slash itself.
        ("pods/exec", "pods/exec", "", true),
        ("a/b/c", "a/b", "c", true),
        ("a/b/c", "a", "b/c", true),
    ];
    for (rule, resource, subresource, expected) in table {
        let answer = resource_matches(rule, resource, subresource);
        assert_eq!(answer, expected, "{rule} for {resource} and {subresource}");
    }
}

#[test]
fn only_a_star_at_the_end_of_a_path_means_more() {
    assert!(url_matches("/metrics*", "/metrics/a") && url_matches("/metrics**", "/metricsx"));
    assert!(url_matches("*", "/") && url_matches("*", ""));
    assert!(!url_matches("/a/*/b", "/a/z/b") && url_matches("/a/*/b", "/a/*/b"));
    assert!(!url_matches("/metrics", "/metrics/") && !url_matches("/metrics/*", "/metrics"));
}

#[test]
fn an_account_with_no_namespace_in_a_cluster_role_binding_is_nobody() {
    let cluster = everything_to(&json!([{"kind": "ServiceAccount", "name": "a"}]));
    let rbac = Rbac::new(&cluster);
    let request = Request::new("get", "", "pods", "");
    let who = Identity::user("system:serviceaccount::a", &[]);
    assert_eq!(rbac.can(&who, &request), None);
    assert_eq!(rbac.who_can(&request), []);
}

#[test]
fn a_subject_listed_twice_is_told_of_once() {
    let ann = json!({"kind": "User", "name": "ann"});
    let cluster = everything_to(&json!([ann, {"kind": "User", "name": "bob"}, ann]));
    let rbac = Rbac::new(&cluster);
    let request = Request::new("get", "", "pods", "");
    let who_can = rbac.who_can(&request);
    let counts: Vec<_> = who_can.iter().map(|(subject, why)| (subject.to_string(), why.len())).collect();
    assert_eq!(counts, [("User ann".to_owned(), 1), ("User bob".to_owned(), 1)]);
    assert_eq!(rbac.why(&Identity::user("ann", &["dev", "dev"]), &request).len(), 1);
}

#[test]
fn a_group_given_twice_is_told_of_once() {
    let cluster = everything_to(&json!([{"kind": "Group", "name": "dev"}]));
    let rbac = Rbac::new(&cluster);
    let who = Identity::user("ann", &["dev", "dev"]);
    assert_eq!(rbac.why(&who, &Request::new("get", "", "pods", "")).len(), 1);
}

#[test]
fn a_role_of_a_kind_that_does_not_exist_grants_nothing() {
    let rules = json!([{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]);
    let binding = |name: &str, role: Value| {
        json!({"kind": "RoleBinding", "metadata": {"name": name, "namespace": "x"}, "roleRef": role,
            "subjects": [{"kind": "User", "name": name}]})
    };
    let cluster = read(&json!([
        {"kind": "Role", "metadata": {"name": "all", "namespace": "x"}, "rules": rules},
        binding("ann", json!({"kind": "Role", "name": "all"})),
        binding("bob", json!({"kind": "role", "name": "all"})),
        binding("cat", json!({"name": "all"})),
        binding("dan", Value::Null),
    ]));
    let rbac = Rbac::new(&cluster);
    let request = Request::new("get", "", "pods", "x");
    let may =
        ["ann", "bob", "cat", "dan"].map(|name| rbac.can(&Identity::user(name, &[]), &request).is_some());
    assert_eq!(may, [true, false, false, false]);
}

#[test]
fn whoever_has_no_credential_is_never_authenticated_whatever_groups_they_are_given() {
    let of_everyone = everything_to(&json!([{"kind": "Group", "name": "system:authenticated"}]));
    let rbac = Rbac::new(&of_everyone);
    let request = Request { verb: "get", target: Target::Url("/") };
    let pods = Request::new("get", "", "pods", "x");
    assert_eq!(rbac.can(&Identity::user("ann", &[]), &request), None, "the role lists no paths");
    assert!(rbac.can(&Identity::user("ann", &[]), &pods).is_some());
    assert_eq!(rbac.can(&Identity::user("system:anonymous", &[]), &pods), None);
    assert_eq!(rbac.can(&Identity::user("system:anonymous", &["dev"]), &pods), None);
    assert_eq!(rbac.can(&Identity::of(&Subject::Group("system:unauthenticated".into())), &pods), None);
}
