//! Long-lived tokens with age and last use, tokens nobody needs, tokens that live too long.

use sundew_posture::{
    Severity,
    report::{Finding, Report, View},
};

use crate::given::{about, account, bare, of_view, pod, rights, scanned, token, version};

fn secret(report: &Report) -> &Finding {
    about(report, View::Tokens, "Secret shop/old").unwrap()
}

fn said(finding: &Finding) -> Vec<&str> {
    finding.because.iter().map(|because| because.what.as_str()).collect()
}

/// A token with labels and the day it was made, used by a pod.
fn used(label: &str, more: &[String]) -> Report {
    let labels = match label {
        "" => ", creationTimestamp: \"2025-03-01T10:00:00Z\"".to_owned(),
        label => format!(", creationTimestamp: \"2025-03-01T10:00:00Z\", labels: {{{label}}}"),
    };
    let mut documents = vec![
        token("shop/old", "a", &labels),
        bare(
            "shop/web",
            "automountServiceAccountToken: false, containers: [{name: main, envFrom: [{secretRef: {name: old}}]}]",
        ),
    ];
    documents.extend_from_slice(more);
    scanned(&documents)
}

#[test]
fn a_token_that_was_never_used_is_told_with_its_age() {
    let report = used("", &[]);
    let finding = secret(&report);
    assert_eq!((finding.rule.as_str(), finding.severity), ("token-never-used", Severity::Medium));
    assert_eq!(
        said(finding),
        [
            "it is good for ServiceAccount shop/a, and does not expire",
            "it is 365 days old",
            "it was never used, as far as the API server noted (it does from 1.28 on)"
        ]
    );
    assert!(finding.fix.contains("kubectl create token a -n shop"));
}

#[test]
fn whether_it_was_used_is_not_known_before_the_api_server_noted_it() {
    let report = used("", &[version(27)]);
    let finding = secret(&report);
    assert_eq!((finding.rule.as_str(), finding.severity), ("token-long-lived", Severity::Low));
    assert!(
        said(finding).contains(&"when it was last used is not known (the API server notes it from 1.28 on)")
    );
    assert_eq!(secret(&used("", &[version(28)])).rule, "token-never-used");
}

#[test]
fn the_last_use_is_told_in_days_and_one_of_long_ago_is_forgotten() {
    for (day, rule, words) in [
        ("2026-03-01", "token-long-lived", "it was last used today (2026-03-01)"),
        ("2026-02-28", "token-long-lived", "it was last used yesterday (2026-02-28)"),
        ("2025-12-01", "token-long-lived", "it was last used 90 days ago (2025-12-01)"),
        ("2025-11-30", "token-forgotten", "it was last used 91 days ago (2025-11-30)"),
        ("soon", "token-long-lived", "it was last used on soon"),
    ] {
        let report = used(&format!("kubernetes.io/legacy-token-last-used: \"{day}\""), &[]);
        let finding = secret(&report);
        assert_eq!(finding.rule, rule, "{day}");
        assert!(said(finding).contains(&words), "{:?}", said(finding));
    }
}

#[test]
fn one_that_no_pod_uses_is_told_so_and_an_account_that_lists_it_is_no_user() {
    let last = ", labels: {kubernetes.io/legacy-token-last-used: \"2026-02-28\"}";
    let report = scanned(&[token("shop/old", "a", last), pod("shop/web", "a", "n1", "")]);
    let finding = secret(&report);
    assert_eq!(finding.rule, "token-unreferenced");
    assert!(said(finding).iter().any(|what| what.starts_with("no pod uses it")));
}

#[test]
fn where_pods_could_not_be_read_nothing_is_said_of_their_use() {
    let last = ", labels: {kubernetes.io/legacy-token-last-used: \"2026-02-28\"}";
    let report = scanned(&[token("shop/old", "a", last)]);
    let finding = secret(&report);
    assert_eq!(finding.rule, "token-long-lived");
    assert!(!said(finding).iter().any(|what| what.starts_with("no pod uses it")));
}

