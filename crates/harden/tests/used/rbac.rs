//! Who is narrowed, who is left alone, and what the plan does to bindings.

use jiff::ToSpan as _;
use sundew_decoy::Inventory;
use sundew_harden::rbac::{Narrowed, Narrowing, Proof, Settings, narrow};
use sundew_posture::{Cluster, model::Subject, rbac::Rbac, usage::Margin};

use crate::given::{ASK, Ask, cluster, each, evidence, log};

const OLD: &str = "creationTimestamp: \"2020-01-01T00:00:00Z\"";

fn account(path: &str) -> String {
    let (namespace, name) = path.split_once('/').unwrap();
    format!(
        "apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: {name}, namespace: {namespace}, {OLD}}}\n---\n"
    )
}

/// A role and a binding of its name in a namespace, or where that is empty in the cluster; `rules` and `subjects` in
/// flow style.
fn bound(name: &str, namespace: &str, rules: &str, subjects: &str) -> String {
    let (kind, at) = match namespace {
        "" => ("ClusterRole", String::new()),
        namespace => ("Role", format!(", namespace: {namespace}")),
    };
    let api = "apiVersion: rbac.authorization.k8s.io/v1";
    let name = serde_json::Value::from(name);
    format!(
        "{api}\nkind: {kind}\nmetadata: {{name: {name}{at}}}\nrules: [{rules}]\n---\n{api}\nkind: {kind}Binding\nmetadata: \
         {{name: {name}{at}}}\nroleRef: {{apiGroup: rbac.authorization.k8s.io, kind: {kind}, name: {name}}}\nsubjects: \
         [{subjects}]\n---\n"
    )
}

const A: &str = "{kind: ServiceAccount, name: a, namespace: shop}";
const B: &str = "{kind: ServiceAccount, name: b, namespace: shop}";
const DEVS: &str = "{kind: Group, name: devs, apiGroup: rbac.authorization.k8s.io}";

fn rule(verbs: &str, resources: &str) -> String {
    format!("{{verbs: [{verbs}], apiGroups: [''], resources: [{resources}]}}")
}

struct Asked<'a> {
    margin: Margin,
    namespaces: &'a [String],
    subjects: &'a [Subject],
    decoys: Option<&'a Inventory>,
}

const PLAIN: Asked<'static> = Asked { margin: Margin::None, namespaces: &[], subjects: &[], decoys: None };

