//! Any line as an event before all built-in rules, habits and token checks: nothing panics, and the verdict is the same
//! twice.
#![no_main]

use std::sync::LazyLock;

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use sundew_audit::parse;
use sundew_detect::{RuleSettings, Rulebook};
use sundew_habits::{Memory, Seen};

static RULES: LazyLock<Rulebook> = LazyLock::new(|| Rulebook::new(&[], RuleSettings::default()).0);

fuzz_target!(|line: &str| {
    let Ok(event) = parse::event(line) else { return };
    let (mut hits, mut same) = (Vec::new(), Vec::new());
    RULES.set.judge(&event, &mut hits);
    RULES.set.judge(&event, &mut same);
    assert_eq!(hits, same);
    if let Some(seen) = Seen::of(&event) {
        let mut memory = Memory::default();
        let slots = memory.observe("default", &seen, Timestamp::UNIX_EPOCH).slots;
        memory.again(slots, Timestamp::UNIX_EPOCH);
        assert_eq!(memory.identities().len(), 1);
    }
});
