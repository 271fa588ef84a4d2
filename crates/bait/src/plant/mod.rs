//! Planting: makes what a plan says, one object after the other, and takes all of it back where a step fails.

mod growing;
mod likeness;
mod making;
mod render;
pub(crate) mod steady;
pub(crate) mod takeback;
mod token;
mod tryout;

use std::{fmt, path::Path, time::Duration};

use sundew_cluster::{Connection, ObjectKey};
use sundew_decoy::{Decoy, Object, State, plan::Plan};
use sundew_detect::Purpose;

pub use render::{render, render_entry};

use crate::{
    BaitError,
    announce::{About, Client, announced, withdrawn},
    file::InventoryFile,
};
use making::Making;
use steady::Steady;

/// The shortest time between two objects that is usual: times of creation are in whole seconds, and no two objects
/// should have the same one.
pub const SPACING: Duration = Duration::from_millis(1100);

/// How long a Secret may take to be filled, and a server that is away to come back, if nothing else is said.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// What planting needs.
pub struct Planting<'p> {
    /// The cluster.
    pub connection: &'p Connection,
    /// What is made.
    pub plan: &'p Plan,
    /// The sensor's store, so that what is done here is no alert.
    pub store: Option<&'p Path>,
    /// The shortest time between two objects: several made in one second give bait away. Up to half of it is added,
    /// another part each time.
    pub spacing: Duration,
    /// How long a Secret may take to be filled, and a server that is away to come back.
    pub patience: Duration,
    /// Told of each thing that is done, in a short sentence.
    pub progress: &'p mut dyn FnMut(&str),
}

/// What was made.
#[derive(Clone)]
pub struct Planted {
    /// As the inventory lists it.
    pub decoy: Decoy,
    /// The kubeconfigs that leave the cluster: the placement's name, and the file's text, which holds its token.
    pub outside: Vec<(String, String)>,
    /// What verifying found, in sentences: each Secret filled, each token answered as it should be.
    pub verified: Vec<String>,
}

/// Leaves the kubeconfigs out: they hold tokens.
impl fmt::Debug for Planted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outside: Vec<&str> = self.outside.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Planted")
            .field("decoy", &self.decoy)
            .field("outside", &outside)
            .field("verified", &self.verified)
            .finish()
    }
}

impl Planting<'_> {
    /// Asks the server whether it would take every object, and makes none (server-side dry run). What depends on an
    /// object that is not there yet can only be tried when that one is made: that is said, and no error.
    ///
    /// # Errors
    ///
    /// Names the first object that it would not take.
    pub async fn try_out(&mut self) -> Result<(), BaitError> {
        // Which cluster this is, the plan does not say; the nonce alone tells.
        let (hand, nonce) = self.hand(self.plan.decoy.cluster.as_deref().unwrap_or_default()).await?;
        let tried = tryout::all(&hand, self.plan, self.progress).await;
        withdrawn(self.connection, self.store, &nonce).await;
        tried
    }

    /// Plants: writes the decoy into `inventory` as being planted, makes one object after the other, waits for the
    /// tokens, verifies them, and writes it as planted. What an earlier run of the same decoy left behind when it was
    /// interrupted is taken back first.
    ///
    /// Where this is dropped before it ends, the inventory says what was made, for the next run.
    ///
    /// # Errors
    ///
    /// Everything made so far has been taken back, and the inventory is as it was; or the error says what is left.
    pub async fn plant(&mut self, inventory: &mut InventoryFile) -> Result<Planted, BaitError> {
        let mut decoy = self.plan.decoy.clone();
        decoy.cluster = match decoy.cluster.take() {
            Some(cluster) => (cluster != inventory.inventory().cluster).then_some(cluster),
            None => inventory.cluster(),
        };
        let (hand, nonce) = self.hand(inventory.inventory().cluster_of(&decoy)).await?;
        let planted = self.make_all(&hand, inventory, decoy).await;
        withdrawn(self.connection, self.store, &nonce).await;
        planted
    }

    async fn make_all(
        &mut self,
        hand: &Steady,
        inventory: &mut InventoryFile,
        decoy: Decoy,
    ) -> Result<Planted, BaitError> {
        self.clear_the_way(hand, inventory, &decoy).await?;
        let mut making = Making::begin(self, hand, inventory, decoy)?;
        match making.all().await {
            Ok(planted) => Ok(planted),
            Err(why) => Err(making.undo(why).await),
        }
    }

    /// A hand whose requests are announced, and the nonce that they show.
    async fn hand(&self, cluster: &str) -> Result<(Steady, String), BaitError> {
        let objects = u32::try_from(self.plan.objects.len()).unwrap_or(u32::MAX);
        // More than it takes, and no more than an hour, however patient.
        let time = self.spacing.saturating_mul(2).saturating_mul(objects);
        let time = time.saturating_add(self.patience.saturating_mul(4)) + Duration::from_secs(60);
        let time = time.min(Duration::from_secs(3600));
        let decoy = self.plan.decoy.name();
        let about = About::decoy(cluster, &decoy);
        let nonce = announced(self.connection, self.store, Purpose::Planting, about, time).await?;
        Ok((Steady::new(self.connection.hand(&Client::Kubectl.agent(&nonce)), self.patience), nonce))
    }

    /// Takes back what an interrupted run has made of the same decoy.
    async fn clear_the_way(
        &mut self,
        hand: &Steady,
        inventory: &mut InventoryFile,
        decoy: &Decoy,
    ) -> Result<(), BaitError> {
        let Some(listed) = inventory.find(decoy).cloned() else { return Ok(()) };
        if listed.state != Some(State::Planting) {
            return Err(BaitError::Wrong(format!(
                "{} lists the decoy {} already{}; choose another account's name, or take that decoy away first \
                 (`sundew remove`)",
                inventory.path().display(),
                decoy.name(),
                listed.state.map(|state| format!(" ({})", state.as_str())).unwrap_or_default()
            )));
        }
        (self.progress)("an earlier run was interrupted: what it made is taken back first");
        let left = takeback::all(hand, &mut listed.objects.clone(), self.progress).await;
        if !left.is_empty() {
            let why = format!("the decoy {} was begun by an earlier run that was interrupted", decoy.name());
            let why = Box::new(BaitError::Wrong(why));
            return Err(BaitError::NotUndone { why, left: left.join("; ") });
        }
        inventory.forget(&listed)
    }
}

/// The name under which the API server knows an object of a decoy.
pub(crate) fn key(object: &Object) -> ObjectKey {
    ObjectKey {
        api_version: object.api_version.clone(),
        kind: object.kind.clone(),
        namespace: object.namespace.clone().unwrap_or_default(),
        name: object.name.clone(),
    }
}
