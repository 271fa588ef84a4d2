//! A JSON patch (RFC 6902) read as the object that its operations build, as far as it says so itself.

use std::{borrow::Cow, collections::BTreeMap};

use super::Node;

/// The longest path that is followed, and how deep a value that is copied may be; Kubernetes' own types end long before.
const LONGEST: usize = 64;
/// How many operations an API server takes (`maxJSONPatchOperations`).
const MOST_OPERATIONS: usize = 10_000;
/// How many values may be copied in all, since a few dozen copies of copies would fill any memory. An API server takes no
/// patch that copies more than 3 MiB (`jsonpatch.AccumulatedCopySizeLimit`).
const MOST_COPIED: usize = 1_600_000;
/// What is no larger than this is copied nevertheless: nothing that matters can be hidden behind the bound.
const SMALL: usize = 64;

/// What a JSON patch builds, none where `body` is no such patch.
pub(super) fn build<'e>(body: &Node<'e>) -> Option<Node<'e>> {
    let Node::List(operations) = body else { return None };
    let mut built = Built::default();
    let mut left = MOST_COPIED;
    for operation in operations.iter().take(MOST_OPERATIONS) {
        let (kind, path) = (operation.member("op")?.text()?, operation.member("path")?.text()?);
        let value = match kind {
            "add" | "replace" => operation.member("value").cloned(),
            // Only what the patch itself put there is known; what stood there before is not.
            "move" | "copy" => {
                let from = operation.member("from").and_then(Node::text).and_then(tokens);
                from.and_then(|from| built.at(from)?.copied(&mut left))
            }
            _ => None,
        };
        let (Some(value), Some(tokens)) = (value, tokens(path)) else { continue };
        built.place(&tokens, kind != "replace").put(value);
    }
    Some(built.finish())
}

/// The tokens of a JSON pointer; none where it is longer than anything that is looked at.
fn tokens(path: &str) -> Option<Vec<String>> {
    let tokens: Vec<String> = path.split('/').skip(1).map(unescape).collect();
    (tokens.len() <= LONGEST).then_some(tokens)
}

/// A token of a JSON pointer (RFC 6901).
fn unescape(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

/// A value that grows: what was last put there, or members, or elements.
#[derive(Clone, Default)]
struct Built<'e> {
    value: Option<Node<'e>>,
    members: BTreeMap<String, Built<'e>>,
    /// Elements by the index that an operation named, from the end where negative, which the API server takes.
    elements: BTreeMap<i64, Built<'e>>,
    /// Elements put at the end.
    last: Vec<Built<'e>>,
}

impl<'e> Built<'e> {
    fn put(&mut self, value: Node<'e>) {
        *self = Self { value: Some(value), ..Self::default() };
    }

    /// The place that `tokens` lead to, made where it is not there yet. To `add` to a list moves what has that index on:
    /// it goes to the end here.
    fn place(&mut self, tokens: &[String], add: bool) -> &mut Self {
        let Some((last, before)) = tokens.split_last() else { return self };
        let holder = before.iter().fold(self, |built, token| built.child(token.clone()));
        holder.open();
        if add
            && let Ok(index) = last.parse::<i64>()
            && let Some(moved) = holder.elements.remove(&index)
        {
            holder.last.push(moved);
        }
        holder.child(last.clone())
    }

    /// What was put where `tokens` lead to, if anything was.
    fn at(&mut self, tokens: Vec<String>) -> Option<&Self> {
        tokens
            .into_iter()
            .try_fold(self, |built, token| {
                built.open();
                let index = token.parse::<i64>().ok().filter(|index| built.elements.contains_key(index));
                match index {
                    Some(index) => built.elements.get_mut(&index),
                    None if built.members.contains_key(&token) => built.members.get_mut(&token),
                    None => built.last.last_mut(),
                }
            })
            .map(|built| &*built)
    }

