//! The proof: every request of the logs that was allowed, asked again of the cluster as it would be.

use std::hash::BuildHasher as _;

use hashbrown::{DefaultHashBuilder, HashMap};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sundew_audit::Event;
use sundew_posture::{
    rbac::{Allowed, Rbac},
    usage::{Demand, demands},
};

/// The most different requests whose answer is remembered; later ones are judged each time.
const MOST_KNOWN: usize = 1_000_000;
/// The most refused requests that are listed.
const MOST_LISTED: usize = 50;

/// Two clusters that each request is asked of.
#[derive(Debug)]
pub struct Proof<'p> {
    before: &'p Rbac<'p>,
    after: &'p Rbac<'p>,
    known: HashMap<u128, Verdict>,
    hashers: [DefaultHashBuilder; 2],
    proved: Proved,
}

/// What came of asking.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Proved {
    /// How many requests of the logs RBAC allows before and after.
    pub requests: u64,
    /// How many of them differ in who asked, what for, where, or for which name.
    pub different: u64,
    /// How many requests were allowed by something that is not known here: the Node authorizer, a webhook, paths that
    /// are open to anybody, or roles and bindings that are no longer there. The plan does not change that.
    pub by_others: u64,
    /// How many of those were allowed by a binding that the cluster no longer has, as the logs say.
    pub by_gone_bindings: u64,
    /// Requests that would be refused after the plan, up to a bound. A plan with any is not offered.
    pub refused: Vec<Refused>,
    /// How many requests would be.
    pub would_be_refused: u64,
}

/// A request that would be refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Refused {
    /// Who asked.
    pub user: String,
    /// What for.
    pub request: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Same,
    ByOthers,
    Refused,
}

impl<'p> Proof<'p> {
    /// Asks of the cluster as it is and as it would be.
    pub fn new(before: &'p Rbac<'p>, after: &'p Rbac<'p>) -> Self {
        let hashers = [DefaultHashBuilder::default(), DefaultHashBuilder::default()];
        Self { before, after, known: HashMap::new(), hashers, proved: Proved::default() }
    }

    /// Takes one event.
    pub fn record(&mut self, event: &Event<'_>) {
        // The end of a request that takes long is told in a second event, its begin only while it runs.
        let counts = u64::from(event.stage != "ResponseStarted");
        for demand in demands(event) {
            let key = self.key(&demand);
            let known = self.known.get(&key).copied();
            let verdict = known.unwrap_or_else(|| self.judge(&demand));
            if known.is_none() {
                self.proved.different += u64::from(verdict == Verdict::Same);
                if self.known.len() < MOST_KNOWN {
                    self.known.insert(key, verdict);
                }
            }
            let counts = if demand.is_main { counts } else { 0 };
            match verdict {
                Verdict::Same => self.proved.requests += counts,
                Verdict::ByOthers => {
                    self.proved.by_others += counts;
                    self.proved.by_gone_bindings += counts * u64::from(names_binding(event));
                }
                Verdict::Refused => {
                    self.proved.would_be_refused += 1;
                    self.list(&demand);
                }
            }
        }
    }

    /// Of what a request is: two hashes, which no two requests of a log share.
    fn key(&self, demand: &Demand<'_, '_>) -> u128 {
        let (who, request) = (demand.user.identity(), demand.request());
        let [a, b] = self.hashers.each_ref().map(|hasher| hasher.hash_one((&who, request)));
        u128::from(a) << 64 | u128::from(b)
    }

    fn judge(&self, demand: &Demand<'_, '_>) -> Verdict {
        let (who, request) = (demand.user.identity(), demand.request());
        if self.before.can(&who, &request).is_none() {
            return Verdict::ByOthers;
        }
        if self.after.can(&who, &request).is_none() || demand.loses_implied(&who, self.before, self.after) {
            return Verdict::Refused;
        }
        Verdict::Same
    }

    fn list(&mut self, demand: &Demand<'_, '_>) {
        let refused =
            Refused { user: demand.user.name().into_owned(), request: demand.request().to_string() };
        let listed = &mut self.proved.refused;
        if listed.len() < MOST_LISTED && !listed.contains(&refused) {
            listed.push(refused);
        }
    }

    /// What came of it.
    pub fn finish(self) -> Proved {
        self.proved
    }
}

impl Proved {
    /// Whether every request would still be allowed.
    pub fn holds(&self) -> bool {
        self.would_be_refused == 0
    }
}

/// Whether the log says that a binding allowed it.
fn names_binding(event: &Event<'_>) -> bool {
    event
        .annotation("authorization.k8s.io/reason")
        .is_some_and(|reason| binding_of(&reason.decode()).is_some())
}

/// Kind, namespace and name of the binding that an event's `authorization.k8s.io/reason` names
/// (`plugin/pkg/auth/authorizer/rbac/rbac.go`, `ruleAccumulator`; `clusterRoleBindingDescriber`).
pub fn binding_of(reason: &str) -> Option<(&str, &str, &str)> {
    let rest = reason.strip_prefix("RBAC: allowed by ")?;
    let (kind, rest) = rest.split_once(" \"")?;
    let (path, _) = rest.split_once("\" of ")?;
    match kind {
        "ClusterRoleBinding" => Some((kind, "", path)),
        // Written as NAME/NAMESPACE.
        "RoleBinding" => path.rsplit_once('/').map(|(name, namespace)| (kind, namespace, name)),
        _ => None,
    }
}

/// Whether what allows a request is the binding that a reason names.
pub fn is_reason(allowed: &Allowed<'_>, reason: (&str, &str, &str)) -> bool {
    let Allowed::Rule { binding, .. } = allowed else { return false };
    (binding.kind(), &*binding.meta.namespace, &*binding.meta.name) == reason
}
