//! A drill: a decoy used for real, and how long each stage took until people were told.

mod await_alert;
mod token;

use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, Instant},
};

use serde::Serialize;
use sundew_cluster::Connection;
use sundew_decoy::{Decoy, Inventory, Placement, State};
use sundew_detect::Purpose;
use zeroize::Zeroizing;

use self::await_alert::{Alert, Awaited};
use crate::{
    BaitError,
    announce::{About, Client, announced, withdrawn},
};

/// How long a use stays announced: it is made at once, and the server may take a while to receive it.
const USE: Duration = Duration::from_secs(30);
/// How long reading the Secrets of one decoy may take.
const READING: Duration = Duration::from_secs(300);
/// The API server notes the use of a token again only this long after it last saw that token (its cache of tokens
/// lives 10 s). Where that note is all that tells of a use, the next one must wait for it.
const TOKEN_CACHE: Duration = Duration::from_secs(12);

/// What a drill needs.
pub struct Drill<'d> {
    /// The cluster.
    pub connection: &'d Connection,
    /// Its name in the inventory.
    pub cluster: &'d str,
    /// The decoys.
    pub inventory: &'d Inventory,
    /// The sensor's store.
    pub store: &'d Path,
    /// Only these decoys, `NAMESPACE/ACCOUNT`; all of the cluster where none is named.
    pub decoys: Vec<String>,
    /// Only these placements, by label; all where none is named.
    pub placements: Vec<String>,
    /// The clients that it pretends to be: each placement is used once with each.
    pub clients: Vec<Client>,
    /// The sinks that must be reached, by name.
    pub sinks: Vec<String>,
    /// How long each alert may take to arrive.
    pub patience: Duration,
}

/// One use.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Use {
    /// `NAMESPACE/ACCOUNT`.
    pub decoy: String,
    /// The placement's label.
    pub placement: String,
    /// The client; empty where the placement was not used at all.
    pub client: &'static str,
    /// The status of the API server's answer; 0 where none came.
    pub status: u16,
    /// The incident, once found.
    pub incident: Option<String>,
    /// Whether the alert names the placement.
    pub named: bool,
    /// Seconds from sending until each stage.
    pub seconds: Stages,
    /// Why this placement cannot be drilled from here; then nothing was sent.
    pub skipped: Option<String>,
    /// What went wrong, with what to look at next; none where everything arrived.
    pub problem: Option<String>,
}

/// Seconds from sending the request until each stage was reached; none for one that was not within the patience.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stages {
    /// The API server answered.
    pub answered: Option<f64>,
    /// The incident stood in the store.
    pub found: Option<f64>,
    /// Each sink, by name, had the alert.
    pub delivered: BTreeMap<String, Option<f64>>,
}

/// One copy of a credential, as it is drilled.
struct Target<'d> {
    decoy: &'d Decoy,
    placement: &'d Placement,
}