fn narrowing(cluster: &Cluster, asked: &[Ask<'_>], how: &Asked<'_>) -> Narrowing {
    let settings = Settings {
        window: 14.days(),
        margin: how.margin,
        subjects: how.subjects,
        namespaces: how.namespaces,
        policy: None,
        decoys: how.decoys,
    };
    narrow(cluster, &evidence(&log(asked)), &settings).unwrap()
}

fn of(documents: &[String], asked: &[Ask<'_>]) -> Narrowing {
    narrowing(&cluster(&documents.concat()), asked, &PLAIN)
}

fn one(documents: &[String], asked: &[Ask<'_>]) -> Narrowed {
    let mut found = of(documents, asked).identities;
    assert_eq!(found.len(), 1, "{found:#?}");
    found.remove(0)
}

/// Commands and files of the plan, without the steps for everybody.
fn plan(documents: &[String], asked: &[Ask<'_>]) -> String {
    let cluster = cluster(&documents.concat());
    let narrowing = narrowing(&cluster, asked, &PLAIN);
    let after = narrowing.after(&cluster);
    let (before, after) = (Rbac::new(&cluster), Rbac::new(&after));
    let mut proof = Proof::new(&before, &after);
    each(&log(asked), &mut |event| proof.record(event));
    let proved = proof.finish();
    assert!(proved.holds(), "{:?}", proved.refused);
    let plan = narrowing.plan(&cluster, &proved).unwrap();
    let mut text = String::new();
    for step in &plan.steps {
        text.push_str(&format!("# {}\n", step.title));
        step.files.iter().for_each(|file| text.push_str(&format!("--- {}\n{}", file.name, file.text)));
        step.apply.iter().for_each(|command| text.push_str(&format!("$ {command}\n")));
        step.undo.iter().for_each(|command| text.push_str(&format!("undo $ {command}\n")));
    }
    text
}

#[test]
fn a_binding_that_is_needed_whole_stays_and_one_that_nothing_needed_goes() {
    let documents = [
        account("shop/a"),
        bound("needed", "shop", &rule("list", "pods"), A),
        bound("idle", "", &rule("get", "nodes"), A),
    ];
    let found = one(&documents, &[ASK]);
    assert_eq!(found.out_of, ["ClusterRoleBinding idle"]);
    assert_eq!(found.given, [""; 0], "what is left holds all that it needs");
    assert_eq!(found.loses, ["get nodes in the whole cluster"]);
    assert_eq!((found.requests, found.rules_used, found.rules), (1, 1, 2));
}

#[test]
fn who_needs_all_of_it_is_counted_and_not_changed() {
    let found = of(&[account("shop/a"), bound("r", "shop", &rule("list", "pods"), A)], &[ASK]);
    assert_eq!((found.identities.len(), found.left.len(), found.tight), (0, 0, 1));
}

#[test]
fn a_right_for_the_whole_cluster_that_was_used_in_one_namespace_becomes_one_there() {
    let documents = [account("shop/a"), bound("r", "", &rule("list, get", "pods"), A)];
    let found = one(&documents, &[ASK]);
    assert_eq!(found.given, ["Role shop/shop:a:least"]);
    assert_eq!(found.loses, ["list, get pods in the whole cluster, but for what is in shop"]);
    assert!(found.notes.iter().any(|note| note.contains("in shop only")), "{:?}", found.notes);
}

#[test]
fn those_that_cannot_be_judged_are_left_alone_with_the_reason() {
    let young = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: young, namespace: shop, creationTimestamp: \"2026-02-09T00:00:00Z\"}\n---\n";
    let cron = "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: monthly, namespace: shop}\nspec: {jobTemplate: {spec: \
                {template: {spec: {serviceAccountName: cron, containers: []}}}}}\n---\n";
    let to = |name: &str, namespace: &str| {
        format!("{{kind: ServiceAccount, name: {name}, namespace: {namespace}}}")
    };
    let unused = rule("get", "secrets");
    let documents = [
        young.to_owned(),
        cron.to_owned(),
        account("shop/cron"),
        account("shop/granter"),
        account("kube-system/addon"),
        bound("young", "shop", &unused, &to("young", "shop")),
        bound("cron", "shop", &unused, &to("cron", "shop")),
        bound("addon", "", &unused, &to("addon", "kube-system")),
        bound(
            "granter",
            "shop",
            &format!(
                "{unused}, {{verbs: [create], apiGroups: [rbac.authorization.k8s.io], resources: [rolebindings]}}"
            ),
            &to("granter", "shop"),
        ),
    ];
    let bind = Ask {
        user: "system:serviceaccount:shop:granter",
        verb: "create",
        group: "rbac.authorization.k8s.io",
        resource: "rolebindings",
        name: "x",
        ..ASK
    };
    let found = of(&documents, &[bind]);
    assert_eq!(found.identities, []);
    let left: Vec<String> = found.left.iter().map(|left| format!("{}: {}", left.subject, left.why)).collect();
    insta::assert_snapshot!(left.join("\n"), @r"
    ServiceAccount kube-system/addon: the cluster stands on what runs in kube-system; ask for it with -n kube-system
    ServiceAccount shop/cron: CronJob monthly runs as it, and did nothing within the window
    ServiceAccount shop/granter: it makes roles or bindings, and may only hand out what it holds itself: any right may be needed
    ServiceAccount shop/young: it was made at 2026-02-09 00:00 UTC, within the window
    ");
    // Asked for by name, the system's are looked at.
    let all = cluster(&documents.concat());
    let namespaces = ["kube-system".to_owned()];
    let found = narrowing(&all, &[bind], &Asked { namespaces: &namespaces, ..PLAIN });
    assert_eq!(
        found.identities.iter().map(|of| of.subject.to_string()).collect::<Vec<_>>(),
        ["ServiceAccount kube-system/addon"]
    );
}

#[test]
fn what_did_more_than_is_remembered_is_left_alone() {
    let documents = [account("shop/a"), bound("r", "", &rule("list", "pods, nodes"), A)];
    let names: Vec<String> = (0..20_001).map(|number| format!("n{number}")).collect();
    let asked: Vec<Ask<'_>> = names.iter().map(|namespace| Ask { namespace, ..ASK }).collect();
    let found = of(&documents, &asked);
    assert_eq!(found.identities, []);
    assert!(found.left[0].why.contains("more different things than are remembered"), "{:?}", found.left);
}

#[test]
fn kubernetes_own_bindings_groups_and_users_stay() {
    let own = bound("cluster-admin", "", &rule("get", "secrets"), A).replace(
        "kind: ClusterRoleBinding\nmetadata: {",
        "kind: ClusterRoleBinding\nmetadata: {labels: {kubernetes.io/bootstrapping: rbac-defaults}, ",
    );
    let documents = [
        account("shop/a"),
        own,
        bound("system:thing", "", &rule("get", "secrets"), A),
        bound("people", "", &rule("get", "secrets"), DEVS),
        bound(
            "parts",
            "",
            &rule("get", "secrets"),
            "{kind: User, name: 'system:kube-scheduler', apiGroup: rbac.authorization.k8s.io}",
        ),
    ];
    let found = of(&documents, &[]);
    assert_eq!((found.identities.len(), found.left.len(), found.tight), (0, 0, 0));
    assert!(
        found.notes.iter().any(|note| note.starts_with("1 binding gives rights to groups.")),
        "{:?}",
        found.notes
    );
}

#[test]
fn an_account_that_is_bound_by_its_user_name_is_that_account() {
    let user = "{kind: User, name: 'system:serviceaccount:shop:a', apiGroup: rbac.authorization.k8s.io}";
    let documents =
        [account("shop/a"), bound("r", "shop", &rule("get", "secrets"), &format!("{user}, {DEVS}"))];
    let found = one(&documents, &[]);
    assert_eq!(found.subject.to_string(), "ServiceAccount shop/a");
    let plan = plan(&documents, &[]);
    assert!(
        plan.contains("\"path\": \"/subjects/0/name\"")
            && plan.contains("\"value\": \"system:serviceaccount:shop:a\""),
        "{plan}"
    );
}

#[test]
fn bait_is_neither_changed_nor_named() {
    let inventory = "version: 1\ndecoys: [{namespace: shop, account: backup-sa, placements: []}]\n";
    let decoys = Inventory::read(inventory).unwrap();
    let bait = "{kind: ServiceAccount, name: backup-sa, namespace: shop}";
    let documents = [
        account("shop/a"),
        account("shop/backup-sa"),
        bound("private", "shop", &rule("get", "secrets"), bait),
        bound("team", "shop", &rule("get", "secrets"), &format!("{bait}, {A}")),
    ];
    let cluster = cluster(&documents.concat());
    let found = narrowing(&cluster, &[], &Asked { decoys: Some(&decoys), ..PLAIN });
    assert_eq!((found.identities.len(), found.left.len()), (1, 0));
    let before = Rbac::new(&cluster);
    let after = found.after(&cluster);
    let proof = Proof::new(&before, &Rbac::new(&after)).finish();
    let plan = found.plan(&cluster, &proof).unwrap();
    let text = format!("{plan:?}{:?}{:?}", found.identities, found.notes);
    assert!(!text.contains("backup-sa") && !text.contains("private"), "{text}");
    assert_eq!(after.bindings.iter().filter(|b| b.subjects.len() == 1).count(), 2);
    drop(before);
}

#[test]
fn subjects_leave_a_binding_that_others_have_by_their_index_and_only_if_they_stand_there() {
    let documents = [
        account("shop/a"),
        account("shop/b"),
        bound("team", "shop", &rule("get, list", "pods"), &format!("{DEVS}, {A}, {B}, {A}")),
    ];
    insta::assert_snapshot!(plan(&documents, &[ASK]));
}

#[test]
fn names_that_are_taken_are_not_taken_again_and_odd_ones_are_quoted() {
    let user = "{kind: User, name: \"o'neil $(id)\", apiGroup: rbac.authorization.k8s.io}";
    let documents = [
        account("shop/a"),
        bound("shop:a:least", "shop", &rule("get, list", "pods"), A),
        bound("it's; rm -r", "", &rule("get", "nodes"), user),
    ];
    let found = of(&documents, &[ASK]);
    assert_eq!(found.identities[1].given, ["Role shop/shop:a:least-2"], "{:#?}", found.identities);
    let plan = plan(&documents, &[ASK]);
    assert!(plan.contains(r"$ kubectl delete 'clusterrolebinding/it'\''s; rm -r'"), "{plan}");
    assert!(plan.contains("--- 2-bindings/user-o-neil---id-.undo.yaml"), "{plan}");
}

#[test]
fn rights_that_others_ask_for_are_kept_and_said() {
    let documents = [
        account("shop/a"),
        bound(
            "r",
            "",
            "{verbs: [get, list], apiGroups: [''], resources: [nodes/metrics, nodes]}, \
             {verbs: [use], apiGroups: [security.openshift.io], resources: [securitycontextconstraints], resourceNames: \
             [anyuid]}, {verbs: [update, get], apiGroups: [apps], resources: [deployments/finalizers]}, \
             {verbs: [get], nonResourceURLs: [/metrics]}, {verbs: [approve], apiGroups: [example.com], resources: \
             [things]}, {verbs: [issue], apiGroups: [example.com], resources: [things]}",
            A,
        ),
    ];
    let found = one(&documents, &[ASK]);
    let kept: Vec<String> = found.keeps.iter().map(|kept| format!("{}: {}", kept.what, kept.why)).collect();
    insta::assert_snapshot!(kept.join("\n"), @r"
    get /metrics: other servers ask for it when they are shown the token, and the logs do not say about whom
    get, list nodes/metrics in the whole cluster: kubelets ask for it when they are shown the token, and the logs do not say about whom
    issue things of example.com in the whole cluster: other servers ask for it when they are shown the token, and the logs do not say about whom
    update deployments/finalizers of apps in the whole cluster: admission asks for it, and no event tells
    use securitycontextconstraints of security.openshift.io, only anyuid in the whole cluster: admission asks for it, and no event tells
    ");
    assert_eq!(
        found.loses,
        [
            "approve things of example.com in the whole cluster",
            "get deployments/finalizers of apps in the whole cluster",
            "get, list nodes in the whole cluster"
        ]
    );
    // Where the logs say about whom it was asked, the rest was not.
    let body = ",\"requestObject\":{\"spec\":{\"user\":\"ann\",\"nonResourceAttributes\":{\"path\":\"/x\",\"verb\":\"get\"}}}";
    let review = Ask {
        user: "system:node:n1",
        verb: "create",
        group: "authorization.k8s.io",
        resource: "subjectaccessreviews",
        more: body,
        ..ASK
    };
    let metrics = |asked: &[Ask<'_>]| -> Vec<String> {
        let kept = one(&documents, asked).keeps.into_iter().map(|kept| kept.what);
        kept.filter(|what| what.contains("metrics")).collect()
    };
    assert_eq!(metrics(&[ASK, review]), ["get /metrics"], "what kubelets ask says nothing of other servers");
    let server = Ask { user: "system:serviceaccount:monitoring:adapter", ..review };
    assert_eq!(
        metrics(&[ASK, server]),
        ["get, list nodes/metrics in the whole cluster"],
        "nor the other way round"
    );
    assert_eq!(metrics(&[ASK, review, server]), [""; 0]);
    let untold = Ask { more: "", ..review };
    assert_eq!(metrics(&[ASK, review, server, untold]), ["get, list nodes/metrics in the whole cluster"]);
}

#[test]
fn whoever_keeps_a_binding_changes_it_back_and_is_named() {
    let helm = bound("r", "shop", &rule("get", "secrets"), A).replace(
        "kind: RoleBinding\nmetadata: {",
        "kind: RoleBinding\nmetadata: {annotations: {meta.helm.sh/release-name: tools}, ",
    );
    let found = one(&[helm], &[]);
    assert_eq!(
        found.notes[..2],
        [
            "it asked the API server for nothing".to_owned(),
            "Helm release tools keeps RoleBinding shop/r as it is: change it there, or it is changed back"
                .to_owned()
        ]
    );
}
