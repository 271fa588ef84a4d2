//! Rights that are asked for without a request of their holder: by kubelets and other servers that were shown a token,
//! and by admission. The logs hold no such use, or one that names nobody.

use sundew_posture::{
    Cluster,
    model::{Rule, Str},
};

use super::{
    atoms::{apart, holds},
    hidden::Hiding,
};
use crate::{evidence::Reviews, spared::Spared};

/// Verbs of requests to the API server, and those whose use shows in requests that they allow.
const SEEN_VERBS: [&str; 14] = [
    "*",
    "get",
    "list",
    "watch",
    "create",
    "update",
    "patch",
    "delete",
    "deletecollection",
    "bind",
    "escalate",
    "approve",
    "sign",
    "attest",
];

/// What kubelets ask for whoever reads from them (`pkg/kubelet/server/auth.go`), but for `nodes/proxy`: it runs commands
/// in every pod, and who needs it has it by name.
const OF_KUBELETS: [&str; 8] = [
    "nodes/checkpoint",
    "nodes/configz",
    "nodes/healthz",
    "nodes/log",
    "nodes/metrics",
    "nodes/pods",
    "nodes/spec",
    "nodes/stats",
];

const BY_KUBELETS: &str =
    "kubelets ask for it when they are shown the token, and the logs do not say about whom";
const BY_SERVERS: &str =
    "other servers ask for it when they are shown the token, and the logs do not say about whom";
const BY_ADMISSION: &str = "admission asks for it, and no event tells";

/// Which such rights are to be kept.
#[derive(Debug)]
pub(super) struct Elsewhere {
    /// Whether kubelets may have asked about somebody unseen.
    kubelets: bool,
    /// Whether others may have.
    servers: bool,
    /// Who asked, where the log says that without saying about whom.
    by: Vec<String>,
    /// Whether pods are let in by SecurityContextConstraints.
    openshift: bool,
    /// Rights with a verb that no API server knows, as the cluster's roles name them.
    odd: Vec<Rule>,
}

impl Elsewhere {
    pub(super) fn of(cluster: &Cluster, reviews: &Reviews, hiding: &Hiding, spared: &Spared) -> Self {
        // Where there is no question of theirs at all, they may be what the policy leaves out, or are answered from
        // what is remembered. Those of one class say nothing of the other's.
        let told_by_servers = reviews.told - reviews.told_by_kubelets;
        let constraints = |rule: &Rule| rule.resources.iter().any(|r| &**r == "securitycontextconstraints");
        Self {
            kubelets: reviews.told_by_kubelets == 0
                || reviews.untold_by_kubelets > 0
                || hiding.hides_kubelets(),
            servers: told_by_servers == 0 || reviews.untold > reviews.untold_by_kubelets,
            by: reviews.by.iter().filter(|by| !spared.user(by)).map(ToString::to_string).collect(),
            openshift: cluster.roles.iter().any(|role| role.rules.iter().any(constraints)),
            odd: odd(cluster, spared),
        }
    }

