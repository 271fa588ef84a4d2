//! A path into a body.

use rsigma_parser::fieldpath::{first_unescaped, unescape_brackets};
use smallvec::SmallVec;

use super::{Found, Node, Value};

/// A path into a body; empty for the body itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Path {
    steps: Box<[Step]>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// Keys with dots between them, and dots within some of them perhaps.
    Keys(Box<str>),
    /// One element of a list, from its end where negative.
    At(i64),
}

impl Path {
    /// The element that a `[N]` right behind the name of a body means, if there is one.
    pub(super) fn at(index: Option<i64>) -> Self {
        Self { steps: index.into_iter().map(Step::At).collect() }
    }

    /// Reads a path. `[N]` means one element of a list, where the parser left it: in a rule of `sigma-version: 3`.
    pub(crate) fn parse(path: &str) -> Self {
        let mut steps = Vec::new();
        let mut keys = String::new();
        for part in path.split('.') {
            let (name, indices) = split_indices(part);
            if !keys.is_empty() {
                keys.push('.');
            }
            keys.push_str(&unescape_brackets(name));
            if !indices.is_empty() {
                steps.push(Step::Keys(std::mem::take(&mut keys).into()));
                steps.extend(indices.into_iter().map(Step::At));
            }
        }
        if !keys.is_empty() {
            steps.push(Step::Keys(keys.into()));
        }
        Self { steps: steps.into() }
    }

    /// True for the body itself.
    pub(crate) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The path without its first key, where that is `key`.
    pub(super) fn below(&self, key: &str) -> Option<Self> {
        let (Step::Keys(keys), later) = self.steps.split_first()? else { return None };
        let rest = keys.strip_prefix(key)?;
        if rest.is_empty() {
            return Some(Self { steps: later.into() });
        }
        let mut steps = vec![Step::Keys(rest.strip_prefix('.')?.into())];
        steps.extend_from_slice(later);
        Some(Self { steps: steps.into() })
    }

    /// Adds what the path leads to from `node` to `found`.
    pub(crate) fn walk<'v>(&self, node: &'v Node<'v>, found: &mut Found<'v>) {
        steps(node, &self.steps, found);
    }
}

/// `name[0][-1]` as its name and the indices; all of it the name where it does not end in whole indices.
fn split_indices(part: &str) -> (&str, Vec<i64>) {
    let indices = |mut rest: &str| {
        let mut indices = Vec::new();
        while !rest.is_empty() {
            let (index, after) = rest.strip_prefix('[')?.split_once(']')?;
            indices.push(index.parse().ok()?);
            rest = after;
        }
        Some(indices)
    };
    let split = first_unescaped(part, b'[').and_then(|at| Some((&part[..at], indices(&part[at..])?)));
    split.unwrap_or((part, Vec::new()))
}

fn steps<'v>(node: &'v Node<'v>, path: &[Step], found: &mut Found<'v>) {
    match path.split_first() {
        None => found.push(Value::Node(node)),
        Some((Step::Keys(rest), later)) => keys(node, rest, later, found),
        Some((Step::At(index), later)) => {
            let Node::List(list) = node else { return };
            if let Some(node) = position(*index, list.len()).and_then(|at| list.get(at)) {
                steps(node, later, found);
            }
        }
    }
}

/// Follows keys: through an object by the longest key that `rest` begins with, the shorter ones only where that led
/// nowhere; through a list to every element.
fn keys<'v>(node: &'v Node<'v>, rest: &str, later: &[Step], found: &mut Found<'v>) {
    match node {
        Node::List(list) => list.iter().for_each(|node| keys(node, rest, later, found)),
        Node::Object(members) => {
            // From the end, as of two members with one key the last counts.
            let mut fitting: SmallVec<[(&'v str, &'v Node<'v>); 2]> = SmallVec::new();
            for (key, node) in members.iter().rev() {
                if begins_with(rest, key) && !fitting.iter().any(|(k, _)| k == key) {
                    fitting.push((key, node));
                }
            }
            fitting.sort_by_key(|(key, _)| std::cmp::Reverse(key.len()));
            let before = found.len();
            for (key, node) in fitting {
                match rest.get(key.len() + 1..) {
                    Some(rest) => keys(node, rest, later, found),
                    None => steps(node, later, found),
                }
                if found.len() > before {
                    return;
                }
            }
        }
        _ => {}
    }
}

/// Whether `key` is all of `rest` or followed by a dot in it.
fn begins_with(rest: &str, key: &str) -> bool {
    rest.strip_prefix(key).is_some_and(|after| after.is_empty() || after.starts_with('.'))
}

/// The place of `[index]` in a list of `len` elements.
pub(super) fn position(index: i64, len: usize) -> Option<usize> {
    let back = usize::try_from(index.unsigned_abs()).ok()?;
    if index < 0 { len.checked_sub(back) } else { (back < len).then_some(back) }
}
