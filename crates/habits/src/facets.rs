//! A request taken apart into what habits are made of.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::{
    Class, Seen,
    client::{self, Version},
    entry::{Aspect, Key},
    names::{Name, Names},
    network::Network,
    secret,
    verb::Verb,
};

/// A request as habits see it. Holds names, to be released.
#[derive(Debug)]
pub(crate) struct Facets {
    /// The habits that it belongs to, in the order of [`Aspect::ALL`].
    pub(crate) keys: [Option<Key>; Aspect::COUNT],
    pub(crate) version: Version,
    /// Whether the client sends whatever somebody thinks of.
    pub(crate) tool: bool,
    pub(crate) verb: Verb,
    pub(crate) resource: Name,
    /// Where the request names no one namespace: empty.
    pub(crate) namespace: Name,
    pub(crate) refused: bool,
    pub(crate) what: What,
    held: [Name; 4],
}

/// What kind of request it is, where that matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// Version and health, which nobody needs a name for (`system:public-info-viewer`).
    Open,
    /// What every client does before anything else, or now and then.
    Usual,
    /// One Secret is read.
    Secret,
    /// Secrets are listed or watched.
    Secrets,
    /// A pod is made, or something that makes pods.
    Pod,
    /// Something that gives power over others.
    Grave,
    /// Anything else.
    Plain,
}

/// What makes pods, and pods.
const MAKERS: [&str; 8] = [
    "pods",
    "deployments.apps",
    "daemonsets.apps",
    "statefulsets.apps",
    "replicasets.apps",
    "replicationcontrollers",
    "jobs.batch",
    "cronjobs.batch",
];

/// Subresources that lead into a pod, a node or another identity.
const GRAVE: [&str; 7] =
    ["exec", "attach", "portforward", "proxy", "ephemeralcontainers", "token", "approval"];

/// Under what all discovery is one habit, and all that is open to anybody.
const DISCOVERY: &str = "discovery";
const HEALTH: &str = "version or health";

impl Facets {
    pub(crate) fn of(seen: &Seen<'_>, names: &mut Names) -> Self {
        let client = client::parse(&seen.client);
        let program = names.hold(&client.name);
        let mut keys = [None; Aspect::COUNT];
        keys[Aspect::Client as usize] = Some(Key::of(Aspect::Client, program));
        if let Some([near, far]) = Network::of(&seen.peer) {
            keys[Aspect::Network as usize] = Some(Key::network(near));
            keys[Aspect::Range as usize] = Some(Key::network(far));
        }
        let mut facets = Self {
            keys,
            version: client.version,
            tool: client::is_tool(&client.name),
            verb: Verb::of(&seen.verb),
            resource: Name::EMPTY,
            namespace: Name::EMPTY,
            refused: seen.refused,
            what: What::Usual,
            held: [program, Name::EMPTY, Name::EMPTY, Name::EMPTY],
        };
        // Controllers act on whatever there is, everywhere: who and where is all that is theirs.
        if seen.class != Class::Controller {
            facets.add_request(seen, names);
        }
        facets
    }

    fn add_request(&mut self, seen: &Seen<'_>, names: &mut Names) {
        self.what = what(seen, self.verb);
        self.resource = names.hold(resource(&seen.resource));
        // A namespace stands in itself (`RequestInfo`), but it is an object of the whole cluster.
        let of_namespaces = seen.resource.split('/').next() == Some("namespaces");
        self.namespace = names.hold(if of_namespaces { "" } else { &seen.namespace });
        self.held[1..3].copy_from_slice(&[self.resource, self.namespace]);
        let everywhere = self.namespace == Name::EMPTY;
        self.keys[Aspect::Request as usize] = Some(Key::request(self.verb, self.resource, everywhere));
        if seen.class == Class::Node {
            // Pods of all namespaces and the Secrets they mount come and go on a node.
            return;
        }
        if !everywhere {
            self.keys[Aspect::Namespace as usize] = Some(Key::of(Aspect::Namespace, self.namespace));
        }
        if self.what == What::Secret {
            let name = match secret::pattern(&seen.name) {
                (name, "") => names.hold(name),
                (head, rest) => names.hold(&format!("{head}{rest}")),
            };
            self.held[3] = name;
            self.keys[Aspect::Secret as usize] = Some(Key::secret(self.namespace, name));
        }
    }

    /// Whether the request names no one namespace.
    pub(crate) fn everywhere(&self) -> bool {
        self.namespace == Name::EMPTY
    }

    /// What a request is told from others by, so that the same is told once.
    pub(crate) fn signature(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        // Another near network of the same far one is no other request.
        let keys = self.keys.iter().enumerate().filter(|(at, _)| *at != Aspect::Network as usize);
        for (at, key) in keys {
            (at, key.map(|key| (key.what, key.place, key.verb, key.variant))).hash(&mut hasher);
        }
        self.refused.hash(&mut hasher);
        hasher.finish()
    }

    pub(crate) fn release(self, names: &mut Names) {
        self.held.into_iter().for_each(|name| names.release(name));
    }
}

/// Whether creating `resource` makes pods.
pub(crate) fn makes_pods(resource: &str) -> bool {
    MAKERS.contains(&resource)
}

fn what(seen: &Seen<'_>, verb: Verb) -> What {
    let resource = &*seen.resource;
    if resource.starts_with('/') {
        return match is_discovery(resource) {
            true if is_open(resource) => What::Open,
            true => What::Usual,
            false => What::Plain,
        };
    }
    if resource == "secrets" && verb.reads() {
        // A list or watch that is narrowed to one name carries that name (`RequestInfo`, `metadata.name` selectors).
        return if seen.name.is_empty() { What::Secrets } else { What::Secret };
    }
    if matches!(resource, "events" | "events.events.k8s.io") && !verb.reads() {
        return What::Usual;
    }
    if verb == Verb::CREATE && makes_pods(resource) {
        return What::Pod;
    }
    if is_grave(resource, verb, &seen.verb) { What::Grave } else { What::Plain }
}

fn is_grave(resource: &str, verb: Verb, word: &str) -> bool {
    let (of, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    if GRAVE.contains(&subresource) || word == "deletecollection" {
        return true;
    }
    if of == "selfsubjectrulesreviews.authorization.k8s.io" {
        return true;
    }
    let (_, group) = of.split_once('.').unwrap_or((of, ""));
    let power =
        matches!(group, "rbac.authorization.k8s.io" | "certificates.k8s.io" | "admissionregistration.k8s.io");
    !verb.reads() && (power || of == "secrets")
}

/// The resource; of a path no more than its beginning, since the rest can be anything.
fn resource(resource: &str) -> &str {
    if !resource.starts_with('/') {
        return resource;
    }
    if is_open(resource) {
        return HEALTH;
    }
    if is_discovery(resource) {
        return DISCOVERY;
    }
    let second = resource.bytes().enumerate().skip(1).filter(|(_, b)| *b == b'/').nth(1);
    second.map_or(resource, |(end, _)| &resource[..end])
}

/// What a client asks to find its way (`system:discovery`, of which `system:public-info-viewer` is a part).
fn is_discovery(path: &str) -> bool {
    matches!(first_of(path), "api" | "apis" | "openapi" | "") || is_open(path)
}

fn is_open(path: &str) -> bool {
    matches!(first_of(path), "version" | "healthz" | "livez" | "readyz")
}

/// The first part of a path that begins with a slash.
fn first_of(path: &str) -> &str {
    path[1..].split('/').next().unwrap_or_default()
}
