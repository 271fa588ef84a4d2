//! A policy as YAML for people: what each rule is for stands above it.

use std::fmt::Write;

use crate::model::{Policy, Resources, Rule, Stage};

/// How many characters a line may have before a list of groups goes into lines of its own.
const WIDE: usize = 110;

impl Policy {
    /// The policy as a file that the API server reads. What it reads back to is the same policy, but for lines and
    /// comments.
    pub fn yaml(&self) -> String {
        let mut out = "apiVersion: audit.k8s.io/v1\nkind: Policy\n".to_owned();
        if !self.omit_stages.is_empty() {
            field(&mut out, "", "omitStages", &stages(&self.omit_stages));
        }
        if self.omit_managed_fields {
            field(&mut out, "", "omitManagedFields", "true");
        }
        out.push_str(if self.rules.is_empty() { "rules: []\n" } else { "rules:\n" });
        for (at, rule) in self.rules.iter().enumerate() {
            if at > 0 && !rule.comment.is_empty() {
                out.push('\n');
            }
            write_rule(&mut out, rule);
        }
        out
    }
}

fn write_rule(out: &mut String, rule: &Rule) {
    for line in rule.comment.lines() {
        // `str::lines` leaves a lone carriage return, which ends a line in YAML.
        let line = line.replace(|c: char| c.is_control(), " ");
        out.push_str(format!("# {line}").trim_end());
        out.push('\n');
    }
    field(out, "- ", "level", rule.level.as_str());
    for (key, list) in [("users", &rule.users), ("userGroups", &rule.groups), ("verbs", &rule.verbs)] {
        write_list(out, key, list);
    }
    write_resources(out, &rule.resources);
    for (key, list) in [("namespaces", &rule.namespaces), ("nonResourceURLs", &rule.urls)] {
        write_list(out, key, list);
    }
    if !rule.omit_stages.is_empty() {
        field(out, "  ", "omitStages", &stages(&rule.omit_stages));
    }
    if let Some(omit) = rule.omit_managed_fields {
        field(out, "  ", "omitManagedFields", if omit { "true" } else { "false" });
    }
}

fn field(out: &mut String, indent: &str, key: &str, value: &str) {
    // Writing into a string cannot fail.
    let _ = writeln!(out, "{indent}{key}: {value}");
}

fn write_list(out: &mut String, key: &str, list: &[String]) {
    if list.is_empty() {
        return;
    }
    let line = flow(list);
    if key.len() + line.len() + 4 <= WIDE {
        return field(out, "  ", key, &line);
    }
    let _ = writeln!(out, "  {key}:");
    for word in list {
        let _ = writeln!(out, "  - {}", scalar(word));
    }
}

fn write_resources(out: &mut String, resources: &[Resources]) {
    if let [only] = resources {
        let line = format!("[{}]", group(only));
        if line.len() + 13 <= WIDE {
            return field(out, "  ", "resources", &line);
        }
    }
    if !resources.is_empty() {
        out.push_str("  resources:\n");
    }
    for one in resources {
        let line = group(one);
        if line.len() + 4 <= WIDE {
            let _ = writeln!(out, "  - {line}");
            continue;
        }
        field(out, "  - ", "group", &scalar(&one.group));
        for (key, list) in [("resources", &one.resources), ("resourceNames", &one.names)] {
            if list.is_empty() {
                continue;
            }
            let _ = writeln!(out, "    {key}:");
            for word in list {
                let _ = writeln!(out, "    - {}", scalar(word));
            }
        }
    }
}

pub(crate) fn group(resources: &Resources) -> String {
    let mut out = format!("{{group: {}", scalar(&resources.group));
    for (key, list) in [("resources", &resources.resources), ("resourceNames", &resources.names)] {
        if !list.is_empty() {
            let _ = write!(out, ", {key}: {}", flow(list));
        }
    }
    out.push('}');
    out
}

fn flow(list: &[String]) -> String {
    let words: Vec<String> = list.iter().map(|word| scalar(word)).collect();
    format!("[{}]", words.join(", "))
}

fn stages(list: &[Stage]) -> String {
    let words: Vec<&str> = list.iter().map(|stage| stage.as_str()).collect();
    format!("[{}]", words.join(", "))
}

/// A string, in quotes where YAML 1.1, which the API server reads, or a flow list could take it for something else.
/// What is in quotes is escaped as JSON is, of which YAML's double quotes are a superset.
pub(crate) fn scalar(word: &str) -> String {
    let plain = word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./:".contains(&b))
        && word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && !word.ends_with(':')
        && !is_word_of_yaml(word);
    if plain { word.to_owned() } else { quoted(word) }
}

/// What YAML 1.1 reads as a boolean or as nothing (<https://yaml.org/type/bool.html>, <https://yaml.org/type/null.html>).
pub(crate) fn is_word_of_yaml(word: &str) -> bool {
    ["y", "n", "yes", "no", "on", "off", "true", "false", "null"]
        .contains(&word.to_ascii_lowercase().as_str())
}

fn quoted(word: &str) -> String {
    let mut out = String::with_capacity(word.len() + 2);
    out.push('"');
    for c in word.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            ' '..='~' => out.push(c),
            // The form for what is beyond four digits is YAML's own.
            c if u32::from(c) > 0xffff => {
                let _ = write!(out, "\\U{:08x}", u32::from(c));
            }
            c => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
        }
    }
    out.push('"');
    out
}
