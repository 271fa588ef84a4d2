//! What the report says first, and how it reads in both of its forms.
#![allow(clippy::unwrap_used)]

use jiff::Timestamp;
use serde_json::json;
use sundew_detect::{Incident, Severity};
use sundew_posture::report::Report;
use sundew_report::{Concern, Decoy, Facts, Held, Looked, Page, Sensor, State, html, markdown};

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    time("2026-11-20T12:00:00Z")
}

fn incident(id: &str, severity: &str, drill: bool) -> Incident {
    serde_json::from_value(json!({
        "id": id, "revision": 1, "cluster": "prod", "severity": severity,
        "title": "The token of decoy kube-system/tiller was used by <curl> | 203.0.113.9",
        "actor": {"user": "system:serviceaccount:kube-system:tiller", "groups": [], "ip": "203.0.113.9"},
        "clients": ["curl/8.5.0"], "firstSeen": "2026-11-20T11:40:00Z", "lastSeen": "2026-11-20T11:50:00Z",
        "decoys": [], "steps": [], "findings": 3, "rules": {"tripwire.token_used": 3}, "attack": ["T1528"],
        "could": [], "next": [{"why": "Shut it out", "run": "kubectl -n kube-system label secret x a=b"}],
        "drill": drill,
    }))
    .unwrap()
}

fn posture() -> Report {
    serde_json::from_value(json!({
        "format": 1, "time": "2026-11-20T11:00:00Z",
        "cluster": {"name": "prod", "version": "1.36", "counts": {"pods": 12},
            "unread": [{"resource": "secrets", "reason": "forbidden"}], "notices": []},
        "summary": {"critical": 1, "high": 2, "medium": 0, "low": 4, "info": 0},
        "findings": [{
            "id": "0123456789abcdef", "view": "everyone", "rule": "everything", "severity": "critical",
            "object": {"kind": "Group", "name": "system:unauthenticated"}, "title": "may do everything",
            "scope": "cluster", "gives": "the whole cluster", "because": [], "fix": "Delete ClusterRoleBinding oops",
        }],
        "risks": {}, "paths": [],
        "cuts": [{"binding": {"kind": "ClusterRoleBinding", "name": "ci-admin"}, "role": "ClusterRole cluster-admin",
            "cuts": 7, "left": 1}],
    }))
    .unwrap()
}

fn decoy(drilled: Option<&str>) -> Decoy {
    Decoy {
        name: "kube-system/tiller".into(),
        persona: "tiller".into(),
        state: "planted".into(),
        planted: Some(time("2026-10-01T08:00:00Z")),
        wrong: Vec::new(),
        asked: true,
        touched: None,
        drilled: drilled.map(time),
    }
}

fn concern(severity: Option<Severity>, what: &str) -> Concern {
    let (evidence, fix) = ("line 4".to_owned(), "Put a rule before line 4".to_owned());
    Concern { severity, what: what.to_owned(), evidence, fix }
}

/// A cluster in which nothing is amiss.
fn quiet() -> Facts {
    let sensor = Sensor {
        sources: vec![("apiserver".into(), "byte 12,345".into())],
        sinks: vec![("slack".into(), 0, 0)],
        ..Sensor::default()
    };
    let mut posture = posture();
    posture.findings.clear();
    posture.cuts.clear();
    posture.summary.clear();
    posture.cluster.unread.clear();
    Facts {
        cluster: "prod".into(),
        now: now(),
        decoys: Looked::At(vec![decoy(Some("2026-11-19T09:00:00Z"))]),
        sensor: Looked::At(sensor),
        posture: Looked::At(posture),
        spared: 0,
        blind: Looked::At(Vec::new()),
        settings: Looked::At(Vec::new()),
    }
}

