//! Which tokens nobody uses, and what is done about them.

use jiff::ToSpan as _;
use sundew_harden::{
    automount::{AutomountError, Do, Form, Habits, Question, Report, look},
    evidence::Shortage,
};
use sundew_posture::Cluster;

use crate::given::{ASK, Ask, bare, cluster, evidence, log};

const OLD: &str = "creationTimestamp: \"2020-01-01T00:00:00Z\"";

fn account(path: &str, more: &str) -> String {
    let (namespace, name) = path.split_once('/').unwrap();
    format!(
        "apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: {name}, namespace: {namespace}, {OLD}}}\n{more}\n---\n"
    )
}

/// A Deployment as its controller leaves it: a ReplicaSet and a pod; `spec` is added to the pod's, in flow style.
fn deployment(path: &str, account: &str, spec: &str) -> String {
    let (namespace, name) = path.split_once('/').unwrap();
    let template = format!("{{serviceAccountName: {account}, containers: [{{name: main}}]{spec}}}");
    let meta =
        |name: &str, owner: &str| format!("metadata: {{name: {name}, namespace: {namespace}, {OLD}{owner}}}");
    let owned = |kind: &str, name: &str| {
        format!(", ownerReferences: [{{kind: {kind}, name: {name}, controller: true}}]")
    };
    let set = format!("{name}-5d4f8c7b9");
    format!(
        "apiVersion: apps/v1\nkind: Deployment\n{}\nspec: {{template: {{spec: {template}}}}}\n---\n\
         apiVersion: apps/v1\nkind: ReplicaSet\n{}\nspec: {{template: {{spec: {template}}}}}\n---\n\
         apiVersion: v1\nkind: Pod\n{}\nspec: {template}\n---\n",
        meta(name, ""),
        meta(&set, &owned("Deployment", name)),
        meta(&format!("{set}-x2x4x"), &owned("ReplicaSet", &set)),
    )
}

/// Something else that makes pods, with one that runs.
fn other(kind: &str, path: &str, account: &str, template: &str) -> String {
    let (namespace, name) = path.split_once('/').unwrap();
    let pod = format!("{{serviceAccountName: {account}, containers: [{{name: main}}]}}");
    format!(
        "apiVersion: apps/v1\nkind: {kind}\nmetadata: {{name: {name}, namespace: {namespace}, {OLD}}}\nspec: {}\n---\n\
         apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}-0, namespace: {namespace}, {OLD}, ownerReferences: [{{kind: \
         {kind}, name: {name}, controller: true}}]}}\nspec: {pod}\n---\n",
        template.replace("POD", &pod)
    )
}

const TEMPLATE: &str = "{template: {spec: POD}}";

/// A request with the token of a pod.
fn by(pod: &'static str) -> Ask<'static> {
    Ask { pod, ..ASK }
}

fn question(cluster: &Cluster) -> Question<'_> {
    Question {
        cluster,
        evidence: None,
        habits: None,
        window: 14.days(),
        namespaces: &[],
        policy: None,
        decoys: None,
        form: Form::Patch,
    }
}

