//! The text around the objects: its encoding, its documents, and the lines in it.

use std::{cell::RefCell, ops::Range};

use serde::de::DeserializeSeed;

use super::{
    Assume, ReadError,
    convert::Names,
    object::{Found, Object},
};
use crate::model::Str;

/// How long a text that begins as JSON and is none may be for another try, as YAML.
const SHORT_BYTES: usize = 4 << 20;

/// How deep YAML may be nested; the deepest that Kubernetes' own kinds go is about half of it.
const YAML_DEPTH: usize = 64;

/// What is wrong with a text that is made to grow.
const ALIASES: &str =
    "its aliases (`*name`) make far more of it than is written; write out what they stand for";

/// The text as UTF-8, without the mark that Windows puts before it.
pub(super) fn decode<'t>(file: &str, bytes: &'t [u8]) -> Result<&'t str, ReadError> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(ReadError::Utf16 { file: file.to_owned() });
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let offset = error.valid_up_to();
        ReadError::NotText { file: file.to_owned(), offset, line: line_of(&bytes[..offset]) }
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

fn line_of(before: &[u8]) -> u32 {
    line_ends(before).saturating_add(1)
}

fn line_ends(of: &[u8]) -> u32 {
    u32::try_from(memchr::memchr_iter(b'\n', of).count()).unwrap_or(u32::MAX)
}

/// Line numbers of offsets, cheap where each lies near to the one before.
pub(super) struct Lines<'t> {
    text: &'t str,
    offset: usize,
    line: u32,
}

impl<'t> Lines<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, offset: 0, line: 1 }
    }

    /// The line of `offset`, from 1.
    pub(super) fn at(&mut self, offset: usize) -> u32 {
        let between = |range: Range<usize>| line_ends(self.text.as_bytes().get(range).unwrap_or_default());
        self.line = if offset < self.offset {
            self.line - between(offset..self.offset)
        } else {
            self.line + between(self.offset..offset)
        };
        self.offset = offset;
        self.line
    }
}

/// Where `part` lies in `text`, if it was borrowed from it.
pub(super) fn offset_in(text: &str, part: &str) -> Option<usize> {
    let start = part.as_ptr().addr().checked_sub(text.as_ptr().addr())?;
    (!part.is_empty() && start + part.len() <= text.len()).then_some(start)
}

/// One document: where it lies in the text, and whether it looks like JSON.
#[derive(Debug, Clone)]
pub(super) struct Document {
    at: Range<usize>,
    json: bool,
}

/// The documents of a text: those between `---` or after `...`, and all of it where there are none of these. JSON can
/// have no line that begins so, as its strings have no line ends.
pub(super) fn documents(text: &str) -> Vec<Document> {
    let mut documents = Vec::new();
    let mut add = |at: Range<usize>| {
        let part = &text[at.clone()];
        if is_blank(part) {
            return;
        }
        let after_mark = part
            .find('\n')
            .filter(|_| part.starts_with("---") && is_blank(part.lines().next().unwrap_or_default()));
        let inner = after_mark.map_or(at.start, |end| at.start + end + 1);
        let json = text[inner..at.end].trim_start().starts_with(['{', '[']);
        documents.push(Document { at: if json { inner..at.end } else { at }, json });
    };
    let (mut start, mut line_start) = (0, 0);
    for line in text.split_inclusive('\n') {
        // A line of dashes in a block of text is indented, so at the left edge it can only be the mark.
        if is_mark(line, "---") {
            add(start..line_start);
            start = line_start;
        }
        line_start += line.len();
        if is_mark(line, "...") {
            add(start..line_start);
            start = line_start;
        }
    }
    add(start..text.len());
    documents
}

