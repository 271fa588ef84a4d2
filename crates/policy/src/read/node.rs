//! A YAML document as a tree with line numbers, in which keys may stand twice.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_saphyr::{
    Spanned,
    options::{DuplicateKeyPolicy, MergeKeyPolicy},
};

/// How deep a policy may be nested. A policy's own fields go to a quarter of it.
const DEPTH: usize = 32;

/// A value and the line, from 1, on which it begins.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) line: usize,
    pub(crate) value: Value,
}

/// What a value is, as YAML 1.1 reads it: `no` and `y` are booleans, `010` is a number.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Number,
    Text(String),
    List(Vec<Node>),
    Map(Vec<Member>),
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Member {
    pub(crate) line: usize,
    pub(crate) key: String,
    pub(crate) node: Node,
}

/// Why a text is no YAML or JSON.
#[derive(Debug)]
pub(crate) struct Wrong {
    pub(crate) line: usize,
    pub(crate) problem: String,
}

impl Node {
    /// The first document of a text, or nothing where that is empty.
    ///
    /// What begins with a brace must be JSON: the API server decides by that
    /// (`apimachinery/pkg/util/yaml/decoder.go`, `IsJSONBuffer`).
    pub(crate) fn read(text: &str) -> Result<Self, Wrong> {
        if text.trim_start().starts_with('{') {
            serde_json::from_str::<IgnoredAny>(text).map_err(|error| of_json(&error))?;
        }
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let (first, _) = documents(text);
        let most = first.len().max(4096);
        let options = serde_saphyr::options! {
            budget: serde_saphyr::budget! {
                max_events: most,
                max_nodes: most,
                max_total_scalar_bytes: most,
                max_total_comment_bytes: most,
                max_aliases: 10_000,
                max_anchors: 10_000,
                max_depth: DEPTH,
            },
            duplicate_keys: DuplicateKeyPolicy::PassThrough,
            merge_keys: MergeKeyPolicy::AsOrdinary,
            legacy_octal_numbers: true,
            with_snippet: false,
        };
        let node = serde_saphyr::from_str_with_options(first, options).map_err(|error| of_yaml(&error))?;
        match first.lines().position(is_tabbed) {
            Some(at) => {
                let problem = "a tab stands between a dash and what follows it: YAML 1.1 has spaces there";
                Err(Wrong { line: at + 1, problem: problem.to_owned() })
            }
            None => Ok(node),
        }
    }

    /// What it is, in words.
    pub(crate) fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Number => "a number",
            Value::Text(_) => "a string",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }
}

/// The first document, and whether another follows.
///
/// A line that begins with `---` or `...` always ends a document: no scalar can hold one (YAML 1.2 §9.1.2).
pub(crate) fn documents(text: &str) -> (&str, bool) {
    let mut at = 0;
    let mut begun = false;
    for line in text.split_inclusive('\n') {
        let marker = |word: &str| {
            line.strip_prefix(word)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace))
        };
        let empty = line.trim().is_empty() || line.starts_with(['#', '%']);
        if begun && (marker("---") || marker("...")) {
            let rest = &text[at..];
            let more = rest.lines().any(|line| {
                let line = line.trim();
                !line.is_empty() && !line.starts_with('#') && line != "---" && line != "..."
            });
            return (&text[..at], more);
        }
        begun |= !empty;
        at += line.len();
    }
    (text, false)
}

/// Whether a line begins with dashes after which a tab stands. The API server's parser takes none there.
fn is_tabbed(line: &str) -> bool {
    let rest = line.trim_start_matches([' ', '-']);
    rest.starts_with('\t') && line[..line.len() - rest.len()].ends_with('-')
}

fn of_json(error: &serde_json::Error) -> Wrong {
    let said = error.to_string();
    // The place is told once, and by us.
    let problem = said.split(" at line ").next().unwrap_or_default().to_owned();
    Wrong { line: error.line(), problem: format!("what begins with a brace is read as JSON: {problem}") }
}

fn of_yaml(error: &serde_saphyr::Error) -> Wrong {
    let error = error.without_snippet();
    let line = error.location().map_or(0, |place| usize::try_from(place.line()).unwrap_or_default());
    let said = error.to_string();
    let problem = said.lines().next().unwrap_or_default();
    let problem = problem.split(" at line ").next().unwrap_or(problem).trim_start_matches("error: ");
    Wrong { line, problem: problem.to_owned() }
}

fn line<T>(spanned: &Spanned<T>) -> usize {
    usize::try_from(spanned.referenced.line()).unwrap_or_default()
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Value>::deserialize(from)?;
        Ok(Self { line: line(&spanned), value: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Any)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("YAML")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        Value::deserialize(from)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Value, E> {
        Ok(Value::Number)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Value, E> {
        Ok(Value::Number)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Number)
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = list.next_element()? {
            nodes.push(node);
        }
        Ok(Value::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Vec::new();
        while let Some((key, node)) = map.next_entry::<Spanned<String>, Node>()? {
            members.push(Member { line: line(&key), key: key.value, node });
        }
        Ok(Value::Map(members))
    }
}

impl Node {
    /// The last value under a key of a mapping.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.members().iter().rev().find(|member| member.key == key).map(|member| &member.node)
    }

    /// The members of a mapping; none of anything else.
    pub(crate) fn members(&self) -> &[Member] {
        if let Value::Map(members) = &self.value { members } else { &[] }
    }

    /// The elements of a list; none of anything else.
    pub(crate) fn items(&self) -> &[Self] {
        if let Value::List(nodes) = &self.value { nodes } else { &[] }
    }

    /// A string.
    pub(crate) fn text(&self) -> Option<&str> {
        if let Value::Text(text) = &self.value { Some(text) } else { None }
    }
}
