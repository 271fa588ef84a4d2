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

/// The plain way: by the bytes of a name as Go writes it, and by reading the line.
fn holds_name(line: &[u8], wanted: &[&str]) -> bool {
    let written = |name: &&str| {
        let quoted = [b"\"", name.as_bytes(), b"\""].concat();
        line.windows(quoted.len() + 1)
            .any(|w| w.starts_with(&quoted) && matches!(w.last(), Some(b',' | b'}' | b']')))
    };
    let read = || serde_json::from_slice::<Value>(line).is_ok_and(|value| any(&value, wanted));
    wanted.iter().any(written) || read()
}

fn any(value: &Value, wanted: &[&str]) -> bool {
    match value {
        Value::String(text) => wanted.contains(&text.as_str()),
        Value::Array(list) => list.iter().any(|value| any(value, wanted)),
        Value::Object(map) => map.values().any(|value| any(value, wanted)),
        _ => false,
    }
}
