//! Where signals become findings, in the order of the stream: what a signal means can depend on what came before.

use std::collections::{BTreeMap, HashMap, VecDeque};

use jiff::Timestamp;

use crate::{
    finding::{DecoyRef, Finding},
    tripwire::{Duty, PodName, Signal, Suppressed},
};

/// How many pods are remembered as holding a decoy's credential. The oldest are forgotten first; pods that the
/// inventory declares need no memory.
const MAX_PODS: usize = 4096;
/// How many kinds of suppressed touches are listed apart; what comes after is counted under its reason alone.
const MAX_SUPPRESSED: usize = 4096;

/// A touch by duty as it is listed: which duty, in which cluster, of which decoy, by whom.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SuppressedKey {
    /// The duty.
    pub reason: Duty,
    /// The cluster.
    pub cluster: String,
    /// `NAMESPACE/ACCOUNT`, or the rule where it is about none.
    pub decoy: String,
    /// The user.
    pub user: String,
    /// The peer.
    pub peer: String,
}

/// How often, and from when to when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuppressedCount {
    /// How often.
    pub count: u64,
    /// The first time.
    pub first: Timestamp,
    /// The latest time.
    pub last: Timestamp,
}

/// What comes out of the desk.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// To be told.
    Finding(Finding),
    /// A 401, which joins an incident that names its peer and is nothing otherwise.
    Unauthorized(Finding),
}

/// Decides signals in order.
#[derive(Debug, Default)]
pub struct Desk {
    pods: HashMap<PodName, DecoyRef>,
    order: VecDeque<PodName>,
    suppressed: BTreeMap<SuppressedKey, SuppressedCount>,
}

impl Desk {
    /// Decides one signal.
    pub fn decide(&mut self, signal: Signal) -> Option<Outcome> {
        match signal {
            Signal::Finding(finding) => Some(Outcome::Finding(finding)),
            Signal::Unauthorized(finding) => Some(Outcome::Unauthorized(finding)),
            Signal::Suppressed(suppressed) => {
                self.count(suppressed);
                None
            }
            Signal::DecoyPod(pod, decoy) => {
                self.remember(pod, decoy);
                None
            }
            Signal::Entered(pod, finding, otherwise) => match self.pods.get(&pod) {
                Some(decoy) => Some(Outcome::Finding(entered(finding, decoy))),
                None => otherwise.and_then(|signal| self.decide(*signal)),
            },
        }
    }

    /// Counts a finding as a touch by duty.
    pub fn suppress(&mut self, reason: Duty, finding: Finding) {
        self.count(Suppressed { reason, finding });
    }

    /// Takes what was suppressed since the last call.
    pub fn take_suppressed(&mut self) -> BTreeMap<SuppressedKey, SuppressedCount> {
        std::mem::take(&mut self.suppressed)
    }

    fn remember(&mut self, pod: PodName, decoy: DecoyRef) {
        if self.pods.insert(pod.clone(), decoy).is_none() {
            self.order.push_back(pod);
        }
        if self.order.len() > MAX_PODS
            && let Some(oldest) = self.order.pop_front()
        {
            self.pods.remove(&oldest);
        }
    }

    fn count(&mut self, suppressed: Suppressed) {
        let Suppressed { reason, finding } = suppressed;
        let full = self.suppressed.len() >= MAX_SUPPRESSED;
        let or_none = |text: Option<String>| text.filter(|_| !full).unwrap_or_default();
        let key = SuppressedKey {
            reason,
            cluster: finding.cluster,
            decoy: or_none(finding.decoy.map(|d| d.name).or(Some(finding.rule))),
            user: or_none(finding.actor.user),
            peer: or_none(finding.actor.ip),
        };
        let fresh = SuppressedCount { count: 0, first: finding.time, last: finding.time };
        let entry = self.suppressed.entry(key).or_insert(fresh);
        entry.count += 1;
        entry.first = entry.first.min(finding.time);
        entry.last = entry.last.max(finding.time);
    }
}

fn entered(mut finding: Finding, decoy: &DecoyRef) -> Finding {
    finding.title = crate::tripwire::rules::POD_ENTERED.title.replace("{decoy}", &decoy.name);
    finding.decoy = Some(decoy.clone());
    finding
}
