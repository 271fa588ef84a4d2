//! The fields of a mapping as the API server sees them: the last of two wins, and merge keys are written out.

use super::{
    Notes,
    node::{Member, Node, Value},
};
use crate::model::Stage;

/// The members of a mapping, each key once.
pub(super) struct Fields<'n> {
    members: Vec<(&'n str, usize, &'n Node)>,
    notes: &'n Notes,
}

impl<'n> Fields<'n> {
    /// The fields of a mapping. Nothing stands for a mapping without any, and what is neither is told of.
    pub(super) fn of(node: &'n Node, what: &str, notes: &'n Notes) -> Option<Self> {
        let mut fields = Self { members: Vec::new(), notes };
        match &node.value {
            Value::Map(members) => fields.put_all(members),
            Value::Null => {}
            _ => {
                notes.broken(
                    node.line,
                    "wrong-type",
                    format!("{what} is {}, and must be a mapping", node.kind()),
                    "write it as keys with values",
                );
                return None;
            }
        }
        Some(fields)
    }

    fn put_all(&mut self, members: &'n [Member]) {
        for member in members {
            match (member.key.as_str(), &member.node.value) {
                ("<<", Value::Map(merged)) => self.merge(member.line, merged),
                // The first of several wins.
                ("<<", Value::List(nodes)) => nodes.iter().rev().for_each(|node| match &node.value {
                    Value::Map(merged) => self.merge(member.line, merged),
                    _ => self.no_merge(member),
                }),
                ("<<", _) => self.no_merge(member),
                (key, _) => self.put(key, member.line, &member.node, None),
            }
        }
    }

    /// A merge key puts its fields where it stands: over what is above it, contrary to what YAML says (run against a
    /// kube-apiserver: it falls back to a decoder to which a merge is a repetition).
    fn merge(&mut self, line: usize, members: &'n [Member]) {
        for member in members {
            match (member.key.as_str(), &member.node.value) {
                ("<<", Value::Map(merged)) => self.merge(line, merged),
                (key, _) => self.put(key, member.line, &member.node, Some(line)),
            }
        }
    }

    fn no_merge(&self, member: &Member) {
        let what = format!("the merge key `<<` has {}, and must have a mapping", member.node.kind());
        self.notes.broken(member.line, "syntax", what, "let it refer to a mapping, as in `<<: *name`");
    }

    fn put(&mut self, key: &'n str, line: usize, node: &'n Node, merged_at: Option<usize>) {
        let Some(slot) = self.members.iter_mut().find(|(known, ..)| *known == key) else {
            self.members.push((key, line, node));
            return;
        };
        let (code, at, how) = match merged_at {
            Some(at) => ("merged-over", at, "by a merge key"),
            None => ("twice", line, "again"),
        };
        self.notes.dead(
            at,
            code,
            format!(
                "`{key}` is given {how}: the API server warns, and takes this one over that of line {}",
                slot.1
            ),
            "give each key once in each mapping",
        );
        *slot = (key, line, node);
    }

    /// Takes a field out, with the line of its key. None where it is not there or is nothing.
    pub(super) fn take(&mut self, key: &str) -> Option<(usize, &'n Node)> {
        let at = self.members.iter().position(|(known, ..)| *known == key)?;
        let (_, line, node) = self.members.remove(at);
        (node.value != Value::Null).then_some((line, node))
    }

    /// Takes a string out.
    pub(super) fn text(&mut self, key: &str) -> Option<(usize, &'n str)> {
        let (_, node) = self.take(key)?;
        let text = word(node, key, self.notes)?;
        Some((node.line, text))
    }

    /// Takes a boolean out.
    pub(super) fn boolean(&mut self, key: &str) -> Option<bool> {
        let (line, node) = self.take(key)?;
        if let Value::Bool(value) = node.value {
            return Some(value);
        }
        let what = format!("`{key}` is {}, and must be true or false", node.kind());
        self.notes.broken(line, "wrong-type", what, "write true or false, without quotes");
        None
    }

    /// Takes a list out.
    pub(super) fn list(&mut self, key: &str) -> &'n [Node] {
        match self.take(key) {
            Some((_, Node { value: Value::List(nodes), .. })) => nodes,
            Some((line, node)) => {
                let what = format!("`{key}` is {}, and must be a list", node.kind());
                self.notes.broken(line, "wrong-type", what, format!("write `{key}: [...]`"));
                &[]
            }
            None => &[],
        }
    }

    /// Takes a list of strings out, with their lines.
    pub(super) fn words(&mut self, key: &str) -> Vec<(usize, &'n str)> {
        let nodes = self.list(key);
        nodes.iter().filter_map(|node| Some((node.line, word(node, key, self.notes)?))).collect()
    }

    /// Takes a list of strings out.
    pub(super) fn strings(&mut self, key: &str) -> Vec<String> {
        self.words(key).into_iter().map(|(_, word)| word.to_owned()).collect()
    }

    /// Takes a list of stages out.
    pub(super) fn stages(&mut self, key: &str) -> Vec<Stage> {
        let mut stages = Vec::new();
        for (line, word) in self.words(key) {
            match Stage::ALL.into_iter().find(|stage| stage.as_str() == word) {
                Some(stage) => stages.push(stage),
                None => self.notes.broken(
                    line,
                    "wrong-stage",
                    format!("`{word}` is no stage"),
                    super::meant(word, Stage::ALL.map(Stage::as_str)),
                ),
            }
        }
        stages
    }

    /// What nobody took: keys that the API server ignores.
    pub(super) fn ignored(
        self,
        of: &str,
        known: &[&'static str],
        meant: impl Fn(&str) -> Option<&'static str>,
    ) {
        for (key, line, _) in self.members {
            let near = meant(key).or_else(|| super::nearest(key, known.iter().copied()));
            let fix = near
                .map_or_else(|| "take it out".to_owned(), |near| format!("write `{near}`, or take it out"));
            let what =
                format!("{of} has no key `{key}`: the API server warns and goes on as if it were not there");
            self.notes.dead(line, "unknown-key", what, fix);
        }
    }
}

/// A string. Nothing is the empty one.
fn word<'n>(node: &'n Node, key: &str, notes: &Notes) -> Option<&'n str> {
    match &node.value {
        Value::Text(text) => Some(text),
        Value::Null => Some(""),
        _ => {
            let what = format!("`{key}` has {} where a string must stand", node.kind());
            let fix = match node.value {
                Value::Bool(_) | Value::Number => "put it in quotes",
                _ => "write a string",
            };
            notes.broken(node.line, "wrong-type", what, fix);
            None
        }
    }
}
