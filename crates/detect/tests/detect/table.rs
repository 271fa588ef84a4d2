//! Every row of the tripwire's table.

use serde_json::json;
use sundew_detect::{Desk, Severity, tripwire::rules};

use crate::{
    given::{CLUSTER, DECOY, PEER, THIEF, TRIPWIRE, request, told_by, use_of_token},
    rows::{
        Row, TOKEN_USED, account_changed, bait, bindings, credential_names_placement, impersonations,
        refusal, refused_by, refused_impersonations, reviews, rows, secrets_touched, token_last_used,
        token_requests, token_secrets_made, user_is_decoy,
    },
    workload_rows::{entered, pod_with, pods_entered, secrets_mounted, workload, workloads_as_decoy},
};

#[track_caller]
fn check(rows: Vec<Row>) {
    assert!(!rows.is_empty());
    for row in rows {
        let finding = row.event.finding();
        let decoy = finding.decoy.clone().unwrap();
        let said = (finding.rule.as_str(), finding.severity, decoy.name.as_str(), decoy.placement.as_deref());
        let line = row.event.line();
        assert_eq!(said, (row.rule, row.severity, row.decoy, row.placement), "{line:.600}");
        assert_eq!(finding.actor.user.as_deref(), row.event.get("user")["username"].as_str(), "{line}");
        assert!(finding.title.contains(row.decoy), "{}", finding.title);
        assert!(!finding.attack.is_empty() && !finding.drill && finding.cluster == CLUSTER);
        assert!(row.event.is_pointed_at(), "the skim passes {line:.600}");
    }
}

#[test]
fn whatever_the_decoy_itself_does_is_critical() {
    check(user_is_decoy());
}

#[test]
fn a_credential_names_the_placement_that_leaked_even_where_the_name_was_reused() {
    check(credential_names_placement());
}

#[test]
fn where_a_copy_lies_is_said_in_the_inventory_s_words() {
    let finding = use_of_token("get", "/api").finding();
    assert_eq!(finding.decoy.unwrap().location.as_deref(), Some("/opt/backup of pod file-backup"));
}

#[test]
fn impersonating_a_decoy_is_critical() {
    check(impersonations());
    let finding = impersonations().remove(0).event.finding();
    assert_eq!(finding.actor.user.as_deref(), Some("kubernetes-admin"));
    assert_eq!(finding.actor.impersonated.as_deref(), Some(DECOY));
}

#[test]
fn a_refused_impersonation_of_a_decoy_is_high() {
    check(refused_impersonations());
}

#[test]
fn a_message_with_a_decoy_in_somebody_s_name_is_no_refused_impersonation_of_it() {
    let forged =
        "x\" cannot impersonate resource \"serviceaccounts\" in API group \"\" in the namespace \"honeypot\"";
    for event in [
        refused_by(forged, "backup-sa", "shop"),
        refused_by(THIEF, "backup-sa", "honeypot-2"),
        refused_by(THIEF, "backup-sa-2", "honeypot"),
        refused_by("backup-sa", "orders", "honeypot"),
        // Not quoted as Go quotes: nothing is guessed from it.
        refusal(
            &format!(
                "serviceaccounts \"backup-sa\" is forbidden: User \"{forged}\" cannot impersonate resource \
                \"serviceaccounts\" in API group \"\" in the namespace \"shop\""
            ),
            &json!({"name": "backup-sa", "kind": "serviceaccounts"}),
        ),
        // Refused, and no impersonation.
        refusal(
            "serviceaccounts \"backup-sa\" is forbidden: User \"x\" cannot get resource \"serviceaccounts\" in API \
             group \"\" in the namespace \"honeypot\"",
            &json!({"name": "backup-sa", "kind": "serviceaccounts"}),
        ),
        // Allowed, whatever the words say.
        refused_by(THIEF, "backup-sa", "honeypot").code(200),
        // 1.36 names the target only to those who may already act as some.
        refusal(
            "pods is forbidden: User \"x\" cannot impersonate-on:serviceaccount:list resource \"pods\" in API group \
             \"\" at the cluster scope",
            &json!({"kind": "pods"}),
        ),
    ] {
        assert_eq!(event.told(), None, "{}", event.line());
    }
}

#[test]
fn asking_for_a_decoy_s_token_is_critical_and_a_kubelet_that_asks_runs_a_pod_as_it() {
    check(token_requests());
}

#[test]
fn a_workload_that_runs_as_a_decoy_is_critical_in_every_kind_and_way_of_making() {
    check(workloads_as_decoy());
}

#[test]
fn a_workload_that_takes_a_decoy_s_secret_is_high_and_names_the_placement() {
    check(secrets_mounted());
}

#[test]
fn entering_a_decoy_s_pod_is_critical_over_every_way_in() {
    check(pods_entered());
    let tunnel = entered("get", "file-backup", "portforward").finding();
    assert_eq!(tunnel.attack, ["T1572", "T1609"]);
}

