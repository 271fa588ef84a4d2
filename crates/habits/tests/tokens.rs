//! The recordings of a real API server: tokens are followed from the first event on, with nothing learnt before.
#![allow(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

use std::{collections::BTreeMap, fs, fs::File, io::Read};

use jiff::Timestamp;
use sundew_audit::{Severity, parse};
use sundew_habits::{Memory, Novelty, Seen, Settings};

/// What is told of tokens, each with its event's audit id. All that is known is given away and taken back after every
/// `restart_every` events.
fn watch(memory: &mut Memory, recording: &str, restart_every: usize) -> Vec<(String, Novelty)> {
    let path = format!("{}/../../recordings/{recording}/audit.log.gz", env!("CARGO_MANIFEST_DIR"));
    let mut log = String::new();
    flate2::read::GzDecoder::new(File::open(path).unwrap()).read_to_string(&mut log).unwrap();
    let (mut store, mut told) = (BTreeMap::new(), Vec::new());
    for (at, line) in log.lines().enumerate() {
        let event = parse::event(line).unwrap();
        let Some(seen) = Seen::of(&event) else { continue };
        let time: Timestamp = event.time().unwrap();
        for new in memory.observe("test", &seen, time).novelties {
            if new.rule.starts_with("tokens.") {
                told.push((event.audit_id.decode().into_owned(), new));
            }
        }
        if at % restart_every == restart_every - 1 {
            *memory = restarted(memory, &mut store);
        }
    }
    told
}

fn restarted(memory: &mut Memory, store: &mut BTreeMap<(String, String), sundew_habits::Kept>) -> Memory {
    loop {
        let pieces = memory.take_changed(100);
        if pieces.is_empty() {
            break;
        }
        for kept in pieces {
            store.insert((kept.kind.clone(), kept.key.clone()), kept);
        }
    }
    let mut memory = Memory::new(Settings::default());
    assert!(store.values().filter(|kept| !kept.body.is_empty()).all(|kept| memory.restore(kept)));
    memory
}

/// Step and technique of each request of the attack, by audit id.
fn truth(recording: &str) -> BTreeMap<String, (String, String)> {
    let path = format!("{}/../../recordings/{recording}/truth.csv", env!("CARGO_MANIFEST_DIR"));
    let rows = fs::read_to_string(path).unwrap();
    let row = |row: &str| {
        let parts: Vec<&str> = row.split(',').collect();
        (parts[0].to_owned(), (parts[1].to_owned(), parts[2].to_owned()))
    };
    rows.lines().skip(1).map(row).collect()
}

fn check_five(told: &[(String, Novelty)]) {
    let truth = truth("five");
    let [(replayed, second), (_, local)] = told else { panic!("{told:#?}") };
    let (step, technique) = &truth[replayed];
    assert_eq!(step, "token-replayed-elsewhere");
    assert!(second.attack.contains(&technique.as_str()), "{second:#?}");
    assert_eq!((second.rule, second.severity), ("tokens.second_address", Severity::High));
    assert!(second.title.starts_with("The token of pod shop/storefront-"), "{}", second.title);
    assert!(second.title.ends_with("127.10.0.13 and 127.66.0.66"), "{}", second.title);
    assert!(second.notes[2].contains("127.10.0.13 has the longer past"), "{second:#?}");
    // The same token in kubectl's hands on the API server's own machine, a second later.
    assert_eq!((local.rule, local.severity), ("tokens.second_address", Severity::Low));
    assert!(local.title.ends_with("127.10.0.13 and 127.0.0.1"), "{}", local.title);
}

#[test]
fn the_stolen_token_of_the_five_attacks_is_found_and_nothing_else() {
    check_five(&watch(&mut Memory::default(), "five", usize::MAX));
}

#[test]
fn it_is_found_just_so_by_a_sensor_that_is_restarted_all_the_time() {
    check_five(&watch(&mut Memory::default(), "five", 100));
}

#[test]
fn it_is_found_as_well_by_a_sensor_that_knows_the_addresses_from_before() {
    let mut memory = Memory::default();
    for recording in ["quiet", "theft"] {
        let told = watch(&mut memory, recording, usize::MAX);
        assert!(told.is_empty(), "ordinary work, and the theft of tokens without a pod: {told:#?}");
    }
    check_five(&watch(&mut memory, "five", usize::MAX));
}