impl Drill<'_> {
    /// Runs it, one placement after the other, all clients of a placement one after the other.
    ///
    /// # Errors
    ///
    /// Where nothing could be tried at all. What did not arrive is in [`Use::problem`].
    pub async fn run(&self, progress: &mut dyn FnMut(&Use)) -> Result<Vec<Use>, BaitError> {
        let decoys = self.chosen()?;
        let mut uses = Vec::new();
        for (decoy, placements) in decoys {
            for (target, token) in self.tokens(decoy, placements).await? {
                match token {
                    Ok(token) => self.all_clients(&target, &token, &mut uses, progress).await?,
                    Err(obstacle) => {
                        let used = target.not_used(obstacle);
                        progress(&used);
                        uses.push(used);
                    }
                }
            }
        }
        Ok(uses)
    }

    /// Reads all tokens of a decoy, or says why one is not used.
    async fn tokens<'t>(
        &self,
        decoy: &'t Decoy,
        placements: Vec<&'t Placement>,
    ) -> Result<Vec<(Target<'t>, Result<Zeroizing<String>, Obstacle>)>, BaitError> {
        let (store, name) = (Some(self.store), decoy.name());
        let about = About::decoy(self.cluster, &name);
        let nonce = announced(self.connection, store, Purpose::Upkeep, about, READING).await?;
        let reader = self.connection.hand(&Client::Kubectl.agent(&nonce));
        let mut read = Vec::new();
        for placement in placements {
            let target = Target { decoy, placement };
            let token = match target.obstacle() {
                Some(obstacle) => Err(obstacle),
                None => token::read(&reader, decoy, placement).await.map_err(Obstacle::Problem),
            };
            read.push((target, token));
        }
        withdrawn(self.connection, store, &nonce).await;
        Ok(read)
    }

    async fn all_clients(
        &self,
        target: &Target<'_>,
        token: &Zeroizing<String>,
        uses: &mut Vec<Use>,
        progress: &mut dyn FnMut(&Use),
    ) -> Result<(), BaitError> {
        for (index, client) in self.clients.iter().enumerate() {
            let (used, by_note) = self.one(target, token, *client).await?;
            progress(&used);
            uses.push(used);
            if by_note && index + 1 < self.clients.len() {
                tokio::time::sleep(TOKEN_CACHE).await;
            }
        }
        Ok(())
    }

    /// Uses the token once. True beside it where only the API server's note told of it.
    async fn one(
        &self,
        target: &Target<'_>,
        token: &Zeroizing<String>,
        client: Client,
    ) -> Result<(Use, bool), BaitError> {
        let name = target.decoy.name();
        let about = About {
            cluster: self.cluster,
            decoy: &name,
            secret: target.placement.secret.as_deref(),
            patience: self.patience,
        };
        let nonce = announced(self.connection, Some(self.store), Purpose::Drill, about, USE).await?;
        let alert = Alert {
            store: self.store.to_owned(),
            decoy: name,
            placement: target.placement.label(),
            nonce: nonce.clone(),
            sinks: self.sinks.clone(),
        };
        let watch = alert.watch().await?;
        let hand = self.connection.hand(&client.agent(&nonce));
        // What an intruder asks first: what runs here.
        let path = format!("/api/v1/namespaces/{}/pods", target.decoy.namespace);
        let sent = Instant::now();
        let answer = hand.use_token(token, &path).await;
        let answered = sent.elapsed().as_secs_f64();
        let mut used = target.blank();
        used.client = client.name();
        used.seconds.delivered = self.sinks.iter().map(|sink| (sink.clone(), None)).collect();
        let status = match answer {
            Ok(status) => status,
            Err(error) => {
                used.problem = Some(format!("the use got no answer: {error}"));
                return Ok((used, false));
            }
        };
        used.status = status;
        used.seconds.answered = Some(answered);
        let awaited = watch.wait(sent, self.patience).await?;
        let by_note = awaited.by_note;
        target.told(&mut used, awaited);
        Ok((used, by_note))
    }

    /// The decoys and placements that were asked for.
    fn chosen(&self) -> Result<Vec<(&Decoy, Vec<&Placement>)>, BaitError> {
        let here: Vec<&Decoy> =
            self.inventory.decoys.iter().filter(|d| self.inventory.cluster_of(d) == self.cluster).collect();
        let names: Vec<String> = here.iter().map(|decoy| decoy.name()).collect();
        if let Some(unknown) = self.decoys.iter().find(|asked| !names.contains(asked)) {
            return Err(unknown_one("decoy", unknown, self.cluster, &names));
        }
        let wanted = |decoy: &&&Decoy| self.decoys.is_empty() || self.decoys.contains(&decoy.name());
        let chosen: Vec<&Decoy> = here.iter().filter(wanted).copied().collect();
        let labels: Vec<String> =
            chosen.iter().flat_map(|decoy| &decoy.placements).map(Placement::label).collect();
        if let Some(unknown) = self.placements.iter().find(|asked| !labels.contains(asked)) {
            return Err(unknown_one("placement", unknown, self.cluster, &labels));
        }
        let of = |decoy: &Decoy| -> bool { decoy.placements.iter().any(|p| self.wants(p)) };
        let chosen: Vec<_> = chosen
            .into_iter()
            .filter(|decoy| of(decoy))
            .map(|decoy| (decoy, decoy.placements.iter().filter(|p| self.wants(p)).collect()))
            .collect();
        if chosen.is_empty() {
            return Err(BaitError::Wrong(format!(
                "no decoy of cluster `{}` has a placement that could be used; `sundew plant` makes one",
                self.cluster
            )));
        }
        Ok(chosen)
    }

    fn wants(&self, placement: &Placement) -> bool {
        self.placements.is_empty() || self.placements.contains(&placement.label())
    }
}

