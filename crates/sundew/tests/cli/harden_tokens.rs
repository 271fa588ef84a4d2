//! `sundew harden tokens`: what it prints, writes and refuses.

use std::{fs, path::Path};

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use serde_json::Value;
use tempfile::TempDir;

use crate::common::{Ran, ran, recording, sundew};

/// A cluster with a token of each kind. Days count back from today.
fn dump() -> String {
    let day =
        |ago: i64| Timestamp::now().to_zoned(TimeZone::UTC).date().saturating_sub(ago.days()).to_string();
    let secret = |name: &str, account: &str, age: i64, labels: &str| {
        format!(
            "- {{apiVersion: v1, kind: Secret, type: kubernetes.io/service-account-token, metadata: {{name: {name}, namespace: shop, \
             creationTimestamp: \"{}T00:00:00Z\", annotations: {{kubernetes.io/service-account.name: {account}}}, labels: {{{labels}}}}}}}\n",
            day(age)
        )
    };
    let used = |ago: i64| format!("kubernetes.io/legacy-token-last-used: \"{}\"", day(ago));
    let invalid = |ago: i64| format!("kubernetes.io/legacy-token-invalid-since: \"{}\"", day(ago));
    [
        "
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Namespace, metadata: {name: shop}}
- {apiVersion: v1, kind: ServiceAccount, metadata: {name: default, namespace: shop}}
- {apiVersion: v1, kind: ServiceAccount, metadata: {name: ci, namespace: shop}}
- {apiVersion: v1, kind: ServiceAccount, metadata: {name: tiller, namespace: shop}}
- {apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingWebhookConfiguration, metadata: {name: cert-manager-webhook}, webhooks: []}
- apiVersion: rbac.authorization.k8s.io/v1
  kind: Role
  metadata: {name: ci, namespace: shop}
  rules: [{apiGroups: [''], resources: [pods], verbs: [create]}]
- apiVersion: rbac.authorization.k8s.io/v1
  kind: RoleBinding
  metadata: {name: ci, namespace: shop}
  roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: ci}
  subjects: [{kind: ServiceAccount, name: ci, namespace: shop}]
- {apiVersion: v1, kind: Pod, metadata: {name: idle, namespace: shop}, spec: {automountServiceAccountToken: false, containers: [{name: main}]}}
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: deployer, namespace: shop}
  spec:
    template:
      spec:
        serviceAccountName: ci
        containers: [{name: main, volumeMounts: [{name: cred, mountPath: /var/run/cred}]}]
        volumes: [{name: cred, secret: {secretName: ci-mounted}}]
"
        .to_owned(),
        secret("ci-mounted", "ci", 400, &used(1)),
        secret("ci-outside", "ci", 400, &used(2)),
        secret("ci-forgotten", "ci", 400, &used(200)),
        secret("ci-quiet", "ci", 400, &invalid(30)),
        secret("tiller-token", "tiller", 300, &used(0)),
    ]
    .concat()
}

fn place() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("dump.yaml"), dump()).unwrap();
    let inventory =
        "{version: 1, decoys: [{namespace: shop, account: tiller, placements: [{secret: tiller-token}]}]}";
    fs::write(folder.path().join("inventory.yaml"), inventory).unwrap();
    folder
}

fn harden(folder: &Path, args: &[&str]) -> Ran {
    let mut command = sundew();
    ran(command
        .args(["harden", "tokens", "--from", "dump.yaml", "--kubernetes-version", "1.36"])
        .args(args)
        .current_dir(folder))
}

/// Days as `DAY`, of the same width.
fn undated(text: &str) -> String {
    let day =
        |ago: i64| Timestamp::now().to_zoned(TimeZone::UTC).date().saturating_sub(ago.days()).to_string();
    [0, 1, 2, 30, 200]
        .iter()
        .fold(text.to_owned(), |text, ago| text.replace(&day(*ago), &format!("DAY -{ago:<5}")))
}

