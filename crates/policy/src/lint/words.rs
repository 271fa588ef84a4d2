//! Words in a rule that no request has: a policy matches each of them exactly.

use hashbrown::HashMap;
use sundew_posture::questions;

use super::{Remark, Weight, known};
use crate::model::{Resources, Rule};

/// What HTTP methods are called in a policy for objects.
const METHODS: [(&str, &str); 5] =
    [("get", "get"), ("post", "create"), ("put", "update"), ("patch", "patch"), ("delete", "delete")];
/// The verbs of requests for objects (`apiserver/pkg/endpoints/request/requestinfo.go`).
const VERBS: [&str; 9] =
    ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "proxy"];
/// Those of paths: HTTP methods in lower case.
const PATH_VERBS: [&str; 9] =
    ["get", "head", "post", "put", "patch", "delete", "options", "connect", "trace"];
/// Words of RBAC that no request has for a verb.
const RBAC_VERBS: [&str; 8] =
    ["bind", "escalate", "impersonate", "use", "approve", "sign", "attest", "nodes"];
/// Users that are no accounts.
const USERS: [&str; 6] = [
    "system:anonymous",
    "system:apiserver",
    "system:kube-controller-manager",
    "system:kube-scheduler",
    "system:kube-proxy",
    "system:admin",
];

/// What is wrong with a word: its code, what, and fix.
type Wrong = (&'static str, String, String);

/// Gathers remarks about one rule.
struct Notes<'r> {
    rule: &'r Rule,
    remarks: Vec<Remark>,
    /// What was found out about a group's resource.
    known: HashMap<(&'r str, &'r str), Option<Wrong>>,
}

impl Notes<'_> {
    fn dead(&mut self, code: &'static str, what: String, fix: impl Into<String>) {
        self.remarks.push(Remark::new(self.rule.line, Weight::Dead, code, what, fix));
    }
}

pub(super) fn remarks(rules: &[Rule]) -> Vec<Remark> {
    let Some(first) = rules.first() else { return Vec::new() };
    let mut notes = Notes { rule: first, remarks: Vec::new(), known: HashMap::new() };
    for rule in rules {
        notes.rule = rule;
        of_rule(&mut notes);
    }
    notes.remarks
}

fn of_rule(notes: &mut Notes<'_>) {
    let rule = notes.rule;
    users(notes);
    groups(notes);
    verbs(notes);
    for namespace in rule.namespaces.iter().filter(|namespace| namespace.contains('*')) {
        notes.dead(
            "no-wildcard",
            format!("no namespace is called `{namespace}`: namespaces have no wildcards"),
            "name each namespace, or leave `namespaces` out for all of them",
        );
    }
    for one in &rule.resources {
        resources(notes, one);
    }
    scope(notes);
    unserved(notes);
}

fn users(notes: &mut Notes<'_>) {
    for user in &notes.rule.users {
        let is_group = user == "system:serviceaccounts"
            || user.starts_with("system:serviceaccounts:")
            || ["system:nodes", "system:masters", "system:authenticated", "system:unauthenticated"]
                .contains(&user.as_str())
            || user.starts_with("system:bootstrappers");
        if is_group {
            notes.dead(
                "group-as-user",
                format!("no user is called `{user}`: it is a group"),
                format!("write `userGroups: [{user}]`"),
            );
        } else if user.contains('*') {
            let fix = match user.strip_prefix("system:serviceaccount:").map(|rest| rest.split(':').next()) {
                Some(Some(namespace)) if !namespace.contains('*') && !namespace.is_empty() => {
                    format!(
                        "write `userGroups: [system:serviceaccounts:{namespace}]` for every account of {namespace}"
                    )
                }
                Some(_) => "write `userGroups: [system:serviceaccounts]` for every account".to_owned(),
                None if user.starts_with("system:node") => "write `userGroups: [system:nodes]`".to_owned(),
                None => "name each user, or leave `users` out for all of them".to_owned(),
            };
            notes.dead("no-wildcard", format!("no user is called `{user}`: users have no wildcards"), fix);
        }
    }
}

