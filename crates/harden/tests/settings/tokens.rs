//! Accounts' tokens, and what audit logs tell of them.

use jiff::{Span, ToSpan};
use sundew_audit::{Item, Unwrapper};
use sundew_harden::settings::{Fact, Heard, State, apiserver};
use sundew_posture::Severity;

use super::{KUBEADM, bad, fact, looked, state};

pub(super) fn heard(events: &[&str]) -> Heard {
    let mut heard = Heard::default();
    let mut unwrapper = Unwrapper::new();
    let mut read = 0;
    for event in events {
        unwrapper.line(event.as_bytes(), &mut |item| {
            if let Item::Event(event, _) = item {
                heard.record(event);
                read += 1;
            }
        });
    }
    assert_eq!(read, events.len());
    heard
}

pub(super) fn event(day: u8, user: &str, group: &str, annotations: &str) -> String {
    format!(
        r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"a","stage":"ResponseComplete","requestURI":"/api/v1/pods","verb":"list","user":{{"username":"{user}","groups":["{group}"]}},"sourceIPs":["192.0.2.1"],"requestReceivedTimestamp":"2026-11-{day:02}T00:00:00.000000Z","stageTimestamp":"2026-11-{day:02}T00:00:00.000000Z","annotations":{{{annotations}}}}}"#
    )
}

const STALE: &str = r#""authentication.k8s.io/stale-token":"subject: system:serviceaccount:shop:cart, seconds after warning threshold: 93600""#;

fn with(heard: Heard, window: Span) -> Vec<Fact> {
    looked(KUBEADM, |seen| {
        seen.heard_enough = heard.covers(window);
        seen.heard = Some(heard);
    })
}

#[test]
fn tokens_are_not_cut_short_while_somebody_uses_one_past_its_hour() {
    let events = [
        event(1, "system:serviceaccount:shop:cart", "system:serviceaccounts", STALE),
        event(20, "a", "b", ""),
    ];
    let facts = with(heard(&[&events[0], &events[1]]), 14.days());
    let fact = fact(&facts, "token-extension");
    assert_eq!(fact.state, bad(Severity::Medium));
    assert_eq!(
        fact.evidence[1],
        "audit logs: system:serviceaccount:shop:cart used a token past its hour 1 times, up to 26 h later"
    );
    assert!(fact.fix.starts_with("First update these"), "{}", fact.fix);
}

#[test]
fn only_logs_that_reach_far_enough_say_that_nobody_does() {
    let events = [event(1, "a", "b", ""), event(20, "a", "b", "")];
    let far = fact(&with(heard(&[&events[0], &events[1]]), 14.days()), "token-extension");
    assert_eq!(far.fix, "Set --service-account-extend-token-expiration=false");
    let short = fact(&with(heard(&[&events[0], &events[1]]), 30.days()), "token-extension");
    assert!(short.fix.starts_with("Give --logs with more of the past"), "{}", short.fix);
    assert!(!heard(&[]).covers(1.days()));
}

#[test]
fn members_of_system_masters_are_named_and_the_server_itself_is_none() {
    let events = [
        event(1, "system:apiserver", "system:masters", ""),
        event(2, "kubernetes-admin", "system:masters", ""),
        event(20, "kubernetes-admin", "system:masters", ""),
    ];
    let facts = with(heard(&[&events[0], &events[1], &events[2]]), 14.days());
    let masters = fact(&facts, "masters");
    assert_eq!(masters.state, bad(Severity::Medium));
    assert_eq!(masters.evidence, ["audit logs: kubernetes-admin, 2 times"]);
    let none = [event(1, "a", "b", ""), event(20, "a", "b", "")];
    let none: Vec<&str> = none.iter().map(String::as_str).collect();
    assert_eq!(state(&with(heard(&none), 14.days()), "masters"), State::Good);
    assert_eq!(state(&with(heard(&none), 30.days()), "masters"), State::Unknown);
}

#[test]
fn a_token_that_outlives_a_day_is_told_of_and_worse_where_it_is_for_the_api_server() {
    let facts = looked(KUBEADM, |_| {});
    let vault = fact(&facts, "token-lifetimes");
    assert_eq!(vault.state, bad(Severity::Low));
    assert_eq!(vault.evidence, ["Pod shop/cart-1: 7 d for `vault`, file vault-token"]);
    let own = looked(KUBEADM, |seen| seen.declared = apiserver("f", "--api-audiences=api,vault").unwrap());
    assert_eq!(state(&own, "token-lifetimes"), bad(Severity::Medium));
    let shared = fact(&own, "api-audiences");
    assert_eq!(shared.state, bad(Severity::Medium));
    assert!(shared.evidence[1].contains("Pod shop/cart-1: a token for `vault`"), "{shared:?}");
    let none = looked(&KUBEADM.replace(", audience: vault", ""), |_| {});
    assert_eq!(
        state(&none, "token-lifetimes"),
        bad(Severity::Medium),
        "it is the API server's where nothing is named"
    );
}

#[test]
fn the_limit_that_is_offered_is_no_shorter_than_what_pods_ask_for() {
    let facts = looked(KUBEADM, |_| {});
    assert!(fact(&facts, "token-max").fix.contains("=168h"));
}

#[test]
fn an_audit_annotation_of_another_shape_does_no_harm() {
    for note in ["", "subject", "subject: x", "subject: x, y", "subject: x, y: z"] {
        let odd = event(1, "a", "b", &format!(r#""authentication.k8s.io/stale-token":"{note}""#));
        let _ = heard(&[&odd]);
    }
}
