//! How objects, grants and tokens are said.

use super::{
    held::{Evidence, Held, Holdings},
    tokens::{HeldToken, Way},
};
use crate::{
    model::{Cluster, Meta, Rule, Str, Subject},
    rbac::{resource_matches, verb_matches},
    report::{Because, Object},
    risk::Grant,
};

/// An object as the report names it.
pub(super) fn object(cluster: &Cluster, kind: &str, meta: &Meta) -> Object {
    Object {
        kind: kind.to_owned(),
        namespace: meta.namespace.to_string(),
        name: meta.name.to_string(),
        place: cluster.place(meta.place),
        created: meta.created,
    }
}

/// An object of which only the name is known.
pub(super) fn named(kind: &str, namespace: &str, name: &str) -> Object {
    Object {
        kind: kind.to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        place: String::new(),
        created: None,
    }
}

/// A subject without its place.
pub(crate) fn subject(subject: &Subject) -> Object {
    named(subject.kind(), subject.namespace(), subject.name())
}

/// `cluster`, `namespace shop`.
pub(super) fn scope(namespace: Option<&str>) -> String {
    namespace.map_or_else(|| "cluster".to_owned(), |namespace| format!("namespace {namespace}"))
}

/// The scope of what is held, with the names that it is limited to.
pub(super) fn held_scope(holdings: &Holdings<'_>, held: &Held, evidence: &[Evidence]) -> String {
    let mut said = scope(held.namespace.as_deref());
    if held.extent == super::Extent::Named {
        let roles = &holdings.cluster().roles;
        let mut names: Vec<&str> =
            evidence.iter().flat_map(|e| roles[e.role].rules[e.rule].names.iter().map(|n| &**n)).collect();
        names.sort_unstable();
        names.dedup();
        said.push_str(", only ");
        said.push_str(&listed(&names, 4));
    }
    said
}

/// `a, b and 3 more`.
pub(crate) fn listed<T: AsRef<str>>(words: &[T], most: usize) -> String {
    let shown: Vec<&str> = words.iter().take(most).map(AsRef::as_ref).collect();
    match words.len() - shown.len() {
        0 => shown.join(", "),
        left => format!("{} and {left} more", shown.join(", ")),
    }
}

/// `reads Secrets, creates pods, and 3 more`: the worst come first.
pub(super) fn titles(titles: &[&str]) -> String {
    let shown = &titles[..titles.len().min(2)];
    match titles.len() - shown.len() {
        0 => shown.join(", "),
        more => format!("{}, and {more} more", shown.join(", ")),
    }
}

/// The most reasons that one finding lists: whoever has more bindings to the same has them in the JSON of `who-can`.
pub(super) const MOST_REASONS: usize = 8;

/// The rules behind a finding, in words, with their bindings and roles.
pub(super) fn because(holdings: &Holdings<'_>, risk: usize, evidence: &[Evidence]) -> Vec<Because> {
    let cluster = holdings.cluster();
    let mut found: Vec<Because> = Vec::new();
    for e in evidence {
        if found.len() == MOST_REASONS {
            break;
        }
        let role = &cluster.roles[e.role];
        let binding = e.binding.map(|binding| &cluster.bindings[binding]);
        let reason = Because {
            what: grant(&role.rules[e.rule], &holdings.terms.risks()[risk].grants[e.grant]),
            binding: binding.map(ToString::to_string).unwrap_or_default(),
            binding_place: binding.map(|b| cluster.place(b.meta.place)).unwrap_or_default(),
            role: role.to_string(),
            role_place: cluster.place(role.meta.place),
        };
        if !found.contains(&reason) {
            found.push(reason);
        }
    }
    found
}

/// The part of a rule that covers a grant: `get, list secrets`.
fn grant(rule: &Rule, grant: &Grant) -> String {
    let verbs = rule.verbs.iter().filter(|verb| grant.verbs.iter().any(|wanted| verb_matches(verb, wanted)));
    let verbs: Vec<&str> = verbs.map(|verb| &**verb).collect();
    let covers = |of: &str| {
        grant.resources.iter().any(|wanted| {
            let (resource, subresource) = wanted.split_once('/').unwrap_or((wanted, ""));
            resource_matches(of, resource, subresource)
        })
    };
    let resources: Vec<&str> = rule.resources.iter().map(|r| &**r).filter(|of| covers(of)).collect();
    let groups =
        rule.groups.iter().filter(|group| grant.groups.iter().any(|wanted| verb_matches(group, wanted)));
    let groups: Vec<&str> = groups.map(|group| &**group).collect();
    said(&verbs, &resources, &groups, &rule.names)
}

/// `get, list pods of GROUPS, only NAMES`; the core group goes without saying.
fn said(verbs: &[&str], resources: &[&str], groups: &[&str], names: &[Str]) -> String {
    let mut said = format!("{} {}", verbs.join(", "), listed(resources, 6));
    let groups: Vec<&str> = groups.iter().copied().filter(|group| !group.is_empty()).collect();
    if !groups.is_empty() {
        said.push_str(" of ");
        said.push_str(&listed(&groups, 3));
    }
    if !names.is_empty() {
        said.push_str(", only ");
        said.push_str(&listed(names, 4));
    }
    said
}

/// A rule in words: `get, list pods`, `* deployments of apps, only web`.
pub(crate) fn rule(rule: &Rule) -> String {
    let verbs = texts(&rule.verbs);
    if rule.urls.is_empty() {
        return said(&verbs, &texts(&rule.resources), &texts(&rule.groups), &rule.names);
    }
    let paths: Vec<&str> = rule.urls.iter().map(|url| if &**url == "*" { "/*" } else { url }).collect();
    said(&verbs, &paths, &[], &rule.names)
}

fn texts(texts: &[Str]) -> Vec<&str> {
    texts.iter().map(|text| &**text).collect()
}

/// A token that a pod holds, in words.
pub(super) fn token(namespace: &str, token: &HeldToken) -> String {
    let account = format!("token of ServiceAccount {namespace}/{}", token.account);
    let how = match &token.way {
        Way::Automounted => "mounted by default".to_owned(),
        Way::Projected { audience, seconds } => {
            let audience = audience
                .as_deref()
                .map_or("the API server".to_owned(), |audience| format!("audience {audience}"));
            format!("projected for {audience}, good for {}", lifetime(*seconds))
        }
        Way::SecretVolume(secret) => format!("long-lived, from Secret {secret} as a volume"),
        Way::SecretEnv(secret) => format!("long-lived, from Secret {secret} in the environment"),
    };
    let containers: Vec<&str> = token.containers.iter().map(|(container, _)| &**container).collect();
    if containers.is_empty() {
        return format!("{account}, {how}, seen by no container");
    }
    format!("{account}, {how}, in {}", listed(&containers, 4))
}

/// `1 hour`, `90 minutes`.
pub(super) fn lifetime(seconds: i64) -> String {
    let (count, unit) = match seconds {
        s if s % 86_400 == 0 && s > 0 => (s / 86_400, "day"),
        s if s % 3600 == 0 && s > 0 => (s / 3600, "hour"),
        s if s % 60 == 0 && s > 0 => (s / 60, "minute"),
        s => (s, "second"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural}")
}

/// A finding's id: the same for the same words, in every scan and version (FNV-1a, 64 bit).
pub(super) fn id(parts: &[&str]) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    for part in parts {
        part.bytes().for_each(&mut add);
        add(0);
    }
    format!("{hash:016x}")
}
