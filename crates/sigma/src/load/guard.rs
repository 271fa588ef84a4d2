//! What must not reach the parsers, since they descend into it without a bound.

use super::Fault;

/// How deep parentheses may be nested, and how many `not` may follow each other.
const DEEPEST: usize = 60;
/// How deep the brackets of YAML may be nested. Those in texts count as well, so there is room for some left open.
const DEEPEST_BRACKETS: usize = 400;
/// How long one document may be: a list of a hundred thousand addresses fits.
const LONGEST: usize = 4 << 20;

/// # Errors
///
/// A document that nobody means, and that the parsers of YAML and of conditions would need too much stack or time for.
pub(super) fn check(text: &str) -> Result<(), Fault> {
    if text.len() > LONGEST {
        let what = format!("it is {} MiB long, and {} MiB are the limit", text.len() >> 20, LONGEST >> 20);
        return Err(Fault::new(what, "cut it into several rules"));
    }
    let escaped = ["\\x28", "\\u0028", "\\U00000028"].iter().map(|escape| text.matches(escape).count());
    if depth(text, b'(', b')') + escaped.sum::<usize>() > DEEPEST {
        return too_deep("parentheses", DEEPEST);
    }
    if negations(text) > DEEPEST {
        return too_deep("negations", DEEPEST);
    }
    if depth(text, b'[', b']').max(depth(text, b'{', b'}')) > DEEPEST_BRACKETS {
        return too_deep("brackets", DEEPEST_BRACKETS);
    }
    Ok(())
}

fn too_deep(what: &str, limit: usize) -> Result<(), Fault> {
    let what = format!("{what} are nested deeper than {limit} levels");
    Err(Fault::new(what, "name the parts as selections of their own and join those"))
}

/// How many of `open` are open at a time.
fn depth(text: &str, open: u8, close: u8) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for byte in text.bytes() {
        if byte == open {
            depth += 1;
            deepest = deepest.max(depth);
        } else if byte == close {
            depth = depth.saturating_sub(1);
        }
    }
    deepest
}

/// How many `not` follow each other.
fn negations(text: &str) -> usize {
    let (mut run, mut longest) = (0, 0);
    for word in text.split_whitespace() {
        run = if word == "not" { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}
