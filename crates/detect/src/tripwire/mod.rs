//! The tripwire: a decoy was touched. Every row of its table is an exact comparison of structured fields.
//!
//! It has no state: what it says of an event follows from the event and the inventory alone. Where an answer needs
//! what came before (a pod that was seen to take a decoy's Secret, a peer that an incident already names) it gives a
//! [`Signal`] that [`crate::desk::Desk`] decides in order.

mod body;
#[cfg(test)]
mod cost;
mod duty;
mod entry;
mod index;
mod lenient;
mod patch;
mod refusal;
mod rows;
mod table;

use std::collections::HashMap;

use sundew_audit::{Event, Reject, skim::Names};
use sundew_decoy::Inventory;

use self::index::Index;
use crate::{
    finding::{DecoyRef, Detector, Finding, Severity},
    report,
};

/// The tripwire's rules: id, severity, techniques and the sentence for people.
pub mod rules {
    use crate::{finding::Severity, rule::Rule};

    macro_rules! rules {
        ($($(#[$doc:meta])* $name:ident = ($id:literal, $severity:ident, [$($attack:literal),*], $title:literal);)+) => {
            $($(#[$doc])* pub const $name: Rule = Rule {
                id: concat!("tripwire.", $id), severity: Severity::$severity, attack: &[$($attack),*], title: $title,
            };)+
            /// All of them.
            pub const ALL: &[Rule] = &[$($name),+];
        };
    }

    rules! {
        /// `user.username` is the decoy, or the credential is one of its.
        TOKEN_USED = ("token_used", Critical, ["T1528"], "The token of decoy {decoy} was used");
        /// `impersonatedUser.username` is the decoy.
        IMPERSONATED = ("impersonated", Critical, ["T1078"], "Decoy {decoy} was impersonated");
        /// A SubjectAccessReview or TokenReview about the decoy: a token of its was shown to another server.
        TOKEN_CHECKED = ("token_checked", Critical, ["T1528"], "The token of decoy {decoy} was presented to another server");
        /// `create serviceaccounts/token`.
        TOKEN_REQUESTED = ("token_requested", Critical, ["T1528"], "A token of decoy {decoy} was asked for");
        /// The same by a kubelet.
        RUNS_AS_DECOY = ("runs_as_decoy", Critical, ["T1528", "T1610"], "A node asked for a token of decoy {decoy}: a pod runs as it");
        /// A Secret that makes the token controller issue a long-lived token for the decoy.
        TOKEN_SECRET_MADE = ("token_secret_made", Critical, ["T1528", "T1098"], "A long-lived token of decoy {decoy} was made");
        /// A pod or workload whose account is the decoy.
        WORKLOAD_AS_DECOY = ("workload_as_decoy", Critical, ["T1610", "T1528"], "A workload that runs as decoy {decoy} was made");
        /// A pod or workload that mounts a decoy's Secret.
        SECRET_MOUNTED = ("secret_mounted", High, ["T1552.007", "T1610"], "A workload that takes the Secret of decoy {decoy} was made");
        /// exec, attach, port-forward or an ephemeral container.
        POD_ENTERED = ("pod_entered", Critical, ["T1609"], "Somebody entered the pod of decoy {decoy}");
        /// The API server wrote `legacy-token-last-used`.
        TOKEN_LAST_USED = ("token_last_used", Critical, ["T1528"], "The API server noted a use of the token of decoy {decoy}");
        /// The Secret, by name.
        SECRET_TOUCHED = ("secret_touched", High, ["T1552.007"], "The Secret of decoy {decoy} was touched");
        /// A binding that names the decoy.
        ROLE_BOUND = ("role_bound", High, ["T1098", "T1098.006"], "A role was bound to decoy {decoy}");
        /// The ServiceAccount itself.
        ACCOUNT_CHANGED = ("account_changed", High, ["T1098"], "The account of decoy {decoy} was changed");
        /// A 403 whose target is the decoy.
        IMPERSONATION_REFUSED = ("impersonation_refused", High, ["T1078"], "An impersonation of decoy {decoy} was refused");
        /// Any request into a namespace that is bait as a whole.
        BAIT_NAMESPACE = ("bait_namespace", High, ["T1613"], "A request went into bait namespace {decoy}");
        /// Input that is no event and names a decoy.
        UNREADABLE = ("unreadable", High, ["T1562.008"], "A line that could not be read names decoy {decoy}");
        /// A 401 from a peer that an open incident names; never told alone.
        UNAUTHORIZED = ("unauthorized", Low, ["T1078"], "The same peer presented a credential that was refused");
    }
}

/// What the tripwire says of one event.
#[derive(Debug, Clone, PartialEq)]
pub enum Signal {
    /// A decoy was touched.
    Finding(Finding),
    /// A decoy was touched by duty; counted, not told.
    Suppressed(Suppressed),
    /// A pod was made that holds a decoy's credential: entering it will be a touch.
    DecoyPod(PodName, DecoyRef),
    /// Somebody entered this pod of a namespace with decoys: a touch if it is known to hold a credential, and
    /// otherwise what the second signal says.
    Entered(PodName, Finding, Option<Box<Signal>>),
    /// A 401: it joins an incident that names its peer, and is nothing otherwise.
    Unauthorized(Finding),
}

/// Cluster, namespace and name of a pod.
pub type PodName = (String, String, String);

/// A touch by duty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppressed {
    /// Which duty.
    pub reason: Duty,
    /// What would have been told.
    pub finding: Finding,
}

/// Why a touch is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Duty {
    /// A kubelet read a Secret that a pod on its node mounts.
    KubeletMount,
    /// The token controller filled or looked after a Secret.
    TokenController,
    /// The garbage collector or the namespace controller cleaned up.
    CleanUp,
    /// A controller of Kubernetes did its work in a bait namespace.
    ClusterController,
    /// The controller of a decoy's declared workload made its pods.
    DeclaredWorkload,
    /// The inventory names this user as walking every namespace.
    Walker,
    /// The planter's own request while planting.
    Planting,
    /// Sundew's own look at a decoy's Secret, or its setting back of the label there.
    Upkeep,
    /// No duty: the configuration excepts it from a rule.
    Excepted,
    /// No duty: the rule was met too often within the hour.
    Throttled,
}

