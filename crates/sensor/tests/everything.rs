//! Everything together on the recordings: each step of the five attacks is found by what should find it, the theft still
//! is, and of ordinary work nobody is told.
#![allow(clippy::unwrap_used)]

mod common;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    sync::{Arc, atomic::AtomicU64},
};

use common::{inventory, recording_path};
use sundew_decoy::Inventory;
use sundew_detect::{Detectors, Finding, Grouping, Incidents, Outcome, Rulebook, Severity, Tripwire, Watch};
use sundew_habits::{Kept, Settings};
use sundew_sensor::replay::{Input, Reading, Replay};

/// The built-in rules, habits, and the decoys of `inventory`.
fn all(inventory: &Inventory, teaching: bool) -> Detectors {
    let (rules, errors) = Rulebook::new(&[], Default::default());
    assert_eq!(errors, []);
    Detectors {
        tripwire: Arc::new(Tripwire::new(inventory)),
        rules: Some(Arc::new(rules)),
        habits: Some(Settings { teaching, ..Settings::default() }),
    }
}

fn replay(
    detectors: &Detectors,
    watch: &mut Watch,
    name: &str,
    reading: Reading,
    threads: usize,
) -> Vec<Outcome> {
    let progress = AtomicU64::new(0);
    let replay = Replay { detectors, cluster: "default", threads, reading, progress: &progress };
    let mut told = Vec::new();
    let summary = replay.run(&Input::expand(&[recording_path(name)]).unwrap(), watch, |outcome| {
        told.push(outcome);
        true
    });
    assert!(summary.failures.is_empty() && summary.rejects.is_empty(), "{summary:?}");
    told
}

fn findings(told: Vec<Outcome>) -> Vec<Finding> {
    let finding = |outcome| if let Outcome::Finding(finding) = outcome { Some(finding) } else { None };
    told.into_iter().filter_map(finding).collect()
}

/// What is learnt from ordinary work.
fn lessons() -> Vec<Kept> {
    let detectors = all(&inventory(), true);
    let mut watch = Watch::new(&detectors);
    let told = replay(&detectors, &mut watch, "quiet", Reading::Skim, 2);
    assert!(findings(told).iter().all(|finding| finding.severity < Severity::Medium));
    watch.memory.take_changed(usize::MAX)
}

/// What is found in a recording by a sensor that has learnt.
fn found(name: &str, reading: Reading, threads: usize) -> Vec<Finding> {
    let detectors = all(&inventory(), false);
    let mut watch = Watch::new(&detectors);
    for lesson in lessons() {
        assert!(watch.memory.restore(&lesson), "{} {}", lesson.kind, lesson.key);
    }
    findings(replay(&detectors, &mut watch, name, reading, threads))
}

/// The attack's requests: audit id, step, technique.
fn truth(name: &str) -> Vec<[String; 3]> {
    let path: PathBuf = recording_path(name).with_file_name("truth.csv");
    let text = fs::read_to_string(path).unwrap();
    let row = |line: &str| {
        let mut parts = line.split(',').map(str::to_owned);
        [(); 3].map(|()| parts.next().unwrap_or_default())
    };
    text.lines().skip(1).map(row).collect()
}

/// Whether two technique ids are the same, or one is a part of the other.
fn agree(a: &str, b: &str) -> bool {
    let base = |id: &str| id.split('.').next().unwrap_or_default().to_owned();
    a == b || base(a) == base(b) && !(a.contains('.') && b.contains('.'))
}

#[test]
fn every_step_of_the_five_attacks_is_found_with_its_technique() {
    let found = found("five", Reading::Skim, 1);
    let mut steps: BTreeMap<(String, String), (usize, BTreeSet<String>)> = BTreeMap::new();
    for [id, step, technique] in truth("five") {
        if step == "planting" {
            continue;
        }
        let by = found.iter().filter(|finding| {
            finding.audit_ids.contains(&id) && finding.attack.iter().any(|attack| agree(attack, &technique))
        });
        let by: Vec<String> = by.map(|finding| format!("{} {}", finding.severity, finding.rule)).collect();
        let (requests, rules) = steps.entry((step, technique)).or_default();
        *requests += 1;
        rules.extend(by);
    }
    let missed: Vec<_> = steps.iter().filter(|(_, (_, rules))| rules.is_empty()).collect();
    assert!(missed.is_empty(), "not found: {missed:#?}\n\nof: {steps:#?}");
    assert!(steps.len() >= 14, "{steps:#?}");
}

#[test]
fn of_ordinary_work_nobody_is_told() {
    for name in ["quiet", "five", "theft"] {
        let attack: BTreeSet<String> = if name == "quiet" {
            BTreeSet::new()
        } else {
            truth(name).into_iter().map(|[id, ..]| id).collect()
        };
        let loud: Vec<_> = found(name, Reading::Skim, 1)
            .into_iter()
            .filter(|f| f.severity >= Severity::Medium && !f.audit_ids.iter().any(|id| attack.contains(id)))
            .collect();
        assert!(loud.is_empty(), "{name}: {loud:#?}");
    }
}

#[test]
fn what_the_tripwire_finds_is_found_as_before() {
    let tripwire = |findings: Vec<Finding>| -> Vec<Finding> {
        findings.into_iter().filter(|finding| finding.rule.starts_with("tripwire.")).collect()
    };
    let alone = Detectors::tripwire(Tripwire::new(&inventory()));
    let before = findings(replay(&alone, &mut Watch::default(), "theft", Reading::Skim, 1));
    assert!(before.len() > 20);
    assert_eq!(tripwire(found("theft", Reading::Skim, 1)), before);
}

#[test]
fn however_it_is_read_and_by_however_many_the_same_is_found() {
    for name in ["five", "theft"] {
        let one = found(name, Reading::Skim, 1);
        for (reading, threads) in
            [(Reading::Skim, 3), (Reading::Full, 1), (Reading::Full, 2), (Reading::Plain, 1)]
        {
            assert_eq!(found(name, reading, threads), one, "{name} by {reading:?} with {threads}");
        }
    }
}

#[test]
fn a_story_is_one_incident_with_the_severity_of_the_story() {
    let mut incidents = Incidents::new(Grouping::default());
    for finding in found("five", Reading::Skim, 1) {
        incidents.add(&finding);
    }
    let of_story =
        |incident: &&sundew_detect::Incident| incident.rules.keys().any(|r| r == "rules.asked_then_secrets");
    let stories: Vec<_> = incidents.iter().map(|open| &open.incident).filter(of_story).collect();
    let [story] = stories.as_slice() else { panic!("{stories:#?}") };
    assert!(story.severity >= Severity::High);
    assert!(story.rules.contains_key("rules.permissions_listed"), "{:?}", story.rules);
    assert!(story.steps.len() > 2);
    assert!(!story.notes.is_empty());
}
