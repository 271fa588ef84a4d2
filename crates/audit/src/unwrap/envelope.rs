//! The JSON envelopes that carry audit events, told apart by their keys.

use std::{borrow::Cow, io::Read};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Item, MAX_NESTING, document, gke};
use crate::reject::{Reason, Reject};

/// How much a compressed payload may grow to. CloudWatch pushes at most 1 MiB compressed; this leaves room for a
/// hundredfold and stops a bomb.
const MAX_INFLATED: u64 = 128 << 20;

/// The keys that envelopes are known by. Everything else of them is passed over.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct Keys<'a> {
    /// EventList, as the API server's webhook posts it.
    #[serde(borrow, default)]
    items: Option<&'a RawValue>,
    /// EKS, polled with FilterLogEvents.
    #[serde(borrow, default)]
    events: Option<&'a RawValue>,
    /// EKS, pushed by a CloudWatch subscription.
    #[serde(borrow, default)]
    awslogs: Option<&'a RawValue>,
    /// The payload of `awslogs`.
    #[serde(borrow, default, rename = "logEvents")]
    log_events: Option<&'a RawValue>,
    /// AKS diagnostic settings.
    #[serde(borrow, default)]
    records: Option<&'a RawValue>,
    /// One AKS record.
    #[serde(borrow, default)]
    properties: Option<&'a RawValue>,
    /// GKE LogEntry.
    #[serde(borrow, default, rename = "protoPayload")]
    proto_payload: Option<&'a RawValue>,
    /// Vector, Beats and one EKS log event have a string here, Pub/Sub an object.
    #[serde(borrow, default)]
    message: Option<&'a RawValue>,
    /// The payload of a Pub/Sub message.
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    /// Fluent Bit and Docker.
    #[serde(borrow, default)]
    log: Option<&'a RawValue>,
    /// Loki.
    #[serde(borrow, default)]
    streams: Option<&'a RawValue>,
    /// One Loki stream.
    #[serde(borrow, default)]
    values: Option<&'a RawValue>,
}

type Each<'e> = dyn FnMut(Item<'_, '_>) + 'e;

/// Opens `text` if it is an envelope: true if it was one, whatever was in it.
pub(super) fn open(text: &str, depth: u32, each: &mut Each<'_>) -> bool {
    if depth >= MAX_NESTING {
        return false;
    }
    if text.trim_start().starts_with('[') {
        return each_element(text, |element| inner(element, depth, each));
    }
    let Ok(keys) = serde_json::from_str::<Keys<'_>>(text) else { return false };
    let known =
        |raw: Option<&RawValue>| raw.map(RawValue::get).filter(|raw| *raw != "null").map(str::to_owned);
    let lists = [keys.items, keys.events, keys.log_events, keys.records];
    if let Some(list) = lists.into_iter().flatten().find(|list| list.get().starts_with('[')) {
        return each_element(list.get(), |element| inner(element, depth, each));
    }
    if keys.proto_payload.is_some() {
        return gke::open(text, each);
    }
    if let Some(streams) = keys.streams.or(keys.values) {
        return each_element(streams.get(), |stream| loki(stream, depth, each));
    }
    if let Some(payload) = keys.awslogs.or(keys.properties) {
        return inner(payload.get(), depth, each);
    }
    if let Some(data) = known(keys.data).filter(|data| data.starts_with('"')) {
        return encoded(&data, depth, each);
    }
    match known(keys.message).or(known(keys.log)) {
        Some(payload) => inner(&payload, depth, each),
        None => false,
    }
}

/// Whatever stands in an envelope: an object, or a string that holds one.
fn inner(raw: &str, depth: u32, each: &mut Each<'_>) -> bool {
    if raw.starts_with('"') {
        let Ok(text) = serde_json::from_str::<Cow<'_, str>>(raw) else { return false };
        return text_inside(&text, depth, each);
    }
    if !raw.starts_with(['{', '[']) {
        return false;
    }
    document(raw, depth + 1, each);
    true
}

/// A string from an envelope: an event, or words of some other program.
fn text_inside(text: &str, depth: u32, each: &mut Each<'_>) -> bool {
    let text = text.trim();
    if text.starts_with(['{', '[']) {
        document(text, depth + 1, each);
    } else if !text.is_empty() {
        let reject = Reject::new(Reason::NotAnEvent, 0, "an envelope with other text than an event");
        each(Item::Reject { reject, raw: text.as_bytes(), partial: None });
    }
    true
}

/// Calls `with` for each element of the array `raw`. True if it was an array.
fn each_element(raw: &str, mut with: impl FnMut(&str) -> bool) -> bool {
    let Ok(elements) = serde_json::from_str::<Vec<&RawValue>>(raw) else { return false };
    for element in elements {
        with(element.get());
    }
    true
}

/// A stream `{"stream":{},"values":[…]}`, or one entry `["<ns>","<line>"]` of it.
fn loki(raw: &str, depth: u32, each: &mut Each<'_>) -> bool {
    if raw.starts_with('{') {
        return inner(raw, depth, each);
    }
    match serde_json::from_str::<Vec<&RawValue>>(raw) {
        Ok(entry) if entry.len() >= 2 => inner(entry[1].get(), depth, each),
        _ => false,
    }
}

/// Base64 of JSON, or of gzip of JSON. `raw` is a JSON string.
fn encoded(raw: &str, depth: u32, each: &mut Each<'_>) -> bool {
    let mut bad = |what| {
        each(Item::Reject {
            reject: Reject::new(Reason::BadEnvelope, 0, what),
            raw: raw.as_bytes(),
            partial: None,
        });
        true
    };
    let Ok(text) = serde_json::from_str::<Cow<'_, str>>(raw) else { return false };
    let Ok(bytes) = STANDARD.decode(text.trim()) else { return bad("`data` is no base64") };
    let bytes = if bytes.starts_with(&[0x1f, 0x8b]) {
        match inflate(&bytes) {
            Some(bytes) => bytes,
            None => return bad("the gzip in `data` is broken or grows past the limit"),
        }
    } else {
        bytes
    };
    let text = String::from_utf8_lossy(&bytes);
    text_inside(&text, depth, each)
}

fn inflate(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut limited = flate2::read::MultiGzDecoder::new(bytes).take(MAX_INFLATED + 1);
    limited.read_to_end(&mut out).ok()?;
    (out.len() as u64 <= MAX_INFLATED).then_some(out)
}
