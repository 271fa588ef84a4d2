//! One rule of a policy, as validation sees it.

use super::{Notes, fields::Fields, meant, node::Node};
use crate::model::{Level, Resources, Rule};

/// The longest name of a group (RFC 1123, as `apimachinery/pkg/util/validation` has it).
const LONGEST_GROUP: usize = 253;

const KEYS: [&str; 9] = [
    "level",
    "users",
    "userGroups",
    "verbs",
    "resources",
    "namespaces",
    "nonResourceURLs",
    "omitStages",
    "omitManagedFields",
];
const GROUP_KEYS: [&str; 3] = ["group", "resources", "resourceNames"];

pub(super) fn read(node: &Node, notes: &Notes) -> Option<Rule> {
    let mut fields = Fields::of(node, "a rule", notes)?;
    let level = level(&mut fields, node.line, notes);
    let rule = Rule {
        level: level.unwrap_or(Level::None),
        users: fields.strings("users"),
        groups: fields.strings("userGroups"),
        verbs: fields.strings("verbs"),
        resources: fields.list("resources").iter().filter_map(|node| resources(node, notes)).collect(),
        namespaces: fields.strings("namespaces"),
        urls: urls(&mut fields, notes),
        omit_stages: fields.stages("omitStages"),
        omit_managed_fields: fields.boolean("omitManagedFields"),
        line: node.line,
        comment: String::new(),
    };
    let for_objects = !rule.resources.is_empty() || !rule.namespaces.is_empty();
    if for_objects && !rule.urls.is_empty() {
        notes.broken(
            node.line,
            "urls-and-resources",
            "a rule is for paths or for objects: `nonResourceURLs` cannot stand beside `resources` or `namespaces`",
            "make two rules of it",
        );
    }
    fields.ignored("a rule", &KEYS, |key| match key {
        "groups" | "group" => Some("userGroups"),
        "user" => Some("users"),
        "namespace" => Some("namespaces"),
        "resource" | "apiGroups" => Some("resources"),
        "resourceNames" => Some("resources: [{group: ..., resources: [...], resourceNames: [...]}]"),
        "urls" | "paths" | "nonResourceURL" => Some("nonResourceURLs"),
        _ => None,
    });
    Some(rule)
}

fn level(fields: &mut Fields<'_>, line: usize, notes: &Notes) -> Option<Level> {
    let given = fields.take("level").map(|(line, node)| (line, &node.value));
    let Some((line, value)) = given else {
        notes.broken(
            line,
            "no-level",
            "a rule has no `level`",
            format!("add {}", levels("`level: Metadata` or ")),
        );
        return None;
    };
    let word = match value {
        super::Value::Text(word) if !word.is_empty() => word.as_str(),
        super::Value::Text(_) => {
            notes.broken(line, "no-level", "`level` is empty", levels("write "));
            return None;
        }
        _ => {
            notes.broken(line, "wrong-type", "`level` must be a word", levels("write "));
            return None;
        }
    };
    let level = Level::ALL.into_iter().find(|level| level.as_str() == word);
    if level.is_none() {
        let fix = meant(word, Level::ALL.map(Level::as_str));
        notes.broken(line, "wrong-level", format!("`{word}` is no level"), fix);
    }
    level
}

fn levels(before: &str) -> String {
    let words = Level::ALL.map(Level::as_str);
    format!("{before}one of {}", words.join(", "))
}

fn resources(node: &Node, notes: &Notes) -> Option<Resources> {
    let mut fields = Fields::of(node, "an entry of `resources`", notes)?;
    let (line, group) = fields.text("group").unwrap_or((node.line, ""));
    check_group(line, group, notes);
    let read = Resources {
        group: group.to_owned(),
        resources: fields.strings("resources"),
        names: fields.strings("resourceNames"),
    };
    if read.resources.is_empty() && !read.names.is_empty() {
        let what = "`resourceNames` without `resources`";
        notes.broken(node.line, "names-without-resources", what, "say of which resources the names are");
    }
    fields.ignored("an entry of `resources`", &GROUP_KEYS, |key| match key {
        "names" => Some("resourceNames"),
        "apiGroup" | "apiGroups" | "groups" => Some("group"),
        "resource" => Some("resources"),
        _ => None,
    });
    Some(read)
}

fn check_group(line: usize, group: &str, notes: &Notes) {
    if group.is_empty() || group == "*" || is_subdomain(group) {
        return;
    }
    let (what, fix) = match group.split_once('/') {
        Some((bare, _)) if is_subdomain(bare) => (
            format!("`{group}` has a version in it"),
            format!("write `group: {bare}`, which is for all versions"),
        ),
        _ if group.contains('*') => (
            format!("`{group}` is no API group: a star stands alone, for every group"),
            "name each group, or write `group: \"*\"`".to_owned(),
        ),
        _ => (format!("`{group}` is no API group"), "write it in lower case, as in `apps`".to_owned()),
    };
    notes.broken(line, "wrong-group", what, fix);
}

/// A DNS subdomain in lower case: what a group must be (`validation.go`, `validateResources`).
fn is_subdomain(name: &str) -> bool {
    let label = |label: &str| {
        let edges = [label.chars().next(), label.chars().last()];
        edges.iter().all(|c| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit()))
            && label.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    name.len() <= LONGEST_GROUP && name.split('.').all(label)
}

fn urls(fields: &mut Fields<'_>, notes: &Notes) -> Vec<String> {
    let words = fields.words("nonResourceURLs");
    for (line, url) in words.iter().filter(|(_, url)| *url != "*") {
        let last = url.len().saturating_sub(1);
        if !url.starts_with('/') {
            let fix = format!("write `/{}`", url.trim_start_matches('/'));
            notes.broken(*line, "wrong-url", format!("`{url}` is no path"), fix);
        } else if url.find('*').is_some_and(|at| at < last) {
            let what = format!("`{url}` has a star that is not its last character");
            notes.broken(*line, "wrong-url", what, "end the path with its only star, or name each path");
        }
    }
    words.into_iter().map(|(_, url)| url.to_owned()).collect()
}
