//! Takes one line or document in any known envelope and yields the audit events in it.
//!
//! Recognised by themselves: a bare event, EventList, EKS as polled and as pushed, GKE LogEntry alone and through
//! Pub/Sub, AKS records, Fluent Bit, CRI with partial lines, Vector and Beats, Loki, arrays of any of these, and
//! several of them in one line.

mod cri;
mod envelope;
mod gke;

use std::borrow::Cow;

use crate::{
    event::Event,
    parse,
    reject::{Reason, Reject},
};

/// How deep envelopes may stand within each other: a Pub/Sub message in a list in a line is three.
const MAX_NESTING: u32 = 8;

/// What a line holds.
#[derive(Debug)]
pub enum Item<'i, 'a> {
    /// An audit event, and the JSON it was read from.
    Event(&'i Event<'a>, &'i str),
    /// Something else.
    Reject {
        /// Why.
        reject: Reject,
        /// The piece, at most the whole line; not always text.
        raw: &'i [u8],
        /// What of an audit event could be read before the input broke off. Its fields are whole; the last may be
        /// missing.
        partial: Option<&'i Event<'a>>,
    },
}

/// Unwraps the lines of one source. Keeps state only for partial CRI lines.
#[derive(Debug, Default)]
pub struct Unwrapper {
    cri: cri::Partial,
}

impl Unwrapper {
    /// A new one, to be used for one source alone.
    pub fn new() -> Self {
        Self::default()
    }

    /// Calls `each` for everything in `line`, which is one line or one document, line end or not.
    pub fn line(&mut self, line: &[u8], each: &mut dyn FnMut(Item<'_, '_>)) {
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).trim_ascii_start();
        let json = matches!(line.first(), Some(b'{' | b'['));
        // A part of a CRI line can end in a space that belongs to it.
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let Some(part) = (!json).then(|| cri::parse(line)).flatten() else {
            return bytes(line, each);
        };
        if let Some(whole) = self.cri.push(&part) {
            bytes(&whole, each);
        }
    }
}

impl Unwrapper {
    /// True where a partial line waits for its rest: what was read up to here cannot be understood yet.
    pub fn is_waiting(&self) -> bool {
        self.cri.is_waiting()
    }

    /// The input has ended: calls `each` for what partial lines hold whose rest never came.
    pub fn finish(&mut self, each: &mut dyn FnMut(Item<'_, '_>)) {
        for rest in self.cri.take() {
            bytes(&rest, each);
        }
    }
}

/// A line that is no longer partial. Bytes that are no UTF-8 become U+FFFD: Go's encoder does the same, and an event
/// must not be hidden by one bad byte in a free text.
fn bytes(line: &[u8], each: &mut dyn FnMut(Item<'_, '_>)) {
    let line = line.trim_ascii();
    if line.is_empty() {
        return;
    }
    let text = match simdutf8::basic::from_utf8(line) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(line),
    };
    if !text.trim_start().starts_with(['{', '[']) {
        each(Item::Reject { reject: no_json(line), raw: line, partial: None });
        return;
    }
    document(&text, 0, each);
}

fn no_json(line: &[u8]) -> Reject {
    let binary = line
        .iter()
        .position(|b| *b < 0x20 && !b.is_ascii_whitespace())
        .or_else(|| std::str::from_utf8(line).err().map(|e| e.valid_up_to()));
    match binary {
        Some(at) => Reject::new(Reason::Binary, at, "bytes that no text has"),
        None => Reject::new(Reason::NotJson, 0, "expected `{`"),
    }
}

/// One JSON document, or several in a row.
fn document(text: &str, depth: u32, each: &mut dyn FnMut(Item<'_, '_>)) {
    let mut event = Event::default();
    let reject = match parse::event_into(text, &mut event) {
        Ok(()) if event.is_audit() => return each(Item::Event(&event, text)),
        Ok(()) => match envelope::open(text, depth, each) {
            true => return,
            false => Reject::new(Reason::NotAnEvent, 0, "JSON, but no audit event or known envelope"),
        },
        Err(reject) => reject,
    };
    // An object whose fields have the types of something else may be an envelope still: `message` of a log line can
    // be anything. Several documents in one line, and a list of them, end up here as well.
    if reject.reason != Reason::CutOff && !event.is_audit() && envelope::open(text, depth, each) {
        return;
    }
    if reject.reason == Reason::NotJson && several(text, depth, each) {
        return;
    }
    let partial = looks_audit(&event).then_some(&event);
    each(Item::Reject { reject, raw: text.as_bytes(), partial });
}

/// A cut-off event has the head of one, if not all that makes it one.
fn looks_audit(event: &Event<'_>) -> bool {
    event.is_audit() || !event.audit_id.is_empty()
}

/// Documents that follow each other without a line end, as two writers of one file can leave them. True if there
/// were at least two.
fn several(text: &str, depth: u32, each: &mut dyn FnMut(Item<'_, '_>)) -> bool {
    use serde_json::value::RawValue;
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    let Some(Ok(first)) = stream.next() else { return false };
    if depth >= MAX_NESTING || first.get().len() == text.trim().len() {
        return false;
    }
    document(first.get(), depth + 1, each);
    let mut read = stream.byte_offset();
    while let Some(Ok(next)) = stream.next() {
        document(next.get(), depth + 1, each);
        read = stream.byte_offset();
    }
    let rest = text[read..].trim();
    if !rest.is_empty() {
        if rest.starts_with('{') {
            document(rest, depth + 1, each);
        } else {
            let reject = Reject::new(Reason::NotJson, read, "text after the end of an event");
            each(Item::Reject { reject, raw: rest.as_bytes(), partial: None });
        }
    }
    true
}
