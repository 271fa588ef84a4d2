//! Bodies of an operator's own: JSON with placeholders, filled so that no value can leave its string.
//!
//! The template is parsed as JSON first; placeholders are looked for only inside its strings, and what is put in is
//! never looked at again. So whatever a value holds, the body stays the JSON that the operator wrote.

use serde_json::{Map, Value};
use thiserror::Error;

use crate::{digest::Digest, message::Message, plain::render_text};

/// Every placeholder: the wire form's fields down to two levels of the incident, and the alert as text.
const PLACEHOLDERS: &[&str] = &[
    "headline",
    "text",
    "schema",
    "id",
    "revision",
    "change",
    "incident",
    "incident.id",
    "incident.revision",
    "incident.cluster",
    "incident.severity",
    "incident.title",
    "incident.actor",
    "incident.actor.user",
    "incident.actor.impersonated",
    "incident.actor.ip",
    "incident.actor.client",
    "incident.clients",
    "incident.tool",
    "incident.firstSeen",
    "incident.lastSeen",
    "incident.decoys",
    "incident.steps",
    "incident.findings",
    "incident.rules",
    "incident.attack",
    "incident.notes",
    "incident.could",
    "incident.peer",
    "incident.next",
    "incident.drill",
];

/// What is wrong with a template.
#[derive(Debug, Error)]
pub enum TemplateError {
    /// It is no JSON.
    #[error("the template must be JSON, with placeholders only inside its strings: {0}")]
    Json(serde_json::Error),
    /// A placeholder that does not exist.
    #[error("there is no placeholder `{name}`; did you mean `{nearest}`?")]
    Unknown {
        /// As it was written.
        name: String,
        /// The one that is most like it.
        nearest: &'static str,
    },
    /// A `{{` without its `}}`.
    #[error("`{{{{` without `}}}}` in {0:?}")]
    Unclosed(String),
    /// A placeholder where none is filled.
    #[error("the key {0:?} holds a placeholder; they are filled in values only")]
    Key(String),
}

/// A template that was checked: every placeholder in it exists.
#[derive(Debug)]
pub(crate) struct Template(Node);

#[derive(Debug)]
enum Node {
    /// Stands as it is.
    Fixed(Value),
    /// A string that is one placeholder: becomes the value itself.
    Whole(&'static str),
    /// A string with placeholders in it: stays a string.
    Mixed(Vec<Piece>),
    Array(Vec<Node>),
    Object(Vec<(String, Node)>),
}

#[derive(Debug)]
enum Piece {
    Text(String),
    Value(&'static str),
}

impl Template {
    pub(crate) fn parse(text: &str) -> Result<Self, TemplateError> {
        let value: Value = serde_json::from_str(text).map_err(TemplateError::Json)?;
        node(value).map(Self)
    }

    /// The body for a message.
    pub(crate) fn fill(&self, message: &Message) -> Result<Value, serde_json::Error> {
        let mut values = serde_json::to_value(message)?;
        if let Value::Object(fields) = &mut values {
            fields.insert("headline".to_owned(), Digest::of(message).headline().into());
            fields.insert("text".to_owned(), render_text(message).into());
        }
        Ok(fill(&self.0, &values))
    }
}

fn node(value: Value) -> Result<Node, TemplateError> {
    Ok(match value {
        Value::String(text) => string(text)?,
        Value::Array(items) => Node::Array(items.into_iter().map(node).collect::<Result<_, _>>()?),
        Value::Object(fields) => Node::Object(fields.into_iter().map(field).collect::<Result<_, _>>()?),
        fixed => Node::Fixed(fixed),
    })
}

fn field((key, value): (String, Value)) -> Result<(String, Node), TemplateError> {
    if key.contains("{{") {
        return Err(TemplateError::Key(key));
    }
    Ok((key, node(value)?))
}

fn string(text: String) -> Result<Node, TemplateError> {
    let mut pieces = pieces(&text)?;
    Ok(match pieces.as_mut_slice() {
        [] | [Piece::Text(_)] => Node::Fixed(Value::String(text)),
        [Piece::Value(name)] => Node::Whole(name),
        _ => Node::Mixed(pieces),
    })
}

fn pieces(text: &str) -> Result<Vec<Piece>, TemplateError> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((name, after)) = after.split_once("}}") else {
            return Err(TemplateError::Unclosed(text.to_owned()));
        };
        if !before.is_empty() {
            pieces.push(Piece::Text(before.to_owned()));
        }
        pieces.push(Piece::Value(placeholder(name.trim())?));
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.to_owned()));
    }
    Ok(pieces)
}

fn placeholder(name: &str) -> Result<&'static str, TemplateError> {
    if let Some(known) = PLACEHOLDERS.iter().find(|known| **known == name) {
        return Ok(known);
    }
    let distance = |known: &&&str| strsim::damerau_levenshtein(known, name);
    let nearest = PLACEHOLDERS.iter().min_by_key(distance).copied().unwrap_or("incident");
    Err(TemplateError::Unknown { name: name.to_owned(), nearest })
}

fn fill(node: &Node, values: &Value) -> Value {
    match node {
        Node::Fixed(value) => value.clone(),
        Node::Whole(name) => look_up(values, name).clone(),
        Node::Mixed(pieces) => Value::String(pieces.iter().map(|piece| piece_text(piece, values)).collect()),
        Node::Array(items) => Value::Array(items.iter().map(|item| fill(item, values)).collect()),
        Node::Object(fields) => {
            let filled = fields.iter().map(|(key, field)| (key.clone(), fill(field, values)));
            Value::Object(filled.collect::<Map<_, _>>())
        }
    }
}

fn piece_text(piece: &Piece, values: &Value) -> String {
    match piece {
        Piece::Text(text) => text.clone(),
        Piece::Value(name) => inline(look_up(values, name)),
    }
}

/// What an incident does not have (a tool, an impersonated user) is null.
fn look_up<'a>(values: &'a Value, name: &str) -> &'a Value {
    name.split('.').try_fold(values, |value, key| value.get(key)).unwrap_or(&Value::Null)
}

/// A value inside a longer string: nothing for null, a list of plain values with commas, anything deeper as JSON.
fn inline(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) if !items.iter().any(|item| item.is_object() || item.is_array()) => {
            items.iter().map(inline).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}
