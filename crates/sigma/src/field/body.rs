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

    /// The same without borrowing.
    fn into_owned<'o>(self) -> Node<'o> {
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        match self {
            Self::Null => Node::Null,
            Self::Bool(bool) => Node::Bool(bool),
            Self::Int(int) => Node::Int(int),
            Self::Float(float) => Node::Float(float),
            Self::Text(text) => Node::Text(own(text)),
            Self::List(list) => Node::List(list.into_iter().map(Node::into_owned).collect()),
            Self::Object(members) => {
                Node::Object(members.into_iter().map(|(key, node)| (own(key), node.into_owned())).collect())
            }
            Self::Deep => Node::Deep,
        }
    }
}

/// Reads a body; none where it is no JSON.
pub(super) fn read(json: &str) -> Option<Node<'_>> {
    // What the client sent stands in a patch byte for byte, and Go takes more than serde_json does.
    strict(json).or_else(|| mended(json).and_then(|mended| strict(&mended).map(Node::into_owned)))
}

fn strict(json: &str) -> Option<Node<'_>> {
    let left = Cell::new(MOST_VALUES);
    let mut reader = serde_json::Deserializer::from_str(json);
    let node = Seed { left: &left, deeper: DEEPEST }.deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    Some(node)
}

/// `json` without what Go takes and serde_json does not: half of a surrogate pair, which becomes U+FFFD, and a number too
/// large for a float, which becomes 0. None where there is neither.
fn mended(json: &str) -> Option<String> {
    let mut text = String::with_capacity(json.len());
    let (mut rest, mut in_text) = (json, false);
    while let Some(first) = rest.chars().next() {
        let (piece, instead) = match first {
            '\\' if in_text => escape(rest),
            '-' | '0'..='9' if !in_text => {
                let part = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E');
                let number = &rest[..rest.find(|c| !part(c)).unwrap_or(rest.len())];
                (number, number.parse::<f64>().is_ok_and(f64::is_infinite).then_some("0"))
            }
            _ => (&rest[..first.len_utf8()], None),
        };
        in_text ^= piece == "\"";
        text.push_str(instead.unwrap_or(piece));
        rest = &rest[piece.len()..];
    }
    (text != json).then_some(text)
}

/// The escape that `text` begins with, a whole pair of surrogates as one, and what is to stand in its place if anything.
fn escape(text: &str) -> (&str, Option<&'static str>) {
    let unit = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    match (unit(0), unit(6)) {
        (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => (&text[..12], None),
        (Some(0xD800..=0xDFFF), _) => (&text[..6], Some("\\uFFFD")),
        (Some(_), _) => (&text[..6], None),
        _ => (text.get(..2).unwrap_or(text), None),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_go_takes_hides_nothing() {
        for json in [
            r#"{"a":"\ud800","hostPID":true}"#,
            r#"{"a":"\ud800\u0041\udc00\"\\","hostPID":true}"#,
            r#"{"\udfff":1e999,"hostPID":true}"#,
            r#"{"a":[-1E+400,"é1e999"],"hostPID":true}"#,
            r#"{"a":"\ud83d\ude00 \ud83d","hostPID":true}"#,
        ] {
            let node = read(json).unwrap_or(Node::Null);
            assert_eq!(node.member("hostPID"), Some(&Node::Bool(true)), "{json}");
        }
        assert_eq!(
            read(r#"{"a":"\ud83d\ude00 \ud83d"}"#).unwrap().member("a").unwrap().text(),
            Some("😀 \u{fffd}")
        );
    }

    #[test]
    fn what_is_no_json_stays_so() {
        for json in [r#"{"a":"\ud800"#, r#"{"a":"\x"}"#, "{a:1e999}", "", "\\", r#""\"#, "é"] {
            assert_eq!(read(json), None, "{json}");
        }
    }
}
