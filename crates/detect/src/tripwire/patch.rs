//! The operations of a JSON patch (RFC 6902), each as the object that it would leave behind.

use std::{borrow::Cow, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::lenient::{Lenient, LenientList, lenient};

/// The deepest path that anything here is read from has 12 parts: `secretKeyRef` in a CronJob.
const MAX_PARTS: usize = 16;

// The API server reads an operation as a map, so the last of two equal keys counts, as it does here.
lenient! {
    Operation<'a> {
        op: Lenient<String> = "op",
        path: Lenient<String> = "path",
        value: Lenient<&'a RawValue> = "value",
    }
}

/// The operations, where `raw` is a JSON patch and not an object.
pub(super) fn operations(raw: &str) -> Option<Vec<Operation<'_>>> {
    let list: Option<LenientList<Operation<'_>>> =
        raw.starts_with('[').then(|| serde_json::from_str(raw).ok()).flatten();
    list.map(|list| list.0)
}

impl Operation<'_> {
    /// Where it writes to. A test writes nothing.
    pub(super) fn path(&self) -> Option<&str> {
        let tests = self.op.0.as_deref() == Some("test");
        self.path.0.as_deref().filter(|_| !tests)
    }

    /// The JSON that it writes.
    pub(super) fn value(&self) -> &str {
        self.value.0.map_or("null", RawValue::get)
    }

    /// Whether it takes what it writes from elsewhere in the object.
    pub(super) fn copies(&self) -> bool {
        self.op.0.as_deref().is_some_and(|op| op == "copy" || op == "move")
    }

    /// An object that has nothing but the value, at the path: so it is read like one that was sent whole.
    pub(super) fn as_object(&self) -> Option<String> {
        let path = self.path()?;
        // Wrapping copies the value once for each part.
        if path.split('/').count() > MAX_PARTS {
            return None;
        }
        let mut text = self.value().to_owned();
        for part in path.rsplit('/').filter(|part| !part.is_empty()) {
            let key = serde_json::to_string(&part.replace("~1", "/").replace("~0", "~")).ok()?;
            text = if is_index(part) { format!("[{text}]") } else { format!("{{{key}:{text}}}") };
        }
        Some(text)
    }
}

/// Members of lists have numbers, also with a sign, or `-` for the end (`github.com/evanphx/json-patch`).
fn is_index(part: &str) -> bool {
    part == "-" || part.parse::<i64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::operations;

    #[test]
    fn a_path_without_end_is_not_followed() {
        let patch = format!(r#"[{{"op":"add","path":"{}","value":"x"}}]"#, "/a".repeat(500_000));
        assert_eq!(operations(&patch).unwrap()[0].as_object(), None);
    }
}