fn looked(documents: &[String], asked: &[Ask<'_>]) -> Report {
    in_namespaces(documents, asked, &[])
}

fn in_namespaces(documents: &[String], asked: &[Ask<'_>], namespaces: &[String]) -> Report {
    let cluster = cluster(&documents.concat());
    let evidence = evidence(&log(asked));
    look(&Question { evidence: Some(&evidence), namespaces, ..question(&cluster) }).unwrap()
}

/// `NAMESPACE/ACCOUNT WORKLOAD: STEP` of each row.
fn rows(report: &Report) -> Vec<String> {
    let line = |row: &sundew_harden::automount::Row| {
        let workload = row.workload.as_ref().map_or(String::new(), |of| format!(" {} {}", of.kind, of.name));
        format!("{}{workload}: {}", row.account.path(), row.step.as_str())
    };
    report.rows.iter().map(line).collect()
}

fn why(report: &Report, of: &str) -> String {
    let row =
        report.rows.iter().find(|row| row.workload.as_ref().is_some_and(|workload| workload.name == of));
    row.unwrap_or_else(|| panic!("{of} is not in {:?}", rows(report))).why.join("; ")
}

#[test]
fn of_two_workloads_with_one_account_the_one_that_does_not_use_it_is_patched() {
    let documents = [account("shop/a", ""), deployment("shop/web", "a", ""), deployment("shop/api", "a", "")];
    // A pod that is gone by now, of an older ReplicaSet.
    let report = looked(&documents, &[by("api-6c9d7f5b4-q7w2e")]);
    assert_eq!(
        rows(&report),
        ["shop/a Deployment web: patch the workload", "shop/a Deployment api: uses it"]
    );
    assert_eq!((report.used, report.off), (1, 0));
    let used = report.rows.iter().find(|row| row.step == Do::Uses).unwrap();
    assert_eq!(used.last.unwrap().to_string(), "2026-02-10T12:00:00Z");
}

#[test]
fn an_account_that_no_pod_uses_is_patched_itself_after_the_workloads_and_default_first() {
    let documents = [
        account("shop/a", ""),
        account("shop/default", ""),
        account("shop/b", ""),
        account("blog/quiet", "automountServiceAccountToken: true"),
        deployment("shop/web", "a", ""),
        deployment("shop/used", "b", ""),
        deployment("shop/idle", "b", ""),
        deployment("blog/loud", "quiet", ", automountServiceAccountToken: true"),
    ];
    let ask = Ask { user: "system:serviceaccount:shop:b", ..by("used-5d4f8c7b9-x2x4x") };
    let report = looked(&documents, &[ask]);
    assert_eq!(
        rows(&report),
        [
            "blog/quiet Deployment loud: patch the workload",
            "shop/b Deployment idle: patch the workload",
            "shop/default: patch the account",
            "blog/quiet: patch the account",
            "shop/a: patch the account",
            "shop/a Deployment web: by the account",
            "shop/b Deployment used: uses it",
        ]
    );
    let plan = report.plan.unwrap();
    let mut text = String::new();
    for step in &plan.steps {
        text.push_str(&format!("# {}\n", step.title));
        step.because.iter().for_each(|because| text.push_str(&format!("- {because}\n")));
        step.files.iter().for_each(|file| text.push_str(&format!("--- {}\n{}", file.name, file.text)));
        step.apply.iter().for_each(|command| text.push_str(&format!("$ {command}\n")));
        step.undo.iter().for_each(|command| text.push_str(&format!("undo $ {command}\n")));
    }
    insta::assert_snapshot!(text);
}

#[test]
fn what_has_no_token_by_default_is_only_counted() {
    let documents = [
        account("shop/a", "automountServiceAccountToken: false"),
        deployment("shop/web", "a", ""),
        account("shop/b", ""),
        deployment("shop/api", "b", ", automountServiceAccountToken: false"),
    ];
    let report = looked(&documents, &[]);
    assert_eq!((rows(&report), report.off), (Vec::new(), 2));
    assert_eq!(report.plan, None);
}

#[test]
fn a_token_that_a_volume_asks_for_stays_and_is_said() {
    let vault = ", volumes: [{name: vault, projected: {sources: [{serviceAccountToken: {audience: vault, path: token}}]}}]";
    let report = looked(&[account("shop/a", ""), deployment("shop/web", "a", vault)], &[]);
    assert_eq!(rows(&report), ["shop/a: patch the account", "shop/a Deployment web: by the account"]);
    assert!(why(&report, "web").contains("it mounts a token for vault by a volume of its own, which stays"));
}

#[test]
fn what_cannot_be_patched_is_made_again() {
    let job = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: once, namespace: shop}\nspec: {template: {spec: \
               {serviceAccountName: a, containers: []}}}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: once-abcde, namespace: \
               shop, ownerReferences: [{kind: Job, name: once, controller: true}]}\nspec: {serviceAccountName: a, containers: []}\n---\n";
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: alone, namespace: shop}\nspec: {serviceAccountName: a, containers: []}\n---\n";
    let documents = [account("shop/a", ""), job.to_owned(), pod.to_owned(), deployment("shop/api", "a", "")];
    let report = looked(&documents, &[by("api-5d4f8c7b9-x2x4x")]);
    assert_eq!(rows(&report)[..2], ["shop/a Job once: make it again", "shop/a Pod alone: make it again"]);
    assert!(why(&report, "alone").contains("cannot be changed"));
    assert_eq!(report.plan, None, "there is no command for it");
}

#[test]
fn the_system_and_what_runs_on_every_node_is_left_alone_until_it_is_asked_for() {
    let documents = [
        account("kube-system/dns", ""),
        account("shop/a", ""),
        deployment("kube-system/dns", "dns", ""),
        other("DaemonSet", "shop/agent", "a", TEMPLATE),
    ];
    let report = looked(&documents, &[]);
    assert!(report.rows.iter().all(|row| row.step == Do::Leave), "{:?}", rows(&report));
    assert_eq!(
        why(&report, "dns"),
        "the cluster stands on what runs in kube-system; ask for it with -n kube-system"
    );
    assert_eq!(why(&report, "agent"), "it runs on every node; ask for it with -n shop");
    let report = in_namespaces(&documents, &[], &["kube-system".to_owned()]);
    assert_eq!(
        rows(&report),
        ["kube-system/dns: patch the account", "kube-system/dns Deployment dns: by the account"]
    );
}

