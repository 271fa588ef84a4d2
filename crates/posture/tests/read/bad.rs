//! Objects that are odd: what is told of them, and that the others are kept.

use std::fmt::Write as _;

use sundew_posture::{Reader, rbac::Rbac, read::Assume};

use super::{names, notices, read};

fn role(kind: &str, name: &str, rest: &str) -> String {
    let of = if kind == "Role" { "\n  namespace: x" } else { "" };
    format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}\nmetadata:\n  name: {name}{of}\n{rest}\n---\n"
    )
}

#[test]
fn a_role_without_rules_is_a_role_that_grants_nothing() {
    let text =
        [role("Role", "a", "rules: null"), role("Role", "b", ""), role("ClusterRole", "c", "rules: []")]
            .concat();
    let cluster = read("a.yaml", text);
    assert_eq!(names(&cluster), ["Role x/a", "Role x/b", "ClusterRole c"]);
    assert!(cluster.roles.iter().all(|role| role.rules.is_empty()) && cluster.notices.is_empty());
}

#[test]
fn a_role_whose_rules_are_of_a_wrong_type_is_left_out_and_named() {
    let good = "rules: [{verbs: [get]}]";
    let rules = [
        ("rules: everything", "`rules`: invalid type: a string, expected a sequence"),
        ("rules: [everything]", "`rules`: invalid type: a string, expected struct Rule"),
        ("rules: [{verbs: get}]", "`rules`: invalid type: a string, expected a sequence"),
        ("rules: {verbs: [get]}", "`rules`: invalid type: map, expected a sequence"),
        ("rules: [{verbs: [[get]]}]", "`rules`: invalid type: sequence, expected a string"),
    ];
    for (bad, why) in rules {
        let text = [role("Role", "a", good), role("ClusterRole", "b", bad), role("Role", "c", good)].concat();
        let cluster = read("a.yaml", &text);
        assert_eq!(names(&cluster), ["Role x/a", "Role x/c"], "{bad}");
        let what = format!("a.yaml:11 ClusterRole b is left out, and not taken as safe: {why}");
        assert_eq!(notices(&cluster), [what], "{bad}");
    }
    let json = r#"{"kind":"RoleList","items":[{"metadata":{"name":"a","namespace":"x"}},
        {"metadata":{"name":"b","namespace":"x"},"rules":{"verbs":["get"]}},
        {"metadata":{"name":7}},{"metadata":{"name":"c","namespace":"x"}}]}"#;
    let cluster = read("a.json", json);
    assert_eq!(names(&cluster), ["Role x/a", "Role x/c"]);
    let left_out = "is left out, and not taken as safe:";
    assert_eq!(
        notices(&cluster),
        [
            format!("a.json:2 Role x/b {left_out} `rules`: invalid type: map, expected a sequence"),
            format!("a.json:3 Role {left_out} `metadata`: invalid type: integer `7`, expected a string"),
        ]
    );
}

#[test]
fn a_binding_to_a_role_that_does_not_exist_is_kept_and_grants_nothing() {
    let text = "kind: RoleBinding\nmetadata: {name: a, namespace: x}\nroleRef: {kind: Role, name: gone}\n\
        subjects: [{kind: User, name: ann}]\n";
    let cluster = read("a", text);
    assert_eq!(names(&cluster), ["RoleBinding x/a"]);
    assert_eq!(Rbac::new(&cluster).role_of(0), None);
    assert!(cluster.notices.is_empty());
}

#[test]
fn a_binding_to_no_kind_of_role_and_subjects_of_no_kind_are_told_of() {
    let text = "kind: ClusterRoleBinding\nmetadata: {name: a}\nroleRef: {kind: Robot, name: r}\nsubjects:\n\
        - {kind: Robot, name: r}\n- {kind: User, name: ann}\n- {name: bob}\n";
    assert_eq!(
        notices(&read("a.yaml", text)),
        [
            "a.yaml:2 ClusterRoleBinding a has 2 subjects of a kind that RBAC does not know",
            "a.yaml:2 ClusterRoleBinding a names no Role and no ClusterRole but a `Robot`; it grants nothing",
        ]
    );
}

