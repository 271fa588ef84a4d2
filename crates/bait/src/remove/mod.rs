//! Retiring, tombstones and removal: each can be interrupted, and done again.

mod by_name;
mod gone;
mod tombstone;

use std::{path::Path, time::Duration};

use sundew_cluster::Connection;
use sundew_decoy::{Decoy, Object, Part, State};
use sundew_detect::Purpose;

pub use by_name::{ByName, Found, is_by_name, look_up};

use crate::{
    BaitError,
    announce::{About, Client, announced, withdrawn},
    file::InventoryFile,
    plant::{
        key,
        steady::Steady,
        takeback::{self, Fate},
    },
};

/// How long a server that is away may take to come back.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long all of it may take: the announcement ends with it.
const TIME: Duration = Duration::from_secs(5 * 60);

/// How far a decoy is taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Placements and rights go; account and Secrets stay, so that an old copy still tells.
    Retire,
    /// As `Retire`, and the tokens are refused from now on; their use is still told by the API server's own note.
    Tombstone,
    /// Everything goes. From then on an old copy's use is a 401 that names nobody.
    Remove,
}

impl Depth {
    /// Whether objects of this part are taken away or marked.
    fn touches(self, part: Part) -> bool {
        match part {
            Part::Placement | Part::Rights => true,
            Part::Token => self != Self::Retire,
            Part::Account => self == Self::Remove,
        }
    }
}

/// What was done, in sentences, and what was left alone and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// Done, or found done.
    pub done: Vec<String>,
    /// Left alone: another's by now, still going, or outside the cluster.
    pub left: Vec<String>,
    /// Whether everything of the decoy in the cluster is as the depth says. What left the cluster does not count, nor
    /// what is another's by now.
    pub whole: bool,
}

/// Takes `decoy` away as far as `depth`. The inventory says so before anything is done, and forgets a decoy only when
/// everything of it is gone: while something is only going, [`Done::left`] says so, and the next run looks again.
///
/// # Errors
///
/// What is not done yet is done by the next run. A decoy of which only names are known ([`is_by_name`]) is refused: see
/// [`take_found_away`].
pub async fn take_away(
    connection: &Connection,
    inventory: &mut InventoryFile,
    decoy: &Decoy,
    depth: Depth,
    store: Option<&Path>,
    progress: &mut dyn FnMut(&str),
) -> Result<Done, BaitError> {
    let decoy = inventory.find(decoy).unwrap_or(decoy).clone();
    if is_by_name(&decoy) {
        return Err(BaitError::Wrong(format!(
            "the inventory knows {} by names alone, and what has these names could be somebody else's; see what is \
             there, and give --by-name",
            decoy.name()
        )));
    }
    let done = Done { done: Vec::new(), left: Vec::new(), whole: true };
    Way { connection, store, depth }.go(inventory, decoy, done, false, progress).await
}

/// As [`take_away`], for a decoy of which only names are known: what [`look_up`] found under them, and nothing that has
/// another uid by now. The uids are written down first.
///
/// # Errors
///
/// What is not done yet is done by the next run, which knows the uids.
pub async fn take_found_away(
    connection: &Connection,
    inventory: &mut InventoryFile,
    by_name: &ByName,
    depth: Depth,
    store: Option<&Path>,
    progress: &mut dyn FnMut(&str),
) -> Result<Done, BaitError> {
    // Another run can have written uids down meanwhile.
    if let Some(listed) = inventory.find(&by_name.decoy).filter(|listed| !is_by_name(listed)).cloned() {
        return take_away(connection, inventory, &listed, depth, store, progress).await;
    }
    let ByName { decoy, found, gone, left, retires } = by_name;
    let mut done = Done { done: gone.clone(), left: left.clone(), whole: true };
    if depth == Depth::Retire && !retires {
        done.whole = false;
        done.left.push(format!(
            "{} was made by hand, and the inventory lists nothing of it but account and Secrets, which stay: take its \
             placements away yourself, or remove it.",
            decoy.name()
        ));
        return Ok(done);
    }
    done.done.extend(found.iter().map(|Found { object, .. }| {
        let uid = object.uid.as_deref().unwrap_or_default();
        format!("{} was known by its name, and is uid {uid}.", key(object))
    }));
    Way { connection, store, depth }.go(inventory, decoy.clone(), done, true, progress).await
}

/// How far, and by what way.
#[derive(Clone, Copy)]
struct Way<'w> {
    connection: &'w Connection,
    store: Option<&'w Path>,
    depth: Depth,
}

impl Way<'_> {
    async fn go(
        self,
        inventory: &mut InventoryFile,
        decoy: Decoy,
        done: Done,
        by_hand: bool,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Done, BaitError> {
        let state = next_state(&decoy, self.depth)?;
        let (name, cluster) = (decoy.name(), inventory.inventory().cluster_of(&decoy).to_owned());
        let about = About::decoy(&cluster, &name);
        let nonce = announced(self.connection, self.store, Purpose::Planting, about, TIME).await?;
        let hand = Steady::new(self.connection.hand(&Client::Kubectl.agent(&nonce)), PATIENCE);
        let mut run = Run { hand, inventory, decoy, progress, by_hand, done };
        let ended = run.all(self, state).await;
        withdrawn(self.connection, self.store, &nonce).await;
        ended?;
        Ok(run.done)
    }
}

