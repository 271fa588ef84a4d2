//! Objects one by one, for a document in which one cannot be read: it is left out and told of, and the others are kept.

use std::cell::RefCell;

use serde::{Deserialize, de::DeserializeSeed};
use serde_json::{Value, value::RawValue};
use serde_saphyr::Spanned;

use super::{
    object::Found,
    text::{Problem, Reading, offset_in, options},
    wire::Text,
};
use crate::model::Str;

/// How many lists an object may stand in.
const DEPTH: u8 = 2;

#[derive(Deserialize)]
struct JsonList<'a> {
    #[serde(borrow, default)]
    kind: Text<'a>,
    #[serde(borrow)]
    items: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct YamlList<'a> {
    #[serde(borrow, default)]
    kind: Text<'a>,
    items: Vec<Spanned<Value>>,
}

impl<'a> Reading<'_, 'a> {
    pub(super) fn json_singly(&self, part: &'a str) -> Result<Found<'a>, Problem> {
        let found = RefCell::new(Found::default());
        for value in serde_json::Deserializer::from_str(part).into_iter::<&RawValue>() {
            let value = value.map_err(|error| Problem::of_json(&error))?;
            self.json_each(&found, value, None, 0);
        }
        Ok(found.into_inner())
    }

    fn json_each(&self, found: &RefCell<Found<'a>>, value: &'a RawValue, listed: Option<&Str>, depth: u8) {
        let text = value.get();
        if depth < DEPTH {
            if let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(text) {
                return items.into_iter().for_each(|item| self.json_each(found, item, listed, depth + 1));
            }
            if let Ok(JsonList { kind, items }) = serde_json::from_str(text) {
                let of = self.listed(found, &kind.0);
                return items
                    .into_iter()
                    .for_each(|item| self.json_each(found, item, of.as_ref(), depth + 1));
            }
        }
        let before = found.borrow().objects.len();
        let object = self.object(found, depth, listed.cloned());
        if let Err(error) = object.deserialize(&mut serde_json::Deserializer::from_str(text)) {
            found.borrow_mut().objects.truncate(before);
            let value: Value = serde_json::from_str(text).unwrap_or_default();
            let start = offset_in(self.text, text).unwrap_or_default();
            self.leave_out(found, &value, listed, start, &error);
        }
    }

    pub(super) fn yaml_singly(&self, part: &'a str) -> Result<Found<'a>, Problem> {
        let found = RefCell::new(Found::default());
        let start = offset_in(self.text, part).unwrap_or_default();
        if let Ok(YamlList { kind, items }) = serde_saphyr::from_str_with_options(part, options(part)) {
            let of = self.listed(&found, &kind.0);
            for item in items {
                let offset =
                    item.referenced.span().byte_offset().and_then(|offset| usize::try_from(offset).ok());
                let offset = start + offset.unwrap_or_default();
                self.value_each(&found, item.value, of.as_ref(), 1, offset);
            }
            return Ok(found.into_inner());
        }
        let value: Value = serde_saphyr::from_str_with_options(part, options(part))
            .map_err(|error| Problem::of_yaml(&error))?;
        self.value_each(&found, value, None, 0, start);
        Ok(found.into_inner())
    }

    /// Reads the objects of a value that begins at `start` of the text.
    fn value_each(
        &self,
        found: &RefCell<Found<'a>>,
        value: Value,
        listed: Option<&Str>,
        depth: u8,
        start: usize,
    ) {
        let mut value = value;
        if depth < DEPTH {
            if let Value::Array(items) = value {
                return items
                    .into_iter()
                    .for_each(|item| self.value_each(found, item, listed, depth + 1, start));
            }
            if let Some(Value::Array(items)) = value.get_mut("items").map(Value::take) {
                let of = self.listed(found, &word(&value, "/kind"));
                return items
                    .into_iter()
                    .for_each(|item| self.value_each(found, item, of.as_ref(), depth + 1, start));
            }
        }
        let before = found.borrow().objects.len();
        let read = self.object(found, depth, listed.cloned()).deserialize(value.clone());
        let Err(error) = read else {
            for object in &mut found.borrow_mut().objects[before..] {
                object.at = find_name(self.text, start, &object.meta.name.0);
            }
            return;
        };
        found.borrow_mut().objects.truncate(before);
        self.leave_out(found, &value, listed, start, &error);
    }

    /// The kind of a list's items, by the list's; noted as a list that was seen.
    fn listed(&self, found: &RefCell<Found<'a>>, kind: &str) -> Option<Str> {
        let of = kind.strip_suffix("List").filter(|of| !of.is_empty()).map(|of| self.names.get(of));
        let of = self.assume.kind.clone().or(of);
        found.borrow_mut().lists.extend(of.clone());
        of
    }

    fn leave_out(
        &self,
        found: &RefCell<Found<'a>>,
        value: &Value,
        listed: Option<&Str>,
        start: usize,
        error: &serde_json::Error,
    ) {
        let (namespace, name) = (word(value, "/metadata/namespace"), word(value, "/metadata/name"));
        let kind = word(value, "/kind");
        let kind = if kind.is_empty() { listed.map_or("an object", |of| of) } else { &kind };
        let which = match (&*namespace, &*name) {
            (_, "") => kind.to_owned(),
            ("", name) => format!("{kind} {name}"),
            (namespace, name) => format!("{kind} {namespace}/{name}"),
        };
        let stuck = found.borrow_mut().stuck.take();
        let field = stuck.map(|field| format!("`{field}`: ")).unwrap_or_default();
        let why = without_values(error);
        let offset = find_name(self.text, start, &name).unwrap_or(start);
        let what = format!("{which} is left out, and not taken as safe: {field}{why}");
        found.borrow_mut().left_out.push((offset, what));
    }
}

fn word(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// What is wrong, without the text that stands there instead, as that may be a secret in a place where none belongs.
fn without_values(error: &serde_json::Error) -> String {
    let what = error.to_string();
    let what = what.rsplit_once(" at line ").map_or(&*what, |(what, _)| what);
    match (what.find("string \""), what.rfind("\", expected")) {
        (Some(start), Some(end)) => format!("{}a string{}", &what[..start], &what[end + 1..]),
        _ => what.to_owned(),
    }
}

/// Where an object's name is first written after `start`, as the value of a key `name`.
fn find_name(text: &str, start: usize, name: &str) -> Option<usize> {
    let rest = text.get(start..)?;
    let is_in_name = |byte: &u8| byte.is_ascii_alphanumeric() || b".:-_".contains(byte);
    let mut places = memchr::memmem::find_iter(rest.as_bytes(), name).filter(|_| !name.is_empty());
    let found = places.find(|&at| {
        let before = rest[..at].trim_end_matches(['"', '\'', ' ']);
        let key = before
            .strip_suffix(':')
            .and_then(|key| key.trim_end_matches(['"', '\'', ' ']).strip_suffix("name"));
        key.is_some_and(|key| !key.as_bytes().last().is_some_and(is_in_name))
            && !rest.as_bytes().get(at + name.len()).is_some_and(is_in_name)
    });
    found.map(|at| start + at)
}
