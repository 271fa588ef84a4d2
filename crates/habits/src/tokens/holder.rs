//! What is known of one token: where it was used from, how long, and what was told of it.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::{
    clock::{DAY, Span, within},
    id::Address,
};

/// How many addresses of one token are remembered; past this the one that was silent longest is forgotten.
pub(super) const MOST_USES: usize = 6;
/// How much is told of one token a day. Who changes addresses all the time is found by the first of them.
const MOST_TOLD: u8 = 4;

/// The use of a token from one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Use {
    pub(super) address: Address,
    pub(super) span: Span,
    pub(super) count: u32,
    /// When it was last told of, 0 if never.
    pub(super) told: u32,
    /// Whether the token had not been used from any address of this family before.
    pub(super) home: bool,
}

impl Use {
    /// How long and how often: the longer of two pasts is more likely the pod's.
    pub(super) fn past(&self) -> (u32, u32) {
        (self.span.length(), self.count)
    }
}

/// Why a pod is taken to be gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum GoneBy {
    /// Its kubelet deleted it, which it does when no container of it runs any more.
    Kubelet,
    /// It was deleted without waiting for its containers.
    Force,
    /// Another pod has its name.
    Successor,
}

impl GoneBy {
    /// How many seconds after it a use of the token is no surprise yet.
    fn patience(self) -> u32 {
        match self {
            // Nothing of the pod is left to use it: no more than clocks of several API servers can differ.
            Self::Kubelet => 5,
            // Its containers may run on, and the API server takes a token that it knows for another 10 s
            // (TokenSuccessCacheTTL), where a finalizer keeps the pod for 60 s before that
            // (pkg/serviceaccount/claims.go, DefaultLeeway).
            Self::Force => 90,
            Self::Successor => 30,
        }
    }
}

/// When the use of a credential changed from one network to another, in one family.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Turns {
    /// The address of the last use.
    pub(super) last: Option<Address>,
    /// The last three changes, oldest first; 0 for those that there were not.
    pub(super) times: [u32; 3],
}

/// What is known of one token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Holder {
    pub(super) uses: SmallVec<[Use; 1]>,
    /// The first use from anywhere.
    pub(super) first: u32,
    /// Hash of namespace and name of the pod; 0 for other credentials.
    pub(super) pod: u64,
    /// Hash of the pod's node; 0 where the token does not say.
    pub(super) node: u64,
    /// Since when the pod is gone, 0 if it is not.
    pub(super) gone: u32,
    pub(super) gone_by: GoneBy,
    /// When a use after that was last told, 0 if never.
    pub(super) gone_told: u32,
    /// How much was told since `told_since`.
    pub(super) told: u8,
    pub(super) told_since: u32,
    /// IPv4's and IPv6's, for credentials that are bound to no pod and were used from several networks.
    pub(super) turns: Option<Box<[Turns; 2]>>,
    /// Nothing is open: a use from the same address, soon, needs no look.
    pub(super) settled: bool,
}

impl Holder {
    /// Not used yet.
    pub(super) fn new(at: u32) -> Self {
        Self {
            uses: SmallVec::new(),
            first: at,
            pod: 0,
            node: 0,
            gone: 0,
            gone_by: GoneBy::Kubelet,
            gone_told: 0,
            told: 0,
            told_since: 0,
            turns: None,
            settled: false,
        }
    }

    /// The last use from anywhere.
    pub(super) fn last(&self) -> u32 {
        self.uses.iter().map(|one| one.span.last).max().unwrap_or(self.first)
    }

    /// Counts a use from `address`. Where in `uses` it stands, whether that is new, and whether another was forgotten
    /// for it.
    pub(super) fn take(&mut self, address: Address, at: u32) -> (usize, bool, bool) {
        self.first = self.first.min(at);
        if let Some(known) = self.uses.iter().position(|one| one.address == address) {
            let one = &mut self.uses[known];
            one.span.extend(at);
            one.count = one.count.saturating_add(1);
            return (known, false, false);
        }
        let home = !self.uses.iter().any(|one| one.address.is_v4() == address.is_v4());
        let new = Use { address, span: Span::at(at), count: 1, told: 0, home };
        if self.uses.len() < MOST_USES {
            self.uses.push(new);
            return (self.uses.len() - 1, true, false);
        }
        // What has the longest past is what the others are held against.
        let keep = self.longest(|_| true);
        let others = (0..self.uses.len()).filter(|one| Some(*one) != keep);
        let oldest = others.min_by_key(|one| self.uses[*one].span.last).unwrap_or(0);
        self.uses[oldest] = new;
        (oldest, true, true)
    }

    /// Where the use with the longest past stands, of those that count; of equal ones the first.
    pub(super) fn longest(&self, counts: impl Fn(usize) -> bool) -> Option<usize> {
        (0..self.uses.len()).rev().filter(|one| counts(*one)).max_by_key(|one| self.uses[*one].past())
    }

    /// Whether something may still be told of it today; if so it is counted.
    pub(super) fn may_tell(&mut self, at: u32) -> bool {
        if !within(self.told_since, at, DAY) {
            (self.told_since, self.told) = (at, 0);
        }
        let may = self.told < MOST_TOLD;
        self.told += u8::from(may);
        may
    }

    /// The pod is gone since `at`, unless it was before that.
    pub(super) fn is_gone(&mut self, at: u32, by: GoneBy) -> bool {
        let earlier = self.gone == 0 || at < self.gone;
        if earlier {
            (self.gone, self.gone_by, self.settled) = (at, by, false);
        }
        earlier
    }

    /// How many seconds after the pod's end a use at `at` is, if that is too late.
    pub(super) fn too_late(&self, at: u32) -> Option<u32> {
        let late = self.gone != 0 && at > self.gone.saturating_add(self.gone_by.patience());
        late.then(|| at - self.gone)
    }
}