#[test]
fn every_token_is_listed_with_its_next_step_and_decoys_are_only_counted() {
    let folder = place();
    let told = harden(folder.path(), &["--inventory", "inventory.yaml", "--out", "plan"]);
    assert_eq!((told.code, told.err.as_str()), (0, ""));
    insta::assert_snapshot!(undated(&told.out));
    let page = fs::read_to_string(folder.path().join("plan/README.md")).unwrap();
    insta::assert_snapshot!("harden_tokens_page", undated(&page));
    assert!(!page.contains("tiller") && !page.contains("left out"));
    for file in [
        "policy/long-lived-tokens.yaml",
        "policy/deny-long-lived-tokens.yaml",
        "restore/shop.ci-quiet.yaml",
        "pods/shop.deployment.deployer.cred.yaml",
        "outside/shop.ci.role.yaml",
        "outside/shop.ci.kubeconfig-user.yaml",
    ] {
        assert!(folder.path().join("plan").join(file).is_file(), "{file}");
    }
}

#[test]
fn without_an_inventory_it_is_said_that_decoys_are_listed_like_any_other() {
    let folder = place();
    let told = harden(folder.path(), &[]);
    assert!(told.out.contains("No inventory was given") && told.out.contains("shop/tiller"), "{}", told.out);
    assert!(
        told.out.contains("--out DIR writes the policies") && !told.out.contains("apiVersion"),
        "{}",
        told.out
    );
    // That of the configuration that lies here is taken.
    let config = "{version: 1, inventory: inventory.yaml, sources: [{type: file, name: a, path: a.log}], sinks: [{type: terminal, name: t}]}";
    fs::write(folder.path().join("sundew.yaml"), config).unwrap();
    let told = harden(folder.path(), &[]);
    assert!(!told.out.contains("tiller") && told.out.contains("1 left out"), "{} {}", told.out, told.err);
}

#[test]
fn json_says_the_same_and_nothing_of_decoys() {
    let folder = place();
    let told = harden(folder.path(), &["--inventory", "inventory.yaml", "-o", "json"]);
    assert_eq!((told.code, told.err.as_str()), (0, ""));
    let report: Value = serde_json::from_str(&told.out).unwrap();
    let verdicts: Vec<&str> =
        report["tokens"].as_array().unwrap().iter().map(|token| token["verdict"].as_str().unwrap()).collect();
    assert_eq!(verdicts, ["delete", "invalidate", "pods", "outside"]);
    assert_eq!(report["tokens"][2]["readers"][0]["name"], "deployer");
    assert!(
        report["tokens"][0]["could"][0].as_str().unwrap().contains("creates pods"),
        "{:#}",
        report["tokens"][0]
    );
    assert_eq!(report["admissionPolicies"], "builtIn");
    assert_eq!(report["kyverno"], "notSeen");
    assert!(!told.out.contains("tiller") && !told.out.contains("leftOut"));
}

#[test]
fn an_old_cluster_is_offered_kyverno() {
    let folder = place();
    let mut command = sundew();
    let old = ran(command
        .args(["harden", "tokens", "--from", "dump.yaml", "--kubernetes-version", "1.24", "--out", "plan"])
        .current_dir(folder.path()));
    assert_eq!(old.code, 0, "{}", old.err);
    assert!(old.out.contains("has no ValidatingAdmissionPolicy (1.30 has)"), "{}", old.out);
    assert!(old.out.contains("Kyverno was not seen either"), "{}", old.out);
    let policy = fs::read_to_string(folder.path().join("plan/policy/kyverno.yaml")).unwrap();
    assert!(policy.contains("kind: ClusterPolicy"), "{policy}");
    assert!(!folder.path().join("plan/policy/long-lived-tokens.yaml").exists());
}

