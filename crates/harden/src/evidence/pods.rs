//! Which pods used the API, by the pod that their token is bound to, and which accounts were shown to others.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashMap;
use jiff::Timestamp;
use serde::Deserialize;
use sundew_audit::Event;

/// The pod that a token is bound to (`staging/src/k8s.io/apiserver/pkg/authentication/serviceaccount/util.go`).
const POD_NAME: &str = "authentication.kubernetes.io/pod-name";
/// The most pods that are remembered of one account: of more it is only known that there were.
const MOST_PODS: usize = 1024;
/// The most accounts that are remembered.
const MOST_ACCOUNTS: usize = 100_000;
/// The most servers that are remembered by name.
const MOST_SERVERS: usize = 64;

/// Who used the API with the token of a pod.
#[derive(Debug, Default)]
pub struct PodUses {
    accounts: HashMap<Box<str>, AccountUse>,
    overflowed: bool,
    names_pods: bool,
    checkers: BTreeMap<Box<str>, u64>,
    kubelets_check: bool,
}

/// How the token of one account was used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountUse {
    /// The pods whose tokens were used, with the last use of each, up to a bound.
    pub pods: BTreeMap<Box<str>, Option<Timestamp>>,
    /// Whether there were more pods than are remembered.
    pub more_pods: bool,
    /// Requests with tokens that are bound to no pod: long-lived ones, or asked for by hand.
    pub without_pod: u64,
    /// The last of those.
    pub last_without_pod: Option<Timestamp>,
    /// The last use of any token of the account.
    pub last: Option<Timestamp>,
    /// Servers that were shown a token of it and asked about its rights, up to a bound.
    pub shown_to: BTreeSet<Box<str>>,
}

#[derive(Deserialize)]
struct Review {
    spec: Spec,
}

#[derive(Deserialize)]
struct Spec {
    #[serde(default)]
    user: String,
}

impl PodUses {
    /// Takes one event. A refused request is a use as well: somebody presented the token.
    pub fn record(&mut self, event: &Event<'_>) {
        let user = event.user.username.decode();
        let time = event.time();
        self.names_pods |= !event.user.extra(POD_NAME).is_empty();
        if user.starts_with("system:serviceaccount:")
            && let Some(used) = self.account(&user)
        {
            used.last = used.last.max(time);
            match event.user.extra(POD_NAME).first() {
                Some(pod) => used.add(&pod.decode(), time),
                None => {
                    used.without_pod += 1;
                    used.last_without_pod = used.last_without_pod.max(time);
                }
            }
        }
        let Some(object) = event.object_ref.as_ref().filter(|_| event.verb == "create") else { return };
        if object.resource == "tokenreviews" && event.stage != "RequestReceived" {
            self.check(&user);
        }
        if object.resource == "subjectaccessreviews" || object.resource == "localsubjectaccessreviews" {
            self.shown(event, &user);
        }
    }

    fn account(&mut self, user: &str) -> Option<&mut AccountUse> {
        if self.accounts.len() >= MOST_ACCOUNTS && !self.accounts.contains_key(user) {
            self.overflowed = true;
            return None;
        }
        Some(self.accounts.entry(user.into()).or_default())
    }

    /// Notes that a server asked whose token it was shown.
    fn check(&mut self, server: &str) {
        if server.starts_with("system:node:") {
            self.kubelets_check = true;
        } else if server != "system:apiserver"
            && (self.checkers.len() < MOST_SERVERS || self.checkers.contains_key(server))
        {
            *self.checkers.entry(server.into()).or_default() += 1;
        }
    }

    /// Notes whom a server asked about, where the log has the question's body.
    fn shown(&mut self, event: &Event<'_>, server: &str) {
        let review: Option<Review> = event.request_object.and_then(|body| serde_json::from_str(body).ok());
        let Some(about) = review.map(|review| review.spec.user) else { return };
        if !about.starts_with("system:serviceaccount:") {
            return;
        }
        if let Some(used) = self.account(&about)
            && used.shown_to.len() < MOST_SERVERS
        {
            used.shown_to.insert(server.into());
        }
    }

    /// How the token of an account (`NAMESPACE`, `NAME`) was used; nothing where it was not.
    pub fn of(&self, namespace: &str, name: &str) -> Option<&AccountUse> {
        self.accounts.get(format!("system:serviceaccount:{namespace}:{name}").as_str())
    }

    /// Servers other than kubelets and the API server that asked whose token they were shown, with how often. At level
    /// Metadata nothing tells whose it was.
    pub fn checkers(&self) -> &BTreeMap<Box<str>, u64> {
        &self.checkers
    }

    /// Whether a kubelet asked whose token it was shown: somebody asks kubelets directly.
    pub fn kubelets_check(&self) -> bool {
        self.kubelets_check
    }

    /// Whether the logs say at all which pods tokens were of; those of GKE do not.
    pub fn names_pods(&self) -> bool {
        self.names_pods
    }

    /// Whether there were more accounts than are remembered: then none may be called unused.
    pub fn overflowed(&self) -> bool {
        self.overflowed
    }
}

impl AccountUse {
    fn add(&mut self, pod: &str, time: Option<Timestamp>) {
        if let Some(last) = self.pods.get_mut(pod) {
            *last = (*last).max(time);
        } else if self.pods.len() < MOST_PODS {
            self.pods.insert(pod.into(), time);
        } else {
            self.more_pods = true;
        }
    }
}