#[test]
fn an_unknown_version_is_read_as_the_known_one_and_told_of_once() {
    let text = [role("Role", "a", ""), role("Role", "b", "")].concat().replace("/v1\n", "/v2beta3\n");
    let cluster = read("a.yaml", text);
    assert_eq!(names(&cluster), ["Role x/a", "Role x/b"]);
    let what = "apiVersion `rbac.authorization.k8s.io/v2beta3` of Role is unknown; it is read as the version that is known";
    let told: Vec<_> = cluster.notices.iter().map(|notice| &notice.what).collect();
    assert_eq!(told, [what]);
}

#[test]
fn somebody_elses_kind_of_the_same_name_never_stands_for_one_of_kubernetes() {
    let own = role("Role", "a", "rules: [{verbs: ['*'], apiGroups: ['*'], resources: ['*']}]");
    let cloud = "apiVersion: iam.example.org/v1\nkind: Role\nmetadata: {name: a, namespace: x}\n";
    for text in [format!("{own}{cloud}"), format!("{cloud}---\n{own}")] {
        let cluster = read("a.yaml", text);
        assert_eq!((names(&cluster), cluster.roles[0].rules.len()), (vec!["Role x/a".to_owned()], 1));
        let told: Vec<_> = cluster.notices.iter().map(|notice| &notice.what).collect();
        assert_eq!(told, ["Role of `iam.example.org/v1` is another kind of the same name; it is left out"]);
    }
    assert!(read("a.yaml", cloud).lacks("roles"));
}

#[test]
fn an_object_described_twice_counts_once() {
    let (first, other) = (role("Role", "a", "rules: []"), role("Role", "a", "rules: [{verbs: [get]}]"));
    let mut reader = Reader::new();
    for (file, text) in [("one.yaml", format!("{first}{first}")), ("two.yaml", first.clone())] {
        reader.add(file, text.as_bytes(), &Assume::default()).unwrap();
    }
    assert_eq!(reader.twice(), 2);
    reader.add("three.yaml", other.as_bytes(), &Assume::default()).unwrap();
    assert_eq!(reader.twice(), 2);
    let cluster = reader.finish();
    assert_eq!((cluster.roles.len(), cluster.roles[0].rules.len()), (1, 1));
    assert_eq!(cluster.place(cluster.roles[0].meta.place), "three.yaml:4");
    assert_eq!(
        notices(&cluster),
        ["three.yaml:4 Role x/a is described twice and differently; this one counts"]
    );

    // A ClusterRole and a Role of another namespace are others.
    let others = [first, role("ClusterRole", "a", ""), role("Role", "a", "").replace(": x", ": y")].concat();
    assert_eq!(read("a", others).roles.len(), 3);
}

#[test]
fn a_clusters_own_object_described_twice_is_named_without_a_namespace() {
    let text = [role("ClusterRole", "a", ""), role("ClusterRole", "a", "rules: [{verbs: [get]}]")].concat();
    assert_eq!(
        notices(&read("a.yaml", text)),
        ["a.yaml:10 ClusterRole a is described twice and differently; this one counts"]
    );
}

#[test]
fn aggregated_roles_in_a_circle_end_and_are_told_of() {
    let joined = |name: &str, own: &str, of: &str| {
        let rest = format!(
            "  labels: {{is: {name}}}\nrules: [{{verbs: [{own}]}}]\naggregationRule:\n  clusterRoleSelectors:\n  \
             - matchLabels: {{is: {of}}}"
        );
        role("ClusterRole", name, &rest)
    };
    let cluster = read(
        "a.yaml",
        [joined("a", "get", "b"), joined("b", "list", "a"), joined("c", "watch", "c")].concat(),
    );
    let verbs: Vec<Vec<_>> =
        cluster.roles.iter().map(|r| r.rules.iter().map(|rule| &*rule.verbs[0]).collect()).collect();
    assert_eq!(verbs, [vec!["get", "list"], vec!["list", "get"], vec!["watch"]]);
    let what = "chooses itself through other aggregated roles; it has the rules of all";
    assert_eq!(
        notices(&cluster),
        [format!("a.yaml:4 ClusterRole a {what}"), format!("a.yaml:14 ClusterRole b {what}")]
    );
}

