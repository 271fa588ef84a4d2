//! The kinds of requests that an API server knows: every resource of Kubernetes' own with its subresources and verbs, paths
//! that are no resources, and one stand-in for whatever else there is.

use std::{collections::BTreeSet, fmt, sync::Arc};

use sundew_posture::questions::RESOURCES;
use sundew_sigma::{About, RuleId, RuleSet, Word};

use crate::decide::Target;

/// The verbs of requests for objects.
pub const VERBS: [&str; 8] =
    ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"];
/// The verbs of paths that are no resources: HTTP's methods.
pub const METHODS: [&str; 7] = ["get", "head", "post", "put", "patch", "delete", "options"];

/// The verbs that only read.
pub const READS: [&str; 3] = ["get", "list", "watch"];

/// The verb of requests for objects that is most like one of HTTP's methods.
pub(super) fn like(verb: &'static str) -> &'static str {
    like_any(verb)
}

/// The same of any text.
pub(super) fn like_any(verb: &str) -> &str {
    match verb {
        "post" => "create",
        "put" => "update",
        "head" | "options" => "get",
        verb => verb,
    }
}

/// The name that stands for a group, a resource or a path that no rule names. No API server takes it for a name.
pub const OTHER: &str = "_other";
/// The path that stands for the others.
const OTHER_PATH: &str = "/_other";

/// Subresources of Kubernetes 1.36, by their resource (`kubectl get --raw /apis/…`).
const SUBRESOURCES: &[(&str, &str, &[&str])] = &[
    ("", "namespaces", &["finalize", "status"]),
    ("", "nodes", &["proxy", "status"]),
    ("", "persistentvolumeclaims", &["status"]),
    ("", "persistentvolumes", &["status"]),
    (
        "",
        "pods",
        &[
            "attach",
            "binding",
            "ephemeralcontainers",
            "eviction",
            "exec",
            "log",
            "portforward",
            "proxy",
            "resize",
            "status",
        ],
    ),
    ("", "replicationcontrollers", &["scale", "status"]),
    ("", "resourcequotas", &["status"]),
    ("", "serviceaccounts", &["token"]),
    ("", "services", &["proxy", "status"]),
    ("admissionregistration.k8s.io", "validatingadmissionpolicies", &["status"]),
    ("apiextensions.k8s.io", "customresourcedefinitions", &["status"]),
    ("apiregistration.k8s.io", "apiservices", &["status"]),
    ("apps", "daemonsets", &["status"]),
    ("apps", "deployments", &["scale", "status"]),
    ("apps", "replicasets", &["scale", "status"]),
    ("apps", "statefulsets", &["scale", "status"]),
    ("autoscaling", "horizontalpodautoscalers", &["status"]),
    ("batch", "cronjobs", &["status"]),
    ("batch", "jobs", &["status"]),
    ("certificates.k8s.io", "certificatesigningrequests", &["approval", "status"]),
    ("flowcontrol.apiserver.k8s.io", "flowschemas", &["status"]),
    ("flowcontrol.apiserver.k8s.io", "prioritylevelconfigurations", &["status"]),
    ("networking.k8s.io", "ingresses", &["status"]),
    ("networking.k8s.io", "servicecidrs", &["status"]),
    ("policy", "poddisruptionbudgets", &["status"]),
    ("resource.k8s.io", "resourceclaims", &["status"]),
    ("storage.k8s.io", "volumeattachments", &["status"]),
];

/// What is in the lists of resources for rights alone, and can be no request.
const NO_REQUESTS: [&str; 5] = ["users", "groups", "uids", "userextras", "signers"];

/// Paths that API servers serve beside their resources, one of each kind.
const PATHS: [&str; 16] = [
    "/",
    "/api",
    "/apis",
    "/openapi/v2",
    "/openapi/v3",
    "/version",
    "/healthz",
    "/livez",
    "/readyz",
    "/metrics",
    "/logs",
    "/debug/pprof/profile",
    "/debug/flags/v",
    "/.well-known/openid-configuration",
    "/openid/v1/jwks",
    OTHER_PATH,
];

/// What holds a pod's spec, of Kubernetes' own resources and of those that rules name.
const POD_HOLDERS: [(&str, &str); 12] = [
    ("", "pods"),
    ("", "podtemplates"),
    ("", "replicationcontrollers"),
    ("apps", "daemonsets"),
    ("apps", "deployments"),
    ("apps", "replicasets"),
    ("apps", "statefulsets"),
    ("batch", "cronjobs"),
    ("batch", "jobs"),
    ("apps.kruise.io", "clonesets"),
    ("apps.openshift.io", "deploymentconfigs"),
    ("argoproj.io", "rollouts"),
];

/// The groups of resources that rules name and Kubernetes does not serve: a policy cannot name a resource without.
const ELSEWHERE: [(&str, &str); 9] = [
    ("adminnetworkpolicies", "policy.networking.k8s.io"),
    ("baselineadminnetworkpolicies", "policy.networking.k8s.io"),
    ("clusternetworkpolicies", "policy.networking.k8s.io"),
    ("ciliumclusterwidenetworkpolicies", "cilium.io"),
    ("ciliumnetworkpolicies", "cilium.io"),
    ("globalnetworkpolicies", "crd.projectcalico.org"),
    ("clonesets", "apps.kruise.io"),
    ("deploymentconfigs", "apps.openshift.io"),
    ("rollouts", "argoproj.io"),
];

/// Whether Kubernetes itself serves a resource.
fn is_known(group: &str, resource: &str) -> bool {
    RESOURCES.iter().any(|known| known.name == resource && known.group == group)
}

/// A resource with or without its subresource, or a path: what a request can be about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Thing {
    /// Objects.
    Object {
        /// The API group, or [`OTHER`].
        group: String,
        /// The resource, or [`OTHER`].
        resource: String,
        /// The subresource; empty for the resource itself.
        subresource: String,
    },
    /// A path.
    Url(String),
}

