//! Looks after one decoy's Secret: tells of each use that its label shows, sets the label back, and tells when the
//! Secret is gone.

use std::sync::{Arc, atomic::Ordering};

use sundew_cluster::{Agent, Connection, ObjectKey, Reason, SecretNews, SecretSeen, watch_secret};
use sundew_detect::{Finding, label_changed, sensor};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use super::{
    Shared,
    known::{Known, look},
    put_back::{Outcome, put_back},
    watched::Watched,
};
use crate::intake::Payload;

/// How many changes of a Secret may wait: few people change one.
const NEWS: usize = 8;

/// The one who looks after a Secret.
pub(super) struct Keeper {
    shared: Arc<Shared>,
    connection: Connection,
    agent: Agent,
    /// As the inventory lists it now.
    watched: watch::Receiver<Watched>,
    /// Since when it is not there.
    gone: Option<Instant>,
    /// The version in which the label was set back: what comes from before it is no news.
    ours: String,
}

impl Keeper {
    pub(super) fn new(
        shared: Arc<Shared>,
        connection: Connection,
        agent: Agent,
        watched: watch::Receiver<Watched>,
    ) -> Self {
        Self { shared, connection, agent, watched, gone: None, ours: String::new() }
    }

    /// Works until it is dropped.
    pub(super) async fn run(mut self) {
        let (tell, mut news) = mpsc::channel(NEWS);
        let Watched { namespace, secret, .. } = self.now();
        let watching =
            watch_secret(self.connection.clone(), Arc::clone(&self.agent), namespace, secret, tell);
        tokio::pin!(watching);
        loop {
            let absence = self.shared.patience.absence;
            let gone = self.gone;
            tokio::select! {
                biased;
                Some(news) = news.recv() => self.take(news).await,
                () = watching.as_mut() => return,
                () = tokio::time::sleep_until(gone.unwrap_or_else(Instant::now) + absence), if gone.is_some() => {
                    self.gone = None;
                    self.tell_gone().await;
                }
            }
        }
    }

    fn now(&self) -> Watched {
        self.watched.borrow().clone()
    }

    async fn take(&mut self, news: SecretNews) {
        let name = format!("Secret {}", self.now().key());
        match news {
            SecretNews::Trouble(reason) => {
                tracing::warn!(source = self.shared.origin.source, "{name} cannot be watched: {reason}");
                self.shared.sight().lost(&name, &reason);
            }
            SecretNews::Watching => self.shared.found(&name),
            // It may come back, or the inventory may be about to say that it was taken away.
            SecretNews::Gone => self.gone = self.gone.or_else(|| Some(Instant::now())),
            SecretNews::Seen(seen) => {
                self.gone = None;
                self.seen(&seen).await;
            }
        }
    }

    async fn seen(&mut self, seen: &SecretSeen) {
        if is_before(&seen.resource_version, &self.ours) {
            return;
        }
        let watched = self.now();
        let before = self.shared.known(&watched.key()).await;
        let look = look(before.as_ref(), seen, &watched);
        if let Some(old) = &look.replaced {
            // Whether its token was used is told apart, and not lost should this be all that is written.
            let known = Known { uid: seen.uid.clone(), ..Known::default() };
            self.shared.write(&watched, known, self.replaced(&watched, old, seen)).await;
        }
        if look.used {
            let used = self.used(&watched, seen);
            if !self.shared.write_and_wait(&watched, look.known.clone(), used).await {
                return;
            }
        } else if before.as_ref() != Some(&look.known) {
            self.shared.write(&watched, look.known.clone(), Payload::Nothing).await;
        }
        self.set_back(&watched, look.known).await;
    }

    /// Sets the label back where that is to be done. The use that it showed is written by now.
    async fn set_back(&mut self, watched: &Watched, known: Known) {
        let Some(back) = &known.put_back else { return };
        let key = ObjectKey {
            api_version: "v1".into(),
            kind: "Secret".into(),
            namespace: watched.namespace.clone(),
            name: watched.secret.clone(),
        };
        let hand = self.connection.hand(&(self.agent)());
        let name = format!("the label of Secret {}", watched.key());
        // Meanwhile the Secret is not looked at, so this is the one to say that the server is away.
        let trouble = |why: &Reason| self.shared.sight().lost(&name, why);
        let outcome = put_back(&hand, &key, &known.uid, known.last_used.as_deref(), back, trouble).await;
        self.shared.found(&name);
        let last_used = match outcome {
            Outcome::Done(version) => {
                self.ours = version;
                back.to.clone()
            }
            Outcome::Moved => known.last_used.clone(),
            Outcome::Refused(error) => {
                if !self.shared.warned.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        source = self.shared.origin.source,
                        "{error}: the label that shows the use of a decoy's token cannot be set back, so a second use on the same day will not be noticed by it; give the sensor's account `patch` on the decoys' Secrets"
                    );
                }
                known.last_used.clone()
            }
        };
        let known = Known { last_used, put_back: None, ..known };
        self.shared.write(watched, known, Payload::Nothing).await;
    }

    async fn tell_gone(&self) {
        let watched = self.now();
        let known = self.shared.known(&watched.key()).await.unwrap_or_default();
        if watched.leaving || known.gone {
            return;
        }
        let what = format!(
            "Secret {} of decoy {} is not there (any more). The use of a copy of its token is now a 401 that names nobody; plant the decoy anew, or take it out of the inventory",
            watched.key(),
            watched.decoy.name
        );
        let finding = self.finding(&watched, &what);
        self.shared.write(&watched, Known { gone: true, ..known }, finding).await;
    }

    fn replaced(&self, watched: &Watched, old: &str, seen: &SecretSeen) -> Payload {
        let what = format!(
            "Secret {} of decoy {} was replaced by another of that name, made {} (uid {old} before, {} now). It is watched in its place; see who did it, and plant the decoy anew",
            watched.key(),
            watched.decoy.name,
            seen.created,
            seen.uid
        );
        self.finding(watched, &what)
    }

    fn finding(&self, watched: &Watched, what: &str) -> Payload {
        let Shared { origin, clock, .. } = &*self.shared;
        let rule = &sensor::rules::DECOY_GONE;
        let decoy = Some(watched.decoy.clone());
        Payload::Finding(Box::new(sensor::finding(
            &origin.cluster,
            &origin.source,
            rule,
            what,
            decoy,
            clock.now(),
        )))
    }

    fn used(&self, watched: &Watched, seen: &SecretSeen) -> Payload {
        let Shared { origin, clock, .. } = &*self.shared;
        let place = [watched.namespace.as_str(), watched.secret.as_str()];
        let version = format!("{} {}", seen.uid, seen.resource_version);
        let finding: Finding =
            label_changed(&origin.cluster, watched.decoy.clone(), place, clock.now(), &version);
        Payload::Finding(Box::new(finding))
    }
}

/// Whether a version is from before another. Versions of one object count up
/// (<https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions>); of what is no number nothing is
/// known.
fn is_before(version: &str, other: &str) -> bool {
    let number = |text: &str| text.parse::<u64>().ok();
    number(version).zip(number(other)).is_some_and(|(version, other)| version < other)
}
