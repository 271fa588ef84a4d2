//! All ways to skim point at the same lines, and none passes a line in which a value is a name.
#![no_main]

use std::{ops::Range, sync::LazyLock};

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use sundew_audit::skim::{self, Names};

const WANTED: [&str; 6] =
    ["system:serviceaccount:honeypot:backup-sa", "backup-sa-token", "tiller", "exec", "Unauthorized", "ci"];

/// Sets with a shortest name of different lengths: the table is built differently for each.
static NAMES: LazyLock<[(&[&str], Names); 3]> = LazyLock::new(|| {
    [&WANTED[..1], &WANTED[..5], &WANTED].map(|wanted| (wanted, Names::new(wanted.iter().copied())))
});

fuzz_target!(|chunk: &[u8]| {
    for (wanted, names) in NAMES.iter() {
        let best = look(|f| skim::skim(names, chunk, f));
        assert_eq!(best, look(|f| skim::skim_portable(names, chunk, f)));
        assert_eq!(best, look(|f| skim::skim_256(names, chunk, f)));
        let (seen, passed) = best;
        let mut start = 0;
        let mut not_empty = 0;
        for line in chunk.split(|b| *b == b'\n') {
            let range = start..start + line.len();
            start = range.end + 1;
            not_empty += usize::from(!line.trim_ascii().is_empty());
            let must = holds_name(line, wanted);
            assert!(!must || seen.contains(&range), "passed: {}", String::from_utf8_lossy(line));
        }
        assert_eq!(seen.len() + usize::try_from(passed).unwrap(), not_empty);
    }
});

fn look(run: impl FnOnce(&mut dyn FnMut(Range<usize>)) -> u64) -> (Vec<Range<usize>>, u64) {
    let mut seen = Vec::new();
    let passed = run(&mut |range| seen.push(range));
    (seen, passed)
}

/// The plain way: by reading the line, and where it cannot be read, by looking for the name as it would be written.
fn holds_name(line: &[u8], wanted: &[&str]) -> bool {
    match serde_json::from_slice::<Value>(line) {
        Ok(value) => is_compact(line) && any(&value, wanted),
        Err(_) => false,
    }
}

/// The skim knows names by the byte after their closing quote. Go's encoder, which writes the log, puts no spaces.
fn is_compact(line: &[u8]) -> bool {
    let mut in_string = false;
    let mut escaped = false;
    line.trim_ascii().iter().all(|byte| {
        let special = !std::mem::take(&mut escaped);
        match byte {
            b'\\' if in_string && special => escaped = true,
            b'"' if special => in_string = !in_string,
            _ => {}
        }
        in_string || !byte.is_ascii_whitespace()
    })
}

fn any(value: &Value, wanted: &[&str]) -> bool {
    match value {
        Value::String(text) => wanted.contains(&text.as_str()),
        Value::Array(list) => list.iter().any(|value| any(value, wanted)),
        Value::Object(map) => map.values().any(|value| any(value, wanted)),
        _ => false,
    }
}
