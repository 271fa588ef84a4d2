//! Rights that all accounts of a cluster have: which of them nobody may call harmless.

use std::sync::LazyLock;

use sundew_posture::{
    questions::Grant,
    rbac::{resource_matches, verb_matches},
    risk::{self, Risk, Scope, builtin},
};

use super::rule::Said;

/// Groups that every account of the cluster is in. Those of one namespace are left out: what their members may do can
/// be taken away by going elsewhere, and an intruder with another account's token does not have it.
const EVERYBODY: [&str; 2] = ["Group system:authenticated", "Group system:serviceaccounts"];

/// Paths behind which more lies than words about the server: its logs, its memory, its flags.
const TELLING_PATHS: [&str; 3] = ["/logs", "/debug", "/configz"];

static RISKS: LazyLock<Vec<Risk>> = LazyLock::new(builtin);

/// Why the user's word does not make these grants harmless; none where it can. `beside` is what the account may do
/// besides: some rights are only worth something together.
pub(super) fn objection(undeclared: &[Grant], beside: &[Grant]) -> Option<String> {
    undeclared.iter().find_map(|grant| about(grant).map(|why| format!("{}: {why}", grant.rule))).or_else(
        || {
            let all: Vec<&Grant> = undeclared.iter().chain(beside).collect();
            let risk = RISKS.iter().find(|risk| {
                let any_new =
                    undeclared.iter().any(|grant| risk.grants.iter().any(|of| covers(grant, of, risk)));
                any_new && risk.grants.iter().all(|of| all.iter().any(|grant| covers(grant, of, risk)))
            })?;
            let of = undeclared.iter().find(|grant| risk.grants.iter().any(|of| covers(grant, of, risk)))?;
            Some(format!("{}: whoever has it {}", of.rule, risk.title))
        },
    )
}

/// On OpenShift the accounts of each project may pull its own images (RoleBinding `system:image-pullers`).
fn pulls_images(grant: &Grant) -> bool {
    let Grant { through, scope, verbs, resources, urls, .. } = grant;
    through.starts_with("Group system:serviceaccounts:")
        && scope != "cluster"
        && *verbs == ["get"]
        && *resources == ["imagestreams/layers"]
        && urls.is_empty()
}

fn about(grant: &Grant) -> Option<&'static str> {
    if pulls_images(grant) {
        return None;
    }
    if !EVERYBODY.contains(&&*grant.through) {
        return Some(match grant.through.as_str() {
            "" => "it is bound to the account itself",
            _ => "not every account of the cluster has it",
        });
    }
    let said = Said::of(grant);
    if said.has_wild_resource() {
        return Some("with a wildcard, nobody can say how much it is tomorrow");
    }
    if grant.resources.iter().any(|resource| resource == "secrets" || resource.starts_with("secrets/")) {
        return Some("it is about Secrets");
    }
    let verb = |wanted: &str| {
        grant.verbs.iter().any(|verb| verb == wanted || verb.starts_with(&format!("{wanted}:")))
    };
    if verb("escalate") || verb("bind") {
        return Some("it hands out rights");
    }
    // Without a user to go with them, these narrow what a request may do, and give nothing.
    let narrows = |resource: &String| resource == "uids" || resource.starts_with("userextras/");
    if verb("impersonate") && !grant.resources.iter().all(narrows) {
        return Some("it is another's rights");
    }
    let telling = |url: &String| {
        let start = url.trim_end_matches('*');
        let whole = |path: &&str| url.ends_with('*') && path.starts_with(start);
        TELLING_PATHS.iter().any(|path| start.starts_with(path) || whole(path))
    };
    if !grant.urls.is_empty()
        && (grant.urls.iter().any(telling) || grant.verbs.iter().any(|verb| verb != "get"))
    {
        return Some("more lies there than words about the server");
    }
    None
}

/// Whether a grant covers one part of a risk, for all objects or for some. Of doubtful cases the worse is taken.
fn covers(grant: &Grant, of: &risk::Grant, risk: &Risk) -> bool {
    let wide = grant.scope == "cluster";
    let in_place = wide
        || risk.namespaces.is_empty()
        || risk.namespaces.iter().any(|name| grant.scope == format!("namespace {name}"));
    if !in_place || (!wide && (risk.scope == Scope::Cluster || of.cluster_wide)) {
        return false;
    }
    let any = |granted: &[String], asked: &[String]| {
        asked.iter().any(|asked| granted.iter().any(|granted| verb_matches(granted, asked)))
    };
    let resource = of.resources.iter().any(|asked| {
        let (resource, subresource) = asked.split_once('/').unwrap_or((asked, ""));
        grant.resources.iter().any(|granted| resource_matches(granted, resource, subresource))
    });
    let named = grant.names.is_empty()
        || of.names.is_empty()
        || grant.names.iter().any(|name| of.names.contains(name));
    resource && named && any(&grant.verbs, &of.verbs) && any(&grant.groups, &of.groups)
}
