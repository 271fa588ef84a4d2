//! The line that the API server would have written of a request under another policy.

use std::{borrow::Cow, fmt};

use serde::de::{Deserializer as _, MapAccess, Visitor};
use serde_json::value::RawValue;
use sundew_audit::Event;

use crate::{
    decide::{Attributes, Decision},
    model::{Level, Policy, Stage},
};

/// What mutating webhooks changed: an annotation that is only there from level Request on
/// (`apiserver/pkg/admission/plugin/webhook/mutating/dispatcher.go`).
const PATCH_ANNOTATION: &str = "patch.webhook.admission.k8s.io/";

/// What is left of an event under a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cut<'j> {
    /// Nothing: the rule, or the absence of one, says `None`, or leaves out this stage.
    Dropped,
    /// A line.
    Kept {
        /// The event. The input itself where nothing changes.
        line: Cow<'j, str>,
        /// The level that the policy asks for. Higher than the event's own where bodies are missing that the API
        /// server would have logged.
        wanted: Level,
    },
}

/// What the API server would have written under `policy`, given an event as it was logged under another.
///
/// Levels are lowered and never raised: what the event does not have cannot be made up. Bytes that do not go stay as
/// they are. `json` is the text that `event` was read from, and one JSON object; where it is not, it is kept as it is.
pub fn cut<'j>(policy: &Policy, event: &Event<'_>, json: &'j str) -> Cut<'j> {
    let decision = Attributes::of(event, |request| policy.decide(request));
    let stage = Stage::ALL.into_iter().find(|stage| event.stage == stage.as_str());
    if decision.level == Level::None || stage.is_some_and(|stage| !policy.logs_at(decision.rule, stage)) {
        return Cut::Dropped;
    }
    let logged = Level::ALL.into_iter().find(|level| event.level == level.as_str());
    let lower = logged.is_some_and(|logged| decision.level < logged);
    let wanted = decision.level;
    let without_fields = decision.omit_managed_fields
        && wanted > Level::Metadata
        && (event.request_object.is_some() || event.response_object.is_some());
    let line = if lower || without_fields {
        let is_patch = event.verb == "patch";
        lowered(json, decision, lower, is_patch).map_or(Cow::Borrowed(json), Cow::Owned)
    } else {
        Cow::Borrowed(json)
    };
    Cut::Kept { line, wanted }
}

/// The event with what `decision` keeps of it.
fn lowered(json: &str, decision: Decision, lower: bool, is_patch: bool) -> Option<String> {
    edit(json, |key, value| match key {
        "level" if lower => Edit::Put(format!("\"{}\"", decision.level.as_str())),
        "requestObject" if decision.level < Level::Request => Edit::Drop,
        "responseObject" if decision.level < Level::RequestResponse => Edit::Drop,
        // A patch is logged as it came.
        "requestObject" if is_patch => Edit::Keep,
        "requestObject" | "responseObject" if decision.omit_managed_fields => changed(body(value)),
        "annotations" if decision.level < Level::Request && value.contains(PATCH_ANNOTATION) => {
            match without_patches(value) {
                // An empty field is not written.
                Some(none) if none == "{}" => Edit::Drop,
                rest => changed(rest),
            }
        }
        _ => Edit::Keep,
    })
}

/// Annotations without those of level Request.
fn without_patches(annotations: &str) -> Option<String> {
    edit(annotations, |key, _| if key.starts_with(PATCH_ANNOTATION) { Edit::Drop } else { Edit::Keep })
}

/// A body without managed fields: those of the object itself, of a list's items, and of the objects in a table's rows
/// (`apiserver/pkg/audit/request.go`, `copyWithoutManagedFields`).
fn body(object: &str) -> Option<String> {
    if !object.contains("managedFields") {
        return None;
    }
    edit(object, |key, value| match key {
        "metadata" => changed(without_managed_fields(value)),
        "items" => changed(each(value, object_without)),
        "rows" => changed(each(value, |row| {
            edit(row, |key, value| if key == "object" { changed(object_without(value)) } else { Edit::Keep })
        })),
        _ => Edit::Keep,
    })
}

fn object_without(object: &str) -> Option<String> {
    edit(object, |key, value| match key {
        "metadata" => changed(without_managed_fields(value)),
        _ => Edit::Keep,
    })
}

fn without_managed_fields(metadata: &str) -> Option<String> {
    edit(metadata, |key, _| if key == "managedFields" { Edit::Drop } else { Edit::Keep })
}

/// What becomes of one member of an object.
enum Edit {
    Keep,
    Drop,
    Put(String),
}

fn changed(value: Option<String>) -> Edit {
    value.map_or(Edit::Keep, Edit::Put)
}

/// An object with some members changed; none where nothing changes, or where it is no object.
fn edit(json: &str, mut what: impl FnMut(&str, &str) -> Edit) -> Option<String> {
    let members = members(json)?;
    let first = members.first()?;
    let mut out = String::with_capacity(json.len());
    out.push_str(&json[..first.start]);
    let (mut changed, mut before) = (false, None);
    for member in &members {
        let edit = what(&member.key, &json[member.value.clone()]);
        changed |= !matches!(edit, Edit::Keep);
        if !matches!(edit, Edit::Drop) {
            // What separates it from the member before it, unless that is the first that is kept.
            out.push_str(&json[before.unwrap_or(member.start)..member.value.start]);
            out.push_str(if let Edit::Put(value) = &edit { value } else { &json[member.value.clone()] });
        }
        before = match edit {
            Edit::Drop if before.is_none() => None,
            _ => Some(member.value.end),
        };
    }
    out.push_str(&json[members.last()?.value.end..]);
    changed.then_some(out)
}

/// An array with some elements changed; none where nothing changes, or where it is no array.
fn each(json: &str, what: impl Fn(&str) -> Option<String>) -> Option<String> {
    let elements: Vec<&RawValue> = serde_json::from_str(json).ok()?;
    let mut out = String::with_capacity(json.len());
    let (mut copied, mut changed) = (0, false);
    for element in elements {
        let Some(new) = what(element.get()) else { continue };
        let start = offset(json, element.get());
        out.push_str(&json[copied..start]);
        out.push_str(&new);
        copied = start + element.get().len();
        changed = true;
    }
    out.push_str(&json[copied..]);
    changed.then_some(out)
}

/// A member of an object: its key, where that begins, and where the value is.
struct Member {
    key: String,
    start: usize,
    value: std::ops::Range<usize>,
}

fn members(json: &str) -> Option<Vec<Member>> {
    struct Pairs;
    impl<'j> Visitor<'j> for Pairs {
        type Value = Vec<(&'j RawValue, &'j RawValue)>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'j>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut pairs = Vec::new();
            while let Some(pair) = map.next_entry()? {
                pairs.push(pair);
            }
            Ok(pairs)
        }
    }
    let mut reader = serde_json::Deserializer::from_str(json);
    let pairs = reader.deserialize_map(Pairs).ok()?;
    let mut members = Vec::with_capacity(pairs.len());
    for (key, value) in pairs {
        let start = offset(json, value.get());
        members.push(Member {
            key: serde_json::from_str(key.get()).ok()?,
            start: offset(json, key.get()),
            value: start..start + value.get().len(),
        });
    }
    Some(members)
}

/// Where `part`, a piece of `whole`, begins in it.
fn offset(whole: &str, part: &str) -> usize {
    part.as_ptr() as usize - whole.as_ptr() as usize
}
