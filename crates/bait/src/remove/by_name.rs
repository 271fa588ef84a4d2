//! Decoys whose uids nobody wrote down: the inventory gives names, and what has them is looked up before anybody is
//! asked.

use std::path::Path;

use jiff::Timestamp;
use serde_json::Value;
use sundew_cluster::{Connection, ObjectKey};
use sundew_decoy::{Decoy, Object, Part, State};
use sundew_detect::Purpose;

use super::{Depth, PATIENCE, TIME};
use crate::{
    BaitError,
    announce::{About, Client, announced, withdrawn},
    plant::{key, steady::Steady},
};

/// The account that a Secret holds a token of.
const OF_ACCOUNT: &str = "kubernetes.io/service-account.name";

/// Whether nothing but names is known of a decoy: planting wrote nothing of it down. So it is with one that was made by
/// hand or applied by other means, with one that a search found, and where somebody wrote a state in without objects.
pub fn is_by_name(decoy: &Decoy) -> bool {
    match decoy.state {
        None => true,
        Some(State::Planting | State::Removing) => false,
        Some(State::Planted | State::Retired | State::Tombstoned) => decoy.objects.is_empty(),
    }
}

/// An object that has a name of the inventory, as it is in the cluster now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// With the uid that it has.
    pub object: Object,
    /// When it was made.
    pub made: Option<Timestamp>,
    /// The field managers that wrote it, the first first. An account with nothing but a name has none.
    pub by: Vec<String>,
}

/// What has the names of one decoy. Nobody but a person can tell whether it is the decoy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByName {
    /// As the inventory has it, with the objects that were found.
    pub(super) decoy: Decoy,
    /// What is there, the account first.
    pub found: Vec<Found>,
    /// What is not there any more, in sentences.
    pub gone: Vec<String>,
    /// What is left alone whatever is said, and why, in sentences.
    pub left: Vec<String>,
    /// Whether the inventory lists anything that would go when the decoy is retired.
    pub(super) retires: bool,
}

impl ByName {
    /// Whether taking it away as far as `depth` would touch anything that only its name speaks for.
    pub fn touches(&self, depth: Depth) -> bool {
        self.found.iter().any(|found| depth.touches(found.object.part))
    }
}

/// Looks up what has the names of `decoy` in `cluster`, as the inventory calls it: the account, its Secrets, and what else the inventory lists. Of each object
/// only the metadata is asked for, announced to `store`. Changes nothing.
///
/// # Errors
///
/// Where the cluster does not answer.
pub async fn look_up(
    connection: &Connection,
    cluster: &str,
    decoy: &Decoy,
    store: Option<&Path>,
) -> Result<ByName, BaitError> {
    let name = decoy.name();
    let about = About::decoy(cluster, &name);
    let nonce = announced(connection, store, Purpose::Upkeep, about, TIME).await?;
    let hand = Steady::new(connection.hand(&Client::Kubectl.agent(&nonce)), PATIENCE);
    let found = all_of(&hand, decoy).await;
    withdrawn(connection, store, &nonce).await;
    found
}

async fn all_of(hand: &Steady, decoy: &Decoy) -> Result<ByName, BaitError> {
    let goes = |object: &Object| Depth::Retire.touches(object.part);
    let mut by_name = ByName {
        decoy: Decoy { objects: Vec::new(), ..decoy.clone() },
        found: Vec::new(),
        gone: Vec::new(),
        left: Vec::new(),
        retires: decoy.objects.iter().any(goes),
    };
    for object in candidates(decoy) {
        let seen = hand.metadata(&key(&object)).await?;
        by_name.take(object, seen)?;
    }
    Ok(by_name)
}

/// The account and its Secrets, which every decoy has, and what is listed beyond them.
fn candidates(decoy: &Decoy) -> Vec<Object> {
    let mut all = decoy.by_names();
    all.retain(|new| !decoy.objects.iter().any(|of| (&of.kind, &of.name) == (&new.kind, &new.name)));
    all.extend(decoy.objects.iter().cloned());
    all
}

impl ByName {
    fn take(&mut self, object: Object, seen: Option<Value>) -> Result<(), BaitError> {
        let key = key(&object);
        let Some(seen) = seen else {
            self.gone.push(format!("{key} was not there any more."));
            return Ok(());
        };
        let metadata = &seen["metadata"];
        let uid = uid(metadata, &key)?;
        if object.uid.as_ref().is_some_and(|known| *known != uid) {
            self.left.push(format!(
                "{key} was left alone: the inventory says another uid, so somebody else made it."
            ));
            return Ok(());
        }
        if object.part == Part::Token && metadata["annotations"][OF_ACCOUNT] != self.decoy.account.as_str() {
            self.left.push(format!(
                "{key} was left alone: it is no token of {}, whatever the inventory says.",
                self.decoy.name()
            ));
            return Ok(());
        }
        let managers = metadata["managedFields"].as_array().into_iter().flatten();
        let mut by: Vec<String> = Vec::new();
        for manager in managers.filter_map(|entry| entry["manager"].as_str()) {
            if !by.iter().any(|known| known == manager) {
                by.push(manager.to_owned());
            }
        }
        let made = metadata["creationTimestamp"].as_str().and_then(|time| time.parse().ok());
        let object = Object { uid: Some(uid), ..object };
        self.decoy.objects.push(object.clone());
        self.found.push(Found { object, made, by });
        Ok(())
    }
}

fn uid(metadata: &Value, key: &ObjectKey) -> Result<String, BaitError> {
    metadata["uid"].as_str().map(str::to_owned).ok_or_else(|| {
        BaitError::Wrong(format!(
            "the server does not say which uid {key} has; see whether a proxy stands between here and the server"
        ))
    })
}
