//! The text around the objects: its encoding, its documents, and the lines in it.

use std::{cell::RefCell, ops::Range};

use serde::de::DeserializeSeed;
use serde_json::Value;

use super::{
    Assume, ReadError,
    convert::Names,
    object::{Object, Parsed},
};
use crate::model::Str;

/// The text as UTF-8, without the mark that Windows puts before it.
pub(super) fn decode<'t>(file: &str, bytes: &'t [u8]) -> Result<&'t str, ReadError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let offset = error.valid_up_to();
        ReadError::NotText { file: file.to_owned(), offset, line: line_of(&bytes[..offset]) }
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

fn line_of(before: &[u8]) -> u32 {
    u32::try_from(memchr::memchr_iter(b'\n', before).count()).unwrap_or(u32::MAX).saturating_add(1)
}

/// Line numbers of offsets that mostly grow.
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
        if offset < self.offset {
            (self.offset, self.line) = (0, 1);
        }
        let between = self.text.as_bytes().get(self.offset..offset).unwrap_or_default();
        self.line += line_of(between) - 1;
        self.offset = offset;
        self.line
    }
}

/// Where `part` lies in `text`, if it was borrowed from it.
pub(super) fn offset_in(text: &str, part: &str) -> Option<usize> {
    let start = part.as_ptr().addr().checked_sub(text.as_ptr().addr())?;
    (start + part.len() <= text.len()).then_some(start)
}

/// One document: where it lies in the text, and whether it is JSON.
#[derive(Debug, Clone)]
pub(super) struct Document<'t> {
    text: &'t str,
    at: Range<usize>,
    json: bool,
}

/// The documents of a text: one for JSON, those between `---` for YAML.
pub(super) fn documents(text: &str) -> Vec<Document<'_>> {
    if text.trim_start().starts_with(['{', '[']) {
        return vec![Document { text, at: 0..text.len(), json: true }];
    }
    let mut documents = Vec::new();
    let mut start = 0;
    let mut line_start = 0;
    for line in text.split_inclusive('\n') {
        // A line of dashes in a block of text is indented, so at the left edge it can only be the mark.
        if line
            .strip_prefix("---")
            .is_some_and(|rest| rest.starts_with([' ', '\t', '\r', '\n']) || rest.is_empty())
        {
            documents.push(Document { text, at: start..line_start, json: false });
            start = line_start;
        }
        line_start += line.len();
    }
    documents.push(Document { text, at: start..text.len(), json: false });
    documents.retain(|document| !is_blank(&text[document.at.clone()]));
    documents
}

/// Nothing but comments, marks and directives.
fn is_blank(text: &str) -> bool {
    text.lines().all(|line| {
        let line = line.trim();
        line.is_empty() || line.starts_with(['#', '%']) || line == "---" || line == "..."
    })
}

/// Reads the objects of one document.
pub(super) struct Reading<'r, 'a> {
    pub(super) file: &'r str,
    pub(super) names: &'r Names,
    pub(super) assume: &'r Assume,
    pub(super) out: &'r RefCell<Vec<Parsed<'a>>>,
    pub(super) lists: &'r RefCell<Vec<Str>>,
}

