//! The recordings of a real API server: what was learnt from ordinary work finds the misuse, and nothing else.

#![allow(clippy::unwrap_used, reason = "a helper that panics fails its test")]

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    fs::File,
    io::Read,
};

use jiff::{SignedDuration, Timestamp};
use sundew_audit::{Severity, parse};
use sundew_habits::{Memory, Novelty, Seen, Settings};

/// One request of a recording that something was told of.
struct Told {
    audit: String,
    request: String,
    new: Novelty,
}

/// What is told of a recording, in its order.
fn watch(memory: &mut Memory, recording: &str) -> Vec<Told> {
    watch_but(memory, recording, &HashMap::new())
}

/// The same without some requests.
fn watch_but(memory: &mut Memory, recording: &str, without: &HashMap<String, String>) -> Vec<Told> {
    watch_lines(memory, read(recording).lines(), without)
}

fn read(recording: &str) -> String {
    let path = format!("{}/../../recordings/{recording}/audit.log.gz", env!("CARGO_MANIFEST_DIR"));
    let mut log = String::new();
    flate2::read::GzDecoder::new(File::open(path).unwrap()).read_to_string(&mut log).unwrap();
    log
}

fn watch_lines<'l>(
    memory: &mut Memory,
    lines: impl Iterator<Item = &'l str>,
    without: &HashMap<String, String>,
) -> Vec<Told> {
    let mut told = Vec::new();
    for line in lines {
        let event = parse::event(line).unwrap();
        let audit = event.audit_id.decode().into_owned();
        let Some(seen) = Seen::of(&event).filter(|_| !without.contains_key(&audit)) else { continue };
        let time: Timestamp = event.time().unwrap();
        let request =
            format!("{} {} {} {} {}", seen.verb, seen.resource, seen.namespace, seen.name, seen.code);
        for new in memory.observe("test", &seen, time).novelties {
            told.push(Told { audit: audit.clone(), request: request.clone(), new });
        }
    }
    told
}

/// The requests of the attack, by their audit ids, each with its step.
fn truth(recording: &str) -> HashMap<String, String> {
    let path = format!("{}/../../recordings/{recording}/truth.csv", env!("CARGO_MANIFEST_DIR"));
    let rows = fs::read_to_string(path).unwrap();
    let rows = rows.lines().skip(1).map(|row| row.split(',').map(str::to_owned).collect::<Vec<_>>());
    rows.map(|row| (row[0].clone(), row[1].clone())).collect()
}

fn teach(memory: &mut Memory) {
    let settings = Settings::default();
    memory.set(Settings { teaching: true, ..settings });
    assert_eq!(watch(memory, "quiet").len(), 0, "nothing is told while teaching");
    memory.set(settings);
}

/// What was told of one step of an attack, or of everything else.
#[derive(Default)]
struct Step {
    requests: usize,
    told: usize,
    worst: Option<Severity>,
    rules: BTreeSet<&'static str>,
    example: String,
}

/// What habits told of each step; what belongs to none is under `-`. Prints it as a table.
#[expect(clippy::print_stdout, reason = "a table for whoever works on the weights")]
fn by_step(recording: &str, told: &[Told]) -> BTreeMap<String, Step> {
    let truth = truth(recording);
    let mut steps: BTreeMap<String, Step> = BTreeMap::new();
    for step in truth.values() {
        steps.entry(step.clone()).or_default().requests += 1;
    }
    for Told { audit, request, new } in told.iter().filter(|told| told.new.rule.starts_with("habits.")) {
        let step = steps.entry(truth.get(audit).map_or("-", String::as_str).to_owned()).or_default();
        step.told += 1;
        step.rules.insert(new.rule);
        if Some(new.severity) > step.worst {
            step.worst = Some(new.severity);
            step.example = format!("{} [{request}]", new.title);
        }
    }
    println!("{recording}: step, requests, of them told, worst, rules, example");
    for (name, step) in &steps {
        let worst = step.worst.map_or("-", Severity::as_str);
        let rules = step.rules.iter().copied().collect::<Vec<_>>().join(" ");
        println!("{name:28} {:3} {:3} {worst:7} {rules:45} {}", step.requests, step.told, step.example);
    }
    steps
}

