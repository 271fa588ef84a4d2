//! Hot pods: what whoever is in a pod could do, through every token that it holds.

use sundew_posture::{
    Severity,
    assess::{Way, tokens_of},
    report::View,
};

use crate::given::{about, account, bare, cluster, of_view, pod, rights, scanned, token};

const A: &str = "ServiceAccount shop/a";

fn reader() -> String {
    rights("reads", "shop", A, &["get secrets"])
}

#[test]
fn a_pod_is_hot_by_the_account_whose_token_it_has_and_names_token_role_and_binding() {
    let report = scanned(&[reader(), pod("shop/web", "a", "n1", ""), pod("shop/other", "b", "n1", "")]);
    let hot = about(&report, View::Pods, "Pod shop/web").unwrap();
    assert_eq!((hot.severity, hot.title.as_str()), (Severity::High, "reads Secrets (namespace shop)"));
    let said: Vec<&str> = hot.because.iter().map(|b| b.what.as_str()).collect();
    assert_eq!(
        said,
        [
            "Pod web",
            "token of ServiceAccount shop/a, mounted by default, in main",
            "reads Secrets (namespace shop)"
        ]
    );
    assert_eq!(hot.because[2].binding, "RoleBinding shop/reads");
    assert_eq!(hot.because[2].role, "Role shop/reads");
    assert_eq!(of_view(&report, View::Pods).len(), 1, "the other holds nothing");
}

#[test]
fn a_pod_without_a_token_is_not_hot() {
    let quiet = bare(
        "shop/web",
        "serviceAccountName: a, automountServiceAccountToken: false, containers: [{name: main}]",
    );
    assert_eq!(of_view(&scanned(&[reader(), quiet]), View::Pods).len(), 0);
    let account = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: a, namespace: shop}\nautomountServiceAccountToken: false";
    let template = bare("shop/web", "serviceAccountName: a, containers: [{name: main}]");
    assert_eq!(of_view(&scanned(&[reader(), account.to_owned(), template]), View::Pods).len(), 0);
    let insists = bare(
        "shop/web",
        "serviceAccountName: a, automountServiceAccountToken: true, containers: [{name: main}]",
    );
    assert_eq!(
        of_view(&scanned(&[reader(), account.to_owned(), insists]), View::Pods).len(),
        1,
        "the pod's word goes first"
    );
}

#[test]
fn a_pod_that_ended_holds_nothing() {
    let ended = pod("shop/web", "a", "n1", "") + "status: {phase: Succeeded}";
    let report = scanned(&[reader(), ended]);
    assert_eq!(of_view(&report, View::Pods).len(), 0);
    assert_eq!(of_view(&report, View::Nodes).len(), 0);
}

/// The ways in which the pods of a cluster hold tokens: account, how, and the containers that see each.
fn ways(documents: &[String]) -> Vec<String> {
    let cluster = cluster(documents);
    let tokens = tokens_of(&cluster).into_iter().flat_map(|(_, tokens)| tokens);
    let line = |token: sundew_posture::assess::HeldToken| {
        let how = match &token.way {
            Way::Automounted => "automounted".to_owned(),
            Way::Projected { audience, seconds } => {
                format!("projected {} {seconds}", audience.as_deref().unwrap_or("-"))
            }
            Way::SecretVolume(name) => format!("volume {name}"),
            Way::SecretEnv(name) => format!("env {name}"),
        };
        let seen: Vec<String> = token.containers.iter().map(|(c, at)| format!("{c}:{at}")).collect();
        format!("{} {how} {}", token.account, seen.join(" "))
    };
    tokens.map(line).collect()
}

const NONE: &str = "automountServiceAccountToken: false";

#[test]
fn a_token_mounted_by_default_is_seen_before_and_after_admission() {
    let path = "/var/run/secrets/kubernetes.io/serviceaccount/token";
    let written = ways(&[pod("shop/web", "a", "n1", "")]);
    assert_eq!(written, [format!("a automounted main:{path}")]);
    let template = ways(&[bare(
        "shop/web",
        "serviceAccountName: a, initContainers: [{name: first}], containers: [{name: main}]",
    )]);
    assert_eq!(template.len(), 1);
    assert!(template[0].contains(&format!("main:{path}")) && template[0].contains(&format!("first:{path}")));
    let nobody = ways(&[bare("shop/web", "containers: [{name: main}]")]);
    assert_eq!(nobody, [format!("default automounted main:{path}")]);
}