fn is_mark(line: &str, mark: &str) -> bool {
    let rest = line.strip_prefix(mark);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

/// Nothing but comments, marks and directives.
fn is_blank(text: &str) -> bool {
    text.lines().all(|line| {
        let line = line.trim();
        let rest = line.strip_prefix("---").unwrap_or(line).trim_start();
        rest.is_empty() || rest.starts_with('#') || line.starts_with('%') || is_mark(line, "...")
    })
}

/// Reads the objects of one document.
pub(super) struct Reading<'r, 'a> {
    pub(super) file: &'r str,
    pub(super) names: &'r Names,
    pub(super) assume: &'r Assume,
    pub(super) text: &'a str,
}

impl<'a> Reading<'_, 'a> {
    pub(super) fn read(&self, document: Document) -> Result<Found<'a>, ReadError> {
        let Document { at, json } = document;
        let part = &self.text[at.clone()];
        let first = if json { self.json(part) } else { self.yaml(part) };
        if let Ok(found) = first {
            return Ok(found);
        }
        // Either the text is broken, or a field has a type that Kubernetes does not give it: then the object with it
        // is left out, and not the others.
        let singly = if json { self.json_singly(part) } else { self.yaml_singly(part) };
        let Problem { line, what } = match singly {
            Ok(found) => return Ok(found),
            Err(problem) => problem,
        };
        // YAML may begin with a brace too.
        if json
            && part.len() < SHORT_BYTES
            && let Ok(found) = self.yaml(part).or_else(|_| self.yaml_singly(part))
        {
            return Ok(found);
        }
        let line = line.saturating_add(line_ends(&self.text.as_bytes()[..at.start]));
        Err(ReadError::Syntax { file: self.file.to_owned(), line, problem: what })
    }

    /// A reader of one object, or of a list with the kind that its items have.
    pub(super) fn object<'o>(
        &'o self,
        found: &'o RefCell<Found<'a>>,
        depth: u8,
        listed: Option<Str>,
    ) -> Object<'o, 'a> {
        Object { names: self.names, assume: self.assume, listed, found, depth }
    }

    fn json(&self, part: &'a str) -> Result<Found<'a>, Problem> {
        twice_if_needed(|found| {
            let mut deserializer = serde_json::Deserializer::from_str(part);
            loop {
                let read = self.object(found, 0, None).deserialize(&mut deserializer);
                read.map_err(|error| Problem::of_json(&error))?;
                // `kubectl get … -o json` run twice into one file is two values.
                if deserializer.end().is_ok() {
                    return Ok(());
                }
            }
        })
    }

    fn yaml(&self, part: &'a str) -> Result<Found<'a>, Problem> {
        twice_if_needed(|found| {
            serde_saphyr::with_deserializer_from_str_with_options(part, options(part), |document| {
                self.object(found, 0, None).deserialize(document)
            })
            .map_err(|error| Problem::of_yaml(&error))
        })
    }
}

/// Reads, and reads again where a list said only behind its items of which kind these are.
fn twice_if_needed<'a>(
    read: impl Fn(&RefCell<Found<'a>>) -> Result<(), Problem>,
) -> Result<Found<'a>, Problem> {
    let found = RefCell::new(Found::default());
    read(&found)?;
    let Some(again) = found.borrow().again() else { return Ok(found.into_inner()) };
    let found = RefCell::new(again);
    read(&found)?;
    Ok(found.into_inner())
}

/// What is wrong with a document, and in which of its lines, from 1.
pub(super) struct Problem {
    line: u32,
    what: String,
}

impl Problem {
    pub(super) fn of_json(error: &serde_json::Error) -> Self {
        let line = u32::try_from(error.line()).unwrap_or(u32::MAX).max(1);
        let what = error.to_string();
        let what = what.rsplit_once(" at line ").map_or(&*what, |(what, _)| what);
        Self { line, what: format!("this is no JSON: {what} (column {})", error.column()) }
    }

    pub(super) fn of_yaml(error: &serde_saphyr::Error) -> Self {
        let error = error.without_snippet();
        let line = error.location().map_or(1, |l| u32::try_from(l.line()).unwrap_or(u32::MAX)).max(1);
        let what = error.to_string();
        let what = what.lines().next().unwrap_or_default().trim_start_matches("error: ");
        // Behind these stand a place, which is told already, and advice to programmers.
        let what =
            [" at line ", ", set "].iter().fold(what, |what, of| what.split(of).next().unwrap_or(what));
        let what = match what.strip_prefix("budget breached: ") {
            // Some nesting is found by the parser before it is counted.
            None if what != "recursion limit exceeded" => what.to_owned(),
            Some(of) if !of.starts_with("Depth") => ALIASES.to_owned(),
            _ => format!("it is nested more than {YAML_DEPTH} deep"),
        };
        Self { line, what: format!("this is no YAML that can be read: {what}") }
    }
}

/// Bounds by the size of the text: a text grows by what its aliases repeat, and objects of Kubernetes repeat little.
pub(super) fn options(text: &str) -> serde_saphyr::Options {
    let most = text.len().max(4096);
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: most,
            max_nodes: most,
            max_total_scalar_bytes: most,
            max_total_comment_bytes: most,
            max_aliases: 1000,
            max_anchors: 1000,
            max_depth: YAML_DEPTH,
        },
        with_snippet: false,
    }
}