fn unknown_one(what: &str, asked: &str, cluster: &str, known: &[String]) -> BaitError {
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    BaitError::Wrong(format!("cluster `{cluster}` has no {what} `{asked}` in the inventory; it has {known}"))
}

/// Why a placement is not used.
enum Obstacle {
    /// It cannot be drilled from here, and nothing is wrong.
    Skipped(String),
    /// Something is wrong.
    Problem(String),
}

impl Target<'_> {
    /// What keeps this placement from being used before anything is asked.
    fn obstacle(&self) -> Option<Obstacle> {
        let name = self.decoy.name();
        match self.decoy.state {
            Some(State::Planting) => {
                return Some(Obstacle::Problem(format!(
                    "{name} is not planted whole; finish it with `sundew plant`, or take it away with `sundew remove {name}`"
                )));
            }
            Some(State::Removing) => {
                return Some(Obstacle::Skipped(format!(
                    "{name} is being removed; `sundew remove {name}` finishes that"
                )));
            }
            _ => {}
        }
        match &self.placement.secret {
            Some(_) => None,
            None => Some(Obstacle::Skipped(
                "its token is in no Secret, so only the one who holds that copy can use it".into(),
            )),
        }
    }

    fn blank(&self) -> Use {
        Use { decoy: self.decoy.name(), placement: self.placement.label(), ..Use::default() }
    }

    fn not_used(&self, obstacle: Obstacle) -> Use {
        let mut used = self.blank();
        match obstacle {
            Obstacle::Skipped(why) => used.skipped = Some(why),
            Obstacle::Problem(what) => used.problem = Some(what),
        }
        used
    }

    /// Writes down what was heard of a use, and what is wrong with it.
    fn told(&self, used: &mut Use, awaited: Awaited) {
        let tombstoned = self.decoy.state == Some(State::Tombstoned);
        used.problem = match (&awaited.incident, used.status) {
            (None, 401) if !tombstoned => Some(
                "the API server does not know this token any more (401), so its use names nobody: the Secret or the account was deleted or made anew; see `sundew status`"
                    .to_owned(),
            ),
            (None, 401) => Some(format!(
                "no alert: a tombstone's use is told by the note of it on the Secret alone. {}",
                awaited.unheard
            )),
            (None, _) => Some(format!("no alert: {}", awaited.unheard)),
            (Some(_), 401) if !tombstoned => Some(
                "it was told, but the API server refuses the token (401): somebody made it invalid; see `sundew status`"
                    .to_owned(),
            ),
            (Some(_), _) if !awaited.named => Some(
                "the alert does not name the placement: the API server gives it from 1.29 on, for a token of a Secret"
                    .to_owned(),
            ),
            (Some(_), _) => None,
        };
        used.problem = used.problem.take().or(awaited.undelivered);
        used.incident = awaited.incident;
        used.named = awaited.named;
        used.seconds.found = awaited.found;
        used.seconds.delivered = awaited.delivered;
    }
}
