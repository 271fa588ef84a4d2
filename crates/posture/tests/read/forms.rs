//! The forms in which objects come.

use sundew_posture::{
    Reader,
    model::{Secret, Version},
    read::Assume,
};

use super::{names, notices, read, read_as};

const ROLE: &str = "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata:\n  name: reader\n  \
    namespace: shop\nrules:\n- apiGroups: ['']\n  resources: [pods]\n  verbs: [get]\n";
const ROLE_JSON: &str = r#"{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","metadata":
    {"name":"reader","namespace":"shop"},"rules":[{"apiGroups":[""],"resources":["pods"],"verbs":["get"]}]}"#;
const ACCOUNT: &str = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: till, namespace: shop}\n";
const ACCOUNT_JSON: &str =
    r#"{"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"till","namespace":"shop"}}"#;
const BOTH: [&str; 2] = ["Role shop/reader", "ServiceAccount shop/till"];

/// All of these describe the same two objects.
#[test]
fn one_role_and_one_account_are_read_from_every_form() {
    let indented = |text: &str| text.trim_end().replace('\n', "\n  ");
    let forms = [
        ("documents", format!("{ROLE}---\n{ACCOUNT}")),
        ("documents with marks at both ends", format!("---\n{ROLE}---\n{ACCOUNT}---\n")),
        ("documents that end with dots", format!("---\n{ROLE}...\n---\n{ACCOUNT}...\n")),
        ("documents parted by dots alone", format!("{ROLE}...\n{ACCOUNT}")),
        ("a directive", format!("%YAML 1.2\n---\n{ROLE}---\n{ACCOUNT}")),
        ("comments and empty documents", format!("# a\n---\n# b\n---\n\n{ROLE}--- # c\n{ACCOUNT}---\n# d\n")),
        ("a line of dashes in a text", format!("{ROLE}x: |\n  ---\n  a\n---\n{ACCOUNT}")),
        ("Windows line ends", format!("{ROLE}---\n{ACCOUNT}").replace('\n', "\r\n")),
        ("a byte order mark", format!("\u{feff}{ROLE}---\n{ACCOUNT}")),
        (
            "YAML list",
            format!("apiVersion: v1\nitems:\n- {}\n- {}\nkind: List\n", indented(ROLE), indented(ACCOUNT)),
        ),
        ("YAML array", format!("- {}\n- {}\n", indented(ROLE), indented(ACCOUNT))),
        ("JSON list", format!(r#"{{"apiVersion":"v1","kind":"List","items":[{ROLE_JSON},{ACCOUNT_JSON}]}}"#)),
        ("JSON list, kind last", format!(r#"{{"items":[{ROLE_JSON},{ACCOUNT_JSON}],"kind":"List"}}"#)),
        ("JSON array", format!("[{ROLE_JSON},\n{ACCOUNT_JSON}]")),
        ("JSON, one after another", format!("{ROLE_JSON}\n{ACCOUNT_JSON}\n")),
        ("JSON, glued", format!("{ROLE_JSON}{ACCOUNT_JSON}")),
        (
            "JSON with a byte order mark and Windows line ends",
            format!("\u{feff}{ROLE_JSON}\r\n{ACCOUNT_JSON}\r\n"),
        ),
        ("JSON documents between marks", format!("---\n{ROLE_JSON}\n---\n{ACCOUNT_JSON}\n")),
        ("JSON and YAML documents", format!("{ROLE_JSON}\n---\n{ACCOUNT}")),
        ("YAML and JSON documents", format!("{ROLE}---\n{ACCOUNT_JSON}")),
        ("JSON behind a comment", format!("# from a tool\n{ROLE_JSON}\n---\n{ACCOUNT_JSON}")),
        (
            "YAML that begins with a brace",
            format!(
                "{{kind: Role, metadata: {{name: reader, namespace: shop}}, rules: [{{verbs: [get], apiGroups: [''], \
                 resources: [pods]}}]}}\n---\n{ACCOUNT}"
            ),
        ),
        (
            "lists in a list",
            format!(r#"{{"kind":"List","items":[{{"kind":"List","items":[{ROLE_JSON}]}},{ACCOUNT_JSON}]}}"#),
        ),
    ];
    for (form, text) in forms {
        let cluster = read("a", &text);
        assert_eq!(names(&cluster), BOTH, "{form}");
        assert_eq!(cluster.roles[0].rules.len(), 1, "{form}");
        assert!(cluster.notices.is_empty(), "{form}: {:?}", cluster.notices);
    }
}

#[test]
fn items_of_a_list_are_of_the_kind_that_the_list_says_wherever_it_says_it() {
    let item = r#"{"metadata":{"name":"reader","namespace":"shop"},"rules":[{"verbs":["get"]}]}"#;
    let before = format!(r#"{{"kind":"RoleList","items":[{item}]}}"#);
    let behind = format!(r#"{{"items":[{item}],"kind":"RoleList","metadata":{{}}}}"#);
    let null = format!(r#"{{"items":[{}],"kind":"RoleList"}}"#, item.replacen('{', r#"{"kind":null,"#, 1));
    let yaml = "apiVersion: rbac.authorization.k8s.io/v1\nitems:\n- metadata:\n    name: reader\n    \
        namespace: shop\n  rules:\n  - verbs: [get]\nkind: RoleList\n";
    let two = format!("{behind}\n{}", behind.replace("RoleList", "ServiceAccountList"));
    for (text, expected) in [
        (&*before, &BOTH[..1]),
        (&*behind, &BOTH[..1]),
        (&*null, &BOTH[..1]),
        (yaml, &BOTH[..1]),
        (&*two, &["Role shop/reader", "ServiceAccount shop/reader"]),
    ] {
        let cluster = read("a", text);
        assert_eq!(names(&cluster), expected, "{text}");
        assert_eq!(cluster.roles[0].rules[0].verbs[0], "get".into(), "{text}");
        assert!(!cluster.lacks("roles") && cluster.lacks("clusterroles"), "{text}");
    }
}

#[test]
fn an_empty_list_says_that_there_are_none() {
    for text in [
        r#"{"kind":"RoleList","items":[]}"#,
        r#"{"kind":"RoleList","items":null}"#,
        r#"{"items":[],"kind":"RoleList"}"#,
        "items: []\nkind: RoleList\n",
        // Also beside something that cannot be read.
        r#"{"kind":"RoleList","items":[]}{"kind":"ClusterRole","metadata":{"name":1}}"#,
    ] {
        let cluster = read("a", text);
        assert!(!cluster.lacks("roles"), "{text}");
        assert!(cluster.lacks("rolebindings"), "{text}");
    }
    // What kubectl prints says no kind: nothing is known of any.
    assert!(read("a", r#"{"kind":"List","items":[]}"#).lacks("roles"));
}

#[test]
fn the_kind_may_stand_behind_what_it_decides() {
    let yaml = "metadata:\n  name: web\n  namespace: shop\nspec:\n  template:\n    spec:\n      \
        serviceAccountName: till\n      containers: []\nkind: Deployment\napiVersion: apps/v1\n---\n\
        roleRef: {kind: ClusterRole, name: look}\nsubjects:\n- {kind: User, name: ann}\n\
        metadata: {name: ann}\nkind: ClusterRoleBinding\n---\n\
        type: kubernetes.io/service-account-token\nkind: Secret\nmetadata: {name: old}\n";
    let json = r#"{"spec":{"template":{"spec":{"serviceAccountName":"till"}}},"kind":"Deployment","metadata":
        {"name":"web","namespace":"shop"}} {"roleRef":{"kind":"ClusterRole","name":"look"},"subjects":[{"kind":"User",
        "name":"ann"}],"kind":"ClusterRoleBinding","metadata":{"name":"ann"}}
        {"type":"kubernetes.io/service-account-token","kind":"Secret","metadata":{"name":"old"}}"#;
    for text in [yaml, json] {
        let cluster = read("a", text);
        assert_eq!(names(&cluster), ["ClusterRoleBinding ann", "Deployment shop/web"], "{text}");
        assert_eq!(&*cluster.workloads[0].spec.account, "till");
        assert_eq!(cluster.bindings[0].subjects.len(), 1);
        assert_eq!(&*cluster.secrets[0].kind, Secret::TOKEN);
    }
}

#[test]
fn null_is_nothing_wherever_it_stands() {
    // `kubectl create role … --dry-run=client -o yaml` writes the first of these.
    let yaml = "kind: Role\nmetadata:\n  creationTimestamp: null\n  name: reader\n  namespace: ~\n  labels: null\n  \
        annotations:\n  ownerReferences: null\nrules: null\n---\nkind: ClusterRole\nmetadata: {name: all, \
        labels: {a: null}}\nrules: [{verbs: null, apiGroups: [null], resources: }]\naggregationRule: null\n---\n\
        kind: RoleBinding\nmetadata: {name: b}\nroleRef: {kind: Role, name: reader}\nsubjects: null\n---\n\
        kind: ServiceAccount\nmetadata: {name: till}\nautomountServiceAccountToken: null\nsecrets: null\n";
    let json = r#"{"kind":"Role","metadata":{"creationTimestamp":null,"name":"reader","namespace":null,"labels":null,
        "annotations":null,"ownerReferences":null},"rules":null}
        {"kind":"ClusterRole","metadata":{"name":"all","labels":{"a":null}},"rules":[{"verbs":null,"apiGroups":[null],
        "resources":null}],"aggregationRule":null}
        {"kind":"RoleBinding","metadata":{"name":"b"},"roleRef":{"kind":"Role","name":"reader"},"subjects":null}
        {"kind":"ServiceAccount","metadata":{"name":"till"},"automountServiceAccountToken":null,"secrets":null}"#;
    for text in [yaml, json] {
        let cluster = read("a", text);
        let expected = [
            "Role default/reader",
            "ClusterRole all",
            "RoleBinding default/b",
            "ServiceAccount default/till",
        ];
        assert_eq!(names(&cluster), expected, "{text}");
        assert!(cluster.notices.is_empty(), "{:?}", cluster.notices);
        assert!(cluster.roles[0].rules.is_empty() && cluster.roles[0].meta.created.is_none());
        assert_eq!(cluster.roles[1].rules[0].groups, ["".into()]);
    }
}

#[test]
fn words_that_yaml_takes_for_numbers_stay_words() {
    let cluster = read("a", "kind: ServiceAccount\nmetadata:\n  name: 0123\n  namespace: 1e3\n");
    assert_eq!(names(&cluster), ["ServiceAccount 1e3/0123"]);
}

#[test]
fn an_alias_stands_for_what_it_repeats() {
    let text = "kind: List\nitems:\n- kind: Role\n  metadata: {name: a, namespace: x}\n  rules: &all\n  - verbs: ['*']\n\
        - kind: Role\n  metadata: {name: b, namespace: x}\n  rules: *all\n";
    let cluster = read("a", text);
    assert_eq!(names(&cluster), ["Role x/a", "Role x/b"]);
    assert_eq!(cluster.roles[0].rules, cluster.roles[1].rules);
}

#[test]
fn descriptions_alone_are_of_the_kind_that_was_asked_for() {
    let item = r#"{"apiVersion":"meta.k8s.io/v1","kind":"PartialObjectMetadata","metadata":{"name":"old",
        "namespace":"shop","annotations":{"kubernetes.io/service-account.name":"till"}}}"#;
    let list = format!(
        r#"{{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1","metadata":{{}},"items":[{item}]}}"#
    );
    let late = format!(r#"{{"items":[{item}],"kind":"PartialObjectMetadataList"}}"#);
    let assume = Assume { kind: Some("Secret".into()), secret_type: Some(Secret::TOKEN.into()) };
    for text in [&*list, &*late, item] {
        let cluster = read_as("a", text, &assume);
        assert_eq!(cluster.secrets.len(), 1, "{text}");
        assert!(cluster.secrets[0].is_token() && cluster.secrets[0].account.as_deref() == Some("till"));
        assert!(!cluster.lacks("secrets") && cluster.notices.is_empty(), "{text}");
    }
    let without = read("a", &list);
    assert!(without.secrets.is_empty() && without.lacks("secrets"));
}

#[test]
fn the_servers_version_is_read_from_what_kubectl_version_prints() {
    let printed = r#"{"clientVersion":{"major":"1","minor":"29","gitVersion":"v1.29.0"},"kustomizeVersion":"v5.0.4",
        "serverVersion":{"major":"1","minor":"35","gitVersion":"v1.35.2+k3s1"}}"#;
    let yaml =
        "clientVersion:\n  gitVersion: v1.29.0\nserverVersion:\n  gitVersion: v1.35.2\n  major: \"1\"\n";
    let served = r#"{"major":"1","minor":"35","gitVersion":"v1.35.2"}"#;
    for text in [printed, yaml, served] {
        assert_eq!(read("a", text).version, Some(Version { major: 1, minor: 35 }), "{text}");
    }
    let offline = r#"{"clientVersion":{"gitVersion":"v1.29.0"},"kustomizeVersion":"v5.0.4"}"#;
    assert_eq!(read("a", offline).version, None);
}

#[test]
fn nothing_is_read_from_nothing() {
    let empty = [
        "",
        "\n",
        "# a comment\n",
        "---\n",
        "---\n---\n# a\n...\n",
        "\u{feff}",
        "null\n",
        "--- # a\n",
        "%YAML 1.2\n---\n",
    ];
    for text in empty {
        let cluster = read("a", text);
        assert!(names(&cluster).is_empty() && cluster.notices.is_empty(), "{text:?}: {:?}", cluster.notices);
        assert_eq!(cluster.absent.len(), 9, "{text:?}");
    }
}

#[test]
fn a_hundred_thousand_empty_documents_are_nothing() {
    for text in ["---\n".repeat(100_000), "--- # none\n\n".repeat(100_000), "null\n---\n".repeat(10_000)] {
        let cluster = read("a", &text);
        assert!(names(&cluster).is_empty() && cluster.notices.is_empty());
    }
}

#[test]
fn other_kinds_are_counted_and_not_kept() {
    let mut reader = Reader::new();
    let text = format!("kind: ConfigMap\nmetadata: {{name: a}}\ndata: {{a: b}}\n---\nfoo: bar\n---\n{ROLE}");
    assert_eq!(reader.add("a", text.as_bytes(), &Assume::default()).unwrap(), 3);
    assert_eq!(reader.others(), 2);
    assert_eq!(names(&reader.finish()), BOTH[..1]);
}

#[test]
fn objects_of_the_cluster_have_no_namespace_and_others_always_do() {
    let text = "kind: ClusterRole\nmetadata: {name: a, namespace: x}\n---\nkind: Role\nmetadata: {name: a}\n---\n\
        kind: ClusterRoleBinding\nmetadata: {name: b, namespace: x}\nroleRef: {kind: ClusterRole, name: a}\n\
        subjects: [{kind: ServiceAccount, name: till}]\n---\nkind: RoleBinding\nmetadata: {name: b, namespace: x}\n\
        roleRef: {kind: Role, name: a}\nsubjects: [{kind: ServiceAccount, name: till}]\n";
    let cluster = read("a", text);
    let expected = ["ClusterRole a", "Role default/a", "ClusterRoleBinding b", "RoleBinding x/b"];
    assert_eq!(names(&cluster), expected);
    let subjects: Vec<_> =
        cluster.bindings.iter().flat_map(|b| &b.subjects).map(ToString::to_string).collect();
    assert_eq!(subjects, ["ServiceAccount /till", "ServiceAccount x/till"]);
    assert!(notices(&cluster).is_empty());
}

#[test]
fn who_keeps_an_object_is_known_by_the_marks_that_they_leave() {
    for (marks, keeper) in [
        ("annotations: {meta.helm.sh/release-name: tools}", Some("Helm release tools")),
        (
            "annotations: {argocd.argoproj.io/tracking-id: 'tools:rbac.authorization.k8s.io/Role:x/a'}",
            Some("Argo CD application tools"),
        ),
        ("labels: {kustomize.toolkit.fluxcd.io/name: apps}", Some("Flux Kustomization apps")),
        ("labels: {app.kubernetes.io/managed-by: my-operator}", Some("what calls itself my-operator")),
        ("ownerReferences: [{kind: Tenant, name: x, uid: u}]", Some("Tenant x")),
        ("labels: {app: a, app.kubernetes.io/managed-by: ''}", None),
    ] {
        let cluster = read("a", format!("kind: Role\nmetadata: {{name: a, namespace: x, {marks}}}\n"));
        assert_eq!(cluster.roles[0].meta.keeper.as_deref(), keeper, "{marks}");
    }
}