impl Thing {
    /// Objects of a group.
    pub fn object(group: &str, resource: &str, subresource: &str) -> Self {
        let own = str::to_owned;
        Self::Object { group: own(group), resource: own(resource), subresource: own(subresource) }
    }

    /// What stands for the resources that no rule names.
    pub fn other() -> Self {
        Self::object(OTHER, OTHER, "")
    }

    /// What stands for this, the nearest first, where rules name no more than a part of it.
    pub fn unnamed(&self) -> Vec<Self> {
        match self {
            Self::Object { group, resource, subresource } => vec![
                Self::object(group, OTHER, ""),
                Self::object(OTHER, resource, subresource),
                Self::object(OTHER, OTHER, subresource),
                Self::other(),
            ],
            Self::Url(_) => vec![Self::Url(OTHER_PATH.to_owned())],
        }
    }

    /// Whether it stands for what has no name here, and so has none in a policy.
    pub fn is_stand_in(&self) -> bool {
        match self {
            Self::Object { group, resource, .. } => group == OTHER || resource == OTHER,
            Self::Url(path) => path == OTHER_PATH,
        }
    }

    /// The same for a rule.
    pub fn about(&self) -> About<'_> {
        let word = |text| if text == OTHER || text == OTHER_PATH { Word::Unnamed } else { Word::Is(text) };
        match self {
            Self::Object { group, resource, subresource } => About::Resource {
                group: word(group),
                resource: word(resource),
                subresource,
                namespace: None,
                name: None,
                holds_pods: self.holds_pods(),
            },
            Self::Url(path) => About::Url(word(path)),
        }
    }

    /// The same for a policy, in any namespace and of any name.
    pub fn target(&self) -> Target<'_> {
        match self {
            Self::Object { group, resource, subresource } => {
                Target::Resource { group, resource, subresource, namespace: "", name: "" }
            }
            Self::Url(path) => Target::Url(path),
        }
    }

    /// Whether such an object can hold a pod's spec that is run. Of Kubernetes' own resources few can, and no status or
    /// scale changes one (`pkg/registry/*/*/strategy.go`, `PrepareForUpdate`).
    pub fn holds_pods(&self) -> bool {
        let Self::Object { group, resource, subresource } = self else { return false };
        self.is_template() || subresource.is_empty() && !is_known(group, resource)
    }

    /// Whether such an object is made to hold a pod's spec.
    pub fn is_template(&self) -> bool {
        let Self::Object { group, resource, subresource } = self else { return false };
        match subresource.as_str() {
            "" => POD_HOLDERS.contains(&(group, resource)),
            "ephemeralcontainers" | "resize" => true,
            _ => false,
        }
    }

    /// The verbs that API servers answer here with anything but 405.
    pub fn verbs(&self) -> &'static [&'static str] {
        let Self::Object { resource, subresource, .. } = self else { return &METHODS };
        match subresource.as_str() {
            "exec" | "attach" | "portforward" => &["get", "create"],
            "proxy" => &["get", "create", "update", "patch", "delete"],
            "log" => &["get"],
            "token" | "binding" | "eviction" => &["create"],
            "" if resource.ends_with("reviews") || resource == "bindings" => &["create"],
            "" => &VERBS,
            _ => &["get", "update", "patch"],
        }
    }
}

