//! Each row of what the tripwire needs, proved: a real event trips the wire at that level, and not a level below.

use sundew_decoy::Inventory;
use sundew_detect::{Signal, Tripwire, tripwire::rules};
use sundew_policy::{Level, Policy, Stage};

use crate::given::{NEEDS, all_at, below, event, kept, needed, recording};

/// The rules that a line trips for these decoys.
fn trips(decoys: &str, line: &str) -> Vec<String> {
    let inventory = Inventory::read(&format!("version: 1\n{decoys}")).unwrap();
    let event = sundew_audit::parse::event(line).unwrap();
    let signals = Tripwire::new(&inventory).judge("default", &event);
    let rule = |signal: Signal| match signal {
        Signal::Finding(finding) | Signal::Unauthorized(finding) => Some(finding.rule),
        Signal::DecoyPod((_, _, pod), _) => Some(format!("pod {pod}")),
        Signal::Entered(..) | Signal::Suppressed(_) => None,
    };
    signals.into_iter().filter_map(rule).collect()
}

/// The first line of a recording that trips this.
fn recorded(name: &str, decoys: &str, rule: &str) -> String {
    let lines = recording(name);
    let found = lines.into_iter().find(|line| trips(decoys, line).iter().any(|tripped| tripped == rule));
    found.unwrap_or_else(|| panic!("{rule} in {name}"))
}

const DECOYS: &str = "
decoys:
- {namespace: honeypot, account: backup-sa, placements: [{secret: backup-sa-token, mountedBy: {pod: file-backup}}]}
- {namespace: kube-system, account: tiller, placements: [{secret: tiller-token-x7k2p}]}
";
/// Whose ordinary work stands in for what somebody does with a decoy.
const FRONTEND: &str = "decoys: [{namespace: shop, account: frontend}]";
const BATCH: &str = "decoys: [{namespace: bodies, account: batch}]";
const BAIT: &str = "decoys: []\nnamespaces: [{name: honeypot}]";

#[test]
fn each_row_is_tripped_at_its_level_and_not_below() {
    let binding = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings";
    let secret = include_str!("../../../../rules/secrets/token-secret-made.match.jsonl");
    let secret = secret.lines().find(|line| line.contains("/namespaces/bodies/")).unwrap();
    let rows: Vec<(&str, &str, Level, String)> = vec![
        (rules::TOKEN_USED.id, DECOYS, Level::Metadata, recorded("theft", DECOYS, rules::TOKEN_USED.id)),
        (rules::IMPERSONATED.id, DECOYS, Level::Metadata, recorded("theft", DECOYS, rules::IMPERSONATED.id)),
        (
            rules::IMPERSONATION_REFUSED.id,
            DECOYS,
            Level::Metadata,
            event("list", "/api/v1/namespaces/shop/pods"),
        ),
        (rules::BAIT_NAMESPACE.id, BAIT, Level::Metadata, recorded("theft", BAIT, rules::BAIT_NAMESPACE.id)),
        (
            rules::TOKEN_CHECKED.id,
            DECOYS,
            Level::Request,
            event("create", "/apis/authorization.k8s.io/v1/subjectaccessreviews"),
        ),
        (
            rules::TOKEN_REQUESTED.id,
            DECOYS,
            Level::Metadata,
            recorded("theft", DECOYS, rules::TOKEN_REQUESTED.id),
        ),
        (
            rules::RUNS_AS_DECOY.id,
            FRONTEND,
            Level::Metadata,
            recorded("quiet", FRONTEND, rules::RUNS_AS_DECOY.id),
        ),
        (
            rules::ACCOUNT_CHANGED.id,
            DECOYS,
            Level::Metadata,
            recorded("theft", DECOYS, rules::ACCOUNT_CHANGED.id),
        ),
        (
            rules::TOKEN_LAST_USED.id,
            DECOYS,
            Level::Metadata,
            recorded("theft", DECOYS, rules::TOKEN_LAST_USED.id),
        ),
        (
            rules::SECRET_TOUCHED.id,
            DECOYS,
            Level::Metadata,
            recorded("theft", DECOYS, rules::SECRET_TOUCHED.id),
        ),
        (rules::TOKEN_SECRET_MADE.id, BATCH, Level::Request, secret.to_owned()),
        (rules::ROLE_BOUND.id, DECOYS, Level::Request, recorded("theft", DECOYS, rules::ROLE_BOUND.id)),
        // Of the patch only the name is new; whose kind and namespace it is stands in the answer.
        (rules::ROLE_BOUND.id, DECOYS, Level::RequestResponse, event("patch", binding)),
        (rules::POD_ENTERED.id, DECOYS, Level::Metadata, recorded("theft", DECOYS, rules::POD_ENTERED.id)),
        (
            rules::WORKLOAD_AS_DECOY.id,
            DECOYS,
            Level::Request,
            event("create", "/api/v1/namespaces/honeypot/pods"),
        ),
        (
            rules::SECRET_MOUNTED.id,
            DECOYS,
            Level::Request,
            recorded("theft", DECOYS, rules::SECRET_MOUNTED.id),
        ),
    ];
    for (rule, decoys, level, line) in &rows {
        let under = |level| {
            kept(&all_at(level), line).is_some_and(|line| trips(decoys, &line).contains(&(*rule).to_owned()))
        };
        assert!(under(*level), "{rule} at {level:?}: {line}");
        assert!(!under(below(*level)), "{rule} below {level:?}: {line}");
        assert_eq!(needed(rule, line), Some(*level), "{rule}: {line}");
    }
    // Of every detection of the tripwire that has a row there is one here, or a test of its own below.
    for detection in NEEDS.detections().iter().filter(|one| one.is_of_tripwire()) {
        let proved = rows.iter().any(|(rule, ..)| detection.name == *rule);
        assert!(proved || detection.name == rules::UNAUTHORIZED.id, "{}", detection.name);
    }
}

