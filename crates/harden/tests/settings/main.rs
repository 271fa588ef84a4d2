//! What is said of a cluster's settings, from its objects, from files, from its answers and from its audit log.
#![allow(clippy::unwrap_used, reason = "a test")]

mod anonymous;
mod bad;
mod changes;
mod flags;
mod nodes;
mod rights;
mod spaces;
mod tokens;

use jiff::Timestamp;
use sundew_harden::settings::{Declared, Fact, Heard, Seen, State, apiserver, look};
use sundew_posture::{Cluster, Reader, Settings, Severity, read::Assume, scan};

/// A small cluster as kubeadm makes it.
const KUBEADM: &str = include_str!("kubeadm.yaml");

fn cluster(text: &str) -> Cluster {
    let mut reader = Reader::new();
    reader.add("", text.as_bytes(), &Assume::default()).unwrap();
    reader.finish()
}

/// Looks at these objects, with what `with` adds.
fn looked(text: &str, with: impl FnOnce(&mut Seen<'_>)) -> Vec<Fact> {
    let cluster = cluster(text);
    let report = scan(&cluster, &Settings::new(Timestamp::UNIX_EPOCH));
    let mut seen = seen(&cluster, &report);
    with(&mut seen);
    look(&seen)
}

fn seen<'s>(cluster: &'s Cluster, report: &'s sundew_posture::report::Report) -> Seen<'s> {
    Seen {
        cluster,
        report,
        declared: Declared::default(),
        kubelets: Vec::new(),
        kubelets_unread: None,
        encryption: None,
        answers: Vec::new(),
        heard: None::<Heard>,
        heard_enough: false,
        decoys: None,
    }
}

/// Nothing but a version, so that there is a cluster at all.
fn of_version(version: &str) -> String {
    format!("{{gitVersion: {version}}}")
}

/// What these flags of the API server mean in this version.
fn with_flags(version: &str, flags: &str) -> Vec<Fact> {
    looked(&of_version(version), |seen| seen.declared = apiserver("flags.txt", flags).unwrap())
}

fn fact(facts: &[Fact], id: &str) -> Fact {
    facts.iter().find(|fact| fact.id == id).unwrap_or_else(|| panic!("no fact {id}")).clone()
}

fn state(facts: &[Fact], id: &str) -> State {
    fact(facts, id).state
}

fn bad(severity: Severity) -> State {
    State::Bad { severity }
}

#[test]
fn what_is_bad_comes_first_and_the_worst_before_the_rest() {
    let facts = looked(KUBEADM, |_| {});
    let ranks: Vec<(u8, u8)> = facts
        .iter()
        .map(|fact| match fact.state {
            State::Bad { severity } => (0, 10 - severity as u8),
            State::Unknown => (1, 0),
            State::Good => (2, 0),
        })
        .collect();
    assert!(ranks.is_sorted(), "{ranks:?}");
    assert!(ranks.iter().any(|rank| rank.0 == 0) && ranks.iter().any(|rank| rank.0 == 2));
}

#[test]
fn each_fact_says_where_it_was_seen_what_to_do_or_how_to_see_it() {
    for facts in [looked(KUBEADM, |_| {}), looked(&of_version("v1.36.2"), |_| {})] {
        let mut ids: Vec<&str> = facts.iter().map(|fact| fact.id.as_str()).collect();
        for fact in &facts {
            let json = serde_json::to_value(fact).unwrap();
            assert!(json["state"].is_string(), "{json}");
            assert!(!fact.title.ends_with('.') && !fact.title.is_empty(), "{json}");
            match fact.state {
                State::Good => assert_eq!((fact.fix.as_str(), fact.how_to_see.as_str()), ("", ""), "{json}"),
                State::Bad { .. } => {
                    assert!(!fact.evidence.is_empty() && !fact.fix.is_empty(), "{json}");
                    assert!(json["severity"].is_string(), "{json}");
                }
                State::Unknown => assert!(!fact.how_to_see.is_empty(), "{json}"),
            }
        }
        ids.sort_unstable();
        let count = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), count, "each once");
    }
}

#[test]
fn what_is_printed_as_json_can_be_read_back() {
    for fact in looked(KUBEADM, |_| {}) {
        let back: Fact = serde_json::from_str(&serde_json::to_string(&fact).unwrap()).unwrap();
        assert_eq!((&back.id, back.state, &back.evidence), (&fact.id, fact.state, &fact.evidence));
    }
}

#[test]
fn of_a_cluster_of_which_nothing_is_known_nothing_is_good() {
    let facts = looked(&of_version("v1.36.2"), |_| {});
    let good: Vec<_> = facts.iter().filter(|fact| fact.state == State::Good).collect();
    assert!(good.is_empty(), "{good:?}");
    assert!(facts.iter().all(|fact| fact.state.severity().is_none()));
}
