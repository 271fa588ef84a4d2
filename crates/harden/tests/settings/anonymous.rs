//! Requests without a credential.

use sundew_harden::settings::{Answered, State, apiserver};
use sundew_posture::Severity;

use super::{bad, fact, looked, of_version, state, with_flags};

const ID: &str = "anonymous-requests";
const RBAC: &str = "--authorization-mode=Node,RBAC";

#[test]
fn they_are_let_in_unless_a_flag_says_no() {
    let facts = with_flags("v1.36.2", &format!("{RBAC}\n--profiling=false"));
    assert!(matches!(state(&facts, ID), State::Bad { .. }));
    assert_eq!(fact(&facts, ID).evidence, ["file flags.txt: --anonymous-auth is not set, which means true"]);
    let facts = with_flags("v1.36.2", &format!("{RBAC}\n--anonymous-auth=false"));
    assert_eq!(state(&facts, ID), State::Good);
}

#[test]
fn the_fix_keeps_the_probes_of_the_kubelet_alive() {
    let new = fact(&with_flags("v1.36.2", RBAC), ID);
    assert!(new.fix.contains("anonymous.conditions"), "{}", new.fix);
    let old = fact(&with_flags("v1.31.0", RBAC), ID);
    assert!(old.fix.contains("--anonymous-auth=false, once the probes"), "{}", old.fix);
}

#[test]
fn a_configuration_goes_before_the_default() {
    let config = |anonymous: &str| {
        let text = format!("{RBAC}\n--authentication-config=/x.yaml\n",);
        let second = format!(
            "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\n{anonymous}\n"
        );
        looked(&of_version("v1.36.2"), |seen| {
            seen.declared = apiserver("flags", &text).unwrap();
            seen.declared.authentication = apiserver("auth.yaml", &second).unwrap().authentication;
        })
    };
    assert_eq!(state(&config("anonymous: {enabled: false}"), ID), State::Good);
    assert!(matches!(state(&config("anonymous: {enabled: true}"), ID), State::Bad { .. }));
    assert!(matches!(state(&config("jwt: []"), ID), State::Bad { .. }), "the flag's default holds");
    let health = config("anonymous: {enabled: true, conditions: [{path: /livez}, {path: /healthz}]}");
    assert_eq!(state(&health, ID), State::Good);
    assert!(fact(&health, ID).evidence[0].contains("/livez, /healthz alone"));
    let wide = config("anonymous: {enabled: true, conditions: [{path: /livez}, {path: /api/v1/pods}]}");
    assert_eq!(state(&wide, ID), bad(Severity::High));
    assert!(fact(&wide, ID).title.ends_with("let in at /api/v1/pods"));
}

#[test]
fn a_configuration_that_was_not_given_is_not_guessed_at() {
    let facts = with_flags("v1.36.2", &format!("{RBAC}\n--authentication-config=/x.yaml"));
    let fact = fact(&facts, ID);
    assert_eq!(fact.state, State::Unknown);
    assert!(
        fact.evidence[0]
            .contains("--authentication-config=/x.yaml, and what stands in that file was not given")
    );
}

/// Answers to the four requests, in their order.
fn answered(answers: [Answered; 4]) -> sundew_harden::settings::Fact {
    let paths = ["/version", "/healthz", "/api", "/api/v1/namespaces?limit=1"];
    let answers: Vec<_> = paths.into_iter().map(str::to_owned).zip(answers).collect();
    fact(&looked(&of_version("v1.36.2"), |seen| seen.answers = answers), ID)
}

fn forbidden() -> Answered {
    Answered::Forbidden("forbidden: User \"system:anonymous\" cannot get path \"/api\"".into())
}

#[test]
fn the_server_s_own_answers_say_how_far_strangers_get() {
    use Answered::{Allowed, Other, Unauthorized};
    let off = answered([Unauthorized, Unauthorized, Unauthorized, Unauthorized]);
    assert_eq!(off.state, State::Good);
    assert_eq!(off.evidence[0], "asked without a credential: GET /version: a credential is asked for (401)");
    // What Kubernetes shows to everybody; here nothing of the cluster's rights is known besides.
    let usual = answered([Allowed, Allowed, forbidden(), forbidden()]);
    assert_eq!(usual.state, bad(Severity::Medium));
    let discovery = answered([Allowed, Allowed, Allowed, forbidden()]);
    assert_eq!(discovery.state, bad(Severity::High));
    let inside = answered([Allowed, Allowed, Allowed, Allowed]);
    assert_eq!(inside.state, bad(Severity::Critical));
    assert!(inside.title.ends_with("may read what is in the cluster"));
    let health = answered([Unauthorized, Allowed, Unauthorized, Unauthorized]);
    assert_eq!(health.state, State::Good, "{health:?}");
    let down = || Other("the connection failed".into());
    assert_eq!(answered([down(), down(), down(), down()]).state, State::Unknown);
    let proxy = || Answered::Forbidden("denied by gateway".into());
    let proxied = answered([proxy(), proxy(), proxy(), proxy()]);
    assert_eq!(proxied.state, State::Unknown);
    assert!(proxied.evidence[0].contains("knows no system:anonymous"), "{proxied:?}");
}

#[test]
fn an_answer_is_believed_before_a_flag() {
    let facts = looked(&of_version("v1.36.2"), |seen| {
        seen.declared = apiserver("flags", &format!("{RBAC}\n--anonymous-auth=false")).unwrap();
        seen.answers = vec![("/api/v1/namespaces?limit=1".into(), Answered::Allowed)];
    });
    assert_eq!(state(&facts, ID), bad(Severity::Critical));
}

#[test]
fn told_to_allow_everything_a_server_lets_no_stranger_in() {
    let facts = with_flags("v1.36.2", "--authorization-mode=AlwaysAllow");
    assert_eq!(state(&facts, ID), State::Good);
    assert_eq!(state(&facts, "authorization"), bad(Severity::Critical));
}
