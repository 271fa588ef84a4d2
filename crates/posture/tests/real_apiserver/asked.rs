//! Random questions, most of them near to what some role of the cluster grants.

use std::sync::Arc;

use fastrand::Rng;
use sundew_posture::{
    Cluster,
    rbac::{Identity, Request, Target},
};

use crate::world::{
    ACCOUNTS, GROUPS, NAMES, NAMESPACES, RESOURCES, SUBRESOURCES, TEAMS, URLS, USERS, VERBS, pick, some,
};

/// Questions about random subjects, and about nodes.
pub(crate) const QUESTIONS: usize = 4_000;
const OF_NODES: usize = 400;

pub(crate) struct Question {
    pub(crate) who: Identity,
    pub(crate) request: Request<'static>,
}

pub(crate) fn target(rng: &mut Rng) -> Target<'static> {
    if rng.u8(..6) == 0 {
        return Target::Url(pick(rng, URLS));
    }
    let namespace = if rng.u8(..4) == 0 { "" } else { pick(rng, NAMESPACES) };
    Target::Resource {
        group: pick(rng, GROUPS),
        resource: pick(rng, RESOURCES),
        subresource: pick(rng, SUBRESOURCES),
        name: pick(rng, NAMES),
        namespace,
    }
}

pub(crate) fn asker(rng: &mut Rng) -> Identity {
    match rng.u8(..8) {
        0..=3 => Identity::account(pick(rng, NAMESPACES), pick(rng, ACCOUNTS)),
        4 => Identity::user(pick(rng, USERS), &[]),
        5 | 6 => {
            let teams = some(rng, TEAMS, 1, 3);
            Identity::user(pick(rng, USERS), &teams)
        }
        _ => Identity::group(pick(rng, TEAMS)),
    }
}

/// A question about something that a rule of the cluster names: random ones alone would mostly be refused.
pub(crate) fn near(rng: &mut Rng, cluster: &'static Cluster, request: &mut Request<'static>) {
    let role = &cluster.roles[rng.usize(..cluster.roles.len())];
    let Some(rule) = rng.choice(role.rules.iter()) else { return };
    let mut word = |of: &'static [Arc<str>]| rng.choice(of.iter()).map(|word| &**word);
    request.verb = word(&rule.verbs).filter(|verb| *verb != "*").unwrap_or(request.verb);
    match &mut request.target {
        Target::Url(path) => *path = word(&rule.urls).map_or(*path, |url| url.trim_end_matches('*')),
        Target::Resource { group, resource, subresource, name, .. } => {
            *group = word(&rule.groups).unwrap_or(group);
            if let Some(of) = word(&rule.resources) {
                (*resource, *subresource) = of.split_once('/').unwrap_or((of, ""));
            }
            *name = word(&rule.names).unwrap_or(name);
        }
    }
}

pub(crate) fn questions(rng: &mut Rng, cluster: &'static Cluster) -> Vec<Question> {
    let mut all = Vec::new();
    for number in 0..QUESTIONS + OF_NODES {
        let who = if number < QUESTIONS { asker(rng) } else { Identity::node(pick(rng, &["n1", "n2"])) };
        let verb = pick(rng, VERBS);
        let mut request = Request { verb, target: target(rng) };
        if rng.u8(..3) > 0 {
            near(rng, cluster, &mut request);
        }
        all.push(Question { who, request });
    }
    all
}
