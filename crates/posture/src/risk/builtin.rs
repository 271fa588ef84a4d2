//! The risks that come with the program.

use super::{Risk, rule::parse};

/// Each file of `risks/`, by name. A test holds this list against the folder.
const FILES: &[(&str, &str)] = &[];

/// The risks that come with the program, in the order of their files.
pub fn builtin() -> Vec<Risk> {
    let read = |(file, text): &(&str, &str)| parse(file, text).expect("a test reads every file of this list");
    FILES.iter().map(read).collect()
}