#[test]
fn a_token_that_was_declared_invalid_is_told_and_counts_little() {
    let report = used("kubernetes.io/legacy-token-invalid-since: \"2026-01-01\"", &[]);
    assert_eq!(
        (secret(&report).rule.as_str(), secret(&report).severity),
        ("token-invalidated", Severity::Info)
    );
}

#[test]
fn a_token_of_an_account_with_risks_is_worse() {
    let last = "kubernetes.io/legacy-token-last-used: \"2026-02-28\"";
    let grants = rights("all", "shop", "ServiceAccount shop/a", &["* * of *"]);
    let report = used(last, std::slice::from_ref(&grants));
    assert_eq!(secret(&report).severity, Severity::High);
    assert!(said(secret(&report)).contains(&"its account does everything"));
    assert_eq!(secret(&used(last, &[])).severity, Severity::Low);
    let little = rights("few", "shop", "ServiceAccount shop/a", &["delete events"]);
    assert_eq!(secret(&used(last, &[little])).severity, Severity::Medium);
}

#[test]
fn other_secrets_are_no_tokens() {
    let opaque = "apiVersion: v1\nkind: Secret\nmetadata: {name: db, namespace: shop}\ntype: Opaque";
    assert_eq!(of_view(&scanned(&[opaque]), View::Tokens).len(), 0);
}

#[test]
fn an_account_with_no_rights_needs_no_token() {
    let none =
        [account("shop/a"), pod("shop/web", "a", "n1", ""), rights("x", "blog", "User ann", &["get pods"])];
    let cluster_wide = rights("y", "cluster", "User ann", &["get pods"]);
    let mut documents = none.to_vec();
    documents.push(cluster_wide);
    let report = scanned(&documents);
    let finding = about(&report, View::Tokens, "ServiceAccount shop/a").unwrap();
    assert_eq!(finding.rule, "token-needless");
    assert_eq!(said(finding), ["mounted by web", "no binding names the account"]);
    for grants in [
        rights("z", "shop", "ServiceAccount shop/a", &["get pods"]),
        rights("z", "shop", "User system:serviceaccount:shop:a", &["get pods"]),
        rights("z", "shop", "Group system:serviceaccounts:shop", &["get pods"]),
    ] {
        let mut documents = documents.clone();
        documents.push(grants);
        assert_eq!(about(&scanned(&documents), View::Tokens, "ServiceAccount shop/a"), None);
    }
}

#[test]
fn an_account_with_a_role_of_the_cloud_needs_its_token() {
    let cloud = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: a, namespace: shop, annotations: \
                 {eks.amazonaws.com/role-arn: \"arn:aws:iam::1:role/x\"}}";
    let documents = [
        cloud.to_owned(),
        pod("shop/web", "a", "n1", ""),
        rights("x", "blog", "User ann", &["get pods"]),
        rights("y", "cluster", "User ann", &["get pods"]),
    ];
    assert_eq!(about(&scanned(&documents), View::Tokens, "ServiceAccount shop/a"), None);
}

#[test]
fn without_bindings_nobody_is_said_to_need_no_token() {
    let report = scanned(&[account("shop/a"), pod("shop/web", "a", "n1", "")]);
    assert_eq!(of_view(&report, View::Tokens).len(), 0);
}

#[test]
fn a_projected_token_for_more_than_a_day_is_told_once_a_workload() {
    let spec = |seconds: u32| {
        format!(
            "automountServiceAccountToken: false, containers: [{{name: main}}], volumes: [{{name: t, projected: {{sources: \
             [{{serviceAccountToken: {{audience: vault, path: t, expirationSeconds: {seconds}}}}}]}}}}]"
        )
    };
    let report = scanned(&[bare("shop/web", &spec(172_800)), bare("shop/short", &spec(86_400))]);
    let [finding] = of_view(&report, View::Tokens)[..] else { panic!() };
    assert_eq!(finding.object.to_string(), "Pod shop/web");
    assert_eq!(
        said(finding),
        [
            "token of ServiceAccount shop/default, projected for audience vault, good for 2 days, seen by no container"
        ]
    );
}
