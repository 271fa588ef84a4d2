//! The built-in rules: one Sigma file each, with events beside it that must match and that must not.

use sundew_sigma::Source;

/// A built-in rule file with its events.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// The path under `rules/`, such as `exec/shell.yml`.
    pub path: &'static str,
    /// The rule file.
    pub text: &'static str,
    /// Audit events, one a line, that its last rule must match.
    pub matching: &'static str,
    /// Audit events that none of its rules may match.
    pub passing: &'static str,
}

impl Entry {
    /// What it is about: the folder that it lies in.
    pub fn topic(&self) -> &'static str {
        self.path.split_once('/').map_or("", |(topic, _)| topic)
    }

    /// Its name in messages.
    pub fn name(&self) -> String {
        format!("built-in {}", self.path)
    }
}

/// The file of `rules/`, as the build script found them.
const ENTRIES: &[Entry] = include!(concat!(env!("OUT_DIR"), "/rules.rs"));

/// All of them, by path.
pub fn entries() -> &'static [Entry] {
    ENTRIES
}

/// The files as sources.
pub fn sources() -> Vec<Source> {
    entries().iter().map(|entry| Source { name: entry.name(), text: entry.text.into() }).collect()
}

/// The rule documents of a file.
pub(super) fn documents(text: &str) -> Vec<&str> {
    let mut documents = Vec::new();
    let mut begin = 0;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if line.trim_end() == "---" {
            documents.push(&text[begin..at]);
            begin = at + line.len();
        }
        at += line.len();
    }
    documents.push(&text[begin..]);
    documents.retain(|document| !document.trim().is_empty());
    documents
}

/// The names and ids that the rules of a file give themselves, as far as each stands in a line of its own, as it does
/// in every rule file that was written by hand.
pub(super) fn names(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| {
        let value = line.strip_prefix("name:").or_else(|| line.strip_prefix("id:"))?;
        let value = value.split(" #").next().unwrap_or(value).trim().trim_matches(['"', '\'']);
        (!value.is_empty()).then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::{documents, names};

    #[test]
    fn a_file_is_cut_where_a_document_begins() {
        assert_eq!(documents("a: 1\n---\nb: 2\n"), ["a: 1\n", "b: 2\n"]);
        assert_eq!(documents("---\na: '---'\n--- \nb: |\n  ---\n"), ["a: '---'\n", "b: |\n  ---\n"]);
        assert_eq!(documents(""), [""; 0]);
    }

    #[test]
    fn names_are_read_where_they_stand_in_a_line_of_their_own() {
        let text =
            "title: T\nname: \"one\" # so\nid: 2f\ndetection:\n  name: three\n---\nname: 'four'\r\nname:\n";
        assert_eq!(names(text).collect::<Vec<_>>(), ["one", "2f", "four"]);
    }
}