fn groups(notes: &mut Notes<'_>) {
    for group in &notes.rule.groups {
        if USERS.contains(&group.as_str())
            || group.starts_with("system:serviceaccount:")
            || group.starts_with("system:node:")
        {
            notes.dead(
                "user-as-group",
                format!("no group is called `{group}`: it is a user"),
                format!("write `users: [{group}]`"),
            );
        } else if group.contains('*') {
            notes.dead(
                "no-wildcard",
                format!("no group is called `{group}`: groups of users have no wildcards"),
                "write `userGroups: [system:authenticated]`, or leave `userGroups` out for everybody",
            );
        }
    }
}

fn verbs(notes: &mut Notes<'_>) {
    let rule = notes.rule;
    let for_objects = !rule.resources.is_empty() || !rule.namespaces.is_empty();
    let for_paths = !rule.urls.is_empty();
    for verb in &rule.verbs {
        let lower = verb.to_lowercase();
        let object = VERBS.contains(&verb.as_str());
        let path = PATH_VERBS.contains(&verb.as_str());
        let known = if for_objects {
            object
        } else if for_paths {
            path
        } else {
            object || path
        };
        if known {
            continue;
        }
        let meant = METHODS.iter().find(|(method, _)| *method == lower).map(|(_, meant)| *meant);
        let meant = if for_paths { Some(lower.as_str()).filter(|l| PATH_VERBS.contains(l)) } else { meant };
        let meant = meant.or_else(|| VERBS.into_iter().find(|known| *known == lower && !for_paths));
        let fix = match meant {
            _ if verb == "*" => "leave `verbs` out for all of them".to_owned(),
            Some(meant) => format!("write `{meant}`"),
            None if RBAC_VERBS.contains(&lower.as_str()) => {
                "this is a word of RBAC: name the `create`, `update` or `patch` that needs it".to_owned()
            }
            None if ["exec", "attach", "portforward", "connect"].contains(&lower.as_str()) => {
                "name the resource, as `pods/exec`, with the verbs `get` and `create`".to_owned()
            }
            None if for_paths => "for paths the verbs are HTTP methods: get, post, put …".to_owned(),
            None => format!("write one of {}", VERBS[..8].join(", ")),
        };
        notes.dead(
            "wrong-verb",
            format!("no request{} has the verb `{verb}`", of(for_objects, for_paths)),
            fix,
        );
    }
}

fn of(for_objects: bool, for_paths: bool) -> &'static str {
    match (for_objects, for_paths) {
        (true, _) => " for objects",
        (_, true) => " for paths",
        _ => "",
    }
}

fn resources<'r>(notes: &mut Notes<'r>, one: &'r Resources) {
    for name in one.names.iter().filter(|name| name.contains('*')) {
        notes.dead(
            "no-wildcard",
            format!("no object is called `{name}`: resourceNames have no wildcards"),
            "name each object, or leave `resourceNames` out for all of them",
        );
    }
    if ["core", "v1"].contains(&one.group.as_str()) {
        return notes.dead(
            "wrong-group",
            format!("no group is called `{}`: the core group's name is empty", one.group),
            "write `group: \"\"`",
        );
    }
    if let Some(since) = known::gone(&one.group, "") {
        return notes.dead(
            "gone",
            format!("the group `{}` is served no more since Kubernetes {since}", one.group),
            "take it out, and name the group that the resources are in now",
        );
    }
    for pattern in &one.resources {
        let wrong = notes.known.entry((&one.group, pattern)).or_insert_with(|| resource(&one.group, pattern));
        if let Some((code, what, fix)) = wrong.clone() {
            notes.dead(code, what, fix);
        }
    }
}

