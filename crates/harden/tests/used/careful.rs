//! What is left alone or kept because taking it could do harm: bait, what is new, and rights that hang on others.

use jiff::ToSpan as _;
use sundew_decoy::Inventory;
use sundew_harden::rbac::{Narrowed, Narrowing, Proof, Proved, Settings, narrow};
use sundew_policy::Policy;
use sundew_posture::{Cluster, model::Subject, rbac::Rbac, usage::Margin};

use crate::given::{ASK, Ask, cluster, each, evidence, log};

const HEAD: &str = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: a, namespace: shop, creationTimestamp: \
                    \"2020-01-01T00:00:00Z\"}\n---\n";
const A: &str = "{kind: ServiceAccount, name: a, namespace: shop}";
const RBAC: &str = "rbac.authorization.k8s.io";

/// A role with a binding of its name. `more` stands in the metadata of the binding, with a comma before it.
fn bound(name: &str, namespace: &str, rules: &str, subjects: &str, more: &str) -> String {
    let (kind, at) = match namespace {
        "" => ("ClusterRole", String::new()),
        namespace => ("Role", format!(", namespace: {namespace}")),
    };
    format!(
        "apiVersion: {RBAC}/v1\nkind: {kind}\nmetadata: {{name: '{name}'{at}}}\nrules: [{rules}]\n---\napiVersion: \
         {RBAC}/v1\nkind: {kind}Binding\nmetadata: {{name: '{name}'{at}{more}}}\nroleRef: {{apiGroup: {RBAC}, kind: \
         {kind}, name: '{name}'}}\nsubjects: [{subjects}]\n---\n"
    )
}

fn rule(verbs: &str, group: &str, resources: &str) -> String {
    format!("{{verbs: [{verbs}], apiGroups: ['{group}'], resources: ['{resources}']}}")
}

/// Of a request that is answered with 201.
const CREATED: &str = ",\"made\":true";

fn created(log: &str) -> String {
    let answer = |line: &str| {
        let line = if line.contains(CREATED) {
            line.replace("\"code\":200", "\"code\":201")
        } else {
            line.to_owned()
        };
        line + "\n"
    };
    log.lines().map(answer).collect()
}

#[derive(Default)]
struct With<'w> {
    margin: Option<Margin>,
    subjects: &'w [Subject],
    policy: Option<&'w Policy>,
    decoys: Option<&'w Inventory>,
}