#[test]
fn an_object_without_a_name_is_left_out() {
    let text = "kind: Role\nmetadata: {namespace: x}\n---\nkind: Role\n---\nkind: Role\nmetadata: {name: ''}\n---\n\
        kind: Role\nmetadata: {name: a}\n";
    let cluster = read("a.yaml", text);
    assert_eq!(names(&cluster), ["Role default/a"]);
    assert_eq!(
        notices(&cluster),
        [
            "a.yaml:2 a Role without a name is left out",
            "a.yaml a Role without a name is left out",
            "a.yaml a Role without a name is left out",
        ]
    );
}

#[test]
fn a_workload_that_describes_no_pod_is_told_of() {
    let text = "kind: Deployment\nmetadata: {name: a, namespace: x}\nspec: {replicas: 1}\n";
    let cluster = read("a.yaml", text);
    assert!(cluster.workloads.is_empty());
    assert_eq!(notices(&cluster), ["a.yaml:2 Deployment x/a describes no pod"]);
}

#[test]
fn values_of_secrets_are_never_kept_nor_told() {
    let secret = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: a\n  namespace: x\n  annotations:\n    \
        kubectl.kubernetes.io/last-applied-configuration: '{\"data\":{\"k\":\"hushhush\"}}'\n    note: hushhush\n  \
        labels: {a: hushhush}\ndata: {k: hushhush}\nstringData: {k: hushhush}\ntype: Opaque\n";
    let map = "kind: ConfigMap\nmetadata: {name: m}\ndata: {k: hushhush}\n";
    let pod = "kind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - name: c\n    args: [hushhush]\n    env:\n    \
        - {name: A, value: hushhush}\n";
    // Written as other tools have it, so that the text stands where a map is expected.
    let wrong = "kind: Pod\nmetadata: {name: q}\nspec:\n  containers:\n  - name: c\n    env: [A=hushhush]\n";
    let late = "data: {k: hushhush}\nstringData: {k: hushhush}\nmetadata: {name: b}\nspec: {k: hushhush}\nkind: Secret\n";
    let as_text = "kind: Secret\nmetadata: {name: d}\ndata: hushhush\n";
    let values = [secret, map, pod, wrong, late, as_text];
    let as_json: Vec<String> = values
        .iter()
        .map(|text| serde_saphyr::from_str::<serde_json::Value>(text).unwrap().to_string())
        .collect();
    for text in [values.join("---\n"), as_json.join("\n"), format!("[{}]", as_json.join(","))] {
        let cluster = read("a", text);
        assert_eq!((cluster.secrets.len(), cluster.workloads.len()), (3, 1));
        let shown = format!("{cluster:?}");
        assert!(!shown.contains("hush"), "{shown}");
        let [told] = &cluster.notices[..] else { panic!("{:?}", cluster.notices) };
        let why = "`spec`: invalid type: a string, expected struct Env";
        assert_eq!(told.what, format!("Pod q is left out, and not taken as safe: {why}"));
    }
}

#[test]
fn five_megabytes_of_a_list_are_read() {
    let mut text = "apiVersion: v1\nkind: List\nitems:\n".to_owned();
    let mut number = 0;
    while text.len() < 5 << 20 {
        let rules = "  rules:\n  - apiGroups: ['']\n    resources: [pods, secrets, configmaps]\n    verbs: [get, list]\n";
        write!(text, "- kind: Role\n  metadata:\n    name: r{number}\n    namespace: x\n{rules}").unwrap();
        number += 1;
    }
    let cluster = read("a", &text);
    assert_eq!(cluster.roles.len(), number);
    assert!(cluster.notices.is_empty());
    assert_eq!(cluster.roles[number - 1].meta.place.line as usize, text.lines().count() - 5);
}

#[test]
fn many_documents_of_which_each_is_wrong_are_each_told_of() {
    let cluster = read("a", "kind: Role\nmetadata: {name: a}\nrules: 1\n---\n".repeat(3_000));
    assert_eq!(cluster.notices.len(), 3_000);
    assert_eq!(cluster.notices[2_999].place.line, 4 * 2_999 + 2);
}