impl<'a> Reading<'_, 'a> {
    /// Reads it, and answers what was left out: an offset in the text, and why.
    pub(super) fn read(&self, document: Document<'a>) -> Result<Vec<(usize, String)>, ReadError> {
        let Document { text, at, json } = document;
        let part = &text[at.clone()];
        let first = if json { self.json(part) } else { self.yaml(part) };
        let Err(problem) = first else { return Ok(Vec::new()) };
        self.out.borrow_mut().clear();
        self.lists.borrow_mut().clear();
        // Either the text is broken, or a field has a type that Kubernetes does not give it: then the object with it
        // is left out, and not the others.
        let value = if json { json_values(part) } else { yaml_value(part) };
        let value = match value {
            Ok(value) => value,
            // YAML may begin with a brace too.
            Err(_) if json && part.len() < (4 << 20) && self.yaml(part).is_ok() => return Ok(Vec::new()),
            Err(Problem { line, what }) => {
                let line = line + line_of(&text.as_bytes()[..at.start]) - 1;
                return Err(ReadError::Syntax { file: self.file.to_owned(), line, problem: what });
            }
        };
        let mut left_out = Vec::new();
        self.each(value, None, 0, &mut |what| left_out.push((at.start, what)));
        if left_out.is_empty() {
            left_out.push((at.start, problem.what));
        }
        Ok(left_out)
    }

    fn object(&self, depth: u8, listed: Option<Str>) -> Object<'_, 'a> {
        Object { names: self.names, assume: self.assume, listed, out: self.out, lists: self.lists, depth }
    }

    fn json(&self, text: &'a str) -> Result<(), Problem> {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        loop {
            self.object(0, None).deserialize(&mut deserializer).map_err(|e| Problem::of_json(&e))?;
            // `kubectl get … -o json` run twice into one file is two values.
            if deserializer.end().is_ok() {
                return Ok(());
            }
        }
    }

    fn yaml(&self, text: &'a str) -> Result<(), Problem> {
        serde_saphyr::with_deserializer_from_str_with_options(text, options(text), |document| {
            self.object(0, None).deserialize(document)
        })
        .map_err(|error| Problem::of_yaml(&error))
    }

    /// Reads the objects of a value one by one.
    fn each(&self, value: Value, listed: Option<Str>, depth: u8, left_out: &mut dyn FnMut(String)) {
        let word = |value: &Value, pointer: &str| {
            value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let mut value = value;
        let kind = word(&value, "/kind");
        if let (Some(Value::Array(items)), true) = (value.get_mut("items").map(Value::take), depth < 2) {
            let of = kind.strip_suffix("List").filter(|of| !of.is_empty()).map(|of| self.names.get(of));
            for item in items {
                self.each(item, of.clone(), depth + 1, left_out);
            }
            return;
        }
        if let Value::Array(items) = value {
            for item in items {
                self.each(item, listed.clone(), depth + 1, left_out);
            }
            return;
        }
        let kind = listed
            .as_deref()
            .map_or(kind.clone(), |of| if kind.is_empty() { of.to_owned() } else { kind.clone() });
        let (namespace, name) = (word(&value, "/metadata/namespace"), word(&value, "/metadata/name"));
        if let Err(error) = self.object(depth, listed).deserialize(value) {
            let separator = if namespace.is_empty() { "" } else { "/" };
            let kind = if kind.is_empty() { "an object" } else { &kind };
            left_out(format!(
                "{kind} {namespace}{separator}{name} is left out, and not taken as safe: {error}"
            ));
        }
    }
}

struct Problem {
    line: u32,
    what: String,
}

impl Problem {
    fn of_json(error: &serde_json::Error) -> Self {
        let line = u32::try_from(error.line()).unwrap_or(u32::MAX);
        let what = error.to_string();
        let what = what.rsplit_once(" at line ").map_or(&*what, |(what, _)| what);
        Self { line, what: format!("this is no JSON: {what} (column {})", error.column()) }
    }

    fn of_yaml(error: &serde_saphyr::Error) -> Self {
        let error = error.without_snippet();
        let line = error.location().map_or(1, |l| u32::try_from(l.line()).unwrap_or(u32::MAX)).max(1);
        let what = error.to_string();
        let what = what.lines().next().unwrap_or_default().trim_start_matches("error: ");
        let what = what.split(" at line ").next().unwrap_or(what);
        Self { line, what: format!("this is no YAML that can be read: {what}") }
    }
}

fn json_values(text: &str) -> Result<Value, Problem> {
    let values: Result<Vec<Value>, _> = serde_json::Deserializer::from_str(text).into_iter().collect();
    values.map(Value::Array).map_err(|error| Problem::of_json(&error))
}

fn yaml_value(text: &str) -> Result<Value, Problem> {
    serde_saphyr::from_str_with_options(text, options(text)).map_err(|error| Problem::of_yaml(&error))
}

/// Bounds by the size of the text: a text grows by what its aliases repeat, and objects of Kubernetes repeat little.
fn options(text: &str) -> serde_saphyr::Options {
    let most = text.len().max(4096);
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: most,
            max_nodes: most,
            max_total_scalar_bytes: most,
            max_total_comment_bytes: most,
            max_aliases: 1000,
            max_anchors: 1000,
            max_depth: 64,
        },
        with_snippet: false,
    }
}
