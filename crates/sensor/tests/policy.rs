//! The recordings as the API server would have logged them under the audit policy that is generated: a third of the bytes,
//! and nothing that was found before is lost.
#![allow(clippy::unwrap_used)]

mod common;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock, atomic::AtomicU64},
};

use common::{inventory, recording_path};
use sundew_detect::{Detectors, Finding, Outcome, Rulebook, Severity, Tripwire, Watch};
use sundew_habits::{Kept, Settings};
use sundew_policy::{
    Cut, Policy, cut,
    estimate::Estimate,
    generate::{Choice, Quiet, generate},
    need::{Needs, Wanted},
    read,
};
use sundew_sensor::replay::{Input, Reading, Replay};
use tempfile::TempDir;

const RECORDINGS: [&str; 3] = ["quiet", "theft", "five"];

/// Everything at Metadata: what the volume is held against. The recordings have no RequestReceived.
const METADATA: &str =
    "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules:\n- level: Metadata\n";

/// What is generated, for all detectors: as it is, and with what the ordinary recording shows to be loud left out.
struct Generated {
    plain: Policy,
    quiet: Policy,
}

static GENERATED: LazyLock<Generated> = LazyLock::new(|| {
    let (book, errors) = Rulebook::new(&[], Default::default());
    assert_eq!(errors, []);
    let needs = Needs::new(&Wanted { tripwire: true, rules: Some(Arc::new(book)), habits: true });
    let plain = generate(&needs, &Choice::default());
    let mut quiet = Quiet::default();
    each("quiet", &mut |event, json| quiet.record(&plain, event, json));
    let decoys = inventory().decoys.iter().map(sundew_decoy::Decoy::username).collect();
    let quiet = generate(&needs, &Choice { quiet: quiet.choose(&needs, &decoys, &Default::default()) });
    Generated { plain, quiet }
});