impl Duty {
    /// The stable word used in counters and output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::KubeletMount => "kubelet_mount",
            Self::TokenController => "token_controller",
            Self::CleanUp => "clean_up",
            Self::ClusterController => "cluster_controller",
            Self::DeclaredWorkload => "declared_workload",
            Self::Walker => "walker",
            Self::Planting => "planting",
            Self::Upkeep => "upkeep",
            Self::Excepted => "excepted",
            Self::Throttled => "throttled",
        }
    }
}

/// A row of the table that an event met.
struct Touch {
    rule: crate::rule::Rule,
    decoy: DecoyRef,
}

/// The detector. Cheap to share; made anew when the inventory changes.
#[derive(Debug, Clone)]
pub struct Tripwire {
    clusters: HashMap<String, Index>,
    names: Names,
}

/// Strings that make a line worth reading besides the names: they stand in events that the tripwire needs for what
/// came before or after.
const WATCHWORDS: [&str; 6] =
    ["Unauthorized", "exec", "attach", "portforward", "ephemeralcontainers", "proxy"];

impl Tripwire {
    /// A tripwire for the decoys of `inventory`.
    pub fn new(inventory: &Inventory) -> Self {
        let clusters = Index::by_cluster(inventory);
        let names = Names::new(clusters.values().flat_map(Index::strings).chain(WATCHWORDS));
        Self { clusters, names }
    }

    /// The strings that [`sundew_audit::skim`] must look for, so that no event that matters is passed over.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// How many decoys it knows.
    pub fn decoys(&self) -> usize {
        self.clusters.values().map(Index::len).sum()
    }

