//! Rules that write credentials into the log.

use super::{
    Remark, Weight,
    space::{Probe, Space},
};
use crate::{
    model::{Level, Policy, Resources, Rule},
    print,
};

/// What has credentials in its bodies.
struct Secret {
    group: &'static str,
    resource: &'static str,
    /// Verbs whose requests have them.
    asked: &'static [&'static str],
    /// Verbs whose answers have them.
    answered: &'static [&'static str],
    what: &'static str,
    /// Whether that is certain, and not only usual.
    certain: bool,
}

const CHANGES: &[&str] = &["create", "update", "patch"];
/// A watch's answers are in no log (`apiserver/pkg/endpoints/handlers/get.go`).
const ANSWERS: &[&str] = &["get", "list", "create", "update", "patch", "deletecollection"];

const SECRETS: &[Secret] = &[
    Secret {
        group: "",
        resource: "secrets",
        asked: CHANGES,
        answered: ANSWERS,
        what: "Secrets",
        certain: true,
    },
    Secret {
        group: "",
        resource: "serviceaccounts/token",
        asked: &[],
        answered: &["create"],
        what: "new tokens of accounts",
        certain: true,
    },
    Secret {
        group: "authentication.k8s.io",
        resource: "tokenreviews",
        // The token that is asked about stands in `spec`, which the answer repeats.
        asked: &["create"],
        answered: &["create"],
        what: "the tokens that other servers ask about",
        certain: true,
    },
    // OpenShift: `openshift/api`, `oauth/v1/types.go` and `route/v1/types.go`.
    Secret {
        group: "oauth.openshift.io",
        resource: "oauthclients",
        asked: CHANGES,
        answered: ANSWERS,
        what: "the secrets of OAuth clients",
        certain: true,
    },
    Secret {
        group: "oauth.openshift.io",
        resource: "oauthaccesstokens",
        asked: CHANGES,
        answered: ANSWERS,
        what: "OAuth tokens",
        certain: true,
    },
    Secret {
        group: "oauth.openshift.io",
        resource: "oauthauthorizetokens",
        asked: CHANGES,
        answered: ANSWERS,
        what: "OAuth codes",
        certain: true,
    },
    Secret {
        group: "route.openshift.io",
        resource: "routes",
        asked: CHANGES,
        answered: ANSWERS,
        what: "private keys in Routes",
        certain: true,
    },
    Secret {
        group: "",
        resource: "configmaps",
        asked: CHANGES,
        answered: ANSWERS,
        what: "ConfigMaps, in which passwords are often put",
        certain: false,
    },
];

pub(super) fn remarks(policy: &Policy, space: &Space<'_>) -> Vec<Remark> {
    let mut leaks: Vec<Vec<&Secret>> = vec![Vec::new(); policy.rules.len()];
    for secret in SECRETS {
        for (verbs, level) in [(secret.asked, Level::Request), (secret.answered, Level::RequestResponse)] {
            space.refill();
            for rule in leaking(policy, space, secret, verbs, level) {
                if leaks[rule].last().is_none_or(|last| !std::ptr::eq(*last, secret)) {
                    leaks[rule].push(secret);
                }
            }
        }
    }
    policy.rules.iter().zip(leaks).flat_map(|(rule, found)| of_rule(rule, found)).collect()
}

/// The rules that log requests for a secret, with one of these verbs, at this level or higher.
fn leaking(
    policy: &Policy,
    space: &Space<'_>,
    secret: &Secret,
    verbs: &'static [&'static str],
    level: Level,
) -> Vec<usize> {
    let about = space.about(Probe { group: secret.group, resource: secret.resource, verbs });
    let logged = about.iter().filter(|piece| policy.rules[piece.rule].level >= level);
    logged.filter(|piece| space.taken_by(piece, &about).is_none()).map(|piece| piece.rule).collect()
}

fn of_rule(rule: &Rule, found: Vec<&'static Secret>) -> Vec<Remark> {
    let (certain, doubtful): (Vec<&Secret>, Vec<&Secret>) =
        found.into_iter().partition(|secret| secret.certain);
    let mut remarks = Vec::new();
    // What only OpenShift has is worth a remark by itself where it is named; elsewhere beside the rest.
    let foreign = certain.iter().all(|secret| secret.group.ends_with(".openshift.io"));
    let named = |secret: &&Secret| rule.resources.iter().any(|one| one.group == secret.group);
    if !certain.is_empty() && (!foreign || certain.iter().any(named)) {
        remarks.push(Remark::new(
            rule.line,
            Weight::Leak,
            "credentials",
            format!("{} writes {} into the log", rule.level.as_str(), list(&certain)),
            fix(rule, &certain),
        ));
    }
    if !doubtful.is_empty() {
        remarks.push(Remark::new(
            rule.line,
            Weight::Waste,
            "maybe-credentials",
            format!("{} writes {} into the log", rule.level.as_str(), list(&doubtful)),
            fix(rule, &doubtful),
        ));
    }
    remarks
}

fn list(secrets: &[&Secret]) -> String {
    let words: Vec<&str> = secrets.iter().map(|secret| secret.what).collect();
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => words.join(""),
    }
}

fn fix(rule: &Rule, secrets: &[&Secret]) -> String {
    let mut groups: Vec<Resources> = Vec::new();
    for secret in secrets {
        let at = groups.iter().position(|group| group.group == secret.group).unwrap_or_else(|| {
            groups.push(Resources { group: secret.group.to_owned(), ..Resources::default() });
            groups.len() - 1
        });
        groups[at].resources.push(secret.resource.to_owned());
    }
    let groups: Vec<String> = groups.iter().map(print::group).collect();
    format!("put before line {}: `- {{level: Metadata, resources: [{}]}}`", rule.line, groups.join(", "))
}
