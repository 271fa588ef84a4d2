//! A JSON patch (RFC 6902) read as the object that its add and replace operations build.

use std::{borrow::Cow, collections::BTreeMap};

use super::Node;

/// The longest path that is followed; Kubernetes' own types end long before.
const LONGEST: usize = 64;

/// What a JSON patch builds, none where `body` is no such patch.
pub(super) fn build<'e>(body: &Node<'e>) -> Option<Node<'e>> {
    let Node::List(operations) = body else { return None };
    let mut built = Built::default();
    for operation in operations {
        let (kind, path) = (operation.member("op")?.text()?, operation.member("path")?.text()?);
        if !matches!(kind, "add" | "replace") {
            continue;
        }
        let Some(value) = operation.member("value") else { continue };
        let tokens: Vec<String> = path.split('/').skip(1).map(unescape).collect();
        if tokens.len() <= LONGEST {
            tokens.into_iter().fold(&mut built, Built::child).put(value.clone());
        }
    }
    Some(built.finish())
}

/// A token of a JSON pointer (RFC 6901).
fn unescape(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

/// A value that grows: what was last put there, or members, or elements.
#[derive(Default)]
struct Built<'e> {
    value: Option<Node<'e>>,
    members: BTreeMap<String, Built<'e>>,
    /// Elements by the index that an operation named.
    elements: BTreeMap<usize, Built<'e>>,
    /// Elements put at the end.
    last: Vec<Built<'e>>,
}

impl<'e> Built<'e> {
    fn put(&mut self, value: Node<'e>) {
        *self = Self { value: Some(value), ..Self::default() };
    }

    /// What `token` names, made where it is not there yet. Whether a number means an element or a member cannot be told
    /// without the object that is patched: it is a member only where there are others.
    fn child(&mut self, token: String) -> &mut Self {
        self.open();
        let element = self.members.is_empty().then(|| token.parse::<usize>().ok()).flatten();
        if token == "-" && self.members.is_empty() {
            let at = self.last.len();
            self.last.push(Self::default());
            return &mut self.last[at];
        }
        match element {
            Some(index) => self.elements.entry(index).or_default(),
            None => self.members.entry(token).or_default(),
        }
    }

    /// Takes apart what was put here as a whole, since an operation goes into it.
    fn open(&mut self) {
        match self.value.take() {
            Some(Node::Object(members)) => {
                self.members =
                    members.into_iter().map(|(key, node)| (key.into_owned(), node.into())).collect();
            }
            Some(Node::List(list)) => self.elements = list.into_iter().map(Into::into).enumerate().collect(),
            _ => {}
        }
    }

    fn finish(self) -> Node<'e> {
        if let Some(value) = self.value {
            return value;
        }
        if self.members.is_empty() && !(self.elements.is_empty() && self.last.is_empty()) {
            return Node::List(self.elements.into_values().chain(self.last).map(Self::finish).collect());
        }
        let members = self.members.into_iter().map(|(key, built)| (Cow::Owned(key), built.finish()));
        Node::Object(members.collect())
    }
}

impl<'e> From<Node<'e>> for Built<'e> {
    fn from(value: Node<'e>) -> Self {
        Self { value: Some(value), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::body, *};

    fn built(patch: &str) -> String {
        let node = body::read(patch).unwrap();
        build(&node).map_or_else(|| "no patch".into(), |node| shown(&node))
    }

    fn shown(node: &Node<'_>) -> String {
        match node {
            Node::Object(members) => {
                let all: Vec<_> =
                    members.iter().map(|(key, node)| format!("{key}:{}", shown(node))).collect();
                format!("{{{}}}", all.join(","))
            }
            Node::List(list) => format!("[{}]", list.iter().map(shown).collect::<Vec<_>>().join(",")),
            Node::Text(text) => text.to_string(),
            Node::Bool(bool) => bool.to_string(),
            Node::Int(int) => int.to_string(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn operations_build_one_object() {
        let patch = r#"[
            {"op":"test","path":"/spec/replicas","value":1},
            {"op":"replace","path":"/spec/replicas","value":2},
            {"op":"add","path":"/spec/containers/0/image","value":"a"},
            {"op":"add","path":"/spec/containers/0/tty","value":true},
            {"op":"add","path":"/spec/containers/-","value":{"image":"b"}},
            {"op":"add","path":"/metadata/annotations/example.org~1x","value":"y"},
            {"op":"remove","path":"/spec/volumes"}]"#;
        assert_eq!(
            built(patch),
            "{metadata:{annotations:{example.org/x:y}},spec:{containers:[{image:a,tty:true},{image:b}],replicas:2}}"
        );
    }

    #[test]
    fn an_operation_goes_into_what_an_earlier_one_put_there() {
        let patch = r#"[
            {"op":"add","path":"/spec","value":{"containers":[{"image":"a"},{"image":"b"}]}},
            {"op":"add","path":"/spec/containers/1/image","value":"c"},
            {"op":"add","path":"/spec/hostPID","value":true}]"#;
        assert_eq!(built(patch), "{spec:{containers:[{image:a},{image:c}],hostPID:true}}");
    }

    #[test]
    fn a_patch_of_the_whole_is_its_value() {
        assert_eq!(built(r#"[{"op":"replace","path":"","value":{"spec":1}}]"#), "{spec:1}");
    }

    #[test]
    fn another_list_is_no_patch() {
        assert_eq!(built(r#"[{"name":"x"}]"#), "no patch");
        assert_eq!(built("[1]"), "no patch");
        assert_eq!(built("{}"), "no patch");
    }
}