impl fmt::Display for Thing {
    /// `pods/exec`, `deployments.apps`, `/version`, `any other resource of kyverno.io`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Object { group, resource, subresource } => {
                let known = group.is_empty() || group == OTHER;
                match (resource.as_str(), known) {
                    (OTHER, true) => f.write_str("any other resource")?,
                    (OTHER, false) => write!(f, "any other resource of {group}")?,
                    (resource, true) => f.write_str(resource)?,
                    (resource, false) => write!(f, "{resource}.{group}")?,
                }
                if subresource.is_empty() { Ok(()) } else { write!(f, "/{subresource}") }
            }
            Self::Url(path) if path == OTHER_PATH => f.write_str("any other path"),
            Self::Url(path) => f.write_str(path),
        }
    }
}

/// A kind of request: a verb, and what it is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Shape {
    /// What it is about.
    pub thing: Arc<Thing>,
    /// The verb.
    pub verb: &'static str,
}

impl Shape {
    /// All kinds of requests that `rules` tell apart; those of one thing stand together, in the order of its verbs.
    pub fn all(rules: &RuleSet) -> Vec<Self> {
        let of = |thing: Thing| {
            let thing = Arc::new(thing);
            let verbs = thing.verbs();
            verbs.iter().map(move |verb| Self { thing: Arc::clone(&thing), verb })
        };
        things(rules).into_iter().flat_map(of).collect()
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.thing)
    }
}

/// Everything that a request can be about, as far as `rules` tell it apart.
pub fn things(rules: &RuleSet) -> Vec<Thing> {
    let mut things = BTreeSet::from([Thing::other()]);
    for known in RESOURCES.iter().filter(|known| !NO_REQUESTS.contains(&known.name)) {
        things.insert(Thing::object(known.group, known.name, ""));
    }
    for (group, resource, subresources) in SUBRESOURCES {
        things.extend(subresources.iter().map(|sub| Thing::object(group, resource, sub)));
    }
    things.extend(PATHS.map(|path| Thing::Url(path.to_owned())));
    for rule in (0u32..).take(rules.rules().len()).map(RuleId) {
        add_named(rules, rule, &mut things);
    }
    things.into_iter().collect()
}

/// What a rule names and Kubernetes does not serve by itself.
fn add_named(rules: &RuleSet, rule: RuleId, things: &mut BTreeSet<Thing>) {
    let words = rules.words(rule);
    let known = |resource: &str| RESOURCES.iter().any(|known| known.name == resource);
    let known_group = |group: &str| RESOURCES.iter().any(|known| known.group == group);
    for group in words.groups.iter().filter(|group| !known_group(group)) {
        things.insert(Thing::object(group, OTHER, ""));
    }
    for resource in words.resources.iter().filter(|resource| !known(resource)) {
        let elsewhere = ELSEWHERE.iter().find(|(name, _)| name == resource).map(|(_, group)| *group);
        let named = words.groups.iter().map(String::as_str);
        // Without a group in the rule, it means all of that name.
        let groups: Vec<&str> =
            if words.groups.is_empty() { vec![elsewhere.unwrap_or(OTHER)] } else { named.collect() };
        things.extend(groups.into_iter().map(|group| Thing::object(group, resource, "")));
    }
    let subresources = |of: &str| SUBRESOURCES.iter().any(|(_, _, subs)| subs.contains(&of));
    for subresource in words.subresources.iter().filter(|sub| !sub.is_empty() && !subresources(sub)) {
        things.insert(Thing::object(OTHER, OTHER, subresource));
    }
    let paths = words
        .paths
        .iter()
        .filter(|path| path.starts_with('/') && !path.starts_with("/api/") && !path.starts_with("/apis/"));
    things.extend(paths.map(|path| Thing::Url(path.clone())));
}