#[test]
fn projected_tokens_are_seen_with_audience_and_lifetime() {
    let spec = format!(
        "serviceAccountName: a, {NONE}, containers: [{{name: main, volumeMounts: [{{name: t, mountPath: /t/}}]}}], \
         volumes: [{{name: t, projected: {{sources: [{{serviceAccountToken: {{audience: vault, path: vault}}}}, \
         {{serviceAccountToken: {{path: api, expirationSeconds: 7200}}}}]}}}}]"
    );
    assert_eq!(
        ways(&[bare("shop/web", &spec)]),
        ["a projected vault 3600 main:/t/vault", "a projected - 7200 main:/t/api"]
    );
}

#[test]
fn a_token_for_somebody_else_makes_no_pod_hot_and_one_for_the_api_server_by_name_does() {
    let projected = |audience: &str| {
        let spec = format!(
            "serviceAccountName: a, {NONE}, containers: [{{name: main}}], volumes: [{{name: t, projected: \
             {{sources: [{{serviceAccountToken: {{audience: \"{audience}\", path: t}}}}]}}}}]"
        );
        scanned(&[reader(), bare("shop/web", &spec)])
    };
    assert_eq!(of_view(&projected("vault"), View::Pods).len(), 0);
    for audience in ["https://kubernetes.default.svc", "https://kubernetes.default.svc.cluster.local", "api"]
    {
        assert_eq!(of_view(&projected(audience), View::Pods).len(), 1, "{audience}");
    }
}

#[test]
fn a_long_token_that_only_looks_like_the_default_is_told_as_projected() {
    let long =
        pod("shop/web", "a", "n1", "").replace("expirationSeconds: 3607", "expirationSeconds: 31536000");
    assert_eq!(ways(&[long])[0].split(' ').nth(1), Some("projected"));
}

fn with_secret(volumes: &str, env: &str, mounts: &str) -> Vec<String> {
    let spec = format!("serviceAccountName: b, {NONE}, containers: [{{name: main{env}{mounts}}}]{volumes}");
    vec![token("shop/old", "a", ""), reader(), bare("shop/web", &spec)]
}

#[test]
fn long_lived_tokens_of_other_accounts_are_seen_in_volumes_projections_and_the_environment() {
    let mount = ", volumeMounts: [{name: v, mountPath: /v}]";
    for (documents, expected) in [
        (
            with_secret(", volumes: [{name: v, secret: {secretName: old}}]", "", mount),
            "a volume old main:/v/token",
        ),
        (
            with_secret(", volumes: [{name: v, projected: {sources: [{secret: {name: old}}]}}]", "", mount),
            "a volume old main:/v/token",
        ),
        (
            with_secret("", ", env: [{name: T, valueFrom: {secretKeyRef: {name: old, key: token}}}]", ""),
            "a env old main:in the environment",
        ),
        (with_secret("", ", envFrom: [{secretRef: {name: old}}]", ""), "a env old main:in the environment"),
    ] {
        assert_eq!(ways(&documents), [expected]);
        let report = scanned(&documents);
        let hot = about(&report, View::Pods, "Pod shop/web").unwrap_or_else(|| panic!("{expected}"));
        assert!(hot.because[1].what.starts_with("token of ServiceAccount shop/a, long-lived"), "{hot:?}");
    }
}

#[test]
fn other_keys_of_the_secret_other_secrets_and_invalid_tokens_are_no_tokens() {
    let env = ", env: [{name: T, valueFrom: {secretKeyRef: {name: old, key: ca.crt}}}]";
    assert_eq!(ways(&with_secret("", env, "")), [""; 0]);
    let env = ", envFrom: [{secretRef: {name: other}}]";
    assert_eq!(ways(&with_secret("", env, "")), [""; 0]);
    let mut documents = with_secret("", ", envFrom: [{secretRef: {name: old}}]", "");
    documents[0] = token("shop/old", "a", ", labels: {kubernetes.io/legacy-token-invalid-since: 2026-02-01}");
    assert_eq!(ways(&documents), [""; 0]);
    documents[0] = token("blog/old", "a", "");
    assert_eq!(ways(&documents), [""; 0], "a Secret of another namespace");
}

