//! How decoys stand in the cluster: there, whole, changed, touched.

mod look;

use std::{path::Path, time::Duration};

use jiff::Timestamp;
use serde::Serialize;
use sundew_cluster::Connection;
use sundew_decoy::{Decoy, Inventory, Object, State};
use sundew_detect::Purpose;
use sundew_store::Store;

use self::look::Looking;
use crate::{
    BaitError,
    announce::{About, Client, announced, withdrawn},
};

/// How long looking at one decoy may take at the longest: the announcement ends with it.
const TIME: Duration = Duration::from_secs(5 * 60);

/// A use that the API server noted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastUse {
    /// The day.
    pub day: String,
    /// The placement whose token it was.
    pub placement: String,
}

/// An incident in which a decoy was touched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Touch {
    /// Its id.
    pub incident: String,
    /// When it was seen last.
    pub time: Timestamp,
}

/// One decoy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    /// `NAMESPACE/ACCOUNT`.
    pub decoy: String,
    /// The persona.
    pub persona: Option<String>,
    /// What the inventory says.
    pub state: Option<State>,
    /// When it was planted.
    pub planted: Option<Timestamp>,
    /// Objects that are there as they were made.
    pub intact: usize,
    /// Objects that are gone, or have another uid, each in words.
    pub missing: Vec<String>,
    /// Objects that somebody changed, and such as should be gone by now, each in words.
    pub drifted: Vec<String>,
    /// Objects that could not be looked at, each with the reason.
    pub unread: Vec<String>,
    /// The latest use of one of its tokens that the API server notes.
    pub last_used: Option<LastUse>,
    /// The latest incident that is no drill.
    pub touched: Option<Touch>,
    /// The latest drill that arrived: when.
    pub last_drill: Option<Timestamp>,
}

/// Looks at every decoy of `inventory` that is of `cluster`. Of Secrets only the metadata is asked for, announced to
/// `store`; a look at anything else is no touch. A store that is not there yet knows of nothing.
///
/// # Errors
///
/// Where the store cannot be read. What the cluster does not answer is in [`Standing::unread`].
pub async fn standings(
    connection: Option<&Connection>,
    inventory: &Inventory,
    cluster: &str,
    store: Option<&Path>,
) -> Result<Vec<Standing>, BaitError> {
    let mut standings = Vec::new();
    for decoy in inventory.decoys.iter().filter(|decoy| inventory.cluster_of(decoy) == cluster) {
        let mut standing = Standing::of(decoy);
        remember(&mut standing, cluster, store)?;
        let objects = objects(decoy);
        if let Some(connection) = connection {
            let name = decoy.name();
            let about = About::decoy(cluster, &name);
            let nonce = announced(connection, store, Purpose::Upkeep, about, TIME).await?;
            let hand = connection.hand(&Client::Kubectl.agent(&nonce));
            Looking { hand: &hand, decoy, standing: &mut standing }.at_all(&objects).await;
            withdrawn(connection, store, &nonce).await;
        } else {
            let not_asked = |object: &Object| format!("{}: the cluster was not asked", look::named(object));
            standing.unread = objects.iter().map(not_asked).collect();
        }
        standings.push(standing);
    }
    Ok(standings)
}

impl Standing {
    fn of(decoy: &Decoy) -> Self {
        Self {
            decoy: decoy.name(),
            persona: decoy.persona.clone(),
            state: decoy.state,
            planted: decoy.planted,
            intact: 0,
            missing: Vec::new(),
            drifted: Vec::new(),
            unread: Vec::new(),
            last_used: None,
            touched: None,
            last_drill: None,
        }
    }
}

/// What the sensor's store knows of the decoy.
fn remember(standing: &mut Standing, cluster: &str, store: Option<&Path>) -> Result<(), BaitError> {
    let Some(store) = store.filter(|store| store.exists()) else { return Ok(()) };
    let store = Store::open_reading(store)?;
    let touched = store.latest_touch(cluster, &standing.decoy, false)?;
    standing.touched =
        touched.map(|stored| Touch { incident: stored.incident.id, time: stored.incident.last_seen });
    let drill = store.latest_touch(cluster, &standing.decoy, true)?;
    standing.last_drill = drill.map(|stored| stored.incident.last_seen);
    Ok(())
}

/// What is looked at: what was made, or of a decoy that was made by hand what the inventory says of it.
fn objects(decoy: &Decoy) -> Vec<Object> {
    if decoy.objects.is_empty() { decoy.by_names() } else { decoy.objects.clone() }
}