    /// The same once more, unless that is more than is `left` of what may be copied.
    fn copied(&self, left: &mut usize) -> Option<Node<'e>> {
        let before = (*left).max(SMALL);
        let mut after = before;
        if !self.fits(&mut after, LONGEST) {
            return None;
        }
        *left = left.saturating_sub(before - after);
        Some(self.clone().finish())
    }

    /// Takes the number of values from `left`; false where there are more, or where they stand deeper than `deeper`.
    fn fits(&self, left: &mut usize, deeper: usize) -> bool {
        let Some((deeper, after)) = deeper.checked_sub(1).zip(left.checked_sub(1)) else { return false };
        *left = after;
        self.value.as_ref().is_none_or(|value| fits(value, left, deeper))
            && self
                .members
                .values()
                .chain(self.elements.values())
                .chain(&self.last)
                .all(|b| b.fits(left, deeper))
    }

    /// What `token` names, made where it is not there yet. Whether a number means an element or a member cannot be told
    /// without the object that is patched: it is a member only where there are others.
    fn child(&mut self, token: String) -> &mut Self {
        self.open();
        let element = self.members.is_empty().then(|| token.parse::<i64>().ok()).flatten();
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
            Some(Node::List(list)) => {
                self.elements = (0..).zip(list.into_iter().map(Into::into)).collect();
            }
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

/// As [`Built::fits`].
fn fits(node: &Node<'_>, left: &mut usize, deeper: usize) -> bool {
    let Some((deeper, after)) = deeper.checked_sub(1).zip(left.checked_sub(1)) else { return false };
    *left = after;
    match node {
        Node::List(list) => list.iter().all(|node| fits(node, left, deeper)),
        Node::Object(members) => members.iter().all(|(_, node)| fits(node, left, deeper)),
        _ => true,
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
    fn an_element_that_another_is_put_before_stays() {
        let patch = r#"[
            {"op":"add","path":"/containers/0","value":{"image":"a"}},
            {"op":"add","path":"/containers/0","value":{"image":"b"}},
            {"op":"replace","path":"/containers/0","value":{"image":"c"}}]"#;
        assert_eq!(built(patch), "{containers:[{image:c},{image:a}]}");
    }

    #[test]
    fn an_index_may_be_written_in_every_way_that_the_api_server_takes() {
        for index in ["-1", "+0", "00", "-0"] {
            let patch = format!(r#"[{{"op":"add","path":"/containers/{index}/tty","value":true}}]"#);
            assert_eq!(built(&patch), "{containers:[{tty:true}]}", "{index}");
        }
    }

    #[test]
    fn what_is_put_aside_and_moved_is_where_it_went() {
        let patch = r#"[
            {"op":"add","path":"/aside","value":{"on":true}},
            {"op":"copy","from":"/aside/on","path":"/spec/hostIPC"},
            {"op":"move","from":"/aside/on","path":"/spec/hostPID"},
            {"op":"move","from":"/was/there","path":"/spec/hostNetwork"}]"#;
        assert_eq!(built(patch), "{aside:{on:true},spec:{hostIPC:true,hostPID:true}}");
    }

    #[test]
    fn copies_of_copies_fill_no_memory_and_hide_nothing_behind_them() {
        let mut patch = r#"[{"op":"add","path":"/x","value":[1,2]}"#.to_owned();
        for at in 0..200 {
            // Doubles what there is, and nests it.
            patch.push_str(&format!(r#",{{"op":"copy","from":"","path":"/x{at}"}}"#));
            patch
                .push_str(&format!(r#",{{"op":"copy","from":"/x{at}","path":"/x{at}{}"}}"#, "/n".repeat(60)));
        }
        patch.push_str(
            r#",{"op":"add","path":"/aside","value":{"privileged":true}},{"op":"move","from":"/aside","path":"/seen"}]"#,
        );
        let node = body::read(&patch).unwrap();
        let seen = build(&node).unwrap();
        assert_eq!(seen.member("seen").unwrap().member("privileged"), Some(&Node::Bool(true)));
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
