//! Any bytes as a dump of a cluster: refused with words, or read, assessed, and told as a report that reads back.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use sundew_posture::{Reader, Settings, read::Assume, report::Report, scan};

static SETTINGS: LazyLock<Settings> =
    LazyLock::new(|| Settings::new("2026-11-20T00:00:00Z".parse().unwrap()));

fuzz_target!(|bytes: &[u8]| {
    let mut reader = Reader::new();
    if let Err(error) = reader.add("dump", bytes, &Assume::default()) {
        assert!(!error.to_string().is_empty());
        return;
    }
    let cluster = reader.finish();
    let report = scan(&cluster, &SETTINGS);
    let json = serde_json::to_string(&report).unwrap();
    let again: Report = serde_json::from_str(&json).unwrap();
    assert!(again == report);
});
