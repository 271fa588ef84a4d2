//! Words for the commands of plans.

use std::collections::HashSet;

/// A word of a command for a shell: names of roles and users may hold anything.
pub(crate) fn word(text: &str) -> String {
    let plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':' | '@' | ',' | '=');
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// ` -n NAMESPACE`; nothing for objects of the cluster.
pub(crate) fn in_namespace(namespace: &str) -> String {
    if namespace.is_empty() { String::new() } else { format!(" -n {}", word(namespace)) }
}

/// Names of files, none given twice.
#[derive(Debug, Default)]
pub(crate) struct FileNames(HashSet<String>);

impl FileNames {
    /// `FOLDER/NAME.END`, with what may stand in the name of a file.
    pub(crate) fn name(&mut self, folder: &str, of: &str, end: &str) -> String {
        let clean: String = of
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' })
            .take(120)
            .collect();
        let clean = clean.trim_start_matches(['.', '-']);
        let clean = if clean.is_empty() { "x" } else { clean };
        let mut name = format!("{folder}/{clean}{end}");
        let mut number = 2;
        while !self.0.insert(name.clone()) {
            name = format!("{folder}/{clean}-{number}{end}");
            number += 1;
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::{FileNames, word};

    #[test]
    fn what_a_shell_would_act_on_is_quoted() {
        assert_eq!(word("system:admin-1"), "system:admin-1");
        assert_eq!(word("a b"), "'a b'");
        assert_eq!(word("$(rm -r x)'"), r"'$(rm -r x)'\'''");
        assert_eq!(word(""), "''");
    }

    #[test]
    fn files_have_names_of_their_own_within_the_folder() {
        let mut names = FileNames::default();
        let made = ["a:b", "a/b", "../..", "a-b"].map(|of| names.name("1", of, ".yaml"));
        assert_eq!(made, ["1/a-b.yaml", "1/a-b-2.yaml", "1/x.yaml", "1/a-b-3.yaml"]);
    }
}