fn resource(group: &str, pattern: &str) -> Option<Wrong> {
    let (main, sub) = pattern.split_once('/').unwrap_or((pattern, ""));
    if pattern == "*/*" || (pattern.contains('/') && sub.is_empty()) || main.is_empty() || sub.contains('/') {
        let fix = "write `*` for every resource with its subresources, `pods/*` for pods with theirs, `*/scale` for one of all";
        return Some(("wrong-resource", format!("`{pattern}` fits nothing"), fix.to_owned()));
    }
    if (main.contains('*') && main != "*") || (sub.contains('*') && sub != "*") {
        let what = format!("`{pattern}` fits nothing: a star stands for the whole of a name");
        return Some(("no-wildcard", what, "name each resource".to_owned()));
    }
    if let Some(since) = known::gone(group, main) {
        let what = format!("`{main}` of {} is served no more since Kubernetes {since}", said(group));
        return Some(("gone", what, "take it out".to_owned()));
    }
    if main == "*" || group == "*" || !known::is_own_group(group) {
        return None;
    }
    if !known::has(group, main) {
        let what = format!("{} has no resource `{main}`", said(group));
        return Some(("wrong-resource", what, meant(group, main)));
    }
    let subs = known::subresources(group, main);
    if sub.is_empty() || sub == "*" || known::of(group, main).is_none() || subs.contains(&sub) {
        return None;
    }
    let fix = match (subs, crate::read::nearest(sub, subs.iter().copied())) {
        (_, Some(near)) => format!("write `{main}/{near}`"),
        ([], None) => format!("`{main}` has none: take it out"),
        (subs, None) => format!("write one of {}", subs.join(", ")),
    };
    Some(("wrong-resource", format!("`{main}` has no subresource `{sub}`"), fix))
}

fn meant(group: &str, main: &str) -> String {
    match questions::known(main, Some(group)).or_else(|| questions::known(main, None)) {
        Some(meant) if known::of(meant.group, meant.name).is_none() => {
            "take it out: there are no requests for it".to_owned()
        }
        Some(meant) if meant.group == group => format!("write `{}`", meant.name),
        Some(meant) => format!("write `group: {}` for `{}`", crate::print::scalar(meant.group), meant.name),
        None => match near(group, main) {
            Some(near) => format!("write `{near}`"),
            None => "take it out, or name the group that it is in".to_owned(),
        },
    }
}

fn near(group: &str, word: &str) -> Option<&'static str> {
    let names = known::all().filter(|known| known.group == group).map(|known| known.name);
    crate::read::nearest(word, names)
}

fn said(group: &str) -> String {
    if group.is_empty() { "the core group".to_owned() } else { format!("the group `{group}`") }
}

/// Namespaces of objects that are in none, and the other way round.
fn scope(notes: &mut Notes<'_>) {
    let rule = notes.rule;
    if rule.namespaces.is_empty() || rule.namespaces.iter().any(String::is_empty) {
        return;
    }
    // The requests for a namespace itself have its name for a namespace.
    let wide = |group: &str, main: &str| {
        known::of(group, main).is_some_and(|known| !known.namespaced && known.name != "namespaces")
    };
    for one in &rule.resources {
        for pattern in &one.resources {
            let main = pattern.split('/').next().unwrap_or_default();
            if wide(&one.group, main) {
                notes.dead(
                    "no-namespace",
                    format!("`{main}` are in no namespace, so with `namespaces` they never fit"),
                    "put them into a rule without `namespaces`, or add `\"\"` to those",
                );
            }
        }
    }
}

/// Verbs that none of the rule's resources has, where all of those are known.
fn unserved(notes: &mut Notes<'_>) {
    let rule = notes.rule;
    let mut served: Vec<&str> = Vec::new();
    let mut only_named = !rule.resources.is_empty();
    for one in &rule.resources {
        if one.resources.is_empty() {
            return;
        }
        only_named &=
            !one.names.is_empty() && one.resources.iter().all(|pattern| !pattern.contains(['/', '*']));
        for pattern in &one.resources {
            let (main, sub) = pattern.split_once('/').unwrap_or((pattern, ""));
            let Some(verbs) = known::verbs(&one.group, main, sub) else { return };
            served.extend(verbs);
        }
    }
    for verb in rule.verbs.iter().filter(|verb| VERBS.contains(&verb.as_str()) && !rule.resources.is_empty())
    {
        if !served.contains(&verb.as_str()) {
            notes.dead(
                "unserved-verb",
                format!("none of these resources has the verb `{verb}`"),
                "take the verb out, or name the resource that is meant",
            );
        } else if only_named && ["create", "deletecollection"].contains(&verb.as_str()) {
            notes.dead(
                "nameless",
                format!("`{verb}` names no object, so with `resourceNames` it never fits"),
                "put the verb into a rule without `resourceNames`",
            );
        }
    }
}