fn look(cluster: &Cluster, asked: &[Ask<'_>], with: &With<'_>) -> (Narrowing, Proved) {
    let log = created(&log(asked));
    let settings = Settings {
        window: 14.days(),
        margin: with.margin.unwrap_or(Margin::None),
        subjects: with.subjects,
        namespaces: &[],
        policy: with.policy,
        decoys: with.decoys,
    };
    let found = narrow(cluster, &evidence(&log), &settings).unwrap();
    let after = found.after(cluster);
    let (before, after) = (Rbac::new(cluster), Rbac::new(&after));
    let mut proof = Proof::new(&before, &after);
    each(&log, &mut |event| proof.record(event));
    (found, proof.finish())
}

fn of(documents: &[String], asked: &[Ask<'_>]) -> Narrowing {
    look(&cluster(&(HEAD.to_owned() + &documents.concat())), asked, &With::default()).0
}

fn one(documents: &[String], asked: &[Ask<'_>]) -> Narrowed {
    let mut found = of(documents, asked);
    assert_eq!(found.identities.len(), 1, "{found:#?}");
    found.identities.remove(0)
}

fn left(found: &Narrowing) -> Vec<String> {
    found.left.iter().map(|left| format!("{}: {}", left.subject, left.why)).collect()
}

const INVENTORY: &str = "version: 1\ndecoys:\n- {namespace: ops, account: backup-admin, placements: [{secret: \
                         backup-admin-token}], objects: [{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, namespace: \
                         ops, name: vault, part: placement}]}\nnamespaces: [{name: honeypot}]\nwalkers: ['velero']\n";

#[test]
fn whoever_touched_bait_is_left_alone_and_bait_is_named_nowhere() {
    let decoys = Inventory::read(INVENTORY).unwrap();
    let all = bound("all", "", "{verbs: ['*'], apiGroups: ['*'], resources: ['*']}", A, "");
    let documents = cluster(&(HEAD.to_owned() + &all));
    let of = |verb, resource, namespace, name| Ask { verb, resource, namespace, name, ..ASK };
    let touches = [
        of("get", "secrets", "ops", "backup-admin-token"),
        of("impersonate", "serviceaccounts", "ops", "backup-admin"),
        of("create", "serviceaccounts/token", "ops", "backup-admin"),
        of("create", "secrets", "ops", "backup-admin-token"),
        Ask { group: "networking.k8s.io", ..of("get", "networkpolicies", "ops", "vault") },
        of("list", "pods", "honeypot", ""),
        of("get", "namespaces", "", "honeypot"),
    ];
    for touch in touches {
        for margin in [Margin::None, Margin::Kin, Margin::Resource] {
            let with = With { margin: Some(margin), decoys: Some(&decoys), ..With::default() };
            let (found, proved) = look(&documents, &[ASK, touch], &with);
            assert_eq!(
                left(&found),
                ["ServiceAccount shop/a: it is left to you: look at the incidents of this time first"],
                "{touch:?}"
            );
            assert_eq!(found.plan(&documents, &proved), None);
            let text = format!("{found:?}");
            assert!(!["backup-admin", "vault", "honeypot"].iter().any(|bait| text.contains(bait)), "{text}");
        }
    }
    // Of so many the names are not remembered.
    let names: Vec<String> = (0..40).map(|number| format!("n{number}")).collect();
    let many = |namespace| names.iter().map(|name| of("get", "secrets", namespace, name)).collect::<Vec<_>>();
    let with = With { decoys: Some(&decoys), ..With::default() };
    assert_eq!(look(&documents, &many("ops"), &with).0.left.len(), 1);
    assert_eq!(look(&documents, &many("shop"), &with).0.left.len(), 0);
    // The same names elsewhere are none of bait's.
    let with = With { decoys: Some(&decoys), ..With::default() };
    for other in
        [of("get", "secrets", "shop", "backup-admin-token"), of("get", "deployments", "ops", "vault")]
    {
        assert_eq!(look(&documents, &[ASK, other], &with).0.identities.len(), 1, "{other:?}");
    }
}

#[test]
fn who_walks_by_duty_who_holds_a_right_on_bait_and_who_is_bait_are_left_alone() {
    let decoys = Inventory::read(INVENTORY).unwrap();
    let user = format!("{{kind: User, name: velero, apiGroup: {RBAC}}}");
    let bait = "{kind: ServiceAccount, name: backup-admin, namespace: ops}";
    let named =
        "{verbs: [get], apiGroups: [''], resources: [secrets], resourceNames: [db, backup-admin-token]}";
    let documents = cluster(
        &[
            HEAD.to_owned(),
            bound("walk", "", &rule("get, list", "", "secrets"), &user, ""),
            bound("named", "ops", named, A, ""),
            bound("bait", "ops", &rule("get", "", "secrets"), bait, ""),
        ]
        .concat(),
    );
    let walk = Ask {
        user: "velero",
        verb: "get",
        resource: "secrets",
        namespace: "ops",
        name: "backup-admin-token",
        ..ASK
    };
    // It is there since the window began.
    let early = Ask { time: "2026-01-27T12:00:00Z", ..walk };
    let with = With { decoys: Some(&decoys), ..With::default() };
    let (found, _) = look(&documents, &[early, walk], &with);
    insta::assert_snapshot!(left(&found).join("\n"), @r"
    ServiceAccount shop/a: it is left to you: look at the incidents of this time first
    User velero: it walks every namespace by duty, as the inventory says
    ");
    // Asked for by name, bait is said to be left alone, and not why.
    let subjects = [Subject::Account { namespace: "ops".into(), name: "backup-admin".into() }];
    let (found, _) = look(&documents, &[], &With { subjects: &subjects, ..with });
    assert_eq!(left(&found), ["ServiceAccount ops/backup-admin: it stays as it is"]);
}

#[test]
fn who_asked_about_rights_with_baits_token_is_not_named_either() {
    let decoys = Inventory::read(INVENTORY).unwrap();
    let documents = cluster(&(HEAD.to_owned() + &bound("r", "shop", &rule("get", "", "pods"), A, "")));
    let review = Ask {
        user: "system:serviceaccount:ops:backup-admin",
        verb: "create",
        group: "authorization.k8s.io",
        resource: "subjectaccessreviews",
        namespace: "",
        ..ASK
    };
    let (found, _) = look(&documents, &[review], &With { decoys: Some(&decoys), ..With::default() });
    assert!(!found.notes.concat().contains("backup-admin"), "{:?}", found.notes);
    let (found, _) = look(&documents, &[review], &With::default());
    assert!(found.notes.concat().contains("backup-admin"), "{:?}", found.notes);
}

#[test]
fn what_a_group_may_do_as_well_counts_as_needed_unless_kubernetes_itself_gives_it() {
    let group = |name: &str| format!("{{kind: Group, name: '{name}', apiGroup: {RBAC}}}");
    let own = bound("own", "shop", &rule("list, get", "", "pods"), A, "");
    let shared = bound("all", "shop", &rule("list", "", "pods"), &group("system:serviceaccounts:shop"), "");
    let found = one(&[own.clone(), shared], &[ASK]);
    assert_eq!(found.loses, ["get pods in namespace shop"]);
    let default = ", labels: {kubernetes.io/bootstrapping: rbac-defaults}";
    let everybody = group("system:authenticated");
    let of_kubernetes = bound("system:basic-user", "", &rule("list", "", "pods"), &everybody, default);
    let found = one(&[own.clone(), of_kubernetes], &[ASK]);
    assert_eq!(found.loses, ["list, get pods in namespace shop"]);
    // Kubernetes made that binding, and somebody else added the group.
    let admin = bound("cluster-admin", "", &rule("list", "", "pods"), &everybody, default);
    assert_eq!(one(&[own, admin], &[ASK]).loses, ["get pods in namespace shop"]);
}

#[test]
fn bindings_that_were_made_within_the_window_stay() {
    let young = ", creationTimestamp: '2026-02-09T00:00:00Z'";
    let old = ", creationTimestamp: '2026-01-01T00:00:00Z'";
    let new = bound("new", "shop", &rule("get", "", "secrets"), A, young);
    let was = bound("was", "shop", &rule("get", "", "configmaps"), A, old);
    let found = one(&[new.clone(), was.clone()], &[ASK]);
    assert_eq!(found.out_of, ["RoleBinding shop/was"]);
    assert_eq!(found.loses, ["get configmaps in namespace shop"]);
    assert!(
        found.notes.contains(
            &"RoleBinding shop/new or its role was made within the window: it stays as it is".into()
        ),
        "{:?}",
        found.notes
    );
    let alone = ["ServiceAccount shop/a: what it could lose was given within the window"];
    assert_eq!(left(&of(&[new], &[ASK])), alone);
    let role = was.replace(
        "metadata: {name: 'was', namespace: shop}",
        &format!("metadata: {{name: was, namespace: shop{young}}}"),
    );
    assert_eq!(left(&of(&[role], &[ASK])), alone, "what a new role is for may not have been done yet");
}

#[test]
fn users_that_are_first_seen_within_the_window_are_left_alone() {
    let ann = format!("{{kind: User, name: ann, apiGroup: {RBAC}}}");
    let documents = [bound("r", "shop", &rule("list, get", "", "pods"), &ann, "")];
    let ask = |time| Ask { user: "ann", time, ..ASK };
    // The window begins on 27 January at noon; a tenth of it is a day and a half.
    let late = of(&documents, &[ask("2026-01-29T12:00:00Z")]);
    assert_eq!(left(&late), ["User ann: it was first seen at 2026-01-29 12:00 UTC, within the window"]);
    let early = of(&documents, &[ask("2026-01-28T12:00:00Z")]);
    assert_eq!((early.identities.len(), early.left.len()), (1, 0));
    assert_eq!(of(&documents, &[]).identities.len(), 1, "who did nothing at all is seen never");
}

/// Files and commands of the steps that take somebody out of bindings.
fn taking(cluster: &Cluster, asked: &[Ask<'_>], with: &With<'_>) -> String {
    let (found, proved) = look(cluster, asked, with);
    let plan = found.plan(cluster, &proved).unwrap();
    let steps = plan.steps.iter().filter(|step| step.title.starts_with("Take "));
    steps
        .flat_map(|step| step.files.iter().map(|file| file.text.clone()).chain(step.undo.clone()))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn an_account_that_stands_without_its_namespace_is_taken_out_and_all_subjects_are_put_back_at_once() {
    let both = "{kind: ServiceAccount, name: a}, {kind: User, name: ann, apiGroup: rbac.authorization.k8s.io}, {kind: Group, \
                name: devs, apiGroup: rbac.authorization.k8s.io}";
    let documents = cluster(&(HEAD.to_owned() + &bound("team", "shop", &rule("get", "", "pods"), both, "")));
    let text = taking(&documents, &[], &With::default());
    assert!(text.contains("\"/subjects/0/name\"") && !text.contains("/subjects/0/namespace"), "{text}");
    assert!(text.contains("--type merge --patch-file 2-bindings/shop-a-shop-team.undo.json"), "{text}");
    // An account of elsewhere has to name it.
    let far = both.replace("name: a}", "name: a, namespace: shop}");
    let wide = cluster(&(HEAD.to_owned() + &bound("team", "", &rule("get", "", "pods"), &far, "")));
    assert!(taking(&wide, &[], &With::default()).contains("/subjects/0/namespace"));
}

#[test]
fn where_bait_stands_beside_it_the_way_back_names_nobody_else() {
    let decoys = Inventory::read(INVENTORY).unwrap();
    let both = format!("{{kind: ServiceAccount, name: backup-admin, namespace: ops}}, {A}");
    let documents = cluster(&(HEAD.to_owned() + &bound("team", "shop", &rule("get", "", "pods"), &both, "")));
    let text = taking(&documents, &[], &With { decoys: Some(&decoys), ..With::default() });
    assert!(text.contains("--type json --patch-file 2-bindings/shop-a-shop-team.undo.json"), "{text}");
    assert!(text.contains("/subjects/-") && !text.contains("backup-admin"), "{text}");
}

#[test]
fn a_policy_that_may_hide_what_kubelets_ask_keeps_what_they_ask_for() {
    let documents = cluster(&(HEAD.to_owned() + &bound("r", "", &rule("get", "", "nodes/metrics"), A, "")));
    let body = ",\"requestObject\":{\"spec\":{\"user\":\"ann\",\"nonResourceAttributes\":{\"path\":\"/x\",\"verb\":\"get\"}}}";
    let review = Ask {
        user: "system:node:n1",
        verb: "create",
        group: "authorization.k8s.io",
        resource: "subjectaccessreviews",
        namespace: "",
        more: body,
        ..ASK
    };
    let tight = |rules: &str| {
        let text =
            format!("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n{rules}- {{level: Request}}\n");
        let policy = sundew_policy::read("policy.yaml", &text).unwrap().policy;
        look(&documents, &[ASK, review], &With { policy: Some(&policy), ..With::default() }).0.tight
    };
    assert_eq!(tight(""), 0);
    assert_eq!(tight("- {level: None, userGroups: [system:nodes]}\n"), 1);
    assert_eq!(tight("- {level: None, users: ['system:node:n2']}\n"), 1);
    assert_eq!(
        tight("- {level: None, userGroups: [system:nodes], resources: [{group: '', resources: [events]}]}\n"),
        0
    );
}

#[test]
fn who_holds_everything_keeps_what_stays_for_those_who_hold_it_by_name() {
    let odd = format!("{{kind: Group, name: devs, apiGroup: {RBAC}}}");
    let documents = [
        bound("all", "", "{verbs: ['*'], apiGroups: ['*'], resources: ['*']}", A, ""),
        bound("odd", "", &rule("issue", "example.com", "things"), &odd, ""),
    ];
    let kept = |documents: &[String]| -> Vec<String> {
        one(documents, &[ASK]).keeps.into_iter().map(|kept| kept.what).collect()
    };
    let all = kept(&documents);
    for what in
        ["issue things of example.com in the whole cluster", "update */finalizers of * in the whole cluster"]
    {
        assert!(all.iter().any(|kept| kept == what), "{what}: {all:#?}");
    }
    assert!(
        all.iter().any(|kept| kept.starts_with("get nodes/checkpoint") && kept.contains("nodes/metrics")),
        "{all:#?}"
    );
    assert!(!all.concat().contains("nodes/proxy"), "{all:#?}");
    let inside = kept(&[bound("all", "shop", "{verbs: ['*'], apiGroups: ['*'], resources: ['*']}", A, "")]);
    assert!(!inside.concat().contains("nodes/"), "kubelets ask for nothing in a namespace: {inside:#?}");
}

#[test]
fn who_writes_admission_policies_keeps_what_it_may_read() {
    let documents = [
        bound("read", "", &rule("get, list, delete", "", "configmaps"), A, ""),
        bound(
            "write",
            "",
            &rule("create", "admissionregistration.k8s.io", "validatingadmissionpolicybindings"),
            A,
            "",
        ),
    ];
    let write = Ask {
        verb: "create",
        group: "admissionregistration.k8s.io",
        resource: "validatingadmissionpolicybindings",
        namespace: "",
        name: "x",
        ..ASK
    };
    assert_eq!(one(&documents, &[write]).loses, ["delete configmaps in the whole cluster"]);
    assert!(
        one(&documents, &[]).loses.contains(&"get, list, delete configmaps in the whole cluster".to_owned())
    );
}

#[test]
fn a_patch_that_made_the_object_needs_create_as_well() {
    let documents = cluster(
        &(HEAD.to_owned()
            + &bound("r", "shop", &rule("patch, create, get, delete", "", "configmaps"), A, "")),
    );
    let patch = |more| Ask { verb: "patch", resource: "configmaps", name: "web", more, ..ASK };
    let loses = |ask| look(&documents, &[ask], &With::default()).0.identities.remove(0).loses;
    assert_eq!(loses(patch(CREATED)), ["get, delete configmaps in namespace shop"]);
    assert_eq!(loses(patch("")), ["patch, create, get, delete configmaps in namespace shop, but for web"]);
}

#[test]
fn names_of_what_it_made_itself_are_not_written_into_its_role() {
    let documents =
        cluster(&(HEAD.to_owned() + &bound("r", "shop", &rule("create, get, delete", "", "secrets"), A, "")));
    let get = Ask { verb: "get", resource: "secrets", name: "run-1", ..ASK };
    let loses = |asked: &[Ask<'_>]| look(&documents, asked, &With::default()).0.identities.remove(0).loses;
    assert_eq!(loses(&[get, Ask { verb: "create", ..get }]), ["delete secrets in namespace shop"]);
    assert_eq!(loses(&[get, Ask { verb: "create", name: "", ..get }]), ["delete secrets in namespace shop"]);
    assert_eq!(
        loses(&[get, Ask { verb: "create", name: "other", ..get }]),
        ["get, delete secrets in namespace shop, but for run-1"]
    );
}