#[test]
fn pods_are_known_by_what_makes_them() {
    let cron = "{jobTemplate: {spec: {template: {spec: POD}}}}";
    let documents = [
        account("shop/a", ""),
        other("StatefulSet", "shop/db", "a", TEMPLATE),
        other("DaemonSet", "shop/agent", "a", TEMPLATE),
        other("CronJob", "shop/nightly", "a", cron),
        deployment("shop/db-proxy", "a", ""),
    ];
    let uses = |pod: &'static str| {
        let report = looked(&documents, &[by(pod)]);
        let used: Vec<String> = report
            .rows
            .iter()
            .filter(|row| row.step == Do::Uses)
            .map(|row| row.workload.as_ref().unwrap().name.clone())
            .collect();
        used.join(" ")
    };
    assert_eq!(uses("db-3"), "db");
    assert_eq!(uses("agent-x2x4x"), "agent");
    assert_eq!(uses("nightly-29384720-x2x4x"), "nightly");
    assert_eq!(uses("db-proxy-5d4f8c7b9-aaaaa"), "db-proxy");
    // Nobody's: then it is not known whose it was, and the account stays as it is.
    assert_eq!(uses("gone"), "");
    let report = looked(&documents, &[by("gone")]);
    assert!(!report.rows.iter().any(|row| row.step == Do::PatchAccount), "{:?}", rows(&report));
}

#[test]
fn what_may_have_used_it_unseen_is_left_alone() {
    let bound = |rules: &str| {
        format!(
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {{name: r}}\nrules: [{rules}]\n---\n\
             apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {{name: r}}\nroleRef: {{apiGroup: \
             rbac.authorization.k8s.io, kind: ClusterRole, name: r}}\nsubjects: [{{kind: ServiceAccount, name: a, namespace: \
             shop}}]\n---\n"
        )
    };
    let with = |rules: &str, asked: &[Ask<'_>]| {
        let documents = [account("shop/a", ""), deployment("shop/web", "a", ""), bound(rules)];
        let report = looked(&documents, asked);
        (report.rows[0].step, report.rows[0].why.join("; "))
    };
    let events = with("{verbs: [create], apiGroups: [''], resources: [events]}", &[]);
    assert_eq!(events.0, Do::Leave);
    assert_eq!(events.1, "it may have used its right to create events, which the logs leave out");
    let metrics = with("{verbs: [get], apiGroups: [''], resources: [nodes/metrics]}", &[]);
    assert_eq!(
        metrics,
        (Do::Leave, "its account may ask kubelets, and the logs do not say who did".to_owned())
    );
    let body = ",\"requestObject\":{\"spec\":{\"user\":\"system:serviceaccount:shop:a\"}}";
    let review = Ask {
        user: "system:serviceaccount:vault:vault",
        verb: "create",
        group: "authorization.k8s.io",
        resource: "subjectaccessreviews",
        more: body,
        ..ASK
    };
    let shown = with("{verbs: [get], apiGroups: [''], resources: [pods]}", &[review]);
    assert_eq!(
        shown,
        (Do::Leave, "a token of its account was shown to system:serviceaccount:vault:vault".to_owned())
    );
}

#[test]
fn whoever_checks_tokens_of_others_is_named() {
    let check = Ask {
        user: "system:serviceaccount:vault:vault",
        verb: "create",
        group: "authentication.k8s.io",
        resource: "tokenreviews",
        ..ASK
    };
    let documents = [account("shop/a", ""), deployment("shop/web", "a", "")];
    let report = looked(&documents, &[check]);
    assert!(
        report.notes.iter().any(|note| note.starts_with("system:serviceaccount:vault:vault asked")),
        "{:?}",
        report.notes
    );
    let kubelet = looked(&documents, &[Ask { user: "system:node:n1", ..check }]);
    assert!(!kubelet.notes.iter().any(|note| note.contains("TokenReview")));
}

#[test]
fn logs_that_name_no_pods_tell_of_accounts_alone() {
    let documents = [account("shop/a", ""), deployment("shop/web", "a", ""), deployment("shop/api", "a", "")];
    let report = looked(&documents, &[ASK]);
    assert_eq!(report.used, 2, "one of them did, and it is not known which");
    assert!(report.notes.iter().any(|note| note.contains("do not say which pod")));
    // Where they do, a token that is bound to no pod was mounted in none.
    let elsewhere = Ask { user: "system:serviceaccount:shop:b", ..by("other-5d4f8c7b9-x2x4x") };
    let report = looked(&documents, &[ASK, elsewhere]);
    assert_eq!(report.used, 0);
    assert_eq!(report.rows.iter().filter(|row| row.step == Do::PatchWorkload).count(), 2);
}

