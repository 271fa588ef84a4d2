//! A body as a tree, read once an event and only where a rule asks for it.

use std::{borrow::Cow, cell::Cell, fmt};

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// How deep a body is looked into. What lies deeper is passed over: Kubernetes' own types end long before.
const DEEPEST: u32 = 64;
/// How many values are read of one body. An API server takes no body above 3 MiB (`MaxRequestBodyBytes`), in which no
/// more than this fit: nothing can be hidden behind the bound.
const MOST_VALUES: u32 = 1_600_000;

/// A JSON value that borrows from the event.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node<'e> {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Cow<'e, str>),
    List(Vec<Node<'e>>),
    /// Members as they stand; of two with one key the last counts, as in Go's decoder.
    Object(Vec<(Cow<'e, str>, Node<'e>)>),
    /// Something deeper than is looked: there, and no more can be said.
    Deep,
}

impl Node<'_> {
    /// The member that `key` names.
    pub(crate) fn member(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members.iter().rev().find(|(k, _)| k == key).map(|(_, node)| node),
            _ => None,
        }
    }

    /// The text, where it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// Reads a body; none where it is no JSON.
pub(super) fn read(json: &str) -> Option<Node<'_>> {
    let left = Cell::new(MOST_VALUES);
    let mut reader = serde_json::Deserializer::from_str(json);
    let node = Seed { left: &left, deeper: DEEPEST }.deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    Some(node)
}

#[derive(Clone, Copy)]
struct Seed<'b> {
    left: &'b Cell<u32>,
    deeper: u32,
}

impl<'e> DeserializeSeed<'e> for Seed<'_> {
    type Value = Node<'e>;

    fn deserialize<D: serde::Deserializer<'e>>(self, deserializer: D) -> Result<Node<'e>, D::Error> {
        let left = self.left.get();
        if self.deeper == 0 || left == 0 {
            // serde_json passes over a value without recursion, however deep it is.
            deserializer.deserialize_ignored_any(IgnoredAny)?;
            return Ok(Node::Deep);
        }
        self.left.set(left - 1);
        deserializer.deserialize_any(Self { deeper: self.deeper - 1, ..self })
    }
}

impl<'e> Visitor<'e> for Seed<'_> {
    type Value = Node<'e>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Node<'e>, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node<'e>, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node<'e>, E> {
        Ok(Node::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node<'e>, E> {
        Ok(i64::try_from(value).map_or(Node::Float(value as f64), Node::Int))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node<'e>, E> {
        Ok(Node::Float(value))
    }

    fn visit_borrowed_str<E>(self, value: &'e str) -> Result<Node<'e>, E> {
        Ok(Node::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node<'e>, E> {
        Ok(Node::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'e>>(self, mut seq: A) -> Result<Node<'e>, A::Error> {
        let mut list = Vec::new();
        while let Some(node) = seq.next_element_seed(self)? {
            if self.left.get() > 0 {
                list.push(node);
            }
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'e>>(self, mut map: A) -> Result<Node<'e>, A::Error> {
        let mut members = Vec::new();
        while let Some(key) = map.next_key_seed(Key)? {
            let node = map.next_value_seed(self)?;
            if self.left.get() > 0 {
                members.push((key, node));
            }
        }
        Ok(Node::Object(members))
    }
}

/// A key, borrowed where it has no escapes.
struct Key;

impl<'e> DeserializeSeed<'e> for Key {
    type Value = Cow<'e, str>;

    fn deserialize<D: serde::Deserializer<'e>>(self, deserializer: D) -> Result<Cow<'e, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'e> Visitor<'e> for Key {
    type Value = Cow<'e, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, value: &'e str) -> Result<Cow<'e, str>, E> {
        Ok(Cow::Borrowed(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Cow<'e, str>, E> {
        Ok(Cow::Owned(value.to_owned()))
    }
}