#[test]
fn what_cannot_be_asked_for_is_refused_before_anything_is_read() {
    let folder = place();
    for (args, said) in [
        (&["--allow-user", " a"][..], "--allow-user ` a` is no name"),
        (&["--allow-group", "system:authenticated"], "has everybody in it"),
        (&["--allow-namespace", "A/b"], "`A/b` is no name of a namespace"),
        (&["--longest", "5m"], "--longest is 300 s"),
        (&["--inventory", "none.yaml"], "cannot read the inventory none.yaml"),
        (&["--state", "none"], "there is no store none/"),
        (&["--logs", "none.log"], "cannot read the audit log none.log"),
    ] {
        let told = harden(folder.path(), args);
        assert_eq!(told.code, 2, "{args:?}");
        assert!(told.err.contains(said) && told.err.lines().count() == 1, "{args:?}: {}", told.err);
    }
    fs::create_dir(folder.path().join("full")).unwrap();
    fs::write(folder.path().join("full/a"), "").unwrap();
    let told = harden(folder.path(), &["--out", "full"]);
    assert!(told.code == 2 && told.err.contains("is not empty"), "{}", told.err);
}

#[test]
fn habits_say_where_an_account_is_used_from_where_no_log_does() {
    let folder = place();
    let state = folder.path().join("state");
    // What was recorded of ordinary work knows accounts of its own.
    let learnt = ran(sundew().args(["replay", "--learn", "--state"]).arg(&state).arg(recording("quiet")));
    assert_eq!(learnt.code, 0, "{}", learnt.err);
    let known = ran(sundew().args(["habits", "list", "-o", "json", "--state"]).arg(&state));
    let known: Value = serde_json::from_str(&known.out).unwrap();
    let account = known.as_array().unwrap().iter().find_map(|one| {
        one["identity"].as_str().unwrap().strip_prefix("system:serviceaccount:")?.split_once(':')
    });
    let (namespace, name) = account.unwrap();
    let dump = format!(
        "apiVersion: v1\nkind: List\nitems:\n- {{apiVersion: v1, kind: Secret, type: kubernetes.io/service-account-token, metadata: \
         {{name: t, namespace: {namespace}, annotations: {{kubernetes.io/service-account.name: {name}}}}}}}\n"
    );
    fs::write(folder.path().join("dump.yaml"), dump).unwrap();
    let told = harden(folder.path(), &["--state", "state", "-o", "json"]);
    assert_eq!((told.code, told.err.as_str()), (0, ""));
    let report: Value = serde_json::from_str(&told.out).unwrap();
    let habits = &report["tokens"][0]["habits"];
    assert!(habits["networks"][0].as_str().is_some_and(|network| network.contains('/')), "{habits:#}");
    let table = harden(folder.path(), &["--state", "state"]);
    assert!(table.out.contains("(account)"), "{}", table.out);
}

#[test]
fn an_object_that_is_given_twice_is_said_with_the_one_that_counts() {
    let folder = place();
    let secret = |account: &str| {
        format!(
            "apiVersion: v1\nkind: Secret\ntype: kubernetes.io/service-account-token\nmetadata: {{name: twice, namespace: shop, annotations: {{kubernetes.io/service-account.name: {account}}}}}\n"
        )
    };
    fs::write(folder.path().join("a.yaml"), secret("ci")).unwrap();
    fs::write(folder.path().join("b.yaml"), secret("other")).unwrap();
    let told = harden(folder.path(), &["--from", "a.yaml", "--from", "b.yaml"]);
    assert_eq!(told.code, 0, "{}", told.err);
    assert!(
        told.err.contains(
            "sundew: b.yaml:4: Secret shop/twice is described twice and differently; this one counts"
        ),
        "{}",
        told.err
    );
}

#[test]
fn logs_that_do_not_cover_the_window_do_not_say_that_a_token_is_used_nowhere() {
    let folder = place();
    let log = recording("quiet");
    let log = log.to_str().unwrap();
    let short = harden(folder.path(), &["--logs", log]);
    assert!(!short.out.contains("nowhere, in the logs"), "{}", short.out);
    assert!(short.out.contains("not known"), "{}", short.out);
    let enough = harden(folder.path(), &["--logs", log, "--window", "1m"]);
    assert!(enough.out.contains("nowhere, in the logs"), "{}", enough.out);
}