    /// The clusters that have a decoy `NAMESPACE/ACCOUNT`.
    pub fn clusters_with<'t>(&'t self, decoy: &'t str) -> impl Iterator<Item = &'t str> {
        let has = move |index: &Index| {
            decoy
                .split_once('/')
                .is_some_and(|(namespace, account)| index.account(namespace, account).is_some())
        };
        self.clusters.iter().filter(move |(_, index)| has(index)).map(|(cluster, _)| cluster.as_str())
    }

    /// Whether the decoy `NAMESPACE/ACCOUNT` of `cluster` is a tombstone: its use is a 401 that names nobody.
    pub fn is_tombstoned(&self, cluster: &str, decoy: &str) -> bool {
        let account = decoy.split_once('/').zip(self.clusters.get(cluster));
        account.is_some_and(|((namespace, name), index)| index.is_tombstoned(namespace, name))
    }

    /// What `event` of `cluster` means.
    pub fn judge(&self, cluster: &str, event: &Event<'_>) -> Vec<Signal> {
        let Some(index) = self.clusters.get(cluster) else { return Vec::new() };
        let touch = rows::touch(index, event);
        let certain = touch.as_ref().is_some_and(|t| t.rule != rules::BAIT_NAMESPACE);
        let entered = index.maybe_entered(event).filter(|_| !certain);
        let made =
            touch.as_ref().filter(|t| t.rule == rules::SECRET_MOUNTED || t.rule == rules::WORKLOAD_AS_DECOY);
        let holder = made.and_then(|t| Some(Signal::DecoyPod(index.pod_made(event)?, t.decoy.clone())));
        let mut signals = Vec::from_iter(holder);
        let told = touch.map(|touch| told_or_not(index, event, touch));
        if let Some(pod) = entered {
            let finding = report::finding(cluster, event, &entry::rule(event), DecoyRef::default());
            signals.push(Signal::Entered(pod, finding, told.map(Box::new)));
        } else if told.is_some() {
            signals.extend(told);
        } else if event.code() == Some(401) {
            let mut finding = report::finding(cluster, event, &rules::UNAUTHORIZED, DecoyRef::default());
            finding.decoy = None;
            signals.push(Signal::Unauthorized(finding));
        }
        signals
    }

    /// What input that is no event means: a finding of its own where it names a decoy. `partial` is what could be
    /// read of an event before the input broke off; where that already trips a wire, its words are used.
    pub fn judge_reject(
        &self,
        cluster: &str,
        reject: &Reject,
        raw: &[u8],
        partial: Option<&Event<'_>>,
        now: jiff::Timestamp,
    ) -> Option<Finding> {
        let index = self.clusters.get(cluster)?;
        let decoy = index.named_in(raw)?;
        let mut finding = match partial {
            Some(event) => report::finding(cluster, event, &rules::UNREADABLE, decoy),
            None => report::finding(cluster, &Event::default(), &rules::UNREADABLE, decoy),
        };
        if partial.and_then(Event::time).is_none() {
            finding.time = now;
        }
        if let Some(event) = partial
            && let Some(touch) = rows::touch(index, event)
            && duty::of(index, event, &touch).is_none()
        {
            finding = report::finding(cluster, event, &touch.rule, touch.decoy);
            if event.time().is_none() {
                finding.time = now;
            }
        }
        if finding.stage_time.is_empty() {
            // What tells a broken line read again from another one: nothing in it need be an event's.
            let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, raw);
            finding.stage_time = digest.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        }
        finding.title = format!("{} (the line is broken: {})", finding.title, reject.what);
        finding.severity = finding.severity.max(Severity::High);
        finding.detector = Detector::Tripwire;
        Some(finding)
    }
}

/// A touch is told, unless it is somebody's duty.
fn told_or_not(index: &Index, event: &Event<'_>, touch: Touch) -> Signal {
    let duty = duty::of(index, event, &touch);
    let finding = report::finding(index.cluster(), event, &touch.rule, touch.decoy);
    match duty {
        Some(reason) => Signal::Suppressed(Suppressed { reason, finding }),
        None => Signal::Finding(finding),
    }
}
