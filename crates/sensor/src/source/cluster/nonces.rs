//! The nonces under which a cluster source looks at decoys' Secrets, so that its own requests are no alert.

use std::{
    collections::HashMap,
    fmt::Write as _,
    sync::{Arc, PoisonError, RwLock},
};

use jiff::{SignedDuration, Timestamp};
use sundew_bait::announce::Client;
use sundew_cluster::Agent;
use sundew_detect::{Purpose, Rehearsal, Seen};
use sundew_store::StoreError;

use crate::{clock::Clock, ledger::Ledger};

/// How long a nonce is used for new requests: one that is read in the audit log helps an intruder no longer.
const USED_FOR: SignedDuration = SignedDuration::from_mins(50);
/// How long before and after that it is good, by each clock: that of one API server may be another than the next one's.
const SKEW: SignedDuration = SignedDuration::from_mins(5);
/// How much the difference between the server's clock and this one's may change under one nonce.
const DRIFT: SignedDuration = SignedDuration::from_mins(1);

/// The nonces in use, by decoy.
#[derive(Debug)]
pub(super) struct Nonces {
    ledger: Ledger,
    clock: Arc<dyn Clock>,
    /// Whose decoys these are.
    cluster: String,
    current: RwLock<HashMap<String, Nonce>>,
}

#[derive(Clone)]
struct Nonce {
    text: String,
    /// By the sensor's clock.
    since: Timestamp,
    /// How far the server's clock was ahead of it.
    ahead: SignedDuration,
}

/// Leaves the nonce out, so that it is in no log.
impl std::fmt::Debug for Nonce {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Nonce").field("since", &self.since).finish_non_exhaustive()
    }
}

impl Nonces {
    pub(super) fn new(ledger: Ledger, clock: Arc<dyn Clock>, cluster: &str) -> Self {
        Self { ledger, clock, cluster: cluster.to_owned(), current: RwLock::default() }
    }

    /// Announces a new nonce for each of `decoys` that has none, or an old one. `server` is what the API server's clock
    /// shows, where that is known: events have its time.
    pub(super) async fn renew(&self, decoys: &[String], server: Option<Timestamp>) -> Result<(), StoreError> {
        let now = self.clock.now();
        let ahead = server.map_or(SignedDuration::ZERO, |server| server.duration_since(now));
        // A clock that was set makes all of them anew.
        let fresh = |nonce: &Nonce| {
            let drifted = ahead.checked_sub(nonce.ahead).is_none_or(|drift| drift.abs() > DRIFT);
            !drifted && (SignedDuration::ZERO..USED_FOR).contains(&now.duration_since(nonce.since))
        };
        let mut made = Vec::new();
        {
            let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
            for decoy in decoys.iter().filter(|decoy| !current.get(*decoy).is_some_and(fresh)) {
                let Some(text) = random() else { continue };
                made.push((decoy.clone(), Nonce { text, since: now, ahead }));
            }
        }
        if made.is_empty() {
            return Ok(());
        }
        let announced: Vec<Rehearsal> =
            made.iter().map(|(decoy, nonce)| rehearsal(&self.cluster, decoy, nonce)).collect();
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

fn rehearsal(cluster: &str, decoy: &str, nonce: &Nonce) -> Rehearsal {
    let Nonce { since, ahead, .. } = *nonce;
    let server = since.saturating_add(ahead).unwrap_or(since);
    let until = USED_FOR.saturating_add(SKEW);
    Rehearsal {
        nonce: nonce.text.clone(),
        purpose: Purpose::Upkeep,
        cluster: cluster.to_owned(),
        decoy: decoy.to_owned(),
        secret: None,
        not_before: since.min(server).saturating_sub(SKEW).unwrap_or(since),
        not_after: since.max(server).saturating_add(until).unwrap_or(since),
        awaited: None,
        used: 0,
        seen: Seen::default(),
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

#[cfg(test)]
mod tests {
    use sundew_store::Store;

    use super::*;
    use crate::clock::SystemClock;

    const HOUR: SignedDuration = SignedDuration::from_hours(1);

    fn nonces() -> (Arc<Nonces>, Ledger) {
        let ledger = Ledger::new(Store::in_memory().unwrap());
        (Arc::new(Nonces::new(ledger.clone(), Arc::new(SystemClock), "prod")), ledger)
    }

    async fn renewed(nonces: &Arc<Nonces>, ahead: Option<SignedDuration>) -> String {
        let server = ahead.map(|ahead| Timestamp::now() + ahead);
        nonces.renew(&["shop/deployer".to_owned()], server).await.unwrap();
        (nonces.agent("shop/deployer"))()
    }

    #[tokio::test]
    async fn a_look_is_announced_by_the_servers_clock_and_by_ours_however_far_apart_they_are() {
        for ahead in [HOUR, -HOUR, SignedDuration::ZERO] {
            let (nonces, ledger) = nonces();
            let agent = renewed(&nonces, Some(ahead)).await;
            for clock in [SignedDuration::ZERO, ahead] {
                for minutes in [-4, 0, 30, 54] {
                    let then = Timestamp::now() + clock + SignedDuration::from_mins(minutes);
                    let announced = ledger.lock().rehearsals(then).unwrap();
                    let [upkeep] = announced.as_slice() else { panic!("{announced:?}") };
                    assert!(agent.contains(&upkeep.nonce) && upkeep.cluster == "prod", "{clock} {minutes}");
                }
            }
        }
    }

    #[tokio::test]
    async fn a_nonce_is_used_on_while_the_clocks_keep_their_distance_and_renewed_when_one_is_set() {
        let (nonces, _) = nonces();
        let first = renewed(&nonces, Some(HOUR)).await;
        assert_eq!(renewed(&nonces, Some(HOUR + SignedDuration::from_secs(10))).await, first);
        let second = renewed(&nonces, Some(HOUR * 2)).await;
        assert_ne!(second, first);
        assert_eq!(renewed(&nonces, Some(HOUR * 2)).await, second);
        assert_ne!(renewed(&nonces, Some(SignedDuration::ZERO)).await, second);
    }
}
