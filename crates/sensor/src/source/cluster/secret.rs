//! Looks after one decoy's Secret: tells of each use that its label shows, sets the label back, and tells when the
//! Secret is gone.

use std::sync::Arc;

use sundew_cluster::{Agent, Connection, ObjectKey, Reason, SecretNews, SecretSeen, watch_secret};
use sundew_detect::{Finding, label_changed, rule::Rule, sensor};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use super::{
    Shared,
    known::{Known, look},
    label_of,
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
    /// Since when its token is refused, and since which day by the label that says so.
    refused: Option<(Instant, String)>,
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
        Self { shared, connection, agent, watched, gone: None, refused: None, ours: String::new() }
    }

    /// Works until it is dropped.
    pub(super) async fn run(mut self) {
        let (tell, mut news) = mpsc::channel(NEWS);
        let Watched { namespace, secret, .. } = self.now();
        let watching =
            watch_secret(self.connection.clone(), Arc::clone(&self.agent), namespace, secret, tell);
        let asking = self.ask_for_right();
        tokio::pin!(watching, asking);
        let mut asked = false;
        loop {
            let (gone, refused) = (self.gone, self.refused.as_ref().map(|(since, _)| *since));
            tokio::select! {
                biased;
                Some(news) = news.recv() => self.take(news).await,
                () = watching.as_mut() => return,
                () = asking.as_mut(), if !asked => asked = true,
                () = self.lasted(gone), if gone.is_some() => {
                    self.gone = None;
                    self.tell_gone().await;
                }
                () = self.lasted(refused), if refused.is_some() => {
                    let day = self.refused.take().map(|(_, day)| day).unwrap_or_default();
                    self.tell_refused(&day).await;
                }
            }
        }
    }

    /// Waits until what began then has lasted for so long that it is no passing thing, and the inventory would say so
    /// if it were Sundew's own doing.
    async fn lasted(&self, since: Option<Instant>) {
        tokio::time::sleep_until(since.unwrap_or_else(Instant::now) + self.shared.patience.absence).await;
    }

    /// Says at the start where the label could not be set back, and not only once that is missed.
    fn ask_for_right(&self) -> impl Future<Output = ()> + use<> {
        let (shared, hand) = (Arc::clone(&self.shared), self.connection.hand(&(self.agent)()));
        let Watched { namespace, secret, .. } = self.now();
        async move {
            match hand.may("patch", "", "secrets", &namespace, &secret).await {
                Ok(true) => {}
                Ok(false) => {
                    shared.warn_of_labels(&format!("the account may not patch Secret {namespace}/{secret}"));
                }
                Err(why) => tracing::debug!("whether Secrets can be patched is not known: {why}"),
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
            SecretNews::Gone => {
                self.gone = self.gone.or_else(|| Some(Instant::now()));
                self.refused = None;
            }
            SecretNews::Seen(seen) => {
                self.gone = None;
                let since = self.refused.take().map_or_else(Instant::now, |(since, _)| since);
                self.refused = seen.invalid_since.clone().map(|day| (since, day));
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
        let resumed = !look.used && look.known.put_back.is_some();
        // Told over the connection before, perhaps, and written only if what comes after it is.
        if resumed && !self.shared.write_and_wait(&watched, look.known.clone(), Payload::Nothing).await {
            return;
        }
        self.set_back(&watched, look.known).await;
    }

    /// Sets the label back where that is to be done. The use that it showed is written by now.
    async fn set_back(&mut self, watched: &Watched, known: Known) {
        let name = label_of(&watched.key());
        let Some(back) = &known.put_back else { return self.shared.found(&name) };
        let key = ObjectKey {
            api_version: "v1".into(),
            kind: "Secret".into(),
            namespace: watched.namespace.clone(),
            name: watched.secret.clone(),
        };
        let hand = self.connection.hand(&(self.agent)());
        // Meanwhile this Secret is not looked at, so this is the one to say that it cannot be. Of other Secrets it says
        // nothing.
        let trouble = |why: &Reason| self.shared.sight().failed(&name, why);
        let outcome = put_back(&hand, &key, &known.uid, known.last_used.as_deref(), back, trouble).await;
        self.shared.found(&name);
        let last_used = match outcome {
            Outcome::Done(version) => {
                self.ours = version;
                back.to.clone()
            }
            Outcome::Moved => known.last_used.clone(),
            Outcome::Refused(error) => {
                self.shared.warn_of_labels(&error.to_string());
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
        let finding = self.finding(&watched, &sensor::rules::DECOY_GONE, &what);
        self.shared.write(&watched, Known { gone: true, ..known }, finding).await;
    }

    async fn tell_refused(&self, day: &str) {
        let watched = self.now();
        let known = self.shared.known(&watched.key()).await.unwrap_or_default();
        if watched.leaving || watched.tombstoned || known.refused {
            return;
        }
        let what = format!(
            "Secret {} of decoy {} has the label kubernetes.io/legacy-token-invalid-since ({day}), which the inventory does not account for. The API server refuses its token with 401, which names nobody in the audit log; see who did it (the cluster itself does so with tokens that nobody used for a year), and take the label off or plant the decoy anew",
            watched.key(),
            watched.decoy.name
        );
        let finding = self.finding(&watched, &sensor::rules::DECOY_CHANGED, &what);
        self.shared.write(&watched, Known { refused: true, ..known }, finding).await;
    }

    fn replaced(&self, watched: &Watched, old: &str, seen: &SecretSeen) -> Payload {
        let what = format!(
            "Secret {} of decoy {} was replaced by another of that name, made {} (uid {old} before, {} now). It is watched in its place; see who did it, and plant the decoy anew",
            watched.key(),
            watched.decoy.name,
            seen.created,
            seen.uid
        );
        self.finding(watched, &sensor::rules::DECOY_GONE, &what)
    }

    fn finding(&self, watched: &Watched, rule: &Rule, what: &str) -> Payload {
        let Shared { origin, clock, .. } = &*self.shared;
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
        // The server's clock, as in the audit events of the same use.
        let now = self.connection.now().unwrap_or_else(|| clock.now());
        let finding: Finding = label_changed(&origin.cluster, watched.decoy.clone(), place, now, &version);
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