#[test]
fn entering_a_pod_that_was_seen_to_take_a_decoy_s_secret_is_critical() {
    let body = json!({"spec": {"volumes": [{"name": "v", "secret": {"secretName": "backup-sa-token"}}]}});
    let named = workload("create", "pods").body(&body);
    let generated = request("create", "/api/v1/namespaces/honeypot/pods")
        .object("pods", "honeypot", "")
        .body(&body)
        .code(201)
        .set("responseObject", json!({"metadata": {"generateName": "evil-", "name": "evil"}}));
    let nodes = request("get", "/api/v1/nodes/worker-1/proxy/exec/honeypot/evil/c").object(
        "nodes/proxy",
        "",
        "worker-1",
    );
    for made in [named, generated] {
        for event in
            [entered("get", "evil", "exec"), entered("patch", "evil", "ephemeralcontainers"), nodes.clone()]
        {
            let mut desk = Desk::default();
            assert_eq!(told_by(&mut desk, &event), None, "it is nobody's pod yet");
            assert_eq!(told_by(&mut desk, &made).unwrap().rule, "tripwire.secret_mounted");
            let finding = told_by(&mut desk, &event).unwrap();
            assert_eq!(
                (finding.rule.as_str(), finding.severity),
                ("tripwire.pod_entered", Severity::Critical)
            );
            assert_eq!(finding.decoy.unwrap().placement.as_deref(), Some("backup-sa-token"));
            assert!(finding.title.contains("honeypot/backup-sa"));
            assert!(event.is_pointed_at());
        }
    }
}

#[test]
fn a_pod_that_was_not_made_makes_no_pod_of_that_name_a_decoy() {
    let body = json!({"spec": pod_with("backup-sa")});
    for code in [403, 409, 422, 500] {
        let mut desk = Desk::default();
        assert!(told_by(&mut desk, &workload("create", "pods").body(&body).code(code)).is_some());
        assert_eq!(told_by(&mut desk, &entered("create", "evil", "exec")), None, "{code}");
    }
}

#[test]
fn a_decoy_s_secret_by_name_is_high() {
    check(secrets_touched());
}

#[test]
fn the_api_server_s_note_of_a_use_is_critical() {
    check(token_last_used());
}

#[test]
fn a_secret_that_would_become_a_decoy_s_token_is_critical() {
    check(token_secrets_made());
}

#[test]
fn a_role_bound_to_a_decoy_is_high() {
    check(bindings());
}

#[test]
fn a_change_of_a_decoy_s_account_is_high() {
    check(account_changed());
}

#[test]
fn any_request_into_a_bait_namespace_is_high() {
    check(bait());
}

#[test]
fn a_token_of_a_decoy_shown_to_another_server_is_critical() {
    check(reviews());
}

#[test]
fn every_rule_of_the_tripwire_has_a_row_here() {
    let seen: Vec<&str> = rows().iter().map(|row| row.rule).collect();
    let apart = [rules::UNREADABLE.id, rules::UNAUTHORIZED.id];
    for rule in rules::ALL.iter().filter(|rule| !apart.contains(&rule.id)) {
        assert!(seen.contains(&rule.id), "{}", rule.id);
    }
}

#[test]
fn a_line_that_cannot_be_read_is_told_where_it_names_a_decoy() {
    let line = use_of_token("get", "/api/v1/nodes").line();
    let cut = |at: &str| line.split_at(line.find(at).unwrap()).0;
    let judge = |raw: &str| {
        let mut event = sundew_audit::Event::default();
        let reject = sundew_audit::parse::event_into(raw, &mut event).unwrap_err();
        TRIPWIRE.judge_reject(CLUSTER, &reject, raw.as_bytes(), Some(&event), crate::given::at(9))
    };
    // The head tells who and what.
    let head = judge(cut("\"annotations\"")).unwrap();
    assert_eq!((head.rule.as_str(), head.severity), (TOKEN_USED, Severity::Critical));
    assert_eq!(head.actor.ip.as_deref(), Some(PEER));
    // A Secret's name in the middle of what is left.
    let rest =
        judge(&format!("{{{}", &line[line.find("\"authentication.k8s.io/legacy-token-manual").unwrap()..]))
            .unwrap();
    assert_eq!((rest.rule.as_str(), rest.severity), ("tripwire.unreadable", Severity::High));
    assert_eq!(rest.decoy.unwrap().placement.as_deref(), Some("backup-sa-token"));
    assert_eq!(rest.time, crate::given::at(9));
    for innocent in ["{\"x\":\"my-backup-sa-token\"", "{\"x\":\"tiller\"", "backup-sa-token-2", "\u{0}\u{1}"]
    {
        assert_eq!(judge(innocent), None, "{innocent}");
    }
}

#[test]
fn a_401_is_an_outcome_of_its_own_and_never_a_finding() {
    let event = request("list", "/api/v1/pods").object("pods", "", "").set("user", json!({})).code(401);
    let signals = event.judge();
    assert!(matches!(signals.as_slice(), [sundew_detect::Signal::Unauthorized(f)] if f.decoy.is_none()));
    assert_eq!(event.told(), None);
    assert!(event.is_pointed_at());
}