    /// What of a rule is to be kept, and why. It holds in a namespace, or where that is empty in the cluster.
    pub(super) fn of_rule(&self, place: &str, rule: &Rule) -> Vec<(Rule, &'static str)> {
        let mut found: Vec<(Rule, &'static str)> = Vec::new();
        for atom in apart(rule) {
            if let Some(why) = self.why(&atom) {
                found.push((narrowed(atom), why));
            } else {
                found.extend(self.within(place, &atom));
            }
        }
        let everything = |list: &[Str]| list.iter().any(|of| &**of == "*");
        if self.openshift
            && everything(&rule.verbs)
            && everything(&rule.resources)
            && everything(&rule.groups)
        {
            let constraints = Rule {
                verbs: vec!["use".into()],
                groups: vec!["security.openshift.io".into()],
                resources: vec!["securitycontextconstraints".into()],
                names: rule.names.clone(),
                urls: Vec::new(),
            };
            found.push((constraints, BY_ADMISSION));
        }
        found
    }

    /// What of a right with a `*` in it would be kept where it was held by name.
    fn within(&self, place: &str, atom: &Rule) -> Vec<(Rule, &'static str)> {
        let is_wide = |list: &[Str]| list.iter().any(|of| &**of == "*");
        let mut found: Vec<(Rule, &'static str)> = Vec::new();
        if !atom.urls.is_empty() {
            return found;
        }
        let mut add = |piece: Rule, why| {
            if holds(&Rule { names: Vec::new(), ..atom.clone() }, &piece) {
                found.push((Rule { names: atom.names.clone(), ..piece }, why));
            }
        };
        if is_wide(&atom.resources) {
            for of in OF_KUBELETS.iter().filter(|_| self.kubelets && place.is_empty()) {
                add(single("get", "", of), BY_KUBELETS);
            }
            for group in &atom.groups {
                add(single("update", group, "*/finalizers"), BY_ADMISSION);
            }
        }
        if is_wide(&atom.verbs) {
            for piece in &self.odd {
                let is_use = piece.verbs.iter().any(|verb| &**verb == "use");
                add(piece.clone(), if is_use { BY_ADMISSION } else { BY_SERVERS });
            }
        }
        found
    }

    fn why(&self, atom: &Rule) -> Option<&'static str> {
        let verb = atom.verbs.first()?;
        if !atom.urls.is_empty() {
            return self.servers.then_some(BY_SERVERS);
        }
        let resource = atom.resources.first()?;
        let core = atom.groups.first().is_some_and(|group| group.is_empty() || &**group == "*");
        if core && resource.starts_with("nodes/") {
            return self.kubelets.then_some(BY_KUBELETS);
        }
        // `plugin/pkg/admission/gc`: an owner that blocks the deletion of what it owns.
        if resource.ends_with("/finalizers") && matches!(&**verb, "update" | "*") {
            return Some(BY_ADMISSION);
        }
        match &**verb {
            _ if is_seen(verb) => None,
            "use" => Some(BY_ADMISSION),
            _ => Some(BY_SERVERS),
        }
    }

    /// What to know where somebody asked and the log does not say about whom.
    pub(super) fn note(&self) -> Option<String> {
        (!self.by.is_empty()).then(|| {
            format!(
                "{} asked the API server whether somebody may do something, and the logs do not say whom and what \
                 (SubjectAccessReviews need level Request). Paths and verbs that no API server knows stay; an ordinary right \
                 that only such a server asks for may look unused.",
                self.by.join(", ")
            )
        })
    }
}

/// Whether a use of the verb shows in the requests of who has it.
fn is_seen(verb: &str) -> bool {
    SEEN_VERBS.contains(&verb) || verb.starts_with("impersonate")
}

fn single(verb: &str, group: &str, resource: &str) -> Rule {
    Rule {
        verbs: vec![verb.into()],
        groups: vec![group.into()],
        resources: vec![resource.into()],
        ..Rule::default()
    }
}

/// Every right of the cluster's roles with a verb that no API server knows, for all names.
fn odd(cluster: &Cluster, spared: &Spared) -> Vec<Rule> {
    // Kubernetes' own name verbs of old, as `proxy` of nodes.
    let roles = cluster.roles.iter().filter(|role| !role.built_in && !spared.object(role.kind(), &role.meta));
    let rules = roles.flat_map(|role| role.rules.iter());
    let rules = rules.filter(|rule| rule.verbs.iter().any(|verb| !is_seen(verb)));
    let atoms =
        rules.flat_map(apart).filter(|atom| atom.urls.is_empty() && !atom.verbs.iter().any(|v| is_seen(v)));
    let mut found: Vec<Rule> = atoms.map(|atom| Rule { names: Vec::new(), ..atom }).collect();
    let key = |rule: &Rule| (rule.verbs.clone(), rule.groups.clone(), rule.resources.clone());
    found.sort_by_key(key);
    found.dedup();
    found
}

/// Of every path, what is commonly asked for.
fn narrowed(mut atom: Rule) -> Rule {
    if atom.urls.iter().any(|url| matches!(&**url, "*" | "/*")) {
        atom.urls = vec!["/metrics".into()];
        atom.verbs = vec!["get".into()];
    }
    atom
}