#[test]
fn a_401_is_seen_at_response_started_alone() {
    let line = recorded("five", DECOYS, rules::UNAUTHORIZED.id);
    assert_eq!(trips(DECOYS, &kept(&all_at(Level::Metadata), &line).unwrap()), [rules::UNAUTHORIZED.id]);
    let without = Policy { omit_stages: vec![Stage::ResponseStarted], ..all_at(Level::Metadata) };
    assert_eq!(kept(&without, &line), None);
    assert_eq!(needed(rules::UNAUTHORIZED.id, &line), Some(Level::Metadata));
}

#[test]
fn the_name_of_a_pod_that_asked_for_a_generated_one_is_in_the_answer_alone() {
    let line = event("create", "/api/v1/namespaces/honeypot/pods");
    let named = |level| {
        let line = kept(&all_at(level), &line).unwrap();
        trips(DECOYS, &line).iter().any(|signal| signal.starts_with("pod node-debugger-"))
    };
    assert!(named(Level::RequestResponse));
    assert!(!named(Level::Request));
    assert_eq!(needed(rules::POD_ENTERED.id, &line), Some(Level::RequestResponse));
}

#[test]
fn a_review_of_a_token_names_its_account_in_the_answer_alone() {
    let line = r#"{"level":"RequestResponse","stage":"ResponseComplete","verb":"create","requestURI":"/apis/authentication.k8s.io/v1/tokenreviews","user":{"username":"system:node:worker-1"},"objectRef":{"resource":"tokenreviews","apiGroup":"authentication.k8s.io"},"responseStatus":{"code":201},"requestObject":{"spec":{}},"responseObject":{"status":{"authenticated":true,"user":{"username":"system:serviceaccount:honeypot:backup-sa"}}}}"#;
    let at = |level| trips(DECOYS, &kept(&all_at(level), line).unwrap());
    assert_eq!(at(Level::RequestResponse), [rules::TOKEN_CHECKED.id]);
    assert!(at(Level::Request).is_empty());
    assert_eq!(needed(rules::TOKEN_CHECKED.id, line), Some(Level::RequestResponse));
}