#[test]
fn what_does_not_run_is_not_judged() {
    let idle = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: parked, namespace: shop}\nspec: {template: {spec: \
                {serviceAccountName: a, containers: []}}}\n---\n";
    let cron = "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: yearly, namespace: shop}\nspec: {jobTemplate: {spec: \
                {template: {spec: {serviceAccountName: a, containers: []}}}}}\n---\n";
    let new = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: new, namespace: shop, creationTimestamp: \
               \"2026-02-10T00:00:00Z\"}\nspec: {template: {spec: {serviceAccountName: a, containers: []}}}\n---\n";
    let documents = [
        account("shop/a", ""),
        idle.to_owned(),
        cron.to_owned(),
        new.to_owned(),
        deployment("shop/web", "a", ""),
    ];
    let report = looked(&documents, &[]);
    assert_eq!(why(&report, "parked"), "no pod of it runs, so nothing is known of what it does");
    assert_eq!(why(&report, "yearly"), "it is not known whether it ran within the window");
    assert_eq!(why(&report, "new"), "it was made at 2026-02-10 00:00 UTC, within the window");
    assert!(
        !report.rows.iter().any(|row| row.step == Do::PatchAccount),
        "some of its workloads are not known"
    );
}

#[test]
fn habits_tell_of_accounts_where_there_are_no_logs_and_of_older_uses_where_there_are() {
    let documents = [
        account("shop/a", ""),
        account("shop/b", ""),
        deployment("shop/web", "a", ""),
        deployment("shop/api", "b", ""),
    ];
    let cluster = cluster(&documents.concat());
    let mut habits = Habits {
        from: Some("2026-01-01T00:00:00Z".parse().unwrap()),
        to: Some("2026-02-10T12:00:00Z".parse().unwrap()),
        ..Habits::default()
    };
    habits.last.insert("system:serviceaccount:shop:a".into(), "2026-01-05T00:00:00Z".parse().unwrap());
    let report = look(&Question { habits: Some(&habits), ..question(&cluster) }).unwrap();
    assert_eq!(
        rows(&report),
        [
            "shop/b: patch the account",
            "shop/b Deployment api: by the account",
            "shop/a Deployment web: uses it"
        ]
    );
    let evidence = evidence(&log(&[]));
    let both = Question { habits: Some(&habits), evidence: Some(&evidence), ..question(&cluster) };
    let report = look(&both).unwrap();
    assert_eq!(why(&report, "web"), "its account's habits know a use at 2026-01-05 00:00 UTC");
    habits.from = Some("2026-02-01T00:00:00Z".parse().unwrap());
    let short = look(&Question { habits: Some(&habits), ..question(&cluster) }).unwrap_err();
    insta::assert_snapshot!(short, @"the habits were learnt from 2026-02-01 00:00 to 2026-02-10 12:00 UTC and do not cover the window of 14d before their end, so nothing is concluded from them; wait, give --logs of that time, or give a shorter --window");
}

#[test]
fn too_little_is_said_and_nothing_is_concluded() {
    let cluster = cluster(&account("shop/a", ""));
    assert_eq!(look(&question(&cluster)), Err(AutomountError::Nothing));
    let evidence = evidence(&bare(&[ASK]));
    let short = look(&Question { evidence: Some(&evidence), ..question(&cluster) });
    assert!(matches!(short, Err(AutomountError::Logs(Shortage::Late { .. }))), "{short:?}");
}

#[test]
fn a_namespace_that_is_not_there_is_an_error_and_no_good_news() {
    let cluster = cluster(&account("shop/web", ""));
    let evidence = evidence(&log(&[]));
    let ask = |namespace: &str| {
        let namespaces = [namespace.to_owned()];
        look(&Question { evidence: Some(&evidence), namespaces: &namespaces, ..question(&cluster) }).map(drop)
    };
    assert_eq!(ask("nope"), Err(AutomountError::Namespace("nope".to_owned())));
    assert_eq!(ask("shop"), Ok(()));
}

#[test]
fn kustomize_gets_components() {
    let documents = [
        account("shop/a", ""),
        account("shop/b.c", ""),
        deployment("shop/web", "a", ""),
        deployment("shop/api", "a", ""),
        other("CronJob", "shop/nightly", "a", "{jobTemplate: {spec: {template: {spec: POD}}}}"),
        deployment("shop/idle", "b.c", ""),
    ];
    let cluster = cluster(&documents.concat());
    let evidence = evidence(&log(&[by("api-5d4f8c7b9-x2x4x")]));
    let question = Question { evidence: Some(&evidence), form: Form::Kustomize, ..question(&cluster) };
    let plan = look(&question).unwrap().plan.unwrap();
    let files: Vec<String> = plan
        .steps
        .iter()
        .flat_map(|step| &step.files)
        .map(|file| format!("--- {}\n{}", file.name, file.text))
        .collect();
    insta::assert_snapshot!(files.concat());
}
