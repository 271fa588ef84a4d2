//! One rule of a role, held against what every account may do and against what a persona declares.

use sundew_decoy::persona::Right;
use sundew_posture::{questions::Grant, rbac::url_matches};

/// Paths that Kubernetes' own roles let every account get: `system:discovery`, `system:public-info-viewer`,
/// `system:service-account-issuer-discovery` and OpenShift's public-info-viewer (`bootstrappolicy/policy.go`, as 1.36 makes
/// them).
const DISCOVERY: [&str; 15] = [
    "/.well-known",
    "/.well-known/*",
    "/api",
    "/api/*",
    "/apis",
    "/apis/*",
    "/healthz",
    "/livez",
    "/openapi",
    "/openapi/*",
    "/openid/v1/jwks",
    "/openid/v1/jwks/",
    "/readyz",
    "/version",
    "/version/",
];

/// What `system:basic-user` lets every account create, with the group: questions about the asker alone.
const ABOUT_ONESELF: [(&str, &str); 3] = [
    ("authentication.k8s.io", "selfsubjectreviews"),
    ("authorization.k8s.io", "selfsubjectaccessreviews"),
    ("authorization.k8s.io", "selfsubjectrulesreviews"),
];

/// A rule as it holds through its binding.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Said<'g> {
    verbs: &'g [String],
    groups: &'g [String],
    resources: &'g [String],
    names: &'g [String],
    urls: &'g [String],
}

impl<'g> Said<'g> {
    /// The rule of a grant. Paths count only where the whole cluster is bound: in a namespace they give nothing.
    pub(crate) fn of(grant: &'g Grant) -> Self {
        let urls: &[String] = if grant.scope == "cluster" { &grant.urls } else { &[] };
        let Grant { verbs, groups, resources, names, .. } = grant;
        Self { verbs, groups, resources, names, urls }
    }

    fn has_resources(&self) -> bool {
        !self.groups.is_empty() && !self.resources.is_empty()
    }

    /// Whether it lets nobody do anything.
    pub(crate) fn is_nothing(&self) -> bool {
        self.verbs.is_empty() || (!self.has_resources() && self.urls.is_empty())
    }

    /// Whether it is no more than Kubernetes lets every account do.
    pub(crate) fn is_discovery(&self) -> bool {
        let about_oneself = |group: &String, resource: &String| {
            ABOUT_ONESELF.iter().any(|(g, r)| g == group && r == resource)
        };
        let resources = self.groups.iter().flat_map(|g| self.resources.iter().map(move |r| (g, r)));
        let verbs_are = |wanted: &str| self.verbs.iter().all(|verb| verb == wanted);
        let found = |url: &String| DISCOVERY.iter().any(|known| url_matches(known, url));
        (!self.has_resources()
            || (verbs_are("create") && resources.into_iter().all(|(g, r)| about_oneself(g, r))))
            && (self.urls.is_empty() || (verbs_are("get") && self.urls.iter().all(found)))
    }

    /// Whether it holds a wildcard: what that is, is another thing tomorrow.
    pub(crate) fn has_wildcard(&self) -> bool {
        self.has_wild_resource() || self.urls.iter().any(|url| url.contains('*'))
    }

    /// Whether its verbs, groups or resources hold a wildcard.
    pub(crate) fn has_wild_resource(&self) -> bool {
        let Self { verbs, groups, resources, .. } = self;
        [verbs, groups, resources].into_iter().flat_map(|words| words.iter()).any(|w| w.contains('*'))
    }

    /// Whether each part of it (verb, group, resource and name; verb and path) stands in one of `rights`.
    pub(crate) fn is_within(&self, rights: &[Right]) -> bool {
        if self.has_wildcard() {
            return false;
        }
        self.verbs.iter().all(|verb| {
            self.urls.iter().all(|url| rights.iter().any(|right| gives_url(right, verb, url)))
                && self.groups.iter().all(|group| {
                    self.resources
                        .iter()
                        .all(|resource| self.is_named_within(rights, [verb, group, resource]))
                })
        })
    }

    fn is_named_within(&self, rights: &[Right], what: [&String; 3]) -> bool {
        let given = |name: Option<&String>| rights.iter().any(|right| gives(right, what, name));
        if self.names.is_empty() { given(None) } else { self.names.iter().all(|name| given(Some(name))) }
    }

    /// Whether it only looks, and not at Secrets: what a harmless account of any tool may have.
    pub(crate) fn only_looks(&self) -> bool {
        let looks = self.verbs.iter().all(|verb| matches!(verb.as_str(), "get" | "list" | "watch"));
        // To get some subresources is to act: `pods/exec`, `nodes/proxy` and their like.
        let harmless = |resource: &String| {
            resource != "secrets" && (!resource.contains('/') || resource.ends_with("/log"))
        };
        looks && !self.has_wildcard() && self.resources.iter().all(harmless)
    }
}

/// Whether a right gives a verb on a resource of a group, for one name or (where there is none) for all.
fn gives(right: &Right, [verb, group, resource]: [&String; 3], name: Option<&String>) -> bool {
    let of_core = right.api_groups.is_empty() && group.is_empty();
    let names = &right.resource_names;
    right.verbs.contains(verb)
        && (right.api_groups.contains(group) || of_core)
        && right.resources.contains(resource)
        && (names.is_empty() || name.is_some_and(|name| names.contains(name)))
}

fn gives_url(right: &Right, verb: &String, url: &String) -> bool {
    right.verbs.contains(verb) && right.non_resource_urls.contains(url)
}
