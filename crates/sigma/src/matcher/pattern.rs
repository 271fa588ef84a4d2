//! Regular expressions, refused while rules are loaded where they would need too much memory.

use regex::{Regex, RegexBuilder};
use regex_syntax::{
    ParserBuilder,
    hir::{Class, Hir, HirKind},
    utf8::Utf8Sequences,
};

use super::{Check, literals, modifiers::Flags};
use crate::load::Fault;

/// How many states an expression may need. One takes 15 to 48 bytes.
const MOST_STATES: u64 = 100_000;
/// How many states all expressions of a rule set may need together.
pub(crate) const MOST_STATES_IN_ALL: u64 = 1_000_000;
/// How much memory a compiled expression may take, should the states have been reckoned too few.
const MOST_BYTES: usize = 5 << 20;
/// How much memory an expression may use while it runs; beyond this it is slower, not wrong.
const CACHE_BYTES: usize = 256 << 10;
/// How deep its parentheses may be nested.
const DEEPEST: u32 = 50;

/// A compiled expression.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    regex: Regex,
    needles: Box<[Box<str>]>,
    states: u64,
}

impl Pattern {
    pub(super) fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// About how many states it has.
    pub(super) fn states(&self) -> u64 {
        self.states
    }

    /// Texts in lower case of which every text that matches contains one, in lower case too; none where none are known.
    pub(super) fn needles(&self) -> &[Box<str>] {
        &self.needles
    }
}

/// A check for an expression. It matches anywhere in a text, and tells case apart unless a flag says otherwise.
pub(super) fn compile(pattern: &str, flags: Flags) -> Result<Check, Fault> {
    let wrong = |what: String| {
        Fault::new(
            what,
            "see https://docs.rs/regex for the syntax; there is no look-around and no back-reference",
        )
        .near(pattern)
    };
    let hir = ParserBuilder::new()
        .case_insensitive(flags.any_case)
        .multi_line(flags.lines)
        .dot_matches_new_line(flags.dot_is_all)
        .nest_limit(DEEPEST)
        .build()
        .parse(pattern)
        .map_err(|error| {
            wrong(format!("`{pattern}` is no regular expression: {}", last_line(&error.to_string())))
        })?;
    let states = states(&hir);
    if states > MOST_STATES {
        return Err(too_large(pattern, states));
    }
    let built = RegexBuilder::new(pattern)
        .case_insensitive(flags.any_case)
        .multi_line(flags.lines)
        .dot_matches_new_line(flags.dot_is_all)
        .nest_limit(DEEPEST)
        .size_limit(MOST_BYTES)
        .dfa_size_limit(CACHE_BYTES)
        .build();
    match built {
        Ok(regex) => Ok(Check::Regex(Box::new(Pattern { regex, needles: literals::needles(&hir), states }))),
        Err(regex::Error::CompiledTooBig(_)) => Err(too_large(pattern, states)),
        Err(error) => {
            Err(wrong(format!("`{pattern}` is no regular expression: {}", last_line(&error.to_string()))))
        }
    }
}

fn too_large(pattern: &str, states: u64) -> Fault {
    let short: String = pattern.chars().take(60).collect();
    let what = format!(
        "the regular expression `{short}` would need about {states} states, and {MOST_STATES} ({} MiB) are the limit",
        MOST_BYTES >> 20
    );
    Fault::new(what, "repeat less: `{0,1000}` makes a thousand copies of what it repeats").near(&short)
}

/// About how many states the compiled expression has: every repetition makes copies of what it repeats.
fn states(hir: &Hir) -> u64 {
    match hir.kind() {
        HirKind::Empty => 0,
        HirKind::Look(_) => 1,
        HirKind::Literal(literal) => literal.0.len() as u64,
        HirKind::Class(Class::Bytes(_)) => 1,
        HirKind::Class(Class::Unicode(class)) => {
            let sequences = class.iter().flat_map(|range| Utf8Sequences::new(range.start(), range.end()));
            sequences.map(|sequence| sequence.len() as u64).sum()
        }
        HirKind::Capture(capture) => states(&capture.sub).saturating_add(2),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().fold(parts.len() as u64, |sum, part| sum.saturating_add(states(part)))
        }
        HirKind::Repetition(repetition) => {
            let copies = repetition.max.unwrap_or(repetition.min.saturating_add(1)).max(1);
            states(&repetition.sub).saturating_add(1).saturating_mul(copies.into())
        }
    }
}

/// The parser draws a picture; the last line says what is wrong.
fn last_line(error: &str) -> String {
    error.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_that_would_explode_is_refused_with_its_size_and_the_limit() {
        for pattern in
            [r"(a{1000}){1000}", r"((((x{50}){50}){50}){50}){50}", r"\w{500}", r"(\pL{1,100}){1,100}"]
        {
            let fault = compile(pattern, Flags::default()).unwrap_err();
            assert!(
                fault.what.contains("states, and 100000 (5 MiB) are the limit"),
                "{pattern}: {}",
                fault.what
            );
        }
    }

    #[test]
    fn the_states_are_reckoned_high_enough_to_keep_the_memory_in_bounds() {
        // Whatever is let through by its states must also be let through by the memory it takes.
        for pattern in
            [r"\w{20}", r"[a-z0-9.-]{1,253}", r"(?i)(kube|etcd|admin){1,20}", r".{0,400}", r"\d{1,300}"]
        {
            assert!(compile(pattern, Flags::default()).is_ok(), "{pattern}");
        }
    }

    #[test]
    fn what_is_nested_too_deep_or_no_expression_is_said_in_one_line() {
        let deep = format!("{}a{}", "(".repeat(80), ")".repeat(80));
        for pattern in ["(", "a{2,1}", "(?=x)", r"(a)\1", &deep] {
            let fault = compile(pattern, Flags::default()).unwrap_err();
            assert!(fault.what.contains("is no regular expression"), "{}", fault.what);
            assert!(!fault.what.contains('\n'), "{}", fault.what);
        }
    }
}
