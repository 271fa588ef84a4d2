//! The nonces under which a cluster source looks at decoys' Secrets, so that its own requests are no alert.

use std::{
    collections::HashMap,
    fmt::Write as _,
    sync::{Arc, PoisonError, RwLock},
};

use jiff::{SignedDuration, Timestamp};
use sundew_bait::announce::Client;
use sundew_cluster::Agent;
use sundew_detect::{Purpose, Rehearsal};
use sundew_store::StoreError;

use crate::{clock::Clock, ledger::Ledger};

/// How long a nonce is used for new requests: one that is read in the audit log helps an intruder no longer.
const USED_FOR: SignedDuration = SignedDuration::from_mins(50);
/// How long before and after that it is good: the API server's clock may be another.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// The nonces in use, by decoy.
#[derive(Debug)]
pub(super) struct Nonces {
    ledger: Ledger,
    clock: Arc<dyn Clock>,
    current: RwLock<HashMap<String, Nonce>>,
}

#[derive(Clone)]
struct Nonce {
    text: String,
    since: Timestamp,
}

/// Leaves the nonce out, so that it is in no log.
impl std::fmt::Debug for Nonce {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Nonce").field("since", &self.since).finish_non_exhaustive()
    }
}

impl Nonces {
    pub(super) fn new(ledger: Ledger, clock: Arc<dyn Clock>) -> Self {
        Self { ledger, clock, current: RwLock::default() }
    }

    /// Announces a new nonce for each of `decoys` that has none, or an old one.
    pub(super) async fn renew(&self, decoys: &[String]) -> Result<(), StoreError> {
        let now = self.clock.now();
        // A clock that was set back makes all of them anew.
        let fresh =
            |nonce: &Nonce| (SignedDuration::ZERO..USED_FOR).contains(&now.duration_since(nonce.since));
        let mut made = Vec::new();
        {
            let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
            for decoy in decoys.iter().filter(|decoy| !current.get(*decoy).is_some_and(fresh)) {
                let Some(text) = random() else { continue };
                made.push((decoy.clone(), Nonce { text, since: now }));
            }
        }
        if made.is_empty() {
            return Ok(());
        }
        let announced: Vec<Rehearsal> = made.iter().map(|(decoy, nonce)| rehearsal(decoy, nonce)).collect();
        self.ledger
            .with(move |store| {
                for rehearsal in &announced {
                    store.add_rehearsal(rehearsal)?;
                }
                Ok(())
            })
            .await?;
        self.current.write().unwrap_or_else(PoisonError::into_inner).extend(made);
        Ok(())
    }

    /// The user agent for requests about `decoy`, as it is at the time of each.
    pub(super) fn agent(self: &Arc<Self>, decoy: &str) -> Agent {
        let (nonces, decoy) = (Arc::clone(self), decoy.to_owned());
        Arc::new(move || {
            let current = nonces.current.read().unwrap_or_else(PoisonError::into_inner);
            // Without one the request is told of: better than not to look.
            Client::Kubectl.agent(current.get(&decoy).map_or("", |nonce| nonce.text.as_str()))
        })
    }
}

fn rehearsal(decoy: &str, nonce: &Nonce) -> Rehearsal {
    let until = USED_FOR.saturating_add(SKEW);
    Rehearsal {
        nonce: nonce.text.clone(),
        purpose: Purpose::Upkeep,
        decoy: decoy.to_owned(),
        not_before: nonce.since.saturating_sub(SKEW).unwrap_or(nonce.since),
        not_after: nonce.since.saturating_add(until).unwrap_or(nonce.since),
        used: 0,
    }
}

/// 160 bits that nobody can guess, in hexadecimal as where kubectl has a commit. None where the system has none.
fn random() -> Option<String> {
    let mut bytes = [0; 20];
    aws_lc_rs::rand::fill(&mut bytes).ok()?;
    Some(bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    }))
}