/// A cluster in which everything is.
fn loud() -> Facts {
    let mut facts = quiet();
    let mut broken = decoy(None);
    broken.wrong.push("Secret kube-system/tiller-token-x7k2p is gone: somebody deleted it".into());
    facts.decoys = Looked::At(vec![broken]);
    facts.sensor = Looked::At(Sensor {
        incidents: vec![
            Held { open: true, incident: incident("inc-2", "high", false) },
            Held { open: true, incident: incident("inc-1", "critical", false) },
            Held { open: true, incident: incident("inc-drill", "critical", true) },
        ],
        sources: vec![("apiserver".into(), "byte 12,345".into())],
        sinks: vec![("slack".into(), 1, 4)],
        rejects: 2,
        suppressed: vec![("kubelet_mount".into(), 31)],
    });
    facts.posture = Looked::At(posture());
    facts.spared = 2;
    facts.blind = Looked::At(vec![
        concern(Some(Severity::Medium), "The bodies of bindings are not logged"),
        concern(Some(Severity::Critical), "No 401 is logged"),
    ]);
    facts.settings = Looked::At(vec![
        concern(Some(Severity::High), "Anonymous requests are allowed"),
        concern(None, "Encryption at rest"),
    ]);
    facts
}

#[test]
fn of_a_quiet_cluster_nothing_presses_and_every_part_is_good() {
    let page = Page::of(&quiet());
    assert_eq!(page.first, []);
    let states: Vec<State> = page.sections.iter().map(|section| section.state).collect();
    assert_eq!(states, [State::Good; 6]);
    assert_eq!(page.quiet, "Nothing presses.");
}

#[test]
fn what_happens_comes_first_then_what_hides_it_then_what_makes_it_worse() {
    let page = Page::of(&loud());
    let what: Vec<&str> = page.first.iter().map(|todo| todo.what.as_str()).collect();
    insta::assert_debug_snapshot!(what);
    assert_eq!(page.first[0].run, "kubectl -n kube-system label secret x a=b");
    assert!(page.first.len() <= 7);
}

#[test]
fn a_drill_is_no_incident() {
    let mut facts = quiet();
    if let Looked::At(sensor) = &mut facts.sensor {
        sensor.incidents.push(Held { open: true, incident: incident("inc-drill", "critical", true) });
    }
    let page = Page::of(&facts);
    assert_eq!(page.first, []);
    assert_eq!(page.sections[0].verdict, "None is recorded.");
}

#[test]
fn what_was_not_looked_at_is_never_called_good() {
    let why = || "nobody asked".to_owned();
    let facts = Facts {
        cluster: "prod".into(),
        now: now(),
        decoys: Looked::Not(why()),
        sensor: Looked::Not(why()),
        posture: Looked::Not(why()),
        spared: 0,
        blind: Looked::Not(why()),
        settings: Looked::Not(why()),
    };
    let page = Page::of(&facts);
    assert!(page.sections.iter().all(|section| section.state == State::Unknown));
    assert!(page.sections.iter().all(|section| section.verdict == "Not looked at: nobody asked."));
    assert_eq!(page.quiet, "Nothing was looked at, so nothing can be said.");
}

#[test]
fn an_old_drill_is_said_to_be_old_and_no_decoy_to_be_missing() {
    let mut facts = quiet();
    facts.decoys = Looked::At(vec![decoy(Some("2026-11-01T09:00:00Z"))]);
    let page = Page::of(&facts);
    assert_eq!(page.first[0].why, "The last drill arrived 19 days ago");
    facts.decoys = Looked::At(Vec::new());
    assert_eq!(Page::of(&facts).first[0].what, "Plant a decoy");
}

#[test]
fn the_markdown_reads_so() {
    insta::assert_snapshot!(markdown(&Page::of(&loud())));
}

#[test]
fn the_html_holds_the_same_and_no_markup_from_outside() {
    let page = Page::of(&loud());
    let html = html(&page).unwrap();
    for section in &page.sections {
        assert!(html.contains(&format!("id=\"{}\"", section.id)), "{}", section.id);
    }
    assert!(html.contains("by &lt;curl&gt; | 203.0.113.9"));
    assert!(!html.contains("<curl>"));
    assert!(!html.contains("<script") && !html.contains("http://") && !html.contains("src="));
}