fn each(name: &str, take: &mut dyn FnMut(&sundew_audit::Event<'_>, &str)) {
    for line in common::recording(name).lines() {
        take(&sundew_audit::parse::event(line).unwrap(), line);
    }
}

/// A recording as it would be under a policy.
fn filtered(folder: &Path, policy: &Policy, name: &str) -> PathBuf {
    let mut text = String::new();
    each(name, &mut |event, json| {
        if let Cut::Kept { line, .. } = cut(policy, event, json) {
            text.push_str(&line);
            text.push('\n');
        }
    });
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path
}

/// Bytes of all recordings under a policy, with an estimate of the bodies that it wants and they do not have.
fn bytes(policy: &Policy) -> u64 {
    let mut estimate = Estimate::new(policy);
    for name in RECORDINGS {
        each(name, &mut |event, json| estimate.record(event, json));
    }
    estimate.finish().under
}

fn all(teaching: bool) -> Detectors {
    let (rules, _) = Rulebook::new(&[], Default::default());
    Detectors {
        tripwire: Arc::new(Tripwire::new(&inventory())),
        rules: Some(Arc::new(rules)),
        habits: Some(Settings { teaching, ..Settings::default() }),
    }
}

fn replay(detectors: &Detectors, watch: &mut Watch, path: &Path) -> Vec<Finding> {
    let progress = AtomicU64::new(0);
    let replay =
        Replay { detectors, cluster: "default", threads: 2, reading: Reading::Skim, progress: &progress };
    let mut found = Vec::new();
    let summary = replay.run(&Input::expand(&[path.to_owned()]).unwrap(), watch, |outcome| {
        if let Outcome::Finding(finding) = outcome {
            found.push(finding);
        }
        true
    });
    assert!(summary.failures.is_empty() && summary.rejects.is_empty(), "{summary:?}");
    found
}

fn lessons(quiet: &Path) -> Vec<Kept> {
    let detectors = all(true);
    let mut watch = Watch::new(&detectors);
    let _ = replay(&detectors, &mut watch, quiet);
    watch.memory.take_changed(usize::MAX)
}

/// What is found in a recording by a sensor that has learnt from ordinary work under the same policy.
fn found(path: &Path, lessons: &[Kept]) -> Vec<Finding> {
    let detectors = all(false);
    let mut watch = Watch::new(&detectors);
    lessons.iter().for_each(|lesson| assert!(watch.memory.restore(lesson)));
    replay(&detectors, &mut watch, path)
}

/// The attack's requests: audit id, step, technique.
fn truth(name: &str) -> Vec<[String; 3]> {
    let text = fs::read_to_string(recording_path(name).with_file_name("truth.csv")).unwrap();
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

/// The requests of the attack that are found with their technique: audit id and step.
fn told_of(name: &str, found: &[Finding]) -> BTreeSet<(String, String)> {
    let is_found = |[id, _, technique]: &[String; 3]| {
        found
            .iter()
            .any(|f| f.audit_ids.contains(id) && f.attack.iter().any(|attack| agree(attack, technique)))
    };
    truth(name).into_iter().filter(is_found).map(|[id, step, _]| (id, step)).collect()
}

/// What the tripwire says, as people are told it.
fn tripwire(found: &[Finding]) -> Vec<(String, Severity, Vec<String>, Option<String>)> {
    let own = found.iter().filter(|finding| finding.rule.starts_with("tripwire."));
    own.map(|f| {
        (f.rule.clone(), f.severity, f.audit_ids.clone(), f.decoy.as_ref().map(|decoy| decoy.name.clone()))
    })
    .collect()
}

#[test]
fn nothing_that_the_recordings_show_is_lost_under_the_generated_policy() {
    let before = lessons(&recording_path("quiet"));
    for policy in [&GENERATED.plain, &GENERATED.quiet] {
        let folder = TempDir::new().unwrap();
        let learnt = lessons(&filtered(folder.path(), policy, "quiet"));
        for name in ["five", "theft"] {
            let whole = found(&recording_path(name), &before);
            let cut = found(&filtered(folder.path(), policy, name), &learnt);
            assert_eq!(tripwire(&cut), tripwire(&whole), "{name}");
            let (told, still) = (told_of(name, &whole), told_of(name, &cut));
            let lost: Vec<_> = told.difference(&still).collect();
            assert!(lost.is_empty(), "{name}: {lost:#?}");
            assert!(told.len() > 20, "{name}: {told:?}");
            nobody_else_is_told_of(name, &whole, &cut);
        }
    }
}

/// Of what is no attack no more is told than before.
fn nobody_else_is_told_of(name: &str, whole: &[Finding], cut: &[Finding]) {
    let attack: BTreeSet<String> = truth(name).into_iter().map(|[id, ..]| id).collect();
    let others = |found: &[Finding]| {
        let ordinary = found.iter().filter(|f| !f.audit_ids.iter().any(|id| attack.contains(id)));
        let loud = ordinary.filter(|f| f.severity >= Severity::Medium);
        loud.fold(BTreeMap::<String, usize>::new(), |mut by, f| {
            *by.entry(f.rule.clone()).or_default() += 1;
            by
        })
    };
    assert_eq!(others(cut), others(whole), "{name}");
}

#[test]
fn the_generated_policy_logs_at_most_a_third_with_the_ordinary_requests_left_out() {
    let metadata = bytes(&read("all at Metadata", METADATA).unwrap().policy);
    let [plain, quiet] = [&GENERATED.plain, &GENERATED.quiet].map(bytes);
    let share = |bytes: u64| bytes as f64 / metadata as f64;
    assert!(share(quiet) <= 1.0 / 3.0, "{quiet} of {metadata}: {}", share(quiet));
    // What nobody's log was asked for: the control plane and the kubelets alone.
    assert!(share(plain) < 0.72, "{plain} of {metadata}: {}", share(plain));
}

#[test]
fn what_is_left_out_is_named_and_never_a_decoy_a_person_or_a_secret() {
    let own: BTreeSet<String> = GENERATED.plain.rules.iter().map(|rule| format!("{rule:?}")).collect();
    let more: Vec<_> =
        GENERATED.quiet.rules.iter().filter(|rule| !own.contains(&format!("{rule:?}"))).collect();
    assert!((3..=40).contains(&more.len()), "{more:#?}");
    for rule in more {
        let [user] = rule.users.as_slice() else { panic!("{rule:?}") };
        assert!(user.starts_with("system:serviceaccount:") || user.starts_with("system:node:"), "{user}");
        assert!(!inventory().decoys.iter().any(|decoy| decoy.username() == *user), "{user}");
        assert!(!rule.resources.iter().any(|of| of.resources.iter().any(|r| r.starts_with("secrets"))));
        assert!(rule.groups.is_empty() && !rule.verbs.is_empty());
        assert!(!rule.resources.is_empty() || !rule.urls.is_empty());
    }
}