/// The state that the inventory has from now on: a decoy never goes back.
fn next_state(decoy: &Decoy, depth: Depth) -> Result<State, BaitError> {
    let wrong = |what: &str| Err(BaitError::Wrong(format!("{} {what}", decoy.name())));
    Ok(match (depth, decoy.state) {
        (Depth::Remove, _) => State::Removing,
        (_, Some(State::Planting)) => {
            return wrong(
                "was never fully planted; take away what there is with `sundew remove`, or plant it again",
            );
        }
        (_, Some(State::Removing)) => {
            return wrong("is being removed; run `sundew remove` again until it is gone");
        }
        (_, Some(State::Tombstoned)) | (Depth::Tombstone, _) => State::Tombstoned,
        (Depth::Retire, _) => State::Retired,
    })
}

struct Run<'r> {
    hand: Steady,
    inventory: &'r mut InventoryFile,
    /// As the inventory has it.
    decoy: Decoy,
    progress: &'r mut dyn FnMut(&str),
    /// Whether nobody but the inventory's writer knows what there is.
    by_hand: bool,
    done: Done,
}

impl Run<'_> {
    async fn all(&mut self, way: Way<'_>, state: State) -> Result<(), BaitError> {
        self.decoy.state = Some(state);
        self.inventory.put(self.decoy.clone())?;
        self.clear(&[Part::Placement, Part::Rights]).await?;
        match way.depth {
            Depth::Retire => {}
            Depth::Tombstone => self.mark_all(way.connection).await?,
            Depth::Remove => {
                self.clear(&[Part::Token]).await?;
                self.clear(&[Part::Account]).await?;
            }
        }
        self.name_copies(way.depth);
        if way.depth == Depth::Remove && self.decoy.objects.is_empty() {
            self.inventory.forget(&self.decoy)?;
            let (name, what) = (self.decoy.name(), "the use of an old copy is a 401 that names nobody");
            self.done.done.push(match self.done.whole {
                true => format!("Nothing of {name} is left. From now on {what}."),
                false => format!("The account and the Secrets of {name} are gone. From now on {what}."),
            });
        }
        Ok(())
    }

    /// Takes the objects for these parts away, last made first, and strikes those that are gone from the inventory.
    async fn clear(&mut self, parts: &[Part]) -> Result<(), BaitError> {
        let mut going = Vec::new();
        for part in parts {
            let objects: Vec<Object> =
                self.decoy.objects.iter().rev().filter(|object| object.part == *part).cloned().collect();
            for object in objects {
                if self.delete(&object).await? {
                    going.push(object);
                } else {
                    self.decoy.objects.retain(|listed| *listed != object);
                }
            }
        }
        for object in self.still_there(going).await? {
            self.decoy.objects.retain(|listed| *listed != object);
        }
        self.inventory.put(self.decoy.clone())
    }

    /// Deletes one object. True if it may take a while until it is gone.
    async fn delete(&mut self, object: &Object) -> Result<bool, BaitError> {
        let key = key(object);
        Ok(match takeback::one(&self.hand, object).await? {
            Fate::Deleted => {
                (self.progress)(&format!("deleted {key}"));
                self.done.done.push(format!("{key} was deleted."));
                true
            }
            Fate::NotThere => {
                self.done.done.push(format!("{key} was not there any more."));
                false
            }
            Fate::Other => {
                self.done.left.push(format!(
                    "{key} was left alone: the one that was made is gone, and somebody else made another."
                ));
                false
            }
            Fate::Unsure => {
                self.done.whole = false;
                self.done.left.push(format!(
                    "{key} was left alone: planting was interrupted while it was made, and what is there does not \
                     look as it was planned. Delete it yourself if nobody else made it."
                ));
                false
            }
        })
    }

    /// What no request to the cluster reaches, or nobody knows whether it may.
    fn name_copies(&mut self, depth: Depth) {
        for placement in &self.decoy.placements {
            let mounted = placement.mounted_by.as_ref();
            // What a plan made goes by itself, but for what left the cluster.
            if !placement.outside && !self.by_hand {
                continue;
            }
            if let Some(name) = mounted.and_then(|by| by.pod.as_ref().or(by.workload.as_ref())) {
                self.done.whole = false;
                self.done.left.push(format!("{name}, which was made by hand: delete it yourself."));
            }
            let Some(location) = &placement.location else { continue };
            let label = placement.label();
            let lies = if placement.outside {
                "Delete it there"
            } else {
                "If it lies outside the cluster, delete it there"
            };
            let worth = if depth == Depth::Remove { "; it is worth nothing now" } else { "" };
            self.done.left.push(format!("Copy `{label}`: {location}. {lies}{worth}."));
        }
    }
}