/// Each of `wanted` was told of, at least so bad; and nothing at medium or above of anything ordinary.
fn check(steps: &BTreeMap<String, Step>, wanted: &[(&str, Severity)]) {
    for (name, least) in wanted {
        let worst = steps[*name].worst;
        assert!(worst >= Some(*least), "{name}: {worst:?}");
    }
    let ordinary = steps.get("-").and_then(|step| step.worst);
    assert!(ordinary < Some(Severity::Medium), "{ordinary:?}: {}", steps["-"].example);
}

#[test]
fn the_five_attacks_break_habits_and_ordinary_work_does_not() {
    let mut memory = Memory::default();
    teach(&mut memory);
    let steps = by_step("five", &watch(&mut memory, "five"));
    check(
        &steps,
        &[
            ("account-misuse", Severity::High),
            ("token-replayed-elsewhere", Severity::Medium),
            ("exec-shell", Severity::High),
            ("exec-attach", Severity::Low),
            ("node-hostpath", Severity::High),
            ("node-privileged", Severity::High),
            ("secret-unusual", Severity::High),
            ("secret-list-all", Severity::Medium),
            ("secret-guessing", Severity::High),
        ],
    );
    assert_eq!((steps["secret-unusual"].told, steps["secret-unusual"].requests), (3, 3));
    // An administrator does what administrators do: that is for rules to say.
    for of_rules in ["rbac-escalation", "long-lived-token", "csr-masters", "anonymous", "bad-token"] {
        assert_eq!(steps[of_rules].told, 0);
    }
}

#[test]
fn the_theft_breaks_habits_and_ordinary_work_does_not() {
    let mut memory = Memory::default();
    teach(&mut memory);
    let steps = by_step("theft", &watch(&mut memory, "theft"));
    check(
        &steps,
        &[
            ("decoy-token-request", Severity::High),
            ("decoy-impersonation-denied", Severity::High),
            ("decoy-secret-read", Severity::Low),
        ],
    );
}

#[test]
fn ordinary_work_is_quiet_after_it_was_taught() {
    let mut memory = Memory::default();
    teach(&mut memory);
    assert_eq!(
        watch(&mut memory, "quiet").iter().map(|told| told.new.title.as_str()).collect::<Vec<_>>(),
        [""; 0]
    );
}

#[test]
fn ordinary_work_is_quiet_in_any_order_and_repeated() {
    let mut memory = Memory::default();
    teach(&mut memory);
    let log = read("quiet");
    let mut lines: Vec<&str> = log.lines().chain(log.lines()).collect();
    lines.reverse();
    // The same shuffle each time.
    for at in 0..lines.len() {
        let other = (at * 7919 + at % 1000) % lines.len();
        lines.swap(at, other);
    }
    assert_eq!(watch_lines(&mut memory, lines.into_iter(), &HashMap::new()).len(), 0);
}

#[test]
fn ordinary_work_is_quiet_however_short_it_was_learnt() {
    for minutes in [1, 2, 3, 24 * 60] {
        let learn_for = SignedDuration::from_mins(minutes);
        let mut memory = Memory::new(Settings { learn_for, ..Settings::default() });
        let told = watch(&mut memory, "quiet");
        assert!(told.iter().all(|told| told.new.severity < Severity::Medium), "learnt for {minutes} minutes");
    }
}

#[test]
fn ordinary_work_of_one_recording_teaches_that_of_another() {
    let wanted = [("secret-unusual", Severity::High), ("account-misuse", Severity::High)];
    for (taught, watched, wanted) in [("five", "theft", &[][..]), ("theft", "five", &wanted[..])] {
        let mut memory = Memory::new(Settings { teaching: true, ..Settings::default() });
        let attack = truth(taught);
        watch_but(&mut memory, taught, &attack);
        memory.set(Settings::default());
        check(&by_step(watched, &watch(&mut memory, watched)), wanted);
    }
}