#[test]
fn init_and_ephemeral_containers_see_tokens_too() {
    for (list, other) in [
        ("initContainers", "containers: [{name: main}], "),
        ("ephemeralContainers", "containers: [{name: main}], "),
    ] {
        let spec = format!(
            "serviceAccountName: b, {NONE}, {other}{list}: [{{name: more, envFrom: [{{secretRef: {{name: old}}}}]}}]"
        );
        let documents = [token("shop/old", "a", ""), bare("shop/web", &spec)];
        assert_eq!(ways(&documents), ["a env old more:in the environment"], "{list}");
    }
}

fn owned(name: &str, node: &str, more: &str) -> String {
    let owner =
        "ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-1, uid: u, controller: true}]";
    pod(&format!("shop/{name}"), "a", node, more)
        .replace("namespace: shop}", &format!("namespace: shop, {owner}}}"))
}

fn replica_set() -> String {
    "apiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {name: web-1, namespace: shop, ownerReferences: [{apiVersion: \
     apps/v1, kind: Deployment, name: web, uid: u, controller: true}]}\nspec: {template: {spec: {serviceAccountName: a, \
     containers: [{name: main}]}}}"
        .to_owned()
}

#[test]
fn pods_of_one_workload_are_one_finding_about_it() {
    let report = scanned(&[reader(), replica_set(), owned("web-1-x", "n1", ""), owned("web-1-y", "n2", "")]);
    let [hot] = of_view(&report, View::Pods)[..] else { panic!("{:?}", of_view(&report, View::Pods)) };
    assert_eq!(hot.object.to_string(), "Deployment shop/web");
    assert_eq!(hot.because[0].what, "2 pods: web-1-x, web-1-y");
}

#[test]
fn one_pod_of_a_workload_that_differs_from_the_others_is_not_overlooked() {
    let legacy = owned("web-1-y", "n1", "").replace(
        "- name: main",
        "- name: main\n    envFrom: [{secretRef: {name: old}}]\n    securityContext: {privileged: true}",
    );
    let documents = [
        rights("all", "shop", "ServiceAccount shop/strong", &["* * of *"]),
        token("shop/old", "strong", ""),
        replica_set(),
        owned("web-1-x", "n1", ""),
        legacy,
    ];
    let report = scanned(&documents);
    let hot = about(&report, View::Pods, "Deployment shop/web").unwrap();
    assert_eq!(hot.severity, Severity::Critical);
    let weak = about(&report, View::Privileged, "Deployment shop/web").unwrap();
    assert!(weak.title.starts_with("container main is privileged"), "{weak:?}");
    assert!(weak.gives.contains("takes its node"));
}

#[test]
fn a_workload_without_pods_is_still_what_it_will_be() {
    let idle = "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: nightly, namespace: shop}\nspec: {jobTemplate: {spec: \
                {template: {spec: {serviceAccountName: a, containers: [{name: main}]}}}}}";
    let report = scanned(&[reader(), idle.to_owned()]);
    assert!(about(&report, View::Pods, "CronJob shop/nightly").is_some());
    let running = scanned(&[reader(), replica_set(), owned("web-1-x", "n1", "")]);
    assert_eq!(of_view(&running, View::Pods).len(), 1, "a set with pods is told by them");
}

#[test]
fn the_risks_of_two_accounts_are_counted_once_each_and_the_worst_leads() {
    let mut documents =
        with_secret("", ", envFrom: [{secretRef: {name: old}}, {secretRef: {name: second}}]", "");
    documents.push(token("shop/second", "a", ""));
    documents.push(account("shop/a"));
    let report = scanned(&documents);
    let hot = about(&report, View::Pods, "Pod shop/web").unwrap();
    assert_eq!(hot.title, "reads Secrets (namespace shop)", "two tokens, one risk");
    documents.push(rights("more", "shop", A, &["create pods", "create pods/exec"]));
    let report = scanned(&documents);
    let hot = about(&report, View::Pods, "Pod shop/web").unwrap();
    assert_eq!(hot.title, "creates pods (namespace shop), and 2 more");
}
